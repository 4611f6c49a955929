"""The raw bytes of a request, within a size and a time; nothing is decoded."""

import asyncio

from aiohttp import HttpVersion11, web

from bridge.engine.room import Room, Share
from bridge.sources import Refused
from bridge.units import format_size

TOO_SLOW = Refused(
    408, "too_slow", "The body did not arrive in time.", "Send it again.", "no whole body within `receive_timeout`"
)
CUT_OFF = Refused(400, "cut_off", "The body ended early.", "Send it again.", "the sender hung up, or broke the framing")


def _crowded(reason: str) -> Refused:
    """Others are on their way, which is no fault of the sender's: some senders never repeat after a 4xx."""
    return Refused(503, "unavailable", "Too many bodies are on their way.", "Send it again.", reason, retry_after_s=5)


TOO_MANY_SLOW = _crowded("too many bodies of this source come slowly")
TOO_MANY_BYTES = _crowded("too many bytes of bodies are on their way")
SOON_S = 1.0
"""A body that is not whole by then comes slowly; a burst of quick ones never counts."""
MOST_BYTES = 128 * 1024 * 1024
"""Of all bodies that are on their way. Strangers can fill it, for nothing is proven before a body is whole."""


class _Stopped(Exception):  # noqa: N818 - reads as what happened
    """The body is not read on; `refused` says why."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


def _too_large(limit: int) -> _Stopped:
    reason = f"it is longer than `max_body`, which is {format_size(limit)} here"
    return _Stopped(Refused(413, "too_large", "The body is too large.", "Raise `max_body` for this source.", reason))


class Arrivals:
    """What bodies on their way take: memory, and connections on which they come slowly. Each source has its share.

    A connection costs a stranger nothing, and there are only so many. Whoever lets bodies drip to one source's address
    gets half of them beside other sources, never all (`Room` says why); the rest is for those others.

    Args:
        connections: how many may be open.
    """

    def __init__(self, connections: int) -> None:
        self.slow = Room(connections)
        self.bytes = Room(MOST_BYTES)


async def raw_body(
    request: web.BaseRequest, *, limit: int, timeout_ms: int, arrivals: Arrivals, source: str, alone: bool
) -> bytes | Refused:
    """The body within our own deadline (aiohttp has none, fact 7), or the refusal; after one the connection must end.

    Args:
        request: whose body was not read yet.
        limit: how many bytes are taken.
        timeout_ms: how long the whole body may take.
        arrivals: the other bodies on their way.
        source: whose address was called.
        alone: whether there is no other source.
    """
    try:
        if request.content.is_eof():  # a small body comes with its headers: there is nothing to wait for
            return _within(request.content.read_nowait(), limit)
        await _begin(request, limit)
        with arrivals.bytes.share(source, alone=alone) as memory, arrivals.slow.share(source, alone=alone) as slow:
            return await _read(request, limit, timeout_ms / 1000, memory, slow)
    except _Stopped as stopped:
        return stopped.refused
    except (web.RequestPayloadError, OSError):
        return CUT_OFF


async def _begin(request: web.BaseRequest, limit: int) -> None:
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await _invite(request)


async def _read(request: web.BaseRequest, limit: int, timeout_s: float, memory: Share, slow: Share) -> bytes:
    body = bytearray()
    if not await _read_within(min(SOON_S, timeout_s), request, body, limit, memory):
        if not slow.take(1):
            raise _Stopped(TOO_MANY_SLOW)
        if not await _read_within(timeout_s - SOON_S, request, body, limit, memory):
            raise _Stopped(TOO_SLOW)
    return bytes(body)


async def _read_within(seconds: float, request: web.BaseRequest, body: bytearray, limit: int, memory: Share) -> bool:
    """Read on for so long; whether the body is whole."""
    try:
        async with asyncio.timeout(seconds):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
                if not memory.take(len(chunk)):
                    raise _Stopped(TOO_MANY_BYTES)
            return True
    except TimeoutError:
        return False


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def _invite(request: web.BaseRequest) -> None:
    """Tell a sender that asks first to send its body now; many wait for it, curl a second long."""
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun

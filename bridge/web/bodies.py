"""The raw bytes of a request, within a size and a time; nothing is decoded."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import HttpVersion11, web

from bridge.engine.room import Room
from bridge.sources import Refused

TOO_LARGE = Refused(
    413, "too_large", "The body is too large.", "Raise `max_body` for this source.", "it is longer than `max_body`"
)
TOO_SLOW = Refused(
    408, "too_slow", "The body did not arrive in time.", "Send it again.", "no whole body within `receive_timeout`"
)
TOO_MANY_SLOW = Refused(
    408, "too_slow", "The body did not arrive in time.", "Send it again.", "too many bodies of this source come slowly"
)
CUT_OFF = Refused(400, "cut_off", "The body ended early.", "Send it again.", "the sender hung up, or broke the framing")


SOON_S = 1.0
"""A body that is not whole by then comes slowly; a burst of quick ones never counts."""


class _TooLarge(Exception):  # noqa: N818 - reads as what happened
    """The body is longer than the limit."""


class SlowBodies:
    """The connections on which a body comes slowly, and each source's share of them.

    A connection costs a stranger nothing, and there are only so many. Whoever lets bodies drip to one source's address
    gets half of them beside other sources, never all (`Room` says why); the rest is for those others.

    Args:
        connections: how many may be open.
    """

    def __init__(self, connections: int) -> None:
        self._room = Room(connections)

    @contextmanager
    def waiting(self, source: str, *, alone: bool) -> Iterator[bool]:
        """Whether one more may be waited for, and meanwhile it has its place."""
        if not self._room.admits(source, alone=alone):
            yield False
            return
        self._room.enter(source, 1)
        try:
            yield True
        finally:
            self._room.leave(source, 1)


async def raw_body(
    request: web.BaseRequest, *, limit: int, timeout_ms: int, slow: SlowBodies, source: str, alone: bool
) -> bytes | Refused:
    """The body within our own deadline (aiohttp has none, fact 7), or the refusal; after one the connection must end.

    Args:
        request: whose body was not read yet.
        limit: how many bytes are taken.
        timeout_ms: how long the whole body may take.
        slow: who is waited for besides.
        source: whose address was called.
        alone: whether there is no other source.
    """
    body, timeout_s = bytearray(), timeout_ms / 1000
    try:
        if request.content.is_eof():  # a small body comes with its headers: there is nothing to wait for
            return _within(request.content.read_nowait(), limit)
        await _begin(request, limit)
        if await _read_within(min(SOON_S, timeout_s), request, body, limit):
            return bytes(body)
        with slow.waiting(source, alone=alone) as may_wait:
            if not may_wait:
                return TOO_MANY_SLOW
            is_whole = await _read_within(timeout_s - SOON_S, request, body, limit)
            return bytes(body) if is_whole else TOO_SLOW
    except _TooLarge:
        return TOO_LARGE
    except (web.RequestPayloadError, OSError):
        return CUT_OFF


async def _begin(request: web.BaseRequest, limit: int) -> None:
    if request.content_length is not None and request.content_length > limit:
        raise _TooLarge
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await _invite(request)


async def _read_within(seconds: float, request: web.BaseRequest, body: bytearray, limit: int) -> bool:
    """Read on for so long; whether the body is whole."""
    try:
        async with asyncio.timeout(seconds):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > limit:
                    raise _TooLarge
            return True
    except TimeoutError:
        return False


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _TooLarge
    return body


async def _invite(request: web.BaseRequest) -> None:
    """Tell a sender that asks first to send its body now; many wait for it, curl a second long."""
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun

"""The raw bytes of a request, within a size and a time; nothing is decoded."""

import asyncio

from aiohttp import HttpVersion11, web

from bridge.sources import Refused

TOO_LARGE = Refused(
    413, "too_large", "The body is too large.", "Raise `max_body` for this source.", "it is longer than `max_body`"
)
TOO_SLOW = Refused(
    408, "too_slow", "The body did not arrive in time.", "Send it again.", "no whole body within `receive_timeout`"
)
CUT_OFF = Refused(400, "cut_off", "The body ended early.", "Send it again.", "the sender hung up, or broke the framing")


class _TooLarge(Exception):  # noqa: N818 - reads as what happened
    """The body is longer than the limit."""


async def raw_body(request: web.BaseRequest, *, limit: int, timeout_ms: int) -> bytes | Refused:
    """The body within our own deadline (aiohttp has none, fact 7), or the refusal; after one the connection must end.

    Args:
        request: whose body was not read yet.
        limit: how many bytes are taken.
        timeout_ms: how long the whole body may take.
    """
    try:
        if request.content.is_eof():  # a small body comes with its headers: there is nothing to wait for
            return _within(request.content.read_nowait(), limit)
        async with asyncio.timeout(timeout_ms / 1000):
            return await _read(request, limit)
    except _TooLarge:
        return TOO_LARGE
    except TimeoutError:
        return TOO_SLOW
    except (web.RequestPayloadError, OSError):
        return CUT_OFF


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    if request.content_length is not None and request.content_length > limit:
        raise _TooLarge
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await _invite(request)
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > limit:
            raise _TooLarge
    return bytes(body)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _TooLarge
    return body


async def _invite(request: web.BaseRequest) -> None:
    """Tell a sender that asks first to send its body now; many wait for it, curl a second long."""
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun

"""What faults do to the wire: answers that are wrong, cut, endless or never come."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Api
from bridge.sandbox.faults import FaultKind, FaultSpec

_CHUNK = b"a" * 65_536
_SIGN_IN_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
# on, zero seconds: closing sends RST instead of FIN
_LINGER_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One request that meets a fault. `answer` is what it would have got, None when the work was not done.

    `closing` is set when the sandbox stops, so that a request without an answer does not hold it up.
    """

    request: web.Request
    spec: FaultSpec
    answer: Answer | None
    api: Api
    clock: Clock
    closing: asyncio.Event


def plain_response(answer: Answer) -> web.Response:
    """An answer as it should be."""
    response = web.Response(status=answer.status, body=answer.content(), headers=answer.headers)
    if response.body:
        response.content_type = answer.content_type()
        response.charset = "utf-8"
    return response


async def send_trouble(trouble: Trouble) -> web.StreamResponse:
    """Answer the request the way its fault wants it."""
    return await _BREAKAGES[trouble.spec.fault](trouble)


async def _status(trouble: Trouble) -> web.StreamResponse:
    spec = trouble.spec
    retry_after = None if spec.retry_after is None else str(spec.retry_after)
    answer = trouble.api.outage(spec.status, retry_after)
    if spec.body is not None:
        answer = Answer(spec.status, spec.body, answer.headers)
    return plain_response(answer)


async def _timeout(trouble: Trouble) -> web.StreamResponse:
    await trouble.closing.wait()
    return _reset_connection(trouble.request)


async def _reset(trouble: Trouble) -> web.StreamResponse:
    return _reset_connection(trouble.request)


async def _half_body(trouble: Trouble) -> web.StreamResponse:
    answer = trouble.answer or Answer(200, {"status": "half of this is missing"})
    content = answer.content() or b"{}"
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type()
    response.content_length = len(content)
    await response.prepare(trouble.request)
    await response.write(content[: len(content) // 2])
    if trouble.request.transport is not None:
        trouble.request.transport.close()
    return response


async def _html(_: Trouble) -> web.StreamResponse:
    return web.Response(text=_SIGN_IN_PAGE, content_type="text/html")


async def _empty(_: Trouble) -> web.StreamResponse:
    return web.Response(status=200)


async def _redirect(trouble: Trouble) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": trouble.spec.location})


async def _giant(trouble: Trouble) -> web.StreamResponse:
    head, tail = b'{"id":"', b'"}'
    response = web.StreamResponse(status=200)
    response.content_type = "application/json"
    response.content_length = trouble.spec.size
    left = trouble.spec.size - len(head) - len(tail)
    try:
        await response.prepare(trouble.request)
        await response.write(head)
        while left:
            piece = _CHUNK[:left]
            await response.write(piece)
            left -= len(piece)
        await response.write(tail)
    except ConnectionError:
        # A client that protects itself hangs up half-way: that is what this fault is for.
        return response
    return response


async def _slow(trouble: Trouble) -> web.StreamResponse:
    await trouble.clock.wait(trouble.closing, trouble.clock.now_ms() + trouble.spec.delay_ms)
    return plain_response(trouble.answer or trouble.api.outage(503, None))


def _reset_connection(request: web.Request) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        transport.abort()
    # aiohttp wants a response; nobody will see this one.
    return web.Response(status=500)


_BREAKAGES: dict[FaultKind, Callable[[Trouble], Awaitable[web.StreamResponse]]] = {
    FaultKind.STATUS: _status,
    FaultKind.TIMEOUT: _timeout,
    FaultKind.RESET: _reset,
    FaultKind.HALF_BODY: _half_body,
    FaultKind.HTML_200: _html,
    FaultKind.EMPTY_200: _empty,
    FaultKind.REDIRECT: _redirect,
    FaultKind.GIANT: _giant,
    FaultKind.SLOW: _slow,
}

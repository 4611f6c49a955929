"""aiohttp's low-level server with the guards it lacks: a deadline for headers, a bound on connections, quiet errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakSet

import structlog
from aiohttp import web

from bridge.web.answers import refusal

log = structlog.get_logger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Full(asyncio.Protocol):
    """Answers a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.write(_FULL)
            transport.close()


class _Connection(web.RequestHandler):
    """One connection. aiohttp's own error texts and log lines quote the request; ours do not."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer what could not be read as HTTP, or a fault of ours, in the one error shape."""
        if exc is not None and status >= 500:  # noqa: PLR2004 - our own fault
            log.error("http.fault", problem=type(exc).__name__, path=request.rel_url.raw_path[:80])
            response = refusal(500, "fault", "Something went wrong on our side.", "Try again; nothing was stored.")
        else:
            response = refusal(status, "not_http", "The request is not valid HTTP.", "Send a plain HTTP/1.1 POST.")
        response.force_close()
        return response

    def log_exception(self, *_args: object, **_kwargs: object) -> None:
        """Say nothing here: `handle_error` logged what is safe to log."""


class GuardedServer(web.Server):
    """A server of one handler.

    Args:
        handler: answers every request.
        header_timeout_s: how long a new connection may take to send its first request's headers.
        max_connections: how many connections may be open; one more is answered 503.
        keep_alive_s: how long an idle connection stays open.
    """

    def __init__(self, handler: Handler, *, header_timeout_s: float, max_connections: int, keep_alive_s: float) -> None:
        self._options: dict[str, Any] = {
            "auto_decompress": False,
            "keepalive_timeout": keep_alive_s,
            "access_log": None,
            "lingering_time": 1.0,
        }
        super().__init__(self._heard(handler), **self._options)
        self._header_timeout_s = header_timeout_s
        self._max_connections = max_connections
        self._spoke: WeakSet[object] = WeakSet()

    def _heard(self, handler: Handler) -> Handler:
        async def heard(request: web.BaseRequest) -> web.StreamResponse:
            self._spoke.add(request.protocol)
            return await handler(request)

        return heard

    def __call__(self) -> Any:
        """The protocol for a new connection."""
        if len(self.connections) >= self._max_connections:
            return _Full()
        loop = asyncio.get_running_loop()
        connection = _Connection(self, loop=loop, **self._options)
        loop.call_later(self._header_timeout_s, self._close_if_silent, connection)
        return connection

    def _close_if_silent(self, connection: _Connection) -> None:
        if connection not in self._spoke and connection.transport is not None:
            connection.transport.close()

"""aiohttp's low-level server with the guards it lacks: a deadline for headers, a bound on connections, quiet errors."""

import asyncio
import ipaddress
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
import structlog
from aiohttp import web

from bridge.engine.faults import place_of
from bridge.web.answers import SECURITY_HEADERS, refusal, refusal_body

log = structlog.get_logger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
RequestFactory = Callable[..., web.BaseRequest]

FULL_LOG_S = 60.0
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""As which the whole of IPv4 comes to a machine that has IPv6 only (RFC 6052)."""
LEAST_TAKEN = 16_384
"""So many bytes of a long answer must be taken in each `header_timeout`, or the other side is not there any more."""


def _full() -> bytes:
    """The whole answer to a connection that is one too many; it is given without reading a byte."""
    body = orjson.dumps(refusal_body("full", "Too many connections are open.", "Try again."))
    headers = {
        "Retry-After": "1",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **SECURITY_HEADERS,
    }
    lines = ["HTTP/1.1 503 Service Unavailable", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Door(asyncio.Protocol):
    """Lets a new connection in, or answers that it is one too many."""

    def __init__(self, server: "GuardedServer") -> None:
        self._server = server

    def connection_made(self, transport: Any) -> None:  # an asyncio.Transport, or uvloop's own kind of it
        connection = self._server.admit(_peer(transport))
        if connection is None:
            transport.write(_full())
            transport.close()
        else:
            transport.set_protocol(connection)
            connection.connection_made(transport)


def _peer(transport: asyncio.BaseTransport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""


def is_shared(address: str) -> bool:
    """Whether many senders may stand behind an address: a reverse proxy on this machine does."""
    try:
        return ipaddress.ip_address(address.split("%", 1)[0]).is_loopback
    except ValueError:
        return True  # not an internet socket


def owner_of(address: str) -> str:
    """Whom a connection is counted for: the address, but with IPv6 its /64, of which everybody has a whole one."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped or parsed in NAT64:
        return str(ipaddress.IPv4Address(parsed.packed[-4:]))
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))


class _Connection(web.RequestHandler):
    """One connection. aiohttp's own error texts and log lines quote the request; ours do not."""

    left: Callable[[], None] | None = None
    """Told once when the connection ends."""
    spoke = False
    """Whether a whole request head has come."""
    deadline: asyncio.TimerHandle | None = None
    """When it is closed if none has."""
    patience_s = math.inf
    """How long the other side may leave its answers lying."""
    stalled: asyncio.TimerHandle | None = None
    """When it is closed if they still lie there."""

    def pause_writing(self) -> None:
        """The other side leaves many answers lying; aiohttp would wait for ever."""
        super().pause_writing()
        self._watch(self.transport)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Give an answer. A few that lie there hold nothing up, but neither does the connection end before they go."""
        finished = await super().finish_response(request, resp, start_time)
        self._watch(self.transport)
        return finished

    def _watch(self, transport: asyncio.WriteTransport | None) -> None:
        """Look in a while whether the other side takes what lies there for it now, if anything does."""
        self._forget_stalled()
        if transport is not None and (left := transport.get_write_buffer_size()):
            self.stalled = asyncio.get_running_loop().call_later(self.patience_s, self._look_again, transport, left)

    def _look_again(self, transport: asyncio.WriteTransport, before: int) -> None:
        """Go on with whoever takes a long answer over a slow line, and end it with whoever takes next to nothing."""
        left = transport.get_write_buffer_size()
        if left and before - left < LEAST_TAKEN:
            transport.abort()  # a mere close would wait until the rest is taken
        else:
            self._watch(transport)

    def _forget_stalled(self) -> None:
        if self.stalled is not None:
            self.stalled.cancel()
            self.stalled = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """The other side is gone."""
        super().connection_lost(exc)
        if self.deadline is not None:
            self.deadline.cancel()  # it would keep everything about a connection that is gone
        self._forget_stalled()
        if self.left is not None:
            self.left()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer what could not be read as HTTP, or a fault of ours, in the one error shape."""
        if exc is not None and status >= 500:  # noqa: PLR2004 - our own fault
            log.error("http.fault", problem=type(exc).__name__, place=place_of(exc), method=request.method)
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
        header_timeout_s: how long a new connection may take to send its first request's headers, and any to take its
            answers.
        max_connections: how many connections may be open; one more is answered 503.
        max_per_address: how many of them one address, or one /64 of IPv6, may have, unless it is `shared`.
        keep_alive_s: how long an idle connection stays open.
        shared: whether many senders may stand behind an address.
        request_factory: makes the requests of another class than aiohttp's plain one.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        header_timeout_s: float,
        max_connections: int,
        max_per_address: int,
        keep_alive_s: float,
        shared: Callable[[str], bool] = is_shared,
        request_factory: RequestFactory | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "auto_decompress": False,
            "keepalive_timeout": keep_alive_s,
            "access_log": None,
            "lingering_time": 1.0,
        }
        super().__init__(self._heard(handler), request_factory=request_factory, **self._options)
        self._header_timeout_s = header_timeout_s
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._shared = shared
        self._by_owner: Counter[str] = Counter()
        self._said_full_at: dict[bool, float] = {}

    def _heard(self, handler: Handler) -> Handler:
        def heard(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
            if isinstance(request.protocol, _Connection):
                request.protocol.spoke = True
            return handler(request)

        return heard

    def __call__(self) -> Any:
        """The protocol for a new connection."""
        return _Door(self)

    def admit(self, address: str) -> _Connection | None:
        """The protocol of a connection that may stay, None for one that is too many."""
        counted = not self._shared(address)
        owner = owner_of(address) if counted else ""
        too_many = counted and self._by_owner[owner] >= self._max_per_address
        if too_many or len(self.connections) >= self._max_connections:
            self._say_full(one_address=too_many)
            return None
        loop = asyncio.get_running_loop()
        connection = _Connection(self, loop=loop, **self._options)
        if counted:
            self._by_owner[owner] += 1
            connection.left = partial(self._release, owner)
        connection.patience_s = self._header_timeout_s
        connection.deadline = loop.call_later(self._header_timeout_s, self._close_if_silent, connection)
        return connection

    def _release(self, owner: str) -> None:
        self._by_owner[owner] -= 1
        self._by_owner += Counter()  # drops what fell to nought, so that a scan fills no memory

    def _say_full(self, *, one_address: bool) -> None:
        """One line a minute of each kind at most: a flood must not fill the log."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._said_full_at.get(one_address, -math.inf) >= FULL_LOG_S:
            self._said_full_at[one_address] = now_s
            setting = "server.max_connections_per_address" if one_address else "server.max_connections"
            log.warning("http.full", open=len(self.connections), one_address=one_address, help=f"raise {setting}")

    def _close_if_silent(self, connection: _Connection) -> None:
        if not connection.spoke and connection.transport is not None:
            connection.transport.close()


class GuardedRunner(web.AppRunner):
    """Runs an aiohttp application behind the same guards as a plain handler."""

    def __init__(
        self,
        app: web.Application,
        *,
        header_timeout_s: float,
        max_connections: int,
        max_per_address: int,
        keep_alive_s: float,
        shutdown_timeout: float = 60.0,
    ) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout)
        self._guards: dict[str, Any] = {
            "header_timeout_s": header_timeout_s,
            "max_connections": max_connections,
            "max_per_address": max_per_address,
            "keep_alive_s": keep_alive_s,
        }

    async def _make_server(self) -> web.Server:
        unguarded = await super()._make_server()
        return GuardedServer(unguarded.request_handler, request_factory=unguarded.request_factory, **self._guards)

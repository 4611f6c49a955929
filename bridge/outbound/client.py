"""The outgoing HTTP call: one request, one answer, nothing behind our back.

aiohttp's client is told not to follow redirects, not to keep cookies, not to read proxies from the environment, not to
inflate bodies, and not to repeat a PUT or DELETE on a connection that turned out to be dead (facts S20-S28).
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.outbound.addresses import AddressRefused, PublicResolver, check_literal

MAX_ANSWER_BYTES = 1_048_576
CONNECT_TIMEOUT_S = 5.0
REPEATED_BY_AIOHTTP = frozenset({"PUT", "DELETE"})


class Client(Protocol):
    """What the engine needs of an HTTP client."""

    async def send(self, request: OutboundRequest, credentials: Mapping[str, str]) -> Answer:
        """Send once. Never raises for what the other side does: the answer says it."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class HttpClient:
    """The client of one destination.

    Args:
        base_url: scheme, host and path prefix of the API.
        timeout_ms: from the first byte out to the last byte in.
        allow_private_addresses: for an API in the operator's own network, and for tests.
    """

    def __init__(self, base_url: str, *, timeout_ms: int, allow_private_addresses: bool) -> None:
        self._base_url = base_url
        self._host = urlsplit(base_url).netloc
        self._allow_private = allow_private_addresses
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_ms / 1000, sock_connect=min(CONNECT_TIMEOUT_S, timeout_ms / 1000)
        )
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(self, request: OutboundRequest, credentials: Mapping[str, str]) -> Answer:
        """Send once and read the answer, at most `MAX_ANSWER_BYTES` of it."""
        url = self._address(request)
        if url is None:
            return Answer(None, trouble=Trouble.ADDRESS, detail="the next page is on another host")
        try:
            if not self._allow_private:
                check_literal(URL(url).host or "")
            session = self._session(fresh=request.method in REPEATED_BY_AIOHTTP)
            async with session.request(
                request.method,
                URL(url, encoded=True),
                data=request.body or None,
                headers={"Accept-Encoding": "identity", **request.headers, **credentials},
                allow_redirects=False,
            ) as response:
                return await _read(response)
        except AddressRefused as error:
            return Answer(None, trouble=Trouble.ADDRESS, detail=str(error))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return _no_answer(error)

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _address(self, request: OutboundRequest) -> str | None:
        if request.url.startswith(("http://", "https://")):  # a page of a list: only ever on the same host
            return request.url if urlsplit(request.url).netloc == self._host else None
        return self._base_url + (
            request.url if request.url.startswith(("/", "?")) or not request.url else "/" + request.url
        )

    def _session(self, *, fresh: bool) -> aiohttp.ClientSession:
        """One session that keeps connections, and one that never does, for what aiohttp would repeat on its own."""
        session = self._sessions.get(fresh)
        if session is None:
            resolver = None if self._allow_private else PublicResolver()
            # the engine bounds what is in flight; a wait for a free connection here would eat the request's time
            connector = aiohttp.TCPConnector(limit=0, force_close=fresh, resolver=resolver)
            session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
                headers={"User-Agent": "crm-bridge"},
            )
            self._sessions[fresh] = session
        return session


async def _read(response: aiohttp.ClientResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        body = await response.content.read(MAX_ANSWER_BYTES + 1)
        while len(body) <= MAX_ANSWER_BYTES and not response.content.at_eof():
            body += await response.content.read(MAX_ANSWER_BYTES + 1 - len(body))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Answer(response.status, headers, trouble=_trouble_after_status(response), detail=_words(error))
    if len(body) > MAX_ANSWER_BYTES:
        response.close()
        return Answer(response.status, headers, trouble=_trouble_after_status(response), detail="longer than 1 MiB")
    if headers.get("content-encoding", "identity").lower() != "identity":
        return Answer(response.status, headers, trouble=_trouble_after_status(response), detail="compressed unasked")
    return Answer(response.status, headers, body)


def _trouble_after_status(response: aiohttp.ClientResponse) -> Trouble | None:
    """A refusal is one by its status, whatever became of its body; a success without a body is none."""
    return Trouble.CUT if response.status < 300 else None  # noqa: PLR2004 - redirects and errors


def _no_answer(error: Exception) -> Answer:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return Answer(None, trouble=Trouble.TLS, detail=type(error).__name__)
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, AddressRefused) or isinstance(error.__cause__, AddressRefused):
            return Answer(None, trouble=Trouble.ADDRESS, detail="the name resolves to a private address")
        return Answer(None, trouble=Trouble.CONNECT, detail=_words(error.os_error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Answer(None, trouble=Trouble.CONNECT, detail="timed out while connecting")
    if isinstance(error, aiohttp.InvalidURL):
        return Answer(None, trouble=Trouble.ADDRESS, detail="not a web address")
    return Answer(None, trouble=Trouble.NO_ANSWER, detail=_words(error))


def _words(error: BaseException) -> str:
    """What happened, without the addresses, headers and bodies that aiohttp's own texts hold."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "timed out"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError | aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "connection reset"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__

"""The outgoing HTTP call: one request, one answer, nothing behind our back.

aiohttp's client is told not to follow redirects, not to keep cookies, not to read proxies from the environment, not to
inflate bodies, and not to send a GET, PUT or DELETE once more when its connection ends without an answer (S20-S28).
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import aiohttp
from yarl import URL

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.outbound.addresses import AddressRefused, PublicResolver, check_literal
from bridge.outbound.fetching import FileRefused, FileRules, fetch

MAX_ANSWER_BYTES = 1_048_576
CONNECT_TIMEOUT_S = 5.0
SHORTEST_UPLOAD_MS = 1_000
"""What a file that took long to fetch is still given on its way to the API."""
REACH_TIMEOUT_S = 10.0
"""Name look-up, TCP and TLS together: until then nothing was sent, and a repeat is surely safe."""


class Client(Protocol):
    """What the engine needs of an HTTP client."""

    async def send(
        self, request: OutboundRequest, credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        """Send once; never raises for what the other side does: the answer says it. Without a timeout: the client's."""
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
        token_url: the one address on another host that may be asked: where credentials become a token.
        max_answer_bytes: longer answers are cut off.
        files: from where, and how large, files may be fetched that become the body of a request.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_ms: int,
        allow_private_addresses: bool,
        token_url: str | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        files: FileRules | None = None,
    ) -> None:
        self._base_url = base_url
        self._token_url = token_url
        self._origin = URL(base_url).origin()
        self._allow_private = allow_private_addresses
        self._max_answer_bytes = max_answer_bytes
        self._files = files or FileRules()
        self._timeout = _timeout(timeout_ms)
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, request: OutboundRequest, credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        """Send once and read the answer, up to its limit."""
        try:
            url = self._address(request)
            if not self._allow_private:
                check_literal(url.host or "")
            timeout = self._timeout if timeout_ms is None else _timeout(timeout_ms)
            loop = asyncio.get_running_loop()
            deadline_s = loop.time() + (timeout.total or 0)
            body, own_type = await self._body(request, timeout)
            if request.fetch:  # both together take no longer than the one request, for which the lease is reckoned
                timeout = _timeout(max(SHORTEST_UPLOAD_MS, round((deadline_s - loop.time()) * 1000)))
            async with self._opened().request(
                request.method,
                url,
                data=body or None,
                headers={"Accept-Encoding": "identity", **request.headers, **own_type, **credentials},
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                return await _read(response, self._max_answer_bytes)
        except FileRefused as refused:
            return Answer(None, trouble=refused.trouble, detail=refused.detail)
        except AddressRefused as error:
            return Answer(None, trouble=Trouble.ADDRESS, detail=str(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _no_answer(error)
        except ValueError:  # a line break in a header, a host that is none: refused before anything is sent
            return Answer(None, trouble=Trouble.ADDRESS, detail="HTTP cannot carry its address or one of its headers")

    async def _body(self, request: OutboundRequest, patience: aiohttp.ClientTimeout) -> tuple[bytes, Mapping[str, str]]:
        """The body, and the content type of one that is a file elsewhere.

        Raises:
            FileRefused: there is no file to be had.
        """
        if not request.fetch:
            return request.body, {}
        file = await fetch(
            self._opened(), request.fetch, self._files, patience, allow_private_addresses=self._allow_private
        )
        return file.content, {"Content-Type": file.type}

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _address(self, request: OutboundRequest) -> URL:
        """Where to send.

        Raises:
            AddressRefused: a page of a list is elsewhere, where our credentials must not go.
        """
        if request.url.startswith(("http://", "https://")):
            url = URL(request.url, encoded=True)
            if url.origin() != self._origin and request.url != self._token_url:
                raise AddressRefused("the next page is on another host")
            return url
        separator = "" if request.url.startswith(("/", "?")) or not request.url else "/"
        return URL(f"{self._base_url}{separator}{request.url}", encoded=True)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self._allow_private else PublicResolver()
            self._session = aiohttp.ClientSession(
                # the engine bounds what is in flight; a wait for a free connection here would eat the request's time
                connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
                headers={"User-Agent": "crm-bridge"},
                middlewares=(_sent_once,),
            )
        return self._session


def _timeout(total_ms: int) -> aiohttp.ClientTimeout:
    total_s = total_ms / 1000
    return aiohttp.ClientTimeout(
        total=total_s, connect=min(REACH_TIMEOUT_S, total_s), sock_connect=min(CONNECT_TIMEOUT_S, total_s)
    )


class _AnswerLost(aiohttp.ClientError):
    """The connection ended without an answer."""


async def _sent_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating what it takes for safe to repeat: it does so on these two errors."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent, and aiohttp does not repeat it
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _AnswerLost from error


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    body = bytearray()
    try:
        while len(body) <= most_bytes and (piece := await response.content.read(most_bytes + 1 - len(body))):
            body += piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Answer(response.status, headers, trouble=_trouble_after_status(response), detail=_words(error))
    if len(body) > most_bytes:
        response.close()
        words = f"longer than {most_bytes // 1024 // 1024} MiB"
        return Answer(response.status, headers, trouble=_trouble_after_status(response), detail=words)
    if headers.get("content-encoding", "identity").lower() != "identity":
        return Answer(response.status, headers, trouble=_trouble_after_status(response), detail="compressed unasked")
    return Answer(response.status, headers, bytes(body))


def _trouble_after_status(response: aiohttp.ClientResponse) -> Trouble | None:
    """A refusal is one by its status, whatever became of its body; a success without a body is none."""
    return Trouble.CUT if response.status < 300 else None  # noqa: PLR2004 - redirects and errors


def _no_answer(error: Exception) -> Answer:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
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
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError | _AnswerLost):
        return "connection reset"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__

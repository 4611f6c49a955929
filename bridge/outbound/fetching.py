"""Fetching a file elsewhere that becomes the body of a request: a picture of a customer's message, for instance.

The address comes out of an event, so it is a stranger's: only hosts that the destination names are asked, under the
address rules that hold for the API itself (facts S20-S29), without any credential, and no file beyond a size is read.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from bridge.connectors.answer import Trouble
from bridge.outbound.addresses import AddressRefused, check_literal

MIB: Final = 1024 * 1024
MOST_REDIRECTS: Final = 3
UNTYPED: Final = "application/octet-stream"
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,126}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}", re.ASCII)
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_EXPIRED = frozenset({403, 404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class FileRules:
    """What a destination allows. Hosts are `media.example.com` or `*.example.com`, with a port if it is unusual."""

    hosts: tuple[str, ...] = ()
    max_bytes: int = 20 * MIB


@dataclass(frozen=True, slots=True)
class File:
    """What came: its bytes and its media type without parameters."""

    content: bytes
    type: str


class FileRefused(Exception):  # noqa: N818 - says what happened
    """There is no file. `detail` is for people, and never holds the address: its query may be what opens the file."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail


async def fetch(
    session: aiohttp.ClientSession,
    address: str,
    rules: FileRules,
    patience: aiohttp.ClientTimeout,
    *,
    allow_private_addresses: bool,
) -> File:
    """Fetch a file. Redirects are followed on the same host only.

    Raises:
        FileRefused: there is none to be had, or none now.
    """
    url = _checked(address, rules, allow_private_addresses=allow_private_addresses)
    try:
        async with asyncio.timeout(patience.total):
            return await _followed(session, url, rules.max_bytes, patience)
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, AddressRefused) or isinstance(error.__cause__, AddressRefused):
            raise FileRefused(Trouble.FILE_REFUSED, "the host resolves to a private address") from None
        raise FileRefused(Trouble.FILE_LATER, "no connection to its host") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        words = "timed out" if isinstance(error, TimeoutError) else "its host ended the connection"
        raise FileRefused(Trouble.FILE_LATER, words) from None
    except ValueError:  # a host that is none
        raise FileRefused(Trouble.FILE_UNUSABLE, "its address is no web address") from None


async def _followed(
    session: aiohttp.ClientSession, first: URL, most_bytes: int, patience: aiohttp.ClientTimeout
) -> File:
    """The file at an address, or where its host redirects to.

    Raises:
        FileRefused: there is none.
    """
    url = first
    for _ in range(MOST_REDIRECTS + 1):
        async with session.get(
            url,
            headers={"Accept": "*/*", "Accept-Encoding": "identity"},
            allow_redirects=False,
            timeout=patience,
        ) as response:
            if response.status not in _REDIRECTS:
                return await _read(response, most_bytes)
            url = _target(response, url)
    raise FileRefused(Trouble.FILE_UNUSABLE, f"more than {MOST_REDIRECTS} redirects")


def _checked(address: str, rules: FileRules, *, allow_private_addresses: bool) -> URL:
    """The address, if files may be fetched from there.

    Raises:
        FileRefused: they may not.
    """
    try:
        url = URL(address)
    except ValueError:
        raise FileRefused(Trouble.FILE_UNUSABLE, "its address is no web address") from None
    host = (url.raw_host or "").lower()  # as it is asked; decoded, `xn--…` and `%2f` may be something else, or an error
    schemes = {"https", "http"} if allow_private_addresses else {"https"}
    if url.scheme not in schemes or not host:
        raise FileRefused(Trouble.FILE_REFUSED, "its address is none that begins with https://")
    if url.user or url.password:
        raise FileRefused(Trouble.FILE_REFUSED, "its address has a user name in it")
    if _NAME.fullmatch(host) is None and ":" not in host:
        raise FileRefused(Trouble.FILE_UNUSABLE, "its host is none")
    where = host if url.is_default_port() else f"{host}:{url.port}"
    if not any(_names(allowed, where) for allowed in rules.hosts):
        raise FileRefused(Trouble.FILE_REFUSED, f"its host is not among the destination's: {_shown(where)}")
    if not allow_private_addresses:
        try:
            check_literal(host)
        except AddressRefused:
            raise FileRefused(Trouble.FILE_REFUSED, "its host is a private address") from None
    return url.with_fragment(None)


def _names(allowed: str, where: str) -> bool:
    if allowed.startswith("*."):
        return where.endswith(allowed[1:]) and len(where) > len(allowed) - 1
    return where == allowed


def _shown(host: str) -> str:
    """A host in a message; what is longer or stranger than hosts are is not quoted."""
    return host if re.fullmatch(r"[a-z0-9.:-]{1,253}", host) else "no usual name"


def _target(response: aiohttp.ClientResponse, first: URL) -> URL:
    """Where a redirect leads.

    Raises:
        FileRefused: to another host.
    """
    try:
        target = first.join(URL(response.headers.get("Location", "")))
    except ValueError:
        raise FileRefused(Trouble.FILE_UNUSABLE, "its host redirects to no web address") from None
    if target.origin() != first.origin() or target.user:
        raise FileRefused(Trouble.FILE_UNUSABLE, "its host redirects to another one, which is never followed")
    return target.with_fragment(None)


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> File:
    """The file in an answer.

    Raises:
        FileRefused: the answer has none.
    """
    _check_status(response.status)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FileRefused(Trouble.FILE_UNUSABLE, "it came compressed, unasked")
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type in _PAGES:
        raise FileRefused(Trouble.FILE_UNUSABLE, "a web page came instead")
    content = bytearray()
    if (response.content_length or 0) <= most_bytes:
        while len(content) <= most_bytes and (piece := await response.content.read(most_bytes + 1 - len(content))):
            content += piece
    if len(content) > most_bytes or (response.content_length or 0) > most_bytes:
        response.close()
        raise FileRefused(Trouble.FILE_TOO_LARGE, f"it is larger than {_size(most_bytes)}")
    if not content:
        raise FileRefused(Trouble.FILE_UNUSABLE, "it is empty")
    return File(bytes(content), media_type if _TYPE.fullmatch(media_type) else UNTYPED)


def _size(size: int) -> str:
    return f"{size // MIB} MiB" if size % MIB == 0 else f"{size} bytes"


def _check_status(status: int) -> None:
    if status in _EXPIRED:
        raise FileRefused(Trouble.FILE_GONE, f"its host answered {status}")
    if status >= 500 or status in _BUSY:  # noqa: PLR2004 - 5xx
        raise FileRefused(Trouble.FILE_LATER, f"its host answered {status}")
    if status != 200:  # noqa: PLR2004 - part of a file, or nothing, is no file
        raise FileRefused(Trouble.FILE_UNUSABLE, f"its host answered {status}")

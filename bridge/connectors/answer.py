"""An HTTP answer as a plain value: what came back, or why nothing did."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson

SNIFFED_BYTES = 1024
"""How far into a body a page must show that it is one."""


class Trouble(StrEnum):
    """Why there is no complete answer."""

    CONNECT = "connect"
    """Nothing was sent: DNS, refused connection, connect timeout."""
    TLS = "tls"
    """The other side's certificate was not accepted; nothing was sent."""
    ADDRESS = "address"
    """The address is not allowed (private, loopback, wrong scheme); nothing was sent."""
    NO_ANSWER = "no_answer"
    """Sent, perhaps; then a timeout or a reset."""
    CUT = "cut"
    """A status came, the body did not (fully), or it was larger than we read."""
    FILE_LATER = "file_later"
    """The file that should become the body cannot be had now; nothing was sent. So it is with those below."""
    FILE_GONE = "file_gone"
    """The file's address has expired, or it is not there any more."""
    FILE_REFUSED = "file_refused"
    """Its address is none from which files may be fetched."""
    FILE_TOO_LARGE = "file_too_large"
    FILE_UNUSABLE = "file_unusable"
    """Something else came than a file: a redirect elsewhere, a web page, nothing."""


ABOUT_FILE = frozenset(
    {Trouble.FILE_LATER, Trouble.FILE_GONE, Trouble.FILE_REFUSED, Trouble.FILE_TOO_LARGE, Trouble.FILE_UNUSABLE}
)
"""What speaks of a file elsewhere, and so neither for nor against the API."""


class Missing:
    """The body is not JSON."""


NOT_JSON = Missing()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have lower-case names. `status` is None when not even a status line came."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trouble: Trouble | None = None
    detail: str = ""
    """For people, e.g. `connection refused`; never holds a request's content."""

    @property
    def json(self) -> object:
        """The body as JSON, or `NOT_JSON`."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return NOT_JSON

    @property
    def looks_like_html(self) -> bool:
        """A web page (of a proxy, a sign-in wall), whatever the content type says. Plain XML is none."""
        if "html" in self.headers.get("content-type", "").lower():
            return True
        start = self.body[:SNIFFED_BYTES].removeprefix(codecs.BOM_UTF8).lstrip().lower()
        return start.startswith(b"<") and (b"<html" in start or b"<!doctype html" in start)

    def excerpt(self, limit: int = 1000) -> str:
        """The first characters of the body, for a person."""
        return self.body[: limit * 4].decode("utf-8", "replace")[:limit]

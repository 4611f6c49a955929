"""An HTTP answer as a plain value: what came back, or why nothing did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson


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
        """An error page, whatever the content type says."""
        if "html" in self.headers.get("content-type", "").lower():
            return True
        return self.body[:256].lstrip()[:1] == b"<"

    def excerpt(self, limit: int = 1000) -> str:
        """The first characters of the body, for a person."""
        return self.body[: limit * 4].decode("utf-8", "replace")[:limit]

"""One outgoing HTTP request as bytes, before credentials are added."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import orjson

MASK = "••••"


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request that can be stored and sent again byte for byte.

    `url` is the encoded path with its query, below the destination's base URL (or a full address, for the next
    page of a probe). Credentials are not part of it: `bridge.outbound` adds them when it sends.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def to_json(self) -> dict[str, object]:
        """A JSON form from which `from_json` makes an equal request."""
        try:
            body: object = self.body.decode()
        except UnicodeDecodeError:
            body = {"base64": base64.b64encode(self.body).decode()}
        return {"method": self.method, "url": self.url, "headers": dict(self.headers), "body": body}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "OutboundRequest":
        """The request that `to_json` described."""
        body, headers = data["body"], data["headers"]
        raw = base64.b64decode(body["base64"]) if isinstance(body, dict) else str(body).encode()
        if not isinstance(headers, Mapping):
            raise TypeError("a stored request has no headers")
        return cls(str(data["method"]), str(data["url"]), {str(k): str(v) for k, v in headers.items()}, raw)

    def shown(self, credential_header: str | None = None) -> dict[str, object]:
        """For people and the dead-letter file: JSON bodies as JSON, the credential as a mask."""
        headers = dict(self.headers)
        if credential_header:
            headers[credential_header] = MASK
        shown: dict[str, object] = {"method": self.method, "url": self.url, "headers": headers}
        if self.body:
            shown["body"] = self._shown_body()
        return shown

    def _shown_body(self) -> object:
        if "json" in self.headers.get("Content-Type", ""):
            return orjson.loads(self.body)
        return self.body.decode("utf-8", "replace")


def with_query(path: str, query: Mapping[str, object]) -> str:
    """`path?a=1&b=x`: lists give a name several times, true and false are lower case, nulls are left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        values = value if isinstance(value, list) else [value]
        pairs.extend((name, _query_text(item)) for item in values if item is not None)
    if not pairs:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(pairs)}"


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()

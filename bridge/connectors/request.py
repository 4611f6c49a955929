"""One outgoing HTTP request as bytes, before credentials are added."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

MASK = "••••"
_TELLTALE = r"authorization|cookie|token|secret|password|api[-_]?key|access[-_]?key|signature"
_SECRET_HEADER = re.compile(_TELLTALE, re.IGNORECASE)
"""Headers that a rule of the generic connector may fill with a credential of its own."""
_SECRET_IN_QUERY = re.compile(rf"([?&][^=&]*(?:{_TELLTALE})[^=&]*=)[^&]*", re.IGNORECASE)
_LOGIN = re.compile(r"^(\s*[A-Za-z][A-Za-z0-9+.-]*:[/\\]*)[^/\\]*@")


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
    fetch: str = ""
    """The address of a file elsewhere that becomes the body when the request is sent; "" for none. It is fetched anew
    for each try, so what is kept of the request stays small."""

    def to_json(self) -> dict[str, object]:
        """A JSON form from which `from_json` makes an equal request."""
        try:
            body: object = self.body.decode()
        except UnicodeDecodeError:
            body = {"base64": base64.b64encode(self.body).decode()}
        data = {"method": self.method, "url": self.url, "headers": dict(self.headers), "body": body}
        return {**data, "fetch": self.fetch} if self.fetch else data

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "OutboundRequest":
        """The request that `to_json` described."""
        body, headers = data["body"], data["headers"]
        raw = base64.b64decode(body["base64"]) if isinstance(body, dict) else str(body).encode()
        if not isinstance(headers, Mapping):
            raise TypeError("a stored request has no headers")
        texts = {str(k): str(v) for k, v in headers.items()}
        return cls(str(data["method"]), str(data["url"]), texts, raw, str(data.get("fetch", "")))

    def shown(self, credential_header: str | None = None) -> dict[str, object]:
        """For people and the dead-letter file: JSON bodies as JSON, whatever looks like a credential as a mask."""
        headers = {name: MASK if is_secret_header(name) else value for name, value in self.headers.items()}
        if credential_header:
            headers[credential_header] = MASK
        url = _SECRET_IN_QUERY.sub(rf"\1{MASK}", self.url) if "=" in self.url else self.url
        shown: dict[str, object] = {"method": self.method, "url": url, "headers": headers}
        if self.body:
            shown["body"] = self._shown_body()
        if self.fetch:
            shown["fetch"] = shown_file(self.fetch)
        return shown

    def _shown_body(self) -> object:
        if any("json" in value for name, value in self.headers.items() if name.lower() == "content-type"):
            try:
                return orjson.loads(self.body)
            except orjson.JSONDecodeError:
                pass  # a rule may call any text JSON; it is shown as it is
        return self.body.decode("utf-8", "replace")


def shown_file(address: str) -> str:
    """A file's address for people: whatever is in its query, or stands as a login before its host, may open it."""
    path, mark, _ = address.partition("?")
    path = _LOGIN.sub(rf"\1{MASK}@", path)
    return f"{path}?{MASK}" if mark else path


@lru_cache(maxsize=1024)
def is_secret_header(header: str) -> bool:
    """Whether a header, or a name of the query, of this name may carry a credential."""
    return _SECRET_HEADER.search(header) is not None

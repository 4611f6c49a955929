"""A request taken apart, as people write it down: path, query, headers, and a body: JSON, a form, text, or a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

import orjson

from bridge.connectors.request import OutboundRequest

PartPath = tuple[str | int, ...]
"""`("method",)`, `("path",)`, `("query", "a")`, `("headers", "Accept")`, `("json", "user", "phone")`, `("text",)`…"""
BodyKind = Literal["json", "form", "text", "fetch"]
"""`fetch`: a file elsewhere, and what stands for it is its address."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The pieces of one request.

    `path` is percent-encoded, as it is sent, without the query. A name of the query or of a form that occurs several
    times has a list of texts. `kind` says what `body` is; it is None when there is none.
    """

    method: str
    path: str
    query: Mapping[str, object]
    headers: Mapping[str, str]
    kind: BodyKind | None
    body: object

    def parts(self) -> dict[PartPath, object]:
        """Every single value by its path; an empty list or object is one, too."""
        whole: dict[str, object] = {
            "method": self.method,
            "path": self.path,
            "query": dict(self.query),
            "headers": dict(self.headers),
        }
        if self.kind is not None:
            whole[self.kind] = self.body
        return {path: value for name, value in whole.items() for path, value in leaves(value, (name,))}


def open_request(request: OutboundRequest) -> Opened:
    """Take a request apart. A body that claims to be JSON and is not is text."""
    path, _, query = request.url.partition("?")
    kind, body = _body(request)
    return Opened(request.method, path, _pairs(query), request.headers, kind, body)


def open_shown(shown: Mapping[str, object]) -> Opened:
    """Take a request apart as people see it, credentials masked: what `OutboundRequest.shown` gave."""
    path, _, query = str(shown["url"]).partition("?")
    given = shown["headers"]
    headers = {str(name): str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    body = shown.get("body")
    if "fetch" in shown:
        return Opened(str(shown["method"]), path, _pairs(query), headers, "fetch", shown["fetch"])
    if "body" not in shown:
        return Opened(str(shown["method"]), path, _pairs(query), headers, None, None)
    if isinstance(body, str) and not _says(headers, "json"):
        is_form = _says(headers, "application/x-www-form-urlencoded")
        kind: BodyKind = "form" if is_form else "text"
        return Opened(str(shown["method"]), path, _pairs(query), headers, kind, _pairs(body) if is_form else body)
    return Opened(str(shown["method"]), path, _pairs(query), headers, "json", body)


def _says(headers: Mapping[str, str], word: str) -> bool:
    return any(word in value for name, value in headers.items() if name.lower() == "content-type")


def leaves(value: object, at: PartPath = ()) -> Iterator[tuple[PartPath, object]]:
    """The single values inside nested lists and objects, each with its path, in order."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, (*at, str(key)))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*at, index))
    else:
        yield at, value


def _body(request: OutboundRequest) -> tuple[BodyKind | None, object]:
    if request.fetch:
        return "fetch", request.fetch
    if not request.body:
        return None, None
    type_ = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if "json" in type_:
        try:
            return "json", orjson.loads(request.body)
        except orjson.JSONDecodeError:
            pass  # a rule of the generic connector may call any text JSON
    text = request.body.decode("utf-8", "replace")
    return ("form", _pairs(text)) if type_.startswith("application/x-www-form-urlencoded") else ("text", text)


def _pairs(text: str) -> dict[str, object]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}

"""The `http` connector: path, query, headers and body come from the rule itself."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from bridge.connectors.call import Call
from bridge.connectors.request import OutboundRequest
from bridge.connectors.wire import ParameterRefused, as_text, form_text, json_bytes, with_query

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
_PATH_CHARACTERS = "%/?:@!$&'()*+,;=~-._[]"
"""What stays as it is in a path with its query; a `#` does not, or everything after it would never be sent."""


class FreeFormRequest:
    """A request that the rule describes."""

    path_params = frozenset({"path"})

    def __init__(self, method: str, idempotency_header: str | None) -> None:
        self._method = method
        self._idempotency_header = idempotency_header

    def build(self, call: Call) -> OutboundRequest:
        """The request for a call.

        Raises:
            ParameterRefused: two bodies, or a header that cannot be sent.
        """
        params = call.params
        body, content_type = _body(params)
        headers = {"Accept": "application/json"}
        if self._idempotency_header:
            headers[self._idempotency_header] = call.key
        if content_type:
            headers["Content-Type"] = content_type
        headers = _overridden(headers, _own_headers(params.get("headers")))
        query = params.get("query")
        path = quote(str(params.get("path") or ""), safe=_PATH_CHARACTERS)
        return OutboundRequest(
            self._method, with_query(path, query if isinstance(query, Mapping) else {}), headers, body
        )


def checked_headers(headers: Mapping[str, object]) -> dict[str, str]:
    """The headers as text; nulls are left out.

    Raises:
        ParameterRefused: a name or value that would end the header or break the request. Names may come from the
            event, so only one that is plainly a header's name is repeated.
    """
    return {name: _checked(name, value) for name, value in headers.items() if value is not None}


def _checked(name: str, value: object) -> str:
    text = as_text(value)
    if not _TOKEN.fullmatch(name):
        raise ParameterRefused("headers", "the name of a header is not one", "header names are letters and dashes")
    shown = f"header `{name}`" if name.replace("-", "").isalpha() else "a header"
    if name.lower() in _FRAMING:
        raise ParameterRefused("headers", f"{shown} is set by the bridge itself", "take it out of `headers`")
    if not text.isprintable() or not text.isascii():
        raise ParameterRefused(
            "headers", f"{shown} holds characters that a header cannot carry", "send that value in the body"
        )
    return text


def _own_headers(given: object) -> dict[str, str]:
    return checked_headers(given) if isinstance(given, Mapping) else {}


def _overridden(headers: dict[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The rule's headers win over ours, whatever their case."""
    given = {name.lower() for name in own}
    return {name: value for name, value in headers.items() if name.lower() not in given} | dict(own)


def _body(params: Mapping[str, object]) -> tuple[bytes, str | None]:
    """The body and its type. `json: null` is the JSON value null; a null `form` or `text` is no body."""
    given = [
        name for name in ("json", "form", "text") if name in params and (name == "json" or params[name] is not None)
    ]
    if len(given) > 1:
        raise ParameterRefused(given[1], f"both `{given[0]}` and `{given[1]}` are given", "keep one body")
    match given:
        case ["json"]:
            return json_bytes(params["json"]), "application/json"
        case ["form"] if isinstance(form := params["form"], Mapping):
            return form_text(form).encode(), "application/x-www-form-urlencoded"
        case ["text"]:
            return str(params["text"]).encode(), "text/plain; charset=utf-8"
        case _:
            return b"", None

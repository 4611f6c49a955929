"""The one shape of every answer: fixed words, never an echo of what was sent."""

from collections.abc import Mapping
from typing import TypeVar

import orjson
from aiohttp import web
from multidict import CIMultiDict

from bridge.sources.strict_json import dump_json

Response = TypeVar("Response", bound=web.Response)

SECURITY_HEADERS = {
    "Server": "crm-bridge",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

_HEADERS = CIMultiDict({**SECURITY_HEADERS, "Content-Type": "application/json"})


def answer(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer; bytes are sent as they are, with a `Content-Type` of their own among the headers."""
    return _respond(web.Response, body if isinstance(body, bytes) else _json(body), status, headers)


def _json(body: object) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # an event may hold whole numbers of more than 64 bits
        return dump_json(body)


def _respond(kind: type[Response], raw: bytes, status: int, headers: Mapping[str, str] | None) -> Response:
    all_headers = _HEADERS.copy()
    if headers:
        all_headers.update(headers)
    return kind(body=raw, status=status, headers=all_headers)


class Denial(web.Response):
    """An answer that says no; `code` is the fixed word for why."""

    code: str


def refusal(status: int, code: str, message: str, help_: str, *, headers: Mapping[str, str] | None = None) -> Denial:
    """An error: what happened, and what the person on the other side can do."""
    response = _respond(Denial, orjson.dumps(refusal_body(code, message, help_)), status, headers)
    response.code = code
    return response


def refusal_body(code: str, message: str, help_: str) -> dict[str, object]:
    """The one shape of an error."""
    return {"ok": False, "error": {"code": code, "message": message, "help": help_}}

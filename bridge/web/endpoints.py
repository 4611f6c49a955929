"""The calls of the admin API: how a request is read, what answers it, and the document that describes them all."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from bridge import __version__
from bridge.engine.console import Console, Query
from bridge.engine.redelivery import LET_IN_FOR
from bridge.errors import UsageError

PREFIX = "/api/v1"
MAX_ID = 128
MAX_TEXT = 1_000
MORE_HEADER = "X-More-Rows"
"""On a list: `true` when rows were left out for the limit."""
BY_HEADER = "X-Crm-Bridge-User"
"""Who sits before the command line; the token is the credential, this is only for the audit."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an endpoint, read: path parts, query and JSON body in one mapping of text, numbers, lists."""

    path: Mapping[str, str]
    given: Mapping[str, Any]

    def query(self) -> Query:
        """The filters of a list.

        Raises:
            UsageError: one of them is not of its kind.
        """
        filters = Query.__dataclass_fields__
        values = {name: value for name, value in self.given.items() if name in filters and value is not None}
        if "limit" in values:
            values["limit"] = _number(values["limit"], "limit")
        if "ids" in values:
            values["ids"] = _id_list(values["ids"])
        if any(not isinstance(value, str) for name, value in values.items() if name not in {"ids", "limit"}):
            raise UsageError("a filter must be text")
        return Query(**values)

    def ids(self) -> tuple[str, ...]:
        """The ids of a decision.

        Raises:
            UsageError: one of them is none.
        """
        return _id_list(self.given.get("ids"))

    @property
    def reason(self) -> str:
        """Why a person decided so."""
        return str(self.given.get("reason") or "by hand")[:200]

    def text(self, name: str) -> str:
        """A text of the body.

        Raises:
            UsageError: it is not there, or is no text of a sensible length.
        """
        value = self.given.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
            raise UsageError(f"`{name}` must be a text of 1 to {MAX_TEXT} characters")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text of the body, None when it is not there."""
        return None if self.given.get(name) is None else self.text(name)

    def numbers(self, name: str) -> list[int] | None:
        """Whole numbers of the body; None when they are not there.

        Raises:
            UsageError: it is no list of whole numbers.
        """
        given = self.given.get(name)
        if given is None:
            return None
        if not isinstance(given, list) or not all(type(each) is int and 0 < each < 2**53 for each in given):
            raise UsageError(f"`{name}` must be a list of whole numbers")
        return list(given)

    def flag(self, name: str) -> bool:
        """A yes or no of the body; no when it is not there. Anything else is refused: it may be a `dry_run`.

        Raises:
            UsageError: it is neither.
        """
        value = self.given.get(name, False)
        if not isinstance(value, bool):
            raise UsageError(f"`{name}` must be true or false")
        return value

    def number(self, name: str) -> int:
        """A whole number of the body, 0 when it is not there.

        Raises:
            UsageError: it is none.
        """
        return _number(self.given.get(name, 0), name)

    def link_value(self) -> str | int:
        """The id to remember: text or a whole number, as the API gives it.

        Raises:
            UsageError: it is neither.
        """
        value = self.given.get("value")
        return value if isinstance(value, int) and not isinstance(value, bool) else self.text("value")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the API. `takes` are its parameters: of the query, or with POST of the JSON body."""

    method: str
    path: str
    summary: str
    run: Callable[[Console, Call], Awaitable[object]]
    takes: tuple[str, ...] = ()


_CHOICE = ("ids", "rule", "kind", "fingerprint", "since", "until")

ENDPOINTS = (
    Endpoint("GET", "/status", "The books and the destinations", lambda c, _: c.status()),
    Endpoint("GET", "/events", "Events, newest first", lambda c, r: c.events(r.query()), ("source", "type", "limit")),
    Endpoint("GET", "/events/{id}", "One event with body and deliveries", lambda c, r: c.event(r.path["id"])),
    Endpoint("GET", "/events/{id}/content", "Its bytes as they came", lambda c, r: c.event_content(r.path["id"])),
    Endpoint(
        "POST",
        "/events/{id}/rerun",
        "Start its dead deliveries again, with `force` also those that are done",
        lambda c, r: c.rerun(r.path["id"], rule=r.optional_text("rule"), force=r.flag("force")),
        ("rule", "force"),
    ),
    Endpoint(
        "POST",
        "/events/replay",
        "Take stored events in again, as new ones",
        lambda c, r: c.replay_events(r.ids()),
        ("ids",),
    ),
    Endpoint(
        "POST",
        "/events/let-through",
        "Take in the sender's next repeat of each event, once, when it comes `within` a time",
        lambda c, r: c.let_through(r.ids(), r.optional_text("within") or LET_IN_FOR),
        ("ids", "within"),
    ),
    Endpoint(
        "GET",
        "/deliveries",
        "Deliveries, newest first",
        lambda c, r: c.deliveries(r.query()),
        ("ids", "event", "state", "rule", "destination", "limit"),
    ),
    Endpoint("GET", "/deliveries/{id}", "One delivery with its attempts", lambda c, r: c.delivery(r.path["id"])),
    Endpoint("POST", "/deliveries/{id}/retry", "Make it due now", lambda c, r: c.retry(r.path["id"])),
    Endpoint(
        "POST", "/deliveries/{id}/skip", "End it as skipped", lambda c, r: c.skip(r.path["id"], r.reason), ("reason",)
    ),
    Endpoint(
        "GET",
        "/dead-letters",
        "Dead letters, oldest first",
        lambda c, r: c.dead_letters(r.query()),
        (*_CHOICE, "limit"),
    ),
    Endpoint(
        "POST",
        "/dead-letters/replay",
        "Start a page of dead deliveries again with the present rules; `after` takes the `next` of the page before",
        lambda c, r: c.replay(r.query(), dry_run=r.flag("dry_run"), differences=r.number("differences")),
        (*_CHOICE, "after", "dry_run", "differences"),
    ),
    Endpoint(
        "POST",
        "/dead-letters/discard",
        "End dead letters as skipped",
        lambda c, r: c.discard(r.query(), r.reason),
        (*_CHOICE, "reason"),
    ),
    Endpoint("GET", "/links", "Remembered links", lambda c, r: c.links(r.query()), ("name", "key", "limit")),
    Endpoint(
        "POST",
        "/links/set",
        "Remember a record's id under a key",
        lambda c, r: c.set_link(r.text("name"), r.text("key"), r.link_value()),
        ("name", "key", "value"),
    ),
    Endpoint(
        "POST",
        "/links/forget",
        "Forget what is remembered under a key",
        lambda c, r: c.forget_link(r.text("name"), r.text("key")),
        ("name", "key"),
    ),
    Endpoint(
        "POST",
        "/pause",
        "Send nothing to a destination until it is resumed",
        lambda c, r: c.pause(r.text("destination"), r.reason),
        ("destination", "reason"),
    ),
    Endpoint(
        "POST",
        "/resume",
        "End a destination's pause",
        lambda c, r: c.resume(r.text("destination")),
        ("destination",),
    ),
    Endpoint(
        "POST",
        "/captures/start",
        "Write down the raw requests that come to a source, for `seconds` or until `count` came",
        lambda c, r: c.capture(r.text("source"), seconds=r.number("seconds"), count=r.number("count")),
        ("source", "seconds", "count"),
    ),
    Endpoint(
        "GET",
        "/captures",
        "The captured requests of a source after so many, proofs masked; waits ten seconds for one",
        lambda c, r: c.captured(r.text("source"), after=r.number("after")),
        ("source", "after"),
    ),
    Endpoint(
        "POST",
        "/captures/stop",
        "End the capture of a source",
        lambda c, r: c.end_capture(r.text("source")),
        ("source",),
    ),
    Endpoint("GET", "/secrets", "What senders brought as secrets, without the values", lambda c, _: c.secrets()),
    Endpoint(
        "POST",
        "/secrets/show",
        "The newest secret that a source has learned; each is shown once",
        lambda c, r: c.show_secret(r.text("source")),
        ("source",),
    ),
    Endpoint(
        "POST",
        "/secrets/retire",
        "Forget secrets that a source has learned: the `numbers`, or all but the newest",
        lambda c, r: c.retire_secrets(r.text("source"), r.numbers("numbers")),
        ("source", "numbers"),
    ),
    Endpoint(
        "POST",
        "/windows/open",
        "Let a source learn one secret from its sender, `for` a time such as `10m`",
        lambda c, r: c.open_window(r.text("source"), r.text("for")),
        ("source", "for"),
    ),
    Endpoint(
        "POST",
        "/windows/close",
        "Let it learn none any more",
        lambda c, r: c.close_window(r.text("source")),
        ("source",),
    ),
    Endpoint("GET", "/audit", "What people decided, newest first", lambda c, r: c.audit(r.query()), ("limit",)),
)


async def _nothing(_console: Console, _call: Call) -> object:
    return None


OTHERS = (
    Endpoint("POST", "/reload", "Load the configuration again", _nothing),
    Endpoint("GET", "/openapi.json", "This document", _nothing),
)
"""Calls that the console does not answer."""


async def read_call(request: web.Request, endpoint: Endpoint) -> Call:
    """The request to an endpoint.

    Raises:
        UsageError: an id is none, the body is no JSON object, or a parameter is none of the endpoint's.
    """
    for value in request.match_info.values():
        _check_id(value)
    given = await _given(request)
    if not given.keys() <= set(endpoint.takes):
        known = f"it takes {', '.join(endpoint.takes)}" if endpoint.takes else "it takes none"
        raise UsageError(f"there is no such parameter; {known}")
    return Call(dict(request.match_info), given)


def openapi() -> dict[str, object]:
    """The OpenAPI document of the admin API."""
    paths: dict[str, dict[str, object]] = {}
    for endpoint in (*ENDPOINTS, *OTHERS):
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "crm-bridge admin API", "version": __version__},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
        "paths": paths,
    }


def _operation(endpoint: Endpoint) -> dict[str, object]:
    ok: dict[str, object] = {"description": "JSON"}
    if "limit" in endpoint.takes:
        ok["headers"] = {
            MORE_HEADER: {"description": "`true`: rows were left out for the limit", "schema": {"type": "string"}}
        }
    operation: dict[str, object] = {
        "summary": endpoint.summary,
        "responses": {"200": ok, "400": {"description": "refused"}, "401": {"description": "no token"}},
    }
    parameters: list[dict[str, object]] = []
    if "{id}" in endpoint.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})
    if endpoint.method == "GET":
        parameters += [{"name": name, "in": "query", "schema": _schema(name)} for name in endpoint.takes]
    elif endpoint.takes:
        body = {"type": "object", "properties": {name: _schema(name, in_body=True) for name in endpoint.takes}}
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    if parameters:
        operation["parameters"] = parameters
    return operation


def _schema(name: str, *, in_body: bool = False) -> dict[str, object]:
    if name == "ids" and in_body:
        return {"type": "array", "items": {"type": "string"}}
    if name == "numbers":
        return {"type": "array", "items": {"type": "integer"}}
    types: dict[str, object] = {
        "limit": "integer",
        "differences": "integer",
        "seconds": "integer",
        "count": "integer",
        "dry_run": "boolean",
        "force": "boolean",
        "value": ["string", "integer"],
    }
    return {"type": types.get(name, "string")}


def _id_list(given: object) -> tuple[str, ...]:
    """`ids=a,b` of a query, or a list in a body."""
    ids = given.split(",") if isinstance(given, str) else given
    if not isinstance(ids, list):
        raise UsageError("`ids` must be a list of ids")
    for each in ids:
        _check_id(each)
    return tuple(ids)


def _check_id(value: object) -> None:
    """Ids are short words; nothing else gets into a query, or into the words of a refusal."""
    if not isinstance(value, str) or len(value) > MAX_ID or not value.isascii() or not value.replace("_", "").isalnum():
        raise UsageError("that is not an id")


async def _given(request: web.Request) -> dict[str, Any]:
    if request.method != "POST":
        return dict(request.query)
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UsageError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise UsageError("the body must be a JSON object")
    return body


def _number(value: object, name: str) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > 9:  # noqa: PLR2004 - more is no number of rows
        raise UsageError(f"`{name}` must be a whole number")
    return int(text)

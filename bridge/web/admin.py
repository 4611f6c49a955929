"""The admin API: what the commands need while a daemon holds the store. A token is always required (facts S40-S51)."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from aiohttp import web

from bridge import __version__
from bridge.engine.console import Console, Query
from bridge.engine.faults import place_of
from bridge.errors import StoreError, UsageError
from bridge.web.answers import answer, refusal

log = structlog.get_logger(__name__)

PREFIX = "/api/v1"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
MAX_ID = 128
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", re.ASCII)
Reload = Callable[[], Awaitable[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an endpoint, read: path parts, query and JSON body in one mapping of text, numbers, lists."""

    path: Mapping[str, str]
    given: Mapping[str, Any]

    def query(self) -> Query:
        """The filters of a list.

        Raises:
            UsageError: one of them is not a filter, or not of its kind.
        """
        known = set(Query.__dataclass_fields__)
        unknown = set(self.given) - known - {"dry_run", "reason"}
        if unknown:
            raise UsageError(f"there is no such filter; filters are {', '.join(sorted(known))}")
        values = {name: value for name, value in self.given.items() if name in known and value is not None}
        if "limit" in values:
            values["limit"] = _number(values["limit"])
        if "ids" in values:
            values["ids"] = _id_list(values["ids"])
        if any(not isinstance(value, str) for name, value in values.items() if name not in {"ids", "limit"}):
            raise UsageError("a filter must be text")
        return Query(**values)

    @property
    def reason(self) -> str:
        """Why a person decided so."""
        return str(self.given.get("reason") or "by hand")[:200]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the API."""

    method: str
    path: str
    summary: str
    run: Callable[[Console, Call], Awaitable[object]]


ENDPOINTS = (
    Endpoint("GET", "/status", "The books and the destinations", lambda c, _: c.status()),
    Endpoint("GET", "/events", "Events, newest first", lambda c, r: c.events(r.query())),
    Endpoint("GET", "/events/{id}", "One event with body and deliveries", lambda c, r: c.event(r.path["id"])),
    Endpoint("GET", "/deliveries", "Deliveries, newest first", lambda c, r: c.deliveries(r.query())),
    Endpoint("GET", "/deliveries/{id}", "One delivery with its attempts", lambda c, r: c.delivery(r.path["id"])),
    Endpoint("POST", "/deliveries/{id}/retry", "Make it due now", lambda c, r: c.retry(r.path["id"])),
    Endpoint("POST", "/deliveries/{id}/skip", "End it as skipped", lambda c, r: c.skip(r.path["id"], r.reason)),
    Endpoint("GET", "/dead-letters", "Dead letters, oldest first", lambda c, r: c.dead_letters(r.query())),
    Endpoint("GET", "/links", "Remembered links", lambda c, r: c.links(r.query())),
    Endpoint(
        "POST",
        "/dead-letters/replay",
        "Start dead deliveries again with the present rules",
        lambda c, r: c.replay(r.query(), dry_run=r.given.get("dry_run") is True),
    ),
    Endpoint(
        "POST", "/dead-letters/discard", "End dead letters as skipped", lambda c, r: c.discard(r.query(), r.reason)
    ),
)


class Admin:
    """The admin listener's application.

    Args:
        console: answers and decides.
        token: the only credential; kept as a hash.
        reload: loads the configuration again and says how it went.
        host: the host name the listener is bound to, accepted beside the loopback names.
    """

    def __init__(self, console: Console, token: str, reload: Reload, *, host: str) -> None:
        self._console = console
        self._token_hash = hashlib.sha256(token.encode()).digest()
        self._reload = reload
        self._hosts = LOOPBACK_NAMES | {f"[{host.lower()}]" if ":" in host else host.lower()}

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard], client_max_size=65_536)
        for endpoint in ENDPOINTS:
            app.router.add_route(endpoint.method, PREFIX + endpoint.path, self._handler(endpoint))
        app.router.add_post(f"{PREFIX}/reload", self._handle_reload)
        app.router.add_get(f"{PREFIX}/openapi.json", self._handle_openapi)
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            return await handler(request)
        except UsageError as error:
            return refusal(400, "refused", str(error), "Look at the ids and filters.")
        except StoreError as error:
            return refusal(503, "unavailable", type(error).__name__, "Try again.", headers={"Retry-After": "5"})
        except web.HTTPException as error:
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            help_ = f"See {PREFIX}/openapi.json for what there is."
            return refusal(error.status, "http", error.reason, help_, headers=allow)
        except Exception as error:  # noqa: BLE001 - aiohttp would log a traceback, which may quote customer text
            log.error("admin.fault", problem=type(error).__name__, place=place_of(error))  # noqa: TRY400 - as above
            return refusal(500, "fault", "Something went wrong on our side.", "Look into the log of the daemon.")

    def _refused(self, request: web.Request) -> web.Response | None:
        """Host before token before origin: a page in the operator's browser must not get in by another name."""
        if not self._is_our_host(request.headers.getall("Host", [])) or not request.raw_path.startswith("/"):
            return refusal(421, "host", "This host name is not ours.", "Use the address in `admin.listen`.")
        if not self._has_token(request.headers.get("Authorization", "")):
            return refusal(401, "token", "The token is missing or wrong.", "Send `Authorization: Bearer TOKEN`.")
        if request.method == "POST":
            if self._is_cross_site(request):
                return refusal(403, "cross_site", "Cross-site requests are refused.", "Use the command line.")
            if request.content_type != "application/json":
                return refusal(415, "content_type", "A JSON body is needed.", "Send `Content-Type: application/json`.")
        return None

    def _is_our_host(self, given: Sequence[str]) -> bool:
        """Whether there is exactly one `Host`, of exactly one form, and it is one of our names."""
        match = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
        return match is not None and match[1] in self._hosts

    def _is_cross_site(self, request: web.Request) -> bool:
        """Whether a browser says that the request comes from a page that is not ours."""
        if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            return True
        origin = request.headers.get("Origin")
        return origin is not None and origin.lower() not in {
            f"{scheme}://{request.headers['Host'].lower()}" for scheme in ("http", "https")
        }

    def _has_token(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        given = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(given, self._token_hash) and scheme.lower() == "bearer"

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(_ids(request.match_info), await _given(request))
            result = await endpoint.run(self._console, call)
            if endpoint.method == "POST":
                log.info("admin.decided", call=endpoint.path, id=call.path.get("id"))
            return answer(result)

        return handle

    async def _handle_reload(self, _request: web.Request) -> web.StreamResponse:
        result = await self._reload()
        return answer(result, status=200 if result.get("ok") else 400)

    async def _handle_openapi(self, _request: web.Request) -> web.StreamResponse:
        return answer(openapi())


def openapi() -> dict[str, object]:
    """The OpenAPI document of the admin API."""
    paths: dict[str, dict[str, object]] = {}
    for endpoint in (*ENDPOINTS, *_OTHERS):
        operation: dict[str, object] = {
            "summary": endpoint.summary,
            "responses": {
                "200": {"description": "JSON"},
                "400": {"description": "refused"},
                "401": {"description": "no token"},
            },
        }
        if "{id}" in endpoint.path:
            operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "crm-bridge admin API", "version": __version__},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
        "paths": paths,
    }


async def _nothing(_console: Console, _call: Call) -> object:
    return None


_OTHERS = (
    Endpoint("POST", "/reload", "Load the configuration again", _nothing),
    Endpoint("GET", "/openapi.json", "This document", _nothing),
)


def _ids(match_info: Mapping[str, str]) -> dict[str, str]:
    for value in match_info.values():
        _check_id(value)
    return dict(match_info)


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


def _number(value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > 9:  # noqa: PLR2004 - more is no number of rows
        raise UsageError("`limit` must be a whole number")
    return int(text)

"""HubSpot's paths.

Objects, properties and associations answer under `/crm/v3`, `/crm/v4` and the dated versions alike (facts,
section 0 point 5).
"""

from collections.abc import Callable, Iterator
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call, Route
from bridge.sandbox.hubspot.access import PORTAL_ID, HubSpotAccess
from bridge.sandbox.hubspot.batches import Batches
from bridge.sandbox.hubspot.catalog import KINDS, OWNERS, ObjectKind
from bridge.sandbox.hubspot.enrolments import Enrolments
from bridge.sandbox.hubspot.links import Links
from bridge.sandbox.hubspot.records import Record, Records
from bridge.sandbox.hubspot.refusals import error_answer, not_found, refused, validation
from bridge.sandbox.hubspot.schema import Schema, shown_pipelines, shown_property
from bridge.sandbox.hubspot.search import MAX_BODY_CHARACTERS, search
from bridge.sandbox.hubspot.shapes import json_object

SEARCH_LAG_MS = 5000
_PREFIXES = ("/crm/{{version:v3|v4}}/{room}", "/crm/{room}/{{version:v3|v4|2025-09|2026-03|2026-09}}")
_CATEGORIES = {401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND", 429: "RATE_LIMITS"}
_SERVER_ERROR = 500


class HubSpot:
    """A HubSpot account behind its API. `records`, `schema` and `access` are open to tests."""

    name = "hubspot"

    def __init__(
        self,
        clock: Clock,
        *,
        tokens: frozenset[str],
        refresh_tokens: frozenset[str] = frozenset(),
        search_lag_ms: int = SEARCH_LAG_MS,
    ) -> None:
        self._clock = clock
        self._search_lag_ms = search_lag_ms
        self.access = HubSpotAccess(clock, tokens, refresh_tokens)
        self.reset()

    def reset(self) -> None:
        """Start again with an empty account."""
        self.access.reset()
        self.schema = Schema()
        self.records = Records(self._clock, self.schema, self._search_lag_ms)
        self._batches = Batches(self._clock, self.schema, self.records)
        self._links = Links(self._clock, self.schema, self.records)
        self.enrolments = Enrolments(self._clock, self.schema, self.records)

    def records_of(self, kind: str) -> list[Record]:
        """Every record of a kind, e.g. `contacts`, oldest first."""
        return list(self.records.all_of(self.schema.kind(kind)))

    def admit(self, call: Call) -> None:
        """Check token and limits."""
        self.access.admit(call)
        if call.content and call.media_type not in ("application/json", "application/x-www-form-urlencoded"):
            raise refused(415, "Unsupported media type; send application/json", "VALIDATION_ERROR")

    def finished(self, call: Call, answer: Answer) -> Answer:
        """Add the limit headers."""
        return answer.with_headers(self.access.headers(call))

    def unreadable(self) -> Answer:
        """400 for a body that is not JSON."""
        return error_answer(400, "Invalid input JSON", "VALIDATION_ERROR")

    def unknown(self, _: Call) -> Answer:
        """404 for a path that is not there."""
        return error_answer(404, "Unable to find the resource", "OBJECT_NOT_FOUND")

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in HubSpot's shape."""
        category = _CATEGORIES.get(status, "INTERNAL_ERROR" if status >= _SERVER_ERROR else "VALIDATION_ERROR")
        more = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"} if category == "RATE_LIMITS" else {}
        answer = error_answer(status, "The sandbox was told to fail this request", category, **more)
        return answer if retry_after is None else answer.with_headers({"Retry-After": retry_after})

    def snapshot(self) -> dict[str, Any]:
        """The records of every kind with their associations, and who is in which list and sequence."""
        enrolled = {"lists": self.enrolments.lists, "sequences": self.enrolments.sequences}
        return enrolled | {
            kind.name: [
                {**record.shown(), "associations": self.records.associations.all_of(record.node)}
                for record in self.records.all_of(kind)
            ]
            for kind in KINDS
        }

    def routes(self) -> Iterator[Route]:
        """All paths."""
        yield Route("POST", "/oauth/{version:v3|2025-09|2026-03|2026-09}/token", self.access.token)
        yield Route("POST", "/oauth/{version:v3|2025-09|2026-03|2026-09}/token/introspect", self.access.introspect)
        yield Route("POST", "/oauth/v2/private-apps/get/access-token-info", self.access.private_app_token)
        yield Route("GET", "/account-info/{version:v3|2025-09|2026-03|2026-09}/details", self._account)
        yield from self.enrolments.routes()
        for prefix in (pattern.format(room="objects") for pattern in _PREFIXES):
            yield from self._links.object_routes(prefix)
            yield from self._object_routes(prefix)
        for prefix in (pattern.format(room="associations") for pattern in _PREFIXES):
            yield from self._links.batch_routes(prefix)
        for prefix in (pattern.format(room="properties") for pattern in _PREFIXES):
            yield from self._property_routes(prefix)
        for prefix in (pattern.format(room="pipelines") for pattern in _PREFIXES):
            yield Route("GET", prefix + "/{kind}", self._pipelines)
            yield Route("GET", prefix + "/{kind}/{pipeline}", self._pipeline)
            yield Route("GET", prefix + "/{kind}/{pipeline}/stages", self._stages)

        for prefix in ("/crm/{version:v3}/owners", "/crm/owners/{version:v3|2025-09|2026-03|2026-09}"):
            yield Route("GET", prefix, self._owners)
            yield Route("GET", prefix + "/", self._owners)
            yield Route("GET", prefix + "/{owner}", self._owner)

    def _object_routes(self, prefix: str) -> Iterator[Route]:
        base = prefix + "/{kind}"
        for name, act in (
            ("create", self._batches.create),
            ("update", self._batches.update),
            ("upsert", self._batches.upsert),
            ("read", self._batches.read),
            ("archive", self._batches.archive),
        ):
            yield Route("POST", f"{base}/batch/{name}", self._batch(act))
        yield Route("POST", f"{base}/search", self._search)
        yield Route("POST", base, self._create)
        yield Route("GET", base, self._list)
        yield Route("GET", f"{base}/{{id}}", self._read)
        yield Route("PATCH", f"{base}/{{id}}", self._update)
        yield Route("DELETE", f"{base}/{{id}}", self._archive)

    def _property_routes(self, prefix: str) -> Iterator[Route]:
        base = prefix + "/{kind}"
        yield Route("GET", base, self._properties)
        yield Route("POST", base, self._define_property)
        yield Route("GET", f"{base}/{{name}}", self._property)
        yield Route("DELETE", f"{base}/{{name}}", self._remove_property)

    def _kind(self, call: Call) -> ObjectKind:
        return self.schema.kind(call.params["kind"])

    def _batch(self, act: Callable[[ObjectKind, Any], Answer]) -> Callable[[Call], Answer]:
        return lambda call: act(self._kind(call), call.json())

    def _create(self, call: Call) -> Answer:
        body = json_object(call)
        draft = self.records.prepare_create(self._kind(call), body.get("properties"), body.get("associations"))
        return Answer(201, self.records.commit(draft).shown())

    def _list(self, call: Call) -> Answer:
        kind = self._kind(call)
        limit, start = _whole(call, "limit", 10), _whole(call, "after", 0)
        records = list(self.records.all_of(kind))
        names = call.asked_list("properties") or list(kind.shown)
        body: dict[str, Any] = {"results": [record.shown(names) for record in records[start : start + limit]]}
        if start + limit < len(records):
            body["paging"] = {"next": {"after": str(start + limit)}}
        return Answer(200, body)

    def _read(self, call: Call) -> Answer:
        kind = self._kind(call)
        record = self.records.get(kind, call.params["id"], call.asked("idProperty"))
        shown = record.shown(call.asked_list("properties") or list(kind.shown))
        asked = [self.schema.kind(name) for name in call.asked_list("associations")]
        if asked:
            shown["associations"] = {
                other.name: {
                    "results": [{"id": other_id, "type": f"{kind.singular}_to_{other.singular}"} for other_id in ids]
                }
                for other in asked
                if (ids := self.records.associations.all_of(record.node).get(other.name))
            }
        return Answer(200, shown)

    def _update(self, call: Call) -> Answer:
        kind = self._kind(call)
        record = self.records.get(kind, call.params["id"], call.asked("idProperty"))
        draft = self.records.prepare_update(kind, record, json_object(call).get("properties"))
        return Answer(200, self.records.commit(draft).shown())

    def _archive(self, call: Call) -> Answer:
        self.records.archive(self._kind(call), call.params["id"])
        return Answer(204)

    def _search(self, call: Call) -> Answer:
        if len(call.content.decode(errors="replace")) > MAX_BODY_CHARACTERS:
            raise validation(f"The search request is longer than {MAX_BODY_CHARACTERS} characters")
        return search(self.schema, self.records, self._kind(call), call.json(), self._clock.now_ms())

    def _account(self, _: Call) -> Answer:
        times = {"timeZone": "UTC", "utcOffset": "+00:00", "utcOffsetMilliseconds": 0}
        currencies = {"companyCurrency": "USD", "additionalCurrencies": []}
        account = {"portalId": PORTAL_ID, "accountType": "SANDBOX", "uiDomain": "app.hubspot.com"}
        return Answer(200, {**account, **times, **currencies, "dataHostingLocation": "na1"})

    def _properties(self, call: Call) -> Answer:
        return Answer(200, {"results": [shown_property(item) for item in self.schema.properties(self._kind(call))]})

    def _property(self, call: Call) -> Answer:
        definition = self.schema.find(self._kind(call), call.params["name"])
        if definition is None:
            raise not_found()
        return Answer(200, shown_property(definition))

    def _define_property(self, call: Call) -> Answer:
        definition = self.schema.define(self._kind(call), json_object(call), self._clock.now_ms())
        return Answer(201, shown_property(definition))

    def _remove_property(self, call: Call) -> Answer:
        kind = self._kind(call)
        if not self.schema.remove(kind, call.params["name"]):
            raise not_found()
        self.records.forget_property(kind, call.params["name"])
        return Answer(204)

    def _owners(self, call: Call) -> Answer:
        email = (call.asked("email") or "").lower()
        return Answer(200, {"results": [owner.shown() for owner in OWNERS if email in ("", owner.email)]})

    def _owner(self, call: Call) -> Answer:
        for owner in OWNERS:
            if call.params["owner"] == (str(owner.user_id) if call.asked("idProperty") == "userId" else owner.id):
                return Answer(200, owner.shown())
        raise not_found()

    def _pipelines(self, call: Call) -> Answer:
        return Answer(200, {"results": shown_pipelines(self._kind(call))})

    def _pipeline(self, call: Call) -> Answer:
        for pipeline in shown_pipelines(self._kind(call)):
            if pipeline["id"] == call.params["pipeline"]:
                return Answer(200, pipeline)
        raise not_found()

    def _stages(self, call: Call) -> Answer:
        return Answer(200, {"results": self._pipeline(call).body["stages"]})


def _whole(call: Call, name: str, default: int) -> int:
    text = call.asked(name) or str(default)
    if not text.isdecimal():
        raise validation(f"{name} must be a whole number")
    return int(text)

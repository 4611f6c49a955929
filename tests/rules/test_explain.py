from typing import Any

import pytest

from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.rules.explain import Explanation, Fit, explain
from bridge.rules.judgement import Verdict, deciding
from bridge.rules.match import RuleIndex
from tests.canaries import PHONE, PHONE_E164
from tests.rules.builders import NOW_MS, destinations, rule, scope
from tests.rules.test_run import MESSAGE


def _destination(name: str, **given: object) -> Destination:
    shape = DestinationShape.model_validate({"connector": name, **given})
    found, problems = compile_destination(name, shape, destinations()[name])
    assert found is not None, problems
    return found


DESTINATIONS = {
    "zendesk": _destination("zendesk", subdomain="acme", client_id="bridge", client_secret="zendesk-secret"),
    "hubspot": _destination("hubspot", token="hubspot-token"),
    "erp": _destination(
        "erp",
        base_url="https://erp.example.com",
        auth={"type": "header", "name": "X-Api-Key", "value": "erp-secret"},
        limits={"mine": {"calls": 7, "per": "1m"}},
    ),
    "bells": _destination("bells", base_url="https://bells.example.com"),
}

TWO_READS = """
    name: a
    steps:
      - {id: a, use: erp.get, with: {path: /a}}
      - {id: b, use: erp.get, with: {path: "/{{ steps.a.body.nothing }}"}}
"""


def explained(*texts: str, links: dict[str, dict[str, object]] | None = None, **fields: object) -> list[Explanation]:
    return explain(
        RuleIndex([rule(text) for text in texts]),
        scope(**fields),
        links=links or {},
        destinations=DESTINATIONS,
        event_id="evt_1",
        now_ms=NOW_MS,
    )


def test_every_rule_is_named_matched_or_not_and_why_not() -> None:
    found = explained("name: other\non: [orders/*, x/y]", "name: skipped\nif: fields.text == ''", "name: meant")
    assert [(each.rule.name, each.matched) for each in found] == [("other", False), ("skipped", False), ("meant", True)]
    assert found[0].reason == "`on` is orders/*, x/y; this event is aisoule/message.received"
    assert found[1].reason == "`if` is false: fields.text == ''"
    assert (found[2].reason, len(found[2].requests)) == ("done", 1)


def test_the_exact_requests_are_shown_in_order_with_the_credential_masked() -> None:
    (found,) = explained(MESSAGE)
    assert [request.operation for request in found.requests] == ["zendesk.users.upsert", "zendesk.tickets.create"]
    assert found.skipped_steps == ("comment",)
    first = found.requests[0].request
    assert first["headers"] == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": "••••",
    }
    assert found.requests[1].request["url"] == "/api/v2/tickets"


def test_only_requests_that_depend_on_a_sample_answer_are_marked() -> None:
    new, known = explained(MESSAGE)[0], explained(MESSAGE, links={"user": {PHONE_E164: 9001}})[0]
    assert [request.sampled for request in new.requests] == [False, True]
    assert [(request.operation, request.sampled) for request in known.requests] == [("zendesk.tickets.create", False)]
    body = known.requests[0].request["body"]
    assert isinstance(body, dict)
    assert body["ticket"]["requester_id"] == 9001


@pytest.mark.parametrize(
    ("text", "requests"),
    [
        ("name: a\nkey: '{{ fields.nme }}'", 0),
        ("name: a\nsteps: [{id: a, use: erp.get, with: {path: '/{{ fields.nme }}'}}]", 0),
        (TWO_READS, 1),
        ("name: a\nsteps: [{id: a, use: erp.post, with: {path: /a}, remember: {x: '{{ steps.a.body.no }}'}}]", 1),
    ],
)
def test_a_rule_that_would_die_says_how_without_going_round_in_circles(text: str, requests: int) -> None:
    (found,) = explained(text)
    assert found.matched
    assert found.reason.startswith("dead: rule `a`, ")
    assert PHONE not in found.reason
    assert len(found.requests) == requests


def test_the_key_that_is_shown_is_the_one_that_would_be_sent() -> None:
    (found,) = explained("")
    headers = found.requests[0].request["headers"]
    assert isinstance(headers, dict)
    assert headers["Idempotency-Key"] == found.requests[0].key
    assert headers["X-Api-Key"] == "••••"

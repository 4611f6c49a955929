from typing import Any

import pytest

from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.rules.explain import Begun, Explanation, Fit, explain
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


def test_the_condition_is_judged_clause_by_clause() -> None:
    (found,) = explained("name: a\nif: fields.text and vars.kind == 'x'\nvars: {kind: '{{ fields.message_id }}'}")
    assert found.fit is Fit.NOT_WANTED
    assert found.condition is not None
    [clause] = deciding(found.condition)
    assert (clause.text, clause.verdict) == ("vars.kind == 'x'", Verdict.NO)
    assert [(each.name, each.value) for each in clause.values] == [("vars.kind", "wamid.1")]


def test_the_nearest_pattern_of_a_rule_for_other_events_is_named() -> None:
    (found,) = explained("name: a\non: [orders/*, aisoule/message.receive, x/y]")
    assert (found.fit, found.nearest) == (Fit.OTHER_EVENTS, 1)


def test_skipped_steps_say_which_clause_said_no_also_for_single_items() -> None:
    (found,) = explained("""
        name: a
        steps:
          - {id: a, use: erp.post, with: {path: /a}}
          - {id: b, use: erp.post, if: steps.a.error, with: {path: /b}}
          - {id: c, use: erp.post, for_each: "{{ [1, 2, 3] }}", if: item != 2, with: {path: /c}}
          - {id: d, use: erp.post, for_each: "{{ [] }}", with: {path: /d}}
    """)
    assert [(each.step, each.item) for each in found.skipped] == [("b", None), ("c", 1), ("d", None)]
    assert found.skipped_steps == ("b", "d")
    told = [each.condition for each in found.skipped]
    assert told[2] is None
    assert [[(v.name, v.value) for v in deciding(each)[0].values] for each in told[:2] if each is not None] == [
        [("steps.a.error", None)],
        [("item", 2)],
    ]
    assert len(found.requests) == 3


def test_each_part_of_a_request_is_traced_into_the_rule() -> None:
    (found,) = explained("name: a\nsteps: [{id: a, use: erp.post, with: {path: /a, json: {t: '{{ fields.text }}'}}}]")
    [request] = found.requests
    assert request.origins["json", "t"] == (("steps", 0, "with", "json", "t"),)
    assert request.parts["json", "t"]
    assert ("headers", "Accept") not in request.origins


def test_what_a_call_passes_is_taken_from_the_connector_and_the_destination() -> None:
    user, ticket = explained(MESSAGE)[0].requests
    assert [(each.limit, each.key) for each in user.passage.permits] == [
        ("account", None),
        ("user_upserts", None),
        ("upserts_of_one_user", f"w:{PHONE_E164}"),
    ]
    assert user.passage.repeat == "safe to repeat: the same request has the same effect"
    assert "looks first" in ticket.passage.repeat
    (own,) = explained("")[0].requests[0].passage.permits
    assert (own.limit, own.calls, own.per_ms, own.by_operator) == ("mine", 7, 60_000, True)
    bell = explained("name: a\nsteps: [{id: a, use: bells.ring, with: {note: a}}]")[0].requests[0]
    assert bell.passage.repeat.startswith("not safe to repeat")


def test_a_call_that_may_share_its_request_says_with_how_many() -> None:
    upsert = """
        name: a
        steps:
          - id: a
            use: hubspot.contacts.upsert
            with: {id_property: whatsapp_id, id: a, properties: {firstname: b}}
    """
    assert explained(upsert)[0].requests[0].passage.together == 100
    assert explained("")[0].requests[0].passage.together == 1


def test_links_that_a_delivery_started_with_win_over_what_is_remembered_now() -> None:
    found = explain(
        RuleIndex([rule(MESSAGE)]),
        scope(),
        links={"user": {PHONE_E164: 9001}},
        begun={rule(MESSAGE).name: Begun({"user": None}, generation=1)},
        destinations=DESTINATIONS,
        event_id="evt_1",
        now_ms=NOW_MS,
    )
    assert found[0].links == {"user": None, "ticket": None}
    assert found[0].requests[0].key != explained(MESSAGE)[0].requests[0].key


def test_a_death_knows_the_text_that_could_not_be_rendered() -> None:
    def death(text: str) -> Any:
        found = explained(text)[0].death
        assert found is not None
        return found.step, found.at, found.offset

    assert death("name: a\nkey: 'x-{{ fields.nme }}'") == (None, ("key",), 5)
    assert death("name: a\nvars: {x: ['{{ fields.nme }}']}") == (None, ("vars", "x", 0), 3)
    assert death("name: a\nsteps: [{id: a, use: erp.post, with: {path: /a, json: {b: '{{ fields.nme }}'}}}]") == (
        "a",
        ("steps", "a", "with", "json", "b"),
        3,
    )
    (list_,) = explained("name: a\nsteps: [{id: a, use: bells.ring, with: {note: '{{ fields.x }}'}}]", x=[1])
    assert list_.death is not None
    assert (list_.death.at, list_.death.offset) == (("steps", "a", "with", "note"), None)

"""The run without a wire that `mode: shadow` and `explain` share."""

from bridge.model import DeadKind
from bridge.rules.rule import Mode
from bridge.rules.run import Phase, Run, RunState
from bridge.rules.shadow import MAX_REQUESTS, Shadow, shadow
from tests.canaries import PHONE_E164
from tests.rules.builders import NOW_MS, SETTINGS, rule, scope
from tests.rules.test_run import MESSAGE, RECALL

HEADERS = {"zendesk": "Authorization", "erp": "X-Api-Key"}


def followed(text: str, body: object = None, links: dict[str, object] | None = None) -> Shadow:
    run = Run(
        rule(text),
        scope() | {"body": body},
        links=links or {},
        recall=RECALL,
        state=RunState(),
        settings=SETTINGS,
        event_id="evt_1",
    )
    return shadow(run, credential_headers=HEADERS, now_ms=NOW_MS)


def test_a_rule_in_shadow_says_what_it_would_send_and_sends_nothing() -> None:
    assert rule("mode: shadow").mode is Mode.SHADOW
    assert rule("").mode is Mode.LIVE
    seen = followed(MESSAGE)
    assert [(each.step, each.label, each.phase) for each in seen.requests] == [
        ("user", "zendesk.users.upsert", Phase.CALL),
        ("ticket", "zendesk.tickets.create", Phase.CALL),
    ]
    assert [each.sampled for each in seen.requests] == [False, True]
    assert (seen.skipped_steps, seen.death, seen.note) == (("comment",), None, "")
    headers = seen.requests[0].request["headers"]
    assert isinstance(headers, dict)
    assert headers["Authorization"] == "••••"
    assert PHONE_E164 in str(seen.requests[0].request["body"])


def test_a_rule_that_would_die_says_how_after_the_requests_before_it() -> None:
    two = "[{id: a, use: erp.post, with: {path: /a}}, {id: b, use: erp.post, with: {path: '/{{ fields.nme }}'}}]"
    seen = followed(f"steps: {two}")
    assert [each.step for each in seen.requests] == ["a"]
    assert seen.death is not None
    assert seen.death.kind is DeadKind.MAPPING


def test_items_have_their_own_requests_and_keys_and_a_long_list_is_cut() -> None:
    text = "steps: [{id: a, for_each: body, use: erp.post, with: {path: '/{{ item }}'}}]"
    seen = followed(text, ["x", "y"])
    assert [each.request["url"] for each in seen.requests] == ["/x", "/y"]
    assert len({each.key for each in seen.requests}) == 2
    long = followed(text, ["x"] * (MAX_REQUESTS + 1))
    assert len(long.requests) == MAX_REQUESTS
    assert long.note == f"the first {MAX_REQUESTS} requests are shown; there are more"
    assert followed(text, ["x"] * MAX_REQUESTS).note == ""

"""From what the store kept of an event to tests of it."""

from pathlib import Path
from typing import Any

import pytest

from bridge.cli.recording import Recorded, recorded_tests
from bridge.configuration.rule_tests import bench_of
from bridge.errors import UsageError
from bridge.rules.rendering import idempotency_key
from bridge.rules.testing.stage import Bench
from tests.canaries import PHONE
from tests.configuration.builders import load
from tests.rules.testing.builders import CONFIG, RULES, one

OTHERS = """\
  - name: comment
    on: aisoule/message.received
    steps: [{id: comment, use: zendesk.tickets.comment, with: {id: "77", body: "{{ fields.text }}"}}]
  - name: orders
    on: shop/paid
    steps: [{id: put, use: erp.put, with: {path: "/orders/{{ body.id }}", json: {shop: "{{ parent.shop }}"}}}]
  - name: nested
    on: shops/paid
    steps: [{id: put, use: erp.put, with: {path: "/orders/{{ body.id }}", json: {of: "{{ parents.orders.of }}"}}}]
"""
NESTED = """
  shops: {verify: {type: none}, split: "orders[].list[]", event: {type: "{{ body.kind }}", id: "{{ body.id }}"}}"""
MESSAGE = {"event": "message.received", "data": {"message_id": "m1", "sender": PHONE, "type": "text", "body": "Hi you"}}
Row = dict[str, Any]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    config = CONFIG.replace("\n  shop:", NESTED + "\n  shop:", 1)
    found = bench_of(load(tmp_path, {"config.yaml": config, "rules.yaml": RULES + OTHERS}))
    assert found is not None
    return found


def event(body: object = MESSAGE, **more: object) -> Row:
    return {
        "id": "evt_1",
        "source": "aisoule",
        "type": "message.received",
        "received_at": "2026-06-02T03:01:38.000Z",
        "received_at_ms": 1_780_369_298_000,
        "headers": {},
        "query": {},
        "body": body,
        "parent": None,
        "place": None,
        **more,
    }


def delivery(rule: str, *tries: Row, **more: object) -> Row:
    return {"rule": rule, "state": "done", "generation": 0, "links": {}, "steps": {}, "tries": list(tries), **more}


def tried(step: str, status: int | None, answer: str = "", **more: object) -> Row:
    outcome = "succeeded" if status == 200 else "retry_later"
    return {"step": step, "status": status, "answer": answer, "code": "", "outcome": outcome, **more}


def only_test(recorded: Recorded) -> Row:
    [test] = recorded.tests
    return dict(test)


def test_links_are_kept_under_the_masked_key(bench: Bench) -> None:
    got = delivery("log", tried("look", 200, '{"id": 5}'), tried("post", 200, '{"id": 6}'), links={"entry": 5})
    recorded = recorded_tests(bench, event(), [got])
    test = only_test(recorded)
    [(key, value)] = test["links"]["entry"].items()
    assert (key[:4], value) == ("+918", 5)
    assert PHONE[-7:] not in recorded.text()
    assert [each["expect"]["path"] for each in test["exchanges"]] == ["/entries/5", "/entries"]
    assert test["links_after"] == {"entry": {key: 6}}
    assert recorded.notes == []


def test_what_broke_on_the_way_is_recorded_and_what_a_single_call_never_meets_is_not(bench: Bench) -> None:
    tries = (
        tried("post", None, code="not_sent"),
        tried("post", 401, outcome="unauthorized"),
        tried("post", None, code="connect"),
        tried("post", None, code="no_answer"),
        tried("post", 503),
        tried("post", 200, '{"id": 6}'),
    )
    recorded = recorded_tests(bench, event(), [delivery("log", *tries)])
    answers = [each["answer"] for each in only_test(recorded)["exchanges"]]
    assert answers == ["refused", "lost", {"status": 503}, {"status": 200, "json": {"id": 6}}]
    assert any("whose credentials were refused" in note for note in recorded.notes)


def test_a_look_before_a_repeat_finds_the_call_by_the_key_of_the_test(bench: Bench) -> None:
    key = idempotency_key("evt_1", "comment", "comment", 0, 0)
    comments = f'{{"comments": [{{"id": 4, "metadata": {{"custom": {{"crm_bridge_key": "{key}"}}}}}}]}}'
    tries = (tried("comment", None, code="no_answer"), tried("comment", 200, comments))
    recorded = recorded_tests(bench, event(), [delivery("comment", *tries)])
    assert only_test(recorded)["outcome"] == "done"
    assert recorded.notes == []


def test_an_answer_that_was_cut_is_taken_from_the_step_or_told(bench: Bench) -> None:
    cut = tried("post", 200, '{"id": 6, "long": "aaa')
    whole = recorded_tests(bench, event(), [delivery("log", cut, steps={"post": {"body": {"id": 6}}})])
    assert only_test(whole)["exchanges"][0]["answer"]["json"] == {"id": 6}
    told = recorded_tests(bench, event(), [delivery("log", cut)])
    assert any("kept only in part" in note for note in told.notes)


def test_of_a_request_with_several_events_only_the_recorded_one_is_posted(bench: Bench) -> None:
    item = {"kind": "paid", "id": 5}
    row = event(item, source="shop", type="paid", parent={"shop": "b", "orders": [{"kind": "paid", "id": 4}, item]})
    row["headers"] = {"user-agent": "x", "x-forwarded-for": "192.0.2.1", "x-shop": "berlin"}
    test = only_test(recorded_tests(bench, row, [delivery("orders", tried("put", 200, "{}"))]))
    assert test["event"]["body"] == {"shop": "b", "orders": [item]}
    assert test["event"]["headers"] == {"x-shop": "berlin"}
    assert test["outcome"] == "done"


def test_of_lists_in_lists_only_the_way_to_the_recorded_event_is_posted(bench: Bench) -> None:
    items = [{"kind": "paid", "id": number} for number in range(4)]
    parent = {"shop": "b", "orders": [{"of": "a", "list": items[:2]}, {"of": "b", "list": items[2:]}]}
    place = ["orders", 1, "list", 0]
    row = event(items[2], source="shops", type="paid", parent=parent, place=place)
    test = only_test(recorded_tests(bench, row, [delivery("nested", tried("put", 200, "{}"))]))
    assert test["event"]["body"] == {"shop": "b", "orders": [{"of": "b", "list": [items[2]]}]}
    assert test["exchanges"][0]["expect"]["json"] == {"of": "b"}


def test_what_cannot_be_said_in_one_test_is_told(bench: Bench) -> None:
    gone, late = delivery("gone"), delivery("log", state="superseded")
    changed = delivery("log", tried("post", 200, '{"id": 6}'), tried("more", 200, "{}"))
    notes = recorded_tests(bench, event(), [changed, late, gone]).notes
    assert [note.split(":")[0] for note in notes][:2] == ["left out", "left out"]
    assert "the rule was changed since" in notes[2]
    with pytest.raises(UsageError, match="refuses the recorded event"):
        recorded_tests(bench, event({"no": "type"}), [])


def test_an_event_that_no_rule_covers_is_recorded_as_such(bench: Bench) -> None:
    recorded = recorded_tests(bench, event({"event": "ping"}, type="ping"), [])
    assert only_test(recorded)["outcome"] == "unmatched"
    assert one("event: {source: aisoule, body: {event: ping}}\noutcome: unmatched").passed

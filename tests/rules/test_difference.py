from typing import Any

from bridge.rules.difference import Kind, RuleChange, compare, unified
from tests.rules.test_explain import explained

POST = """
    name: a
    key: "{{ fields.customer | person }}"
    steps:
      - {id: one, use: erp.post, with: {path: /a, query: {q: "1"}, json: {t: "{{ fields.text }}", n: 1}}}
"""


def changes(before: str, after: str) -> list[RuleChange]:
    return compare(explained(before), explained(after))


def parts(change: RuleChange) -> dict[Any, Any]:
    return {part.part: (str(part.kind), part.old, part.new) for request in change.requests for part in request.parts}


def test_the_same_rules_change_nothing_whatever_their_text_looks_like() -> None:
    assert changes(POST, POST.replace("{{ fields.text }}", "{{  fields.text  }}")) == []


def test_a_request_is_compared_value_by_value() -> None:
    other = POST.replace("path: /a", "path: /b").replace('q: "1"', 'r: "1"').replace("n: 1", "n: true")
    [change] = changes(POST, other)
    assert (change.kind, change.before, change.after) == (Kind.CHANGED, "matches", "matches")
    assert parts(change) == {
        ("path",): ("changed", "/a", "/b"),
        ("query", "q"): ("removed", "1", None),
        ("query", "r"): ("added", None, "1"),
        ("json", "n"): ("changed", 1, True),
    }


def test_requests_of_new_and_lost_steps_are_told_whole() -> None:
    more = POST + "      - {id: two, use: erp.delete, with: {path: /x}}\n"
    [added], [removed] = changes(POST, more), changes(more, POST)
    [request] = added.requests
    assert (request.step, request.operation, request.kind) == ("two", "erp.delete", Kind.ADDED)
    assert parts(added)["path",] == ("added", None, "/x")
    assert [(each.step, each.kind) for each in removed.requests] == [("two", Kind.REMOVED)]


def test_calls_for_items_are_compared_one_by_one() -> None:
    each = "name: a\nsteps: [{id: a, use: erp.post, for_each: '{{ [1, 2] }}', with: {path: '/{{ item | string }}'}}]"
    [change] = changes(each, each.replace("[1, 2]", "[1, 3, 4]"))
    assert [
        (request.kind, request.parts[-1].new if request.kind is Kind.ADDED else None) for request in change.requests
    ]
    assert [request.kind for request in change.requests] == [Kind.CHANGED, Kind.ADDED]


def test_a_rule_that_comes_goes_or_matches_no_more_is_told() -> None:
    wanted, unwanted = POST, POST + "    if: fields.text == ''\n"
    [gone], [new] = compare(explained(wanted), []), compare([], explained(wanted))
    assert (gone.kind, gone.after, new.kind, new.before) == (
        Kind.REMOVED,
        "there is no such rule",
        Kind.ADDED,
        "there is no such rule",
    )
    [change] = changes(wanted, unwanted)
    assert change.after == "does not match: its `if` is false"
    assert [request.kind for request in change.requests] == [Kind.REMOVED]
    assert compare(explained(unwanted), []) == []


def test_another_lane_and_another_death_are_changes_too() -> None:
    [lane] = changes(POST, POST + "    order: none\n")
    assert {part.part: (part.old, part.new) for part in lane.waits} == {
        ("lanes",): (["erp"], []),
        ("order",): ("hold", "none"),
    }
    [dead] = changes(POST, POST.replace("{{ fields.text }}", "{{ fields.nothing }}"))
    assert dead.after.startswith("matches; dead: rule `a`, step `one`, `with.json.t`: `fields.nothing` is missing")


def test_windows_and_marks_are_compared_by_what_they_hold() -> None:
    window = POST + "    coalesce: {within: 10s}\n"
    [change] = changes(window, window.replace("10s", "20s"))
    assert [(part.part, part.old, part.new) for part in change.waits] == [(("coalesce", "window_ms"), 10_000, 20_000)]


def test_equal_requests_have_no_unified_difference() -> None:
    request = {"method": "GET", "url": "/a", "headers": {}}
    assert unified(request, dict(request), "old", "new") == ""
    assert unified(None, request, "old", "new").startswith("--- old\n+++ new\n@@")

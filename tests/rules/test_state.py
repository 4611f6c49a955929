from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.state import Phase, RunState, is_done, result
from tests.rules.builders import rule

TWO = rule(
    "steps: [{id: a, use: erp.get, with: {path: /}}, {id: b, use: zendesk.tickets.comment, with: {id: 7, body: x}}]"
)
A, B = TWO.steps
(EACH,) = rule("steps: [{id: e, for_each: body.x, use: erp.get, with: {path: /}}]").steps
DONE, SKIPPED, FAILED = result(id_=1), result(skipped=True), result(error={"code": "x"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
STATES = st.builds(
    RunState,
    results=st.dictionaries(st.text(max_size=3), st.dictionaries(st.text(max_size=3), JSON), max_size=3),
    step=st.none() | st.text(),
    label=st.none() | st.text(),
    items=st.dictionaries(
        st.text(max_size=3), st.lists(st.none() | st.dictionaries(st.text(max_size=3), JSON), max_size=3), max_size=3
    ),
    phase=st.sampled_from(Phase),
    since_ms=st.integers(0, 2**41),
    params=st.none() | st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    request=st.none() | st.dictionaries(st.text(max_size=3), st.text(), max_size=3),
    maybe_sent=st.booleans(),
    probed=st.booleans(),
    batched=st.booleans(),
    handle=st.none() | st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    polls=st.integers(0, 300),
    unknowns=st.integers(0, 3),
    page=st.none() | st.text(),
    existing=JSON,
    dropped=st.lists(st.text(), max_size=3),
    before=st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    doubted_key=st.none() | st.text(),
)


@given(STATES)
def test_a_state_comes_back_from_its_json(state: RunState) -> None:
    assert RunState.from_json(orjson.loads(orjson.dumps(state.to_json()))) == state


def test_a_state_of_an_older_version_is_read_and_unknown_keys_are_left_alone() -> None:
    old = {"results": {"a": result(id_=1)}, "step": "b", "phase": "call", "maybe_sent": True, "long_gone": 1}
    state = RunState.from_json(old)
    assert (state.step, state.maybe_sent, state.label) == ("b", True, None)
    assert state.is_at(B)
    assert RunState.from_json({}) == RunState()


def test_a_written_state_does_not_change_with_the_run() -> None:
    state = RunState()
    written = state.to_json()
    state.begin(A, 5)
    state.end(result(id_=1))
    state.dropped.append("x")
    state.end_item(EACH, result(id_=1))
    assert written == RunState().to_json()


def test_beginning_a_step_keeps_nothing_of_the_one_before() -> None:
    state = RunState()
    state.begin(A, 5)
    state.params, state.request, state.maybe_sent, state.unknowns, state.page = {}, {}, True, 2, "p"
    state.begin(B, 9)
    assert state == RunState(step="b", label="zendesk.tickets.comment", since_ms=9)
    assert state.is_at(B)
    assert not state.is_at(A)


def test_ending_a_step_keeps_its_result_only() -> None:
    state = RunState()
    state.begin(A, 5)
    state.end(result(id_=1))
    assert state == RunState(results={"a": result(id_=1)})


@pytest.mark.parametrize(
    ("outcome", "done"),
    [(None, False), (result(), True), (result(skipped=True), False), (result(error={"code": "x"}), False)],
)
def test_done_means_that_the_call_succeeded(outcome: dict[str, object] | None, *, done: bool) -> None:
    assert is_done(outcome) is done


def test_a_step_that_the_rule_has_no_more_is_not_kept_for_a_replay() -> None:
    state = RunState(results={"gone": result(id_=1), "a": result(id_=2)})
    assert RunState(results={"a": result(id_=2)}) == state.for_replay(TWO, None)


def test_a_doubt_is_only_replayed_where_it_can_be_looked_into() -> None:
    doubt = RunState(step="b", label=B.label, since_ms=5, maybe_sent=True)
    replayed = doubt.for_replay(TWO, "key")
    assert (replayed.step, replayed.since_ms, replayed.maybe_sent, replayed.doubted_key) == ("b", 5, True, "key")
    for other in (
        RunState(step="b", label=B.label, maybe_sent=False),
        RunState(step="b", label="erp.post", maybe_sent=True),
        RunState(step="a", label=A.label, maybe_sent=True),
        RunState(step="z", maybe_sent=True),
    ):
        assert other.for_replay(TWO, "key") == RunState()


# --- items --------------------------------------------------------------------------------------------------------


def test_items_are_filled_in_order_and_holes_first() -> None:
    state = RunState()
    assert state.index("e") == 0
    state.end_item(EACH, DONE)
    assert state.index("e") == 1
    state.items["e"] = [DONE, None, FAILED]
    assert state.index("e") == 1
    state.end_item(EACH, SKIPPED)
    assert state.items["e"] == [DONE | {"body": None}, SKIPPED, FAILED]
    state.end_items(EACH)
    assert state.results["e"]["items"] == [DONE, SKIPPED, FAILED]
    assert state.items == {}


@pytest.mark.parametrize(
    ("before", "again", "items", "is_over"),
    [
        (([DONE, FAILED], None), False, [DONE, None], False),
        (([DONE, DONE], None), False, [DONE, DONE], False),
        (([DONE, FAILED], None), True, None, False),
        ((None, [DONE, SKIPPED]), False, [DONE, None], False),
        ((None, [DONE, DONE]), False, None, True),
        ((None, [DONE, DONE]), True, None, False),
        ((None, []), False, None, False),
    ],
)
def test_a_step_that_is_reopened_keeps_the_items_that_are_done(
    before: tuple[list[Any] | None, list[Any] | None], items: list[Any] | None, *, again: bool, is_over: bool
) -> None:
    state = RunState()
    if before[0] is not None:
        state.items["e"] = list(before[0])
    if before[1] is not None:
        state.items["e"] = list(before[1])
        state.end_items(EACH)
    state.reopen("e", again=again)
    assert (state.items.get("e"), "e" in state.results) == (items, is_over)


def test_a_single_step_that_is_reopened_runs_again_unless_it_is_done() -> None:
    for outcome, again, kept in ((DONE, False, True), (DONE, True, False), (FAILED, False, False)):
        state = RunState(results={"a": outcome})
        state.reopen("a", again=again)
        assert ("a" in state.results) is kept

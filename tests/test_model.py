"""The words of the project as values."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import OPEN_STATES, TRANSITIONS, DeadKind, DeliveryState, Outcome, new_id, rfc3339


def test_every_state_says_where_it_may_go() -> None:
    assert set(TRANSITIONS) == set(DeliveryState)


def test_only_open_states_can_run_and_only_a_person_reopens_a_settled_one() -> None:
    starters = {state for state, next_ in TRANSITIONS.items() if DeliveryState.RUNNING in next_}
    assert starters == {DeliveryState.PENDING, DeliveryState.RETRYING}
    reopened = {state for state in DeliveryState if not state.is_open and TRANSITIONS[state] & OPEN_STATES}
    assert reopened == {DeliveryState.DEAD, DeliveryState.DONE}
    assert DeliveryState.RUNNING not in TRANSITIONS[DeliveryState.RUNNING]


@pytest.mark.parametrize("state", [DeliveryState.SKIPPED, DeliveryState.SUPERSEDED])
def test_what_is_skipped_or_superseded_stays_so(state: DeliveryState) -> None:
    assert not TRANSITIONS[state]


def test_every_state_can_be_reached_and_every_open_one_can_end() -> None:
    reached = {DeliveryState.PENDING}.union(*TRANSITIONS.values())
    assert reached == set(DeliveryState)
    for state in OPEN_STATES:
        assert DeliveryState.DEAD in TRANSITIONS[state]


def test_the_closed_lists_are_those_of_the_contract() -> None:
    kinds = "mapping rejected expired unanswered redirected config corrupt poison"
    outcomes = "succeeded retry_later rate_limited unauthorized rejected gone conflict unknown"
    assert [str(kind) for kind in DeadKind] == kinds.split()
    assert [str(outcome) for outcome in Outcome] == outcomes.split()


@given(st.integers(0, 253_402_300_799_999))
def test_a_time_is_shown_as_utc_with_milliseconds_and_loses_nothing(milliseconds: int) -> None:
    text = rfc3339(milliseconds)
    assert len(text) == 24
    assert text.endswith("Z")
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo == UTC
    assert round(moment.timestamp() * 1000) == milliseconds


def test_ids_carry_their_kind_and_are_opaque_ascii() -> None:
    ids = {new_id("evt") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(each.startswith("evt_") and each.isascii() and each.replace("_", "").isalnum() for each in ids)

"""The breaker: it opens on a row of failures of different deliveries, and tries with one call at a time."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer, Trouble
from bridge.outbound.breaker import Breaker, BreakerState, failed


def breaker(clock: ManualClock) -> Breaker:
    return Breaker(clock, random.Random(7))  # noqa: S311 - jitter that the tests can repeat


def fail(one: Breaker, *deliveries: str) -> None:
    for delivery in deliveries:
        probe = one.departed()
        one.ended(failed=True, deliveries=[delivery], probe=probe)


def opened(clock: ManualClock) -> Breaker:
    one = breaker(clock)
    fail(one, "a", "b", "c", "a", "b")
    assert one.state is BreakerState.OPEN
    return one


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200), False),
        (Answer(404), False),
        (Answer(429), False),
        (Answer(408), True),
        (Answer(500), True),
        (Answer(524), True),
        (Answer(None, trouble=Trouble.CONNECT), True),
        (Answer(None, trouble=Trouble.NO_ANSWER), True),
        (Answer(200, trouble=Trouble.CUT), True),
        (Answer(None, trouble=Trouble.TLS), None),
        (Answer(None, trouble=Trouble.ADDRESS), None),
        (Answer(None, trouble=Trouble.FILE_LATER), None),
        (Answer(None, trouble=Trouble.FILE_GONE), None),
        (None, None),
    ],
)
def test_what_speaks_against_the_server(answer: Answer | None, *, expected: bool | None) -> None:
    assert failed(answer) is expected


def test_it_opens_after_five_failures_of_three_deliveries(clock: ManualClock) -> None:
    one = breaker(clock)
    fail(one, "a", "b", "c", "a")
    assert one.admits()
    fail(one, "a")
    assert not one.admits()
    assert one.opened_at_ms == clock.now_ms()


def test_a_bad_record_alone_never_opens_it(clock: ManualClock) -> None:
    one = breaker(clock)
    fail(one, *["a", "b"] * 50)
    assert one.admits()
    fail(one, "c")
    assert not one.admits()


def test_a_success_begins_the_row_anew(clock: ManualClock) -> None:
    one = breaker(clock)
    fail(one, "a", "b", "c", "d")
    one.ended(failed=False, deliveries=["e"], probe=False)
    fail(one, "a", "b", "c", "d")
    assert one.state is BreakerState.CLOSED


def test_the_waits_double_up_to_a_minute_with_jitter(clock: ManualClock) -> None:
    one = opened(clock)
    for longest in (5_000, 10_000, 20_000, 40_000, 60_000, 60_000):
        assert one.retry_at_ms is not None
        wait = one.retry_at_ms - clock.now_ms()
        assert longest // 2 <= wait <= longest
        clock.advance(wait - 1)
        assert not one.admits()
        clock.advance(1)
        assert one.admits()
        fail(one, "a")


def test_one_call_at_a_time_until_one_succeeds(clock: ManualClock) -> None:
    one = opened(clock)
    clock.advance(5_000)
    assert one.departed()
    assert (one.state, one.admits()) == (BreakerState.HALF_OPEN, False)
    assert not one.ended(failed=None, deliveries=[], probe=True)  # it never left
    assert one.admits()
    assert one.departed()
    assert one.ended(failed=False, deliveries=["a"], probe=True)
    assert (one.state, one.opened_at_ms, one.retry_at_ms) == (BreakerState.CLOSED, None, None)
    fail(one, "a", "b", "c", "a", "b")
    assert one.retry_at_ms is not None
    assert one.retry_at_ms - clock.now_ms() <= 5_000


def test_calls_that_left_before_the_outage_change_nothing(clock: ManualClock) -> None:
    one = opened(clock)
    retry_at_ms = one.retry_at_ms
    assert not one.ended(failed=False, deliveries=["z"], probe=False)
    assert not one.ended(failed=True, deliveries=["z"], probe=False)
    assert (one.state, one.retry_at_ms) == (BreakerState.OPEN, retry_at_ms)


def test_an_outage_outlives_a_restart(clock: ManualClock) -> None:
    one = opened(clock)
    other = breaker(clock)
    other.restore(json.loads(json.dumps(one.snapshot())))
    assert (other.state, other.opened_at_ms, other.retry_at_ms) == (one.state, one.opened_at_ms, one.retry_at_ms)
    assert breaker(clock).snapshot() == {}


@pytest.mark.parametrize("snapshot", [{}, {"openings": "x"}, {"openings": 1, "opened_at_ms": None, "left_ms": 1}])
def test_what_is_no_snapshot_changes_nothing(snapshot: dict[str, object], clock: ManualClock) -> None:
    one = breaker(clock)
    one.restore(snapshot)
    assert one.state is BreakerState.CLOSED


@given(st.lists(st.sampled_from(["depart", "good", "bad", "lost", "wait"]), max_size=60))
def test_never_two_probes_and_never_shut_for_good(steps: list[str]) -> None:
    clock = ManualClock()
    one = opened(clock)
    probing = False
    for step in steps:
        match step:
            case "depart" if one.admits():
                assert not probing
                probing = one.departed()
            case "good" | "bad" | "lost" if probing:
                verdict = {"good": False, "bad": True, "lost": None}[step]
                one.ended(failed=verdict, deliveries=["a"], probe=True)
                probing = False
            case "wait":
                clock.advance(60_000)
    if not probing:
        clock.advance(60_000)
        assert one.admits()

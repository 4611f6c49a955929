"""How fast one source may send."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.clock import ManualClock
from bridge.sources import RequestLimit
from bridge.web.rate import RateLimit


@given(rate=st.integers(1, 1000), steps=st.lists(st.integers(0, 3000), max_size=200))
def test_no_more_than_a_burst_and_the_rate_get_through(rate: int, steps: list[int]) -> None:
    clock = ManualClock()
    limit = RateLimit(RequestLimit(rate=rate), clock)
    start, taken = clock.now_ms(), 0
    for step in steps:
        clock.advance(step)
        taken += limit.take() is None
        assert taken <= 2 * rate + (clock.now_ms() - start) / 1000 * rate + 1e-6


@given(rate=st.integers(1, 1000))
def test_whoever_waits_as_told_gets_in(rate: int) -> None:
    clock = ManualClock()
    limit = RateLimit(RequestLimit(rate=rate), clock)
    while (wait_s := limit.take()) is None:
        pass
    assert wait_s >= 1
    clock.advance(wait_s * 1000)
    assert limit.take() is None


@given(rate=st.integers(1, 50), steps=st.lists(st.integers(0, 3000), max_size=200))
def test_asking_how_long_to_wait_changes_nothing(rate: int, steps: list[int]) -> None:
    clock = ManualClock()
    asked, left_alone = RateLimit(RequestLimit(rate=rate), clock), RateLimit(RequestLimit(rate=rate), clock)
    for step in steps:
        clock.advance(step)
        told_s = asked.wait_s()
        taken = asked.take()
        assert taken == told_s
        assert (taken is None) is (left_alone.take() is None)

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.clock import ManualClock
from bridge.sandbox.limits import KeyedWindows, RateWindow


@settings(deadline=None)
@given(st.lists(st.integers(0, 700), max_size=40), st.integers(1, 5))
def test_no_window_ever_holds_more_than_its_limit(steps: list[int], limit: int) -> None:
    clock = ManualClock()
    window = RateWindow(clock, limit, 1000)
    taken: list[int] = []
    for step in steps:
        clock.advance(step)
        if window.remaining:
            window.take()
            taken.append(clock.now_ms())
    for moment in taken:
        assert sum(1 for other in taken if moment <= other < moment + 1000) <= limit


def test_a_window_tells_when_the_oldest_call_leaves_it() -> None:
    clock = ManualClock()
    window = RateWindow(clock, 1, 1500)
    assert (window.remaining, window.resets_in_ms, window.resets_in_s) == (1, 0, 0)
    window.take()
    assert (window.remaining, window.resets_in_ms, window.resets_in_s) == (0, 1500, 2)
    clock.advance(1500)
    assert window.remaining == 1


def test_each_key_has_its_own_window_and_empty_ones_are_dropped() -> None:
    clock = ManualClock()
    windows = KeyedWindows(clock, 1, 1000)
    windows.window("a").take()
    assert (windows.window("a").remaining, windows.window("b").remaining) == (0, 1)
    clock.advance(1000)
    assert windows.window("c").remaining == 1
    assert set(windows._windows) == {"c"}


def test_headers_may_claim_a_limit_that_is_not_the_true_one() -> None:
    window = RateWindow(ManualClock(), limit=2, window_ms=1_000, claimed=5)
    window.take()
    assert (window.remaining, window.told_limit, window.told_remaining) == (1, 5, 4)
    window.claimed = 0
    assert (window.told_limit, window.told_remaining) == (2, 1)


def test_a_changed_limit_counts_what_was_taken_before() -> None:
    windows = KeyedWindows(ManualClock(), limit=4, window_ms=1_000)
    for _ in range(3):
        windows.window("a").take()
    windows.change(2)
    assert (windows.window("a").remaining, windows.window("b").remaining) == (0, 2)

"""When to try again, and when to stop."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.destination import DEFAULT_SCHEDULE_MS
from bridge.engine.schedule import Schedule

DAY = 24 * 3_600_000
waits = st.lists(st.integers(2, 10**8), min_size=1, max_size=12)


@given(waits=waits, failures=st.integers(1, 50), horizon=st.integers(1, 10**9), elapsed=st.integers(0, 10**9))
def test_each_wait_lies_between_half_and_all_of_its_step_and_within_the_horizon(
    waits: list[int], failures: int, horizon: int, elapsed: int
) -> None:
    wait = Schedule(waits, horizon).wait_ms(failures, since_first_ms=elapsed)
    step = waits[min(failures, len(waits)) - 1]
    left = max(0, horizon - elapsed)
    assert min(step // 2, left) <= wait <= min(step, left)


def test_waits_are_spread_so_that_no_two_are_aligned() -> None:
    schedule = Schedule(DEFAULT_SCHEDULE_MS, DAY)
    drawn = {schedule.wait_ms(6) for _ in range(200)}
    assert len(drawn) > 190
    assert max(drawn) - min(drawn) > 3_600_000 / 4


def test_the_default_schedule_fills_the_day() -> None:
    assert DAY - 3_600_000 < sum(DEFAULT_SCHEDULE_MS) < DAY


@given(horizon=st.integers(1, 10**9))
def test_the_horizon_ends_trying_to_the_millisecond(horizon: int) -> None:
    schedule = Schedule(DEFAULT_SCHEDULE_MS, horizon)
    assert not schedule.is_over(since_first_ms=horizon - 1)
    assert schedule.is_over(since_first_ms=horizon)

"""The waits of rule tests held against those of the engine, which draws them from a range."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.verdict import Verdict
from bridge.engine.waits import Patience
from bridge.model import Outcome
from bridge.outbound import budgets, window
from bridge.rules.testing import patience

DURATIONS = st.integers(min_value=10, max_value=10_000_000)


def parts(own: list[int] | None, schedule: list[int], horizon: int) -> tuple[Any, Any]:
    rule = SimpleNamespace(schedule_ms=tuple(own) if own else None, horizon_ms=None)
    return rule, SimpleNamespace(schedule_ms=tuple(schedule), horizon_ms=horizon)


@given(
    st.none() | st.lists(DURATIONS, min_size=1, max_size=4),
    st.lists(DURATIONS, min_size=1, max_size=4),
    DURATIONS,
    st.integers(min_value=1, max_value=8),
    DURATIONS,
)
def test_a_wait_is_the_longest_that_the_engine_would_draw(
    own: list[int] | None, schedule: list[int], horizon: int, failures: int, since_ms: int
) -> None:
    rule, destination = parts(own, schedule, horizon)
    delivery: Any = SimpleNamespace(attempts=failures - 1, first_failed_at_ms=1_000)
    engine = Patience.of(delivery, rule, destination, now_ms=1_000 + since_ms)
    assert engine.is_over == patience.is_over(rule, destination, since_first_ms=since_ms)
    longest = patience.own_wait_ms(rule, destination, failures=failures, since_first_ms=since_ms)
    assert longest // 2 - 1 <= engine.wait_ms() <= longest or engine.wait_ms() == max(0, horizon - since_ms)


def test_what_the_api_asks_for_counts() -> None:
    verdict = Verdict(Outcome.RETRY_LATER, 503, "x", "", retry_after_ms=30_000, wait_ms=2_000)
    assert patience.failure_wait_ms(10_000, verdict) == 30_000
    assert patience.failure_wait_ms(60_000, verdict) == 60_000
    assert patience.limit_wait_ms(verdict) == 30_000
    assert patience.limit_wait_ms(Verdict(Outcome.RATE_LIMITED, 429, "x", "")) == budgets.DEFAULT_HOLD_MS
    assert patience.limit_wait_ms(Verdict(Outcome.RATE_LIMITED, 429, "x", "", retry_after_ms=1)) == window.LEAST_HOLD_MS
    assert patience.LONGEST_HOLD_MS == window.LONGEST_HOLD_MS

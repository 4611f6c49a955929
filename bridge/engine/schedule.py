"""When to try again, and when to stop: tenacity's strategies compute it, the store keeps the due time."""

from collections.abc import Sequence

from tenacity import RetryCallState, Retrying
from tenacity.stop import stop_after_delay
from tenacity.wait import wait_chain, wait_random


class Schedule:
    """The waits after each failure, each drawn uniformly from [d/2, d], and a horizon (fact C11).

    Args:
        waits_ms: the d of each failure; the last one repeats.
        horizon_ms: the last try starts this long after the first failure.
    """

    def __init__(self, waits_ms: Sequence[int], horizon_ms: int) -> None:
        self._horizon_ms = horizon_ms
        self._wait = wait_chain(*(wait_random(min=wait / 2000, max=wait / 1000) for wait in waits_ms))
        self._stop = stop_after_delay(horizon_ms / 1000)
        self._retrying = Retrying(wait=self._wait, stop=self._stop)

    def wait_ms(self, failures: int, *, since_first_ms: int = 0) -> int:
        """The wait after the `failures`-th failure, milliseconds; it does not reach beyond the horizon."""
        wait_ms = round(self._wait(self._state(failures, since_first_ms)) * 1000)
        return min(wait_ms, max(0, self._horizon_ms - since_first_ms))

    def is_over(self, *, since_first_ms: int) -> bool:
        """Whether the horizon has passed, `since_first_ms` after the first failure."""
        return self._stop(self._state(1, since_first_ms))

    def _state(self, failures: int, elapsed_ms: int) -> RetryCallState:
        state = RetryCallState(self._retrying, None, (), {})
        state.attempt_number = failures
        state.start_time = 0.0
        state.outcome_timestamp = elapsed_ms / 1000
        return state

"""A bound on how fast one source may send, so that a runaway sender does not crowd out the others (fact S16)."""

from bridge.clock import Clock


class RateLimit:
    """A token bucket: `per_second` requests in the long run, twice that in a burst."""

    def __init__(self, per_second: int, clock: Clock) -> None:
        self._per_second = per_second
        self._clock = clock
        self._tokens = float(2 * per_second)
        self._at_ms = clock.now_ms()

    def take(self) -> int | None:
        """Take one request's place; None when there is one, else the seconds to wait (at least 1)."""
        now_ms = self._clock.now_ms()
        self._tokens = min(2.0 * self._per_second, self._tokens + (now_ms - self._at_ms) / 1000 * self._per_second)
        self._at_ms = now_ms
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return max(1, round((1 - self._tokens) / self._per_second))

"""The circuit breaker of a destination: after a row of failures it is left alone, then tried with one call at a time.

Waiting for it is not an attempt. A failure is trouble on the way, or an answer that says the server is not well.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from bridge.clock import Clock
from bridge.connectors.answer import ABOUT_FILE, Answer, Trouble

FAILURES: Final = 5
DELIVERIES: Final = 3
"""A failing record alone must not close the way for all: so many different deliveries must have met the failures."""
FIRST_WAIT_MS: Final = 5_000
LONGEST_WAIT_MS: Final = 60_000
_REQUEST_TIMEOUT: Final = 408
_SERVER_ERROR: Final = 500


class BreakerState(StrEnum):
    """Whether calls leave: all, none, or one at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


def failed(answer: Answer | None) -> bool | None:
    """Whether an HTTP call speaks against the server (true), for it (false), or says nothing about it (None)."""
    if answer is None or answer.trouble in {Trouble.TLS, Trouble.ADDRESS} | ABOUT_FILE:
        return None
    if answer.trouble is not None or answer.status is None:
        return True
    return answer.status >= _SERVER_ERROR or answer.status == _REQUEST_TIMEOUT


class Breaker:
    """The breaker of one destination.

    Args:
        clock: the time.
        rng: draws the jitter.
        told: told when an outage begins (true) and when it is over (false).
    """

    def __init__(
        self, clock: Clock, rng: random.Random | None = None, told: Callable[[bool], None] | None = None
    ) -> None:
        self._clock = clock
        self._told = told
        self._rng = rng or random.Random()  # noqa: S311 - jitter, nothing secret
        self.state = BreakerState.CLOSED
        self.opened_at_ms: int | None = None
        """When the outage began, None when there is none."""
        self.retry_at_ms: int | None = None
        """When the next probe may leave while it is open."""
        self._failures = 0
        self._met: set[str] = set()
        self._openings = 0
        self._probing = False

    def admits(self) -> bool:
        """Whether a call may leave now."""
        if self.state is BreakerState.OPEN:
            return self._clock.now_ms() >= (self.retry_at_ms or 0)
        return self.state is BreakerState.CLOSED or not self._probing

    def departed(self) -> bool:
        """A call leaves; whether it is the probe. It must be `ended` in any case."""
        if self.state is BreakerState.CLOSED:
            return False
        self.state, self._probing = BreakerState.HALF_OPEN, True
        return True

    def ended(self, *, failed: bool | None, deliveries: Iterable[str], probe: bool) -> bool:
        """A call ended; `failed` as the function of that name says, None also when it never left.

        Returns:
            Whether the breaker closed now.
        """
        if probe:
            self._probing = False
            if failed is None:
                return False  # the next one is the probe
            if failed:
                self._open()
            else:
                self._close()
            return not failed
        if self.state is not BreakerState.CLOSED or failed is None:
            return False  # it left before the outage was noticed and changes nothing
        if not failed:
            self._failures = 0
            self._met.clear()
            return False
        self._failures += 1
        if len(self._met) < DELIVERIES:
            self._met.update(deliveries)
        if self._failures >= FAILURES and len(self._met) >= DELIVERIES:
            self._open()
        return False

    def snapshot(self) -> dict[str, object]:
        """JSON from which `restore` goes on; empty when nothing is wrong."""
        if self.state is BreakerState.CLOSED or self.opened_at_ms is None:
            return {}
        now_ms = self._clock.now_ms()
        return {
            "openings": self._openings,
            "opened_at_ms": self.opened_at_ms,
            "left_ms": max(0, (self.retry_at_ms or now_ms) - now_ms),
        }

    def restore(self, snapshot: Mapping[str, object]) -> None:
        """Go on with an outage that a former process met; what is no snapshot is left alone."""
        openings, opened, left = (snapshot.get(name) for name in ("openings", "opened_at_ms", "left_ms"))
        if isinstance(openings, int) and isinstance(opened, int) and isinstance(left, int):
            now_ms = self._clock.now_ms()
            self.state, self._openings = BreakerState.OPEN, max(1, openings)
            self.opened_at_ms = min(opened, now_ms)
            self.retry_at_ms = now_ms + min(max(0, left), LONGEST_WAIT_MS)

    def _open(self) -> None:
        now_ms = self._clock.now_ms()
        longest_ms = min(FIRST_WAIT_MS * 2 ** min(self._openings, 10), LONGEST_WAIT_MS)
        self._openings += 1
        self.state = BreakerState.OPEN
        begins = self.opened_at_ms is None
        self.opened_at_ms = self.opened_at_ms or now_ms
        self.retry_at_ms = now_ms + self._rng.randint(longest_ms // 2, longest_ms)
        if begins and self._told is not None:
            self._told(True)

    def _close(self) -> None:
        self.state = BreakerState.CLOSED
        self.opened_at_ms = self.retry_at_ms = None
        self._failures = self._openings = 0
        self._met.clear()
        if self._told is not None:
            self._told(False)

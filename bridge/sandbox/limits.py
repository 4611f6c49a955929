"""Sliding rate windows, counted on the sandbox's clock."""

from collections import deque
from dataclasses import dataclass, field

from bridge.clock import Clock


@dataclass(slots=True)
class RateWindow:
    """At most `limit` calls in any `window_ms` milliseconds.

    Calls are counted whether or not anybody enforces the limit, so the headers tell the truth either way. A
    refused call does not count. `claimed` is the limit that the headers name when that is not the true one, else 0.
    """

    clock: Clock
    limit: int
    window_ms: int
    claimed: int = 0
    _taken: deque[int] = field(default_factory=deque)

    def take(self) -> None:
        """Count one call."""
        self._taken.append(self.clock.now_ms())

    @property
    def remaining(self) -> int:
        """How many calls still fit now, never below 0."""
        self._forget_old()
        return max(0, self.limit - len(self._taken))

    @property
    def told_limit(self) -> int:
        """The limit as headers give it."""
        return self.claimed or self.limit

    @property
    def told_remaining(self) -> int:
        """How many calls still fit, as headers give it."""
        self._forget_old()
        return max(0, self.told_limit - len(self._taken))

    @property
    def resets_in_ms(self) -> int:
        """Milliseconds until the oldest counted call leaves the window; 0 for an empty window."""
        self._forget_old()
        return self._taken[0] + self.window_ms - self.clock.now_ms() if self._taken else 0

    @property
    def resets_in_s(self) -> int:
        """The same in whole seconds, rounded up, as headers give it."""
        return -(-self.resets_in_ms // 1000)

    def _forget_old(self) -> None:
        horizon = self.clock.now_ms() - self.window_ms
        while self._taken and self._taken[0] <= horizon:
            self._taken.popleft()


class KeyedWindows:
    """One :class:`RateWindow` per key, e.g. per ticket; windows that ran empty are dropped."""

    def __init__(self, clock: Clock, limit: int, window_ms: int) -> None:
        self._clock = clock
        self._limit = limit
        self._window_ms = window_ms
        self._windows: dict[str, RateWindow] = {}

    def window(self, key: str) -> RateWindow:
        """The window of one key."""
        if key not in self._windows:
            self._drop_empty()
            self._windows[key] = RateWindow(self._clock, self._limit, self._window_ms)
        return self._windows[key]

    def change(self, limit: int) -> None:
        """Use another limit, also for what is counted already."""
        self._limit = limit
        for window in self._windows.values():
            window.limit = limit

    def _drop_empty(self) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window.resets_in_ms}

"""What holds a destination back: a wait that the API asked for, or a pause until a person acts.

Waiting here is not an attempt. A hold holds the whole destination, because the limit behind a 429 does.
"""

from dataclasses import dataclass
from enum import StrEnum

from bridge.clock import Clock


class PauseReason(StrEnum):
    """Why a destination is paused."""

    UNAUTHORIZED = "unauthorized"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Pause:
    """A destination that waits for a person: `detail` says what was refused, in words without customer text."""

    reason: PauseReason
    since_ms: int
    detail: str


class Gate:
    """The gate of one destination."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held_until_ms = 0
        self.pause: Pause | None = None

    def hold(self, until_ms: int) -> None:
        """Send nothing before `until_ms`; a shorter hold does not end a longer one."""
        self._held_until_ms = max(self._held_until_ms, until_ms)

    def close(self, reason: PauseReason, detail: str) -> None:
        """Pause until `open` is called."""
        if self.pause is None:
            self.pause = Pause(reason, self._clock.now_ms(), detail)

    def open(self) -> None:
        """End a pause."""
        self.pause = None

    @property
    def held_until_ms(self) -> int | None:
        """When the hold ends, or None when there is none now."""
        return self._held_until_ms if self._held_until_ms > self._clock.now_ms() else None

    @property
    def is_open(self) -> bool:
        """Whether something may be sent now."""
        return self.pause is None and self.held_until_ms is None

"""What holds a destination back until a person acts. Waiting here is not an attempt.

What the API asked for ends by itself and stands in `bridge.outbound.budgets`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bridge.clock import Clock


class PauseReason(StrEnum):
    """Why a destination is paused."""

    UNAUTHORIZED = "unauthorized"
    SCOPE = "scope"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Pause:
    """A destination that waits for a person: `detail` says what was refused, in words without customer text."""

    reason: PauseReason
    since_ms: int
    detail: str


class Gate:
    """The gate of one destination. It may be paused for several reasons, and opens when all have ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: dict[PauseReason, Pause] = {}
        self._watchers: list[Callable[[], None]] = []

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever a pause begins or ends."""
        self._watchers.append(watcher)

    def close(self, reason: PauseReason, detail: str, *, since_ms: int | None = None) -> None:
        """Pause until `open` is called; `since_ms` when the pause is older than now."""
        if reason not in self._pauses:
            self._pauses[reason] = Pause(reason, self._clock.now_ms() if since_ms is None else since_ms, detail)
            self._tell()

    def open(self, *reasons: PauseReason) -> None:
        """End the pauses for these reasons; without any, all."""
        for reason in reasons or tuple(self._pauses):
            self._pauses.pop(reason, None)
        self._tell()

    @property
    def pause(self) -> Pause | None:
        """The pause that began first, None when there is none."""
        return next(iter(self._pauses.values()), None)

    def paused_for(self, reason: PauseReason) -> Pause | None:
        """The pause for this reason, None when there is none."""
        return self._pauses.get(reason)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

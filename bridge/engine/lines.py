"""A bound on lines of the log that strangers can cause: a flood must not fill the disk."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.clock import Clock

LINES = 5
"""So many lines a minute about one source for one reason."""
WINDOW_MS = 60_000


@dataclass(slots=True)
class _Window:
    begun_ms: int
    lines: int = 0
    left_out: int = 0


class LineBound:
    """Says whether one more line about something may be written.

    Args:
        clock: the time.
        lines: so many in each window.
        window_ms: how long a window is.
    """

    def __init__(self, clock: Clock, *, lines: int = LINES, window_ms: int = WINDOW_MS) -> None:
        self._clock = clock
        self._lines = lines
        self._window_ms = window_ms
        self._windows: dict[tuple[str, str], _Window] = {}
        self._looked_at_ms = -math.inf

    def passes(self, source: str, code: str) -> bool:
        """Whether one more line may be written; if not, it is counted as left out."""
        now_ms = self._clock.now_ms()
        window = self._windows.get((source, code))
        if window is None or now_ms - window.begun_ms >= self._window_ms:
            left_out = 0 if window is None else window.left_out
            window = self._windows[source, code] = _Window(now_ms, left_out=left_out)
        if window.lines < self._lines:
            window.lines += 1
            return True
        window.left_out += 1
        return False

    def left_out(self, *, at_once: bool = False) -> Iterator[tuple[str, str, int]]:
        """(source, code, lines) that were left out of windows that are over, each told once; `at_once`: of all."""
        now_ms = self._clock.now_ms()
        if not at_once and now_ms - self._looked_at_ms < self._window_ms:
            return
        self._looked_at_ms = now_ms
        for key, window in list(self._windows.items()):
            if at_once or now_ms - window.begun_ms >= self._window_ms:
                if window.left_out:
                    yield (*key, window.left_out)
                del self._windows[key]

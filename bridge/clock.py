"""Time as the rest of the program sees it: milliseconds since 1970 that never jump.

A running daemon must not fire early or wait for ever because somebody set the wall clock (fact C24).
:class:`SystemClock` reads the wall once and then moves with the monotonic clock. Tests step a
:class:`ManualClock` instead of sleeping.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What reads the time and waits for it."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC; never goes backwards."""
        ...

    def wall_ms(self) -> int:
        """What the wall clock says, which may jump: for times that others signed by theirs, and for nothing that waits.

        A machine that slept, or whose clock was set since, must not refuse every sender until it is restarted.
        """
        ...

    async def wait(self, signal: asyncio.Event, until_ms: int | None) -> None:
        """Return when `signal` is set or the time reaches `until_ms` (None: only the signal)."""
        ...


class SystemClock:
    """The wall clock at start, moved on by the monotonic clock."""

    def __init__(self) -> None:
        self._offset_ms = time.time_ns() // 1_000_000 - time.monotonic_ns() // 1_000_000

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.monotonic_ns() // 1_000_000 + self._offset_ms

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch by the wall clock."""
        return time.time_ns() // 1_000_000

    async def wait(self, signal: asyncio.Event, until_ms: int | None) -> None:
        """Wait for the signal, at most until `until_ms`."""
        if until_ms is None:
            await signal.wait()
            return
        try:
            async with asyncio.timeout(max(0.0, (until_ms - self.now_ms()) / 1000)):
                await signal.wait()
        except TimeoutError:
            return


class ManualClock:
    """A clock that only :meth:`advance` moves; for tests and dry runs."""

    def __init__(self, now_ms: int = 1_780_369_300_000) -> None:
        self._now_ms = now_ms
        self._moved = asyncio.Event()
        self.wall_ahead_ms = 0
        """How far the wall clock was set on."""

    def now_ms(self) -> int:
        """The time set by hand."""
        return self._now_ms

    def wall_ms(self) -> int:
        """The same, and as much more as the wall clock was set on."""
        return self.now_ms() + self.wall_ahead_ms

    def advance(self, milliseconds: int) -> None:
        """Move the time on and wake everybody who waits for it."""
        self._now_ms += milliseconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, signal: asyncio.Event, until_ms: int | None) -> None:
        """Wait for the signal, or for :meth:`advance` to reach `until_ms`."""
        while not signal.is_set() and (until_ms is None or self._now_ms < until_ms):
            moved = self._moved
            waiters = [asyncio.ensure_future(signal.wait()), asyncio.ensure_future(moved.wait())]
            try:
                await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for waiter in waiters:
                    waiter.cancel()
                await asyncio.gather(*waiters, return_exceptions=True)

"""Accepting comes before delivering: while requests wait at the door, no new deliveries are taken up.

A sender whose request is answered late sends it again, or gives up; a CRM does not mind a few milliseconds. The
wait is bounded, so a door that is never quiet slows deliveries down and does not stop them.
"""

import asyncio
from contextlib import AbstractContextManager
from types import TracebackType

from bridge.clock import Clock

LONGEST_MS = 20
"""How long the taking up of deliveries waits for the door to be quiet."""


class Precedence:
    """Who waits at the door right now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_the_door = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._door = _AtTheDoor(self)

    def at_the_door(self) -> AbstractContextManager[None]:
        """A request waits for its events to be stored, for the length of the block."""
        return self._door

    def came(self) -> None:
        """One more request waits."""
        self._at_the_door += 1
        self._quiet.clear()

    def left(self) -> None:
        """One fewer does."""
        self._at_the_door -= 1
        if self._at_the_door == 0:
            self._quiet.set()

    async def yield_to_the_door(self) -> None:
        """Wait until nobody is at the door, but not for long."""
        if not self._quiet.is_set():
            await self._clock.wait(self._quiet, self._clock.now_ms() + LONGEST_MS)


class _AtTheDoor:
    """The time that a request waits; one object does for all of them."""

    def __init__(self, precedence: Precedence) -> None:
        self._precedence = precedence

    def __enter__(self) -> None:
        self._precedence.came()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._precedence.left()

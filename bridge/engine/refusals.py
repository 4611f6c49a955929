"""How many requests of each source were refused, and why: counted in memory, and in the books within a second.

A commit for each refusal would let a stranger without a secret keep the disk busy. A crash forgets those of the last
second; what was taken is counted in its own commit, and never forgotten.
"""

import asyncio
from collections import Counter

import structlog

from bridge.clock import Clock
from bridge.errors import StoreError, StoreUnavailable
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

EVERY_MS = 1_000


class Refusals:
    """Counts refusals, and adds them to the books at most once a second."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._new: Counter[tuple[str, str]] = Counter()
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()

    def note(self, source: str, reason: str) -> None:
        """Count one; `reason` is a fixed word of ours, of which there are a few dozen."""
        self._new[source, reason] += 1
        self._changed.set()

    async def run(self) -> None:
        """Add what is new whenever there is something; cancel to stop."""
        never = asyncio.Event()
        while True:
            await self._changed.wait()
            await self.save()
            await self._clock.wait(never, self._clock.now_ms() + EVERY_MS)

    async def save(self) -> None:
        """Add what is new to the books now; while the store cannot write it is kept.

        Raises:
            StoreFailed: the store must not be trusted any more.
        """
        async with self._saving:  # whoever asks while somebody saves must find that in the books
            self._changed.clear()
            new, self._new = self._new, Counter()
            try:
                if new:
                    await self._store.count_refused(new)
            except StoreUnavailable:
                self._new.update(new)
                self._changed.set()
                log.warning("refusals.not_saved", help="the store cannot write; it is tried again in a second")

    async def last_save(self) -> None:
        """Add the rest at the end, as far as the store can still write."""
        try:
            await self.save()
        except StoreError as error:
            log.warning("refusals.not_saved", problem=type(error).__name__, help="those of the last second are lost")

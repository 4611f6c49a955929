"""What the outlets know outlives the process: budgets spent and held, open breakers, pauses by hand."""

import asyncio

import structlog

from bridge.clock import Clock
from bridge.engine.present import Present
from bridge.errors import StoreError, StoreUnavailable
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

PREFIX = "outlet/"
EVERY_MS = 1_000
"""How old the kept state may be: a crash forgets the calls of at most this time; the next answers tell of them."""


class Keeper:
    """Saves what the outlets know, at most once a second and only when something was sent or held."""

    def __init__(self, store: Store, present: Present, clock: Clock) -> None:
        self._store = store
        self._present = present
        self._clock = clock
        self._saved: dict[str, object] = {}
        self._changed = asyncio.Event()

    def touch(self) -> None:
        """Something was sent, held or paused."""
        self._changed.set()

    async def restore(self) -> None:
        """Give every outlet what an earlier process knew."""
        kept = await self._store.notes(PREFIX)
        self._saved = dict(kept)
        self._present.outlets.restore({name.removeprefix(PREFIX): state for name, state in kept.items()})

    async def run(self) -> None:
        """Save whenever something has changed; cancel to stop."""
        never = asyncio.Event()
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.save()
            except StoreUnavailable:
                self._changed.set()
                log.warning("budgets.not_saved", help="the store cannot write; the next second tries again")
            await self._clock.wait(never, self._clock.now_ms() + EVERY_MS)

    async def save(self) -> None:
        """Save what has changed since the last time.

        Raises:
            StoreError: it could not be written.
        """
        states = {PREFIX + name: state for name, state in self._present.outlets.snapshot().items()}
        changed = {name: state for name, state in states.items() if self._saved.get(name) != state}
        if changed:
            await self._store.write_notes(changed)
            self._saved.update(changed)

    async def last_save(self) -> None:
        """Save at the end, as far as the store can still write."""
        try:
            await self.save()
        except StoreError as error:
            log.warning(
                "budgets.not_saved", problem=type(error).__name__, help="the next start knows them as of before"
            )

"""Housekeeping: what is old enough leaves the store, an hour at a time, a few hundred rows a commit.

Captured requests, which are in files, leave with it.
"""

import asyncio

import structlog

from bridge.clock import Clock
from bridge.engine.capture_files import CaptureFolders
from bridge.engine.present import Present
from bridge.errors import StoreUnavailable
from bridge.model import DEDUPE_MS
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

EVERY_MS = 3_600_000
ROWS = 500


class Housekeeping:
    """Applies the retention periods."""

    def __init__(self, store: Store, present: Present, clock: Clock) -> None:
        self._store = store
        self._present = present
        self._clock = clock

    async def run(self) -> None:
        """Tidy up every hour; cancel to stop."""
        never = asyncio.Event()
        while True:
            await self.tidy()
            await self._clock.wait(never, self._clock.now_ms() + EVERY_MS)

    async def tidy(self) -> None:
        """Remove what is past its time, as far as that can be done now."""
        try:
            await self.prune()
        except StoreUnavailable:
            log.warning("retention.postponed", help="the store was busy; the next run takes it up")
        await asyncio.to_thread(self.prune_captures)

    async def prune(self) -> int:
        """Remove everything that is past its time; returns how many rows."""
        settings, now_ms, total = self._present.configuration.settings, self._clock.now_ms(), 0
        windows = [source.extraction.dedupe_ms for source in self._present.configuration.sources.values()]
        while True:
            pruned = await self._store.prune(
                done_before_ms=now_ms - settings.store.retention_ms,
                dead_before_ms=now_ms - settings.dead_letters.retention_ms,
                # Also what was first seen under a shorter window is known for as long as the source says now.
                seen_before_ms=now_ms - max(DEDUPE_MS, settings.store.retention_ms, *windows),
                limit=ROWS,
                now_ms=now_ms,
            )
            removed = pruned.events + pruned.deliveries + pruned.identities + pruned.replay_ids
            total += removed
            if removed == 0:
                break
        if total:
            log.info("retention.pruned", rows=total)
        return total

    def prune_captures(self) -> None:
        """Remove captured requests that are older than settled deliveries get."""
        configuration = self._present.configuration
        folders = CaptureFolders.beside(configuration)
        try:
            files, problem = folders.prune(self._clock.now_ms() - configuration.settings.store.retention_ms)
        except OSError as error:
            files, problem = 0, error
        if problem is not None:
            log.warning("capture.not_removed", folder=str(folders.path), problem=problem.strerror or str(problem))
        if files:
            log.info("capture.removed", files=files)

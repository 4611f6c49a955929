"""The books, checked while the daemon runs: accepted = done + skipped + superseded + dead + pending, for each rule."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bridge.clock import Clock
from bridge.errors import StoreUnavailable
from bridge.store.protocol import Difference, Store

log = structlog.get_logger(__name__)

EVERY_MS = 60_000
OLD_MS = 3_600_000
"""Work that waits longer than this is worth a look: nothing that works waits so long."""
HELP = "a counter of the store and its rows differ: keep a copy of the store, and report it"


@dataclass(frozen=True, slots=True)
class BooksReport:
    """One check of the books. `differences` is empty when they balance; `oldest_open_ms` is a time, None: no work."""

    at_ms: int
    differences: tuple[Difference, ...]
    oldest_open_ms: int | None

    @property
    def balanced(self) -> bool:
        """Whether every counter is what the rows add up to."""
        return not self.differences

    @property
    def oldest_open_age_ms(self) -> int:
        """How old the oldest work was at the time of the check, 0 when there was none."""
        return 0 if self.oldest_open_ms is None else self.at_ms - self.oldest_open_ms


class BooksWatch:
    """Checks the books every minute, and says so in the log when they differ or when work grows old.

    Args:
        store: the durable memory.
        clock: the time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._alarmed: frozenset[Difference] = frozenset()
        self._is_late = False
        self.last: BooksReport | None = None
        """The newest check, for `status` and whoever exports it."""

    async def run(self) -> None:
        """Check every minute; cancel to stop."""
        never = asyncio.Event()
        while True:
            try:
                self.tell(await self.check())
            except StoreUnavailable:
                log.warning("books.postponed", help="the store was busy; the next minute takes it up")
            await self._clock.wait(never, self._clock.now_ms() + EVERY_MS)

    async def check(self) -> BooksReport:
        """Compare the counters with the rows, once, and keep the report.

        Raises:
            StoreUnavailable: the store cannot be asked now.
        """
        differences = tuple(await self._store.check_books())
        oldest_ms = (await self._store.books()).oldest_open_ms
        self.last = BooksReport(self._clock.now_ms(), differences, oldest_ms)
        return self.last

    async def recent(self) -> BooksReport:
        """The newest check; a new one when nobody has checked lately.

        Raises:
            StoreUnavailable: the store cannot be asked now.
        """
        is_recent = self.last is not None and self._clock.now_ms() - self.last.at_ms <= 2 * EVERY_MS
        return self.last if is_recent and self.last is not None else await self.check()

    def tell(self, report: BooksReport) -> None:
        """Say in the log what is new about the books: differences, their end, work that has grown old."""
        self._say_differences(report.differences)
        self._say_age(report)

    def _say_differences(self, differences: Sequence[Difference]) -> None:
        """Each difference once, until it changes or goes away."""
        found = frozenset(differences)
        for each in differences:
            if each not in self._alarmed:
                log.error(
                    "books.difference",
                    rule=each.rule,
                    destination=each.destination,
                    state=each.name,
                    counted=each.counted,
                    booked=each.booked,
                    help=HELP,
                )
        if self._alarmed and not found:
            log.info("books.balanced")
        self._alarmed = found

    def _say_age(self, report: BooksReport) -> None:
        was_late, self._is_late = self._is_late, report.oldest_open_age_ms > OLD_MS
        if self._is_late and not was_late:
            log.warning(
                "books.old_work",
                age_s=report.oldest_open_age_ms // 1000,
                help="see `crm-bridge status` and `crm-bridge deliveries list --state retrying`",
            )

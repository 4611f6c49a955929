"""A store with many deliveries waiting, written fast: by the store's own operations, in big commits that nobody syncs.

Takes a configuration, a number of deliveries and the seconds it may take; prints how many there are then.
"""

import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge.configuration.load import load_configuration
from bridge.model import NewDelivery, NewEvent
from bridge.rules.plan import plan
from bridge.store.sqlite import SqliteStore
from tests.bench.loop import run
from tests.bench.product import ENVIRONMENT, ORDER
from tests.bench.workload import SIGNATURE, event, signature

CHUNK = 500
LANES = 20_000
"""As many customers wait; each has the same number of events."""


class UnsyncedConnection(sqlite3.Connection):
    """Does not wait for the disk, for what it writes is only a benchmark's."""

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        """Run a statement, but for the one that asks for syncing."""
        return super().execute("PRAGMA synchronous = OFF" if sql == "PRAGMA synchronous = FULL" else sql, *given)


class Filler:
    """Makes events and their deliveries as the daemon would, with the same plan for all events of a customer."""

    def __init__(self, config: Path) -> None:
        loaded = load_configuration(config, ENVIRONMENT)
        assert loaded.configuration is not None, loaded.findings
        self._configuration = loaded.configuration
        self._source = loaded.configuration.sources["shop"]
        self._store_path = loaded.configuration.settings.store.store_path(config.parent)
        self._now_ms = time.time_ns() // 1_000_000
        self._plans: dict[int, list[NewDelivery]] = {}

    async def fill(self, count: int, within_s: float) -> int:
        """Add up to `count` deliveries; returns how many it were when the time was over."""
        store = await SqliteStore.open(self._store_path, connection_class=UnsyncedConnection)
        end_s = time.monotonic() + within_s
        done = 0
        while done < count and time.monotonic() < end_s:
            numbers = range(done, min(count, done + CHUNK))
            await self._add(store, numbers)
            done = numbers.stop
        await store.close()
        return done

    async def _add(self, store: SqliteStore, numbers: Sequence[int]) -> None:
        accepted = await store.accept([self._event(number) for number in numbers])
        seqs = [one.event.seq for one in accepted if one.event is not None]
        plans = [self._plan(number) for number in numbers]
        await store.route(list(zip(seqs, plans, strict=True)), now_ms=self._now_ms)

    def _event(self, number: int) -> NewEvent:
        body = event("backlog", number, ORDER, 1, customers=LANES)
        received = self._source.receive(
            headers=[(SIGNATURE, signature(body))], query=[], body=body, now_ms=self._now_ms
        )
        [new] = received.events  # type: ignore[union-attr]  # our own signature is not refused
        return new

    def _plan(self, number: int) -> list[NewDelivery]:
        customer = number % LANES
        if customer not in self._plans:
            stored = self._event(number).stored(seq=1, id_="evt_plan")
            rules = self._configuration.rules.rules_for(stored.source, stored.type)
            self._plans[customer] = [plan(rule, self._configuration.scope(stored)) for rule in rules]
        return self._plans[customer]


async def main() -> None:
    """Fill as the arguments say."""
    filled = await Filler(Path(sys.argv[1])).fill(int(sys.argv[2]), float(sys.argv[3]))
    sys.stdout.write(f"{filled}\n")


if __name__ == "__main__":
    run(main())

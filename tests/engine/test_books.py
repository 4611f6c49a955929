"""The watch over the books."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.engine.books import EVERY_MS, OLD_MS, BooksWatch
from bridge.errors import StoreUnavailable
from bridge.sandbox import FaultKind
from bridge.store.protocol import Books, Difference
from tests.engine.world import World


def spoil(world: World, amount: int) -> None:
    """Change a counter behind the store's back."""
    with closing(sqlite3.connect(world.folder / "bridge.db")) as connection, connection:
        changed = connection.execute(
            "UPDATE counters SET amount = amount + ? WHERE rule = 'order-to-erp' AND name = 'done'", (amount,)
        )
        assert changed.rowcount == 1


def said(logs: Any, event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


async def test_books_that_balance_are_reported_as_such(world: World) -> None:
    await world.order(1)
    await world.settle()
    watch = BooksWatch(world.store.store, world.clock)

    report = await watch.check()

    assert report.balanced
    assert (report.at_ms, report.oldest_open_ms) == (world.clock.now_ms(), None)
    assert watch.last is report


async def test_a_difference_is_said_once_until_it_changes_and_its_end_too(world: World) -> None:
    await world.order(1)
    await world.settle()
    watch = BooksWatch(world.store.store, world.clock)
    with capture_logs() as logs:
        spoil(world, 1)
        watch.tell(await watch.check())
        watch.tell(await watch.check())
        assert not (await watch.recent()).balanced
        [only] = said(logs, "books.difference")
        assert (only["log_level"], only["rule"]) == ("error", "order-to-erp")
        assert only["help"]

        spoil(world, 1)
        watch.tell(await watch.check())
        assert len(said(logs, "books.difference")) == 2

        spoil(world, -2)
        watch.tell(await watch.check())
        assert (await watch.recent()).balanced
        assert len(said(logs, "books.balanced")) == 1


async def test_old_work_is_said_once_until_there_is_none(world: World) -> None:
    world.fault(FaultKind.STATUS, status=500)
    await world.order(1)
    await world.calm()
    world.engine._tasks["books"].cancel()  # the daemon's own watch would say it as well
    watch = BooksWatch(world.store.store, world.clock)
    with capture_logs() as logs:
        watch.tell(await watch.check())
        assert said(logs, "books.old_work") == []
        await world.console.pause("erp", "for the test")
        world.clock.advance(OLD_MS + 1_000)
        for _ in range(2):
            watch.tell(await watch.check())
        assert watch.last is not None
        assert watch.last.oldest_open_age_ms == OLD_MS + 1_000
        [only] = said(logs, "books.old_work")
        assert only["age_s"] == (OLD_MS + 1_000) // 1_000


class BusyOnce:
    """The real store, which is too busy for the first check."""

    def __init__(self, world: World) -> None:
        self._store = world.store.store
        self.refused = asyncio.Event()
        self.answered = asyncio.Event()

    async def check_books(self) -> list[Difference]:
        if not self.refused.is_set():
            self.refused.set()
            raise StoreUnavailable("busy")
        return list(await self._store.check_books())

    async def books(self) -> Books:
        self.answered.set()
        return await self._store.books()


async def test_a_busy_store_is_asked_again_a_minute_later(world: World) -> None:
    busy = BusyOnce(world)
    store: Any = busy
    watch = BooksWatch(store, world.clock)
    with capture_logs() as logs:
        running = asyncio.create_task(watch.run())
        await busy.refused.wait()
        assert len(said(logs, "books.postponed")) == 1
        assert watch.last is None
        world.clock.advance(EVERY_MS)
        await busy.answered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_recent_check_is_given_again_and_an_old_one_is_not(world: World) -> None:
    watch = BooksWatch(world.store.store, world.clock)
    first = await watch.recent()
    world.clock.advance(EVERY_MS)
    assert await watch.recent() is first
    world.clock.advance(2 * EVERY_MS)
    assert (await watch.recent()).at_ms == world.clock.now_ms()

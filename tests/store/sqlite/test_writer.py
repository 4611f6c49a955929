import asyncio
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import StoreError, StoreFailed, StoreUnavailable
from bridge.model import Claim, LinkWrite
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.writer import LARGEST_BATCH
from tests.canaries import PHONE, TEXT
from tests.store.examples import NOTHING, NOW, accept, bring, claim, finish, new_event, plan
from tests.store.sqlite.conftest import Open, outside


class Gate:
    """Stops the writer in front of COMMIT, or makes COMMIT fail."""

    def __init__(self) -> None:
        self.armed = False
        self.failure: sqlite3.Error | None = None
        self.reached = threading.Event()
        self.opened = threading.Event()
        gate = self

        class GatedConnection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql == "COMMIT" and gate.armed:
                    gate.reached.set()
                    gate.opened.wait()
                    if gate.failure is not None:
                        failure, gate.failure = gate.failure, None
                        raise failure
                return super().execute(sql, *parameters)

        self.connection_class = GatedConnection

    async def until_reached(self) -> None:
        await asyncio.to_thread(self.reached.wait)


def sqlite_error(code: int, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


async def wait(store: SqliteStore, claimed: Claim) -> None:
    await store.postpone(claimed.lease, NOTHING, now_ms=NOW, due_at_ms=NOW, destination="hubspot", failed=True)


async def test_the_answer_waits_until_commit_has_returned(open_sqlite: Open, path: Path) -> None:
    gate = Gate()
    store = await open_sqlite(connection_class=gate.connection_class)
    gate.armed = True
    answer = asyncio.create_task(store.accept([new_event("m1")]))
    await gate.until_reached()
    with outside(path) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    assert not answer.done()
    gate.opened.set()
    assert not (await answer)[0].duplicate
    with outside(path) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


async def test_what_queues_during_a_commit_shares_the_next_one(open_sqlite: Open) -> None:
    gate = Gate()
    store = await open_sqlite(connection_class=gate.connection_class)
    gate.armed = True
    tasks = [asyncio.create_task(accept(store, "m0"))]
    await gate.until_reached()
    tasks += [asyncio.create_task(accept(store, f"m{number}")) for number in range(1, 200)]
    others = [asyncio.create_task(store.next_due()) for _ in range(50)]
    gate.opened.set()
    events = await asyncio.gather(*tasks)
    await asyncio.gather(*others)
    assert len({event.seq for event in events}) == 200
    assert store.commits <= 3


async def test_what_is_asked_for_in_one_turn_shares_one_commit(store: SqliteStore) -> None:
    await asyncio.gather(*(bring(store, f"m{number}", plan(key=None)) for number in range(100)))
    claims = await claim(store, limit=100)
    before = store.commits
    await asyncio.gather(
        *(finish(store, claimed) for claimed in claims[:50]), *(wait(store, one) for one in claims[50:])
    )
    assert store.commits == before + 1
    assert await store.check_books() == []


async def test_more_than_one_commit_may_hold_is_cut(store: SqliteStore) -> None:
    before = store.commits
    await asyncio.gather(*(accept(store, f"m{number}") for number in range(LARGEST_BATCH + 1)))
    assert before + 1 <= store.commits <= before + 2
    assert (await store.books()).accepted == LARGEST_BATCH + 1


async def test_closing_in_the_turn_of_a_write_still_writes_it(open_sqlite: Open) -> None:
    store = await open_sqlite()
    [answers, _] = await asyncio.gather(store.accept([new_event("m1")]), store.close())
    assert not answers[0].duplicate
    again = await open_sqlite()
    assert [row.event.event_id for row in await again.events(limit=9)] == ["m1"]


async def test_an_operation_whose_caller_was_cancelled_harms_nobody(open_sqlite: Open) -> None:
    gate = Gate()
    store = await open_sqlite(connection_class=gate.connection_class)
    gate.armed = True
    lost = asyncio.create_task(accept(store, "m1"))
    await gate.until_reached()
    lost.cancel()
    with suppress(asyncio.CancelledError):
        await lost
    gate.opened.set()
    [again] = await store.accept([new_event("m1")])
    assert again.duplicate


async def test_a_commit_that_fails_on_a_full_disk_acknowledges_nothing_and_heals(open_sqlite: Open) -> None:
    gate = Gate()
    store = await open_sqlite(connection_class=gate.connection_class)
    gate.armed = True
    gate.opened.set()
    gate.failure = sqlite_error(sqlite3.SQLITE_FULL, "SQLITE_FULL")
    with pytest.raises(StoreUnavailable, match="full"):
        await accept(store, "m1")
    assert (await store.books()).accepted == 0
    assert (await accept(store, "m1")).event_id == "m1"


async def test_a_failed_sync_is_final_though_the_disk_works_again(open_sqlite: Open) -> None:
    gate = Gate()
    store = await open_sqlite(connection_class=gate.connection_class)
    gate.armed = True
    gate.opened.set()
    gate.failure = sqlite_error(sqlite3.SQLITE_IOERR | (4 << 8), "SQLITE_IOERR_FSYNC")
    results = await asyncio.gather(accept(store, "m1"), store.next_due(), return_exceptions=True)
    assert [type(result) for result in results] == [StoreFailed, StoreFailed]
    with pytest.raises(StoreFailed, match="SQLITE_IOERR_FSYNC"):
        await accept(store, "m2")
    assert isinstance(await store.wait_failed(), StoreFailed)
    assert await store.events(limit=9) == []


async def test_a_real_full_database_refuses_the_large_event_and_takes_the_small_one(store: SqliteStore) -> None:
    await accept(store, "m1")
    writer = store._writer._connection
    [pages] = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages + 8}").fetchall()
    with pytest.raises(StoreUnavailable, match="full"):
        await store.accept([new_event("large", content=b"x" * 1_000_000)])
    await accept(store, "small")
    assert [row.event.event_id for row in await store.events(limit=9)] == ["small", "m1"]


async def test_a_foreign_writer_makes_it_wait_and_then_refuse(open_sqlite: Open, path: Path) -> None:
    store = await open_sqlite(busy_timeout_ms=30)
    with outside(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="SQLITE_BUSY"):
            await accept(store, "m1")
        connection.rollback()
    await accept(store, "m1")


async def test_lists_are_read_while_a_commit_hangs(open_sqlite: Open) -> None:
    gate = Gate()
    store = await open_sqlite(connection_class=gate.connection_class)
    await accept(store, "m1")
    gate.armed = True
    hanging = asyncio.create_task(accept(store, "m2"))
    await gate.until_reached()
    assert [row.event.event_id for row in await store.events(limit=9)] == ["m1"]
    gate.opened.set()
    await hanging


async def test_closing_finishes_what_is_queued_and_refuses_what_comes_later(store: SqliteStore) -> None:
    waiting = [asyncio.create_task(accept(store, f"m{number}")) for number in range(20)]
    turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(turn.set)
    await turn.wait()
    await store.close()
    assert len(await asyncio.gather(*waiting)) == 20
    with pytest.raises(StoreUnavailable):
        await accept(store, "late")
    with pytest.raises(StoreUnavailable):
        await store.events(limit=1)


async def test_an_internal_error_shows_no_customer_text(store: SqliteStore, path: Path) -> None:
    await bring(store, "m1", plan())
    with outside(path) as connection:
        connection.execute("UPDATE deliveries SET recall = CAST(? AS TEXT)", (PHONE.encode() + b"\xff",))
        connection.execute("DROP TABLE links")
    with pytest.raises(StoreError) as caught:
        await store.write_links([LinkWrite("ticket", PHONE, TEXT)], now_ms=NOW)
    assert str(caught.value) == "the store refused an operation (SQLITE_ERROR)"
    assert await claim(store) == []
    [letter] = await store.unexported_dead_letters(limit=9)
    assert PHONE not in letter.death.message

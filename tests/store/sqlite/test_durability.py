"""Nothing that was acknowledged is lost, and nothing damaged is delivered."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model import DeadKind, DeliveryState
from bridge.store.protocol import DeadLetterFilter
from bridge.store.sqlite import SqliteStore
from tests.store.examples import (
    NOTHING,
    NOW,
    accept,
    bring,
    claim,
    claim_one,
    finish,
    new_event,
    plan,
    sender_ids,
    states,
)
from tests.store.sqlite.conftest import outside

WRITER = """
import asyncio, sys
from pathlib import Path
from bridge.store.sqlite import SqliteStore
from tests.store.examples import accept

async def one(store, number):
    event = await accept(store, f"m{number}")
    print(event.id, flush=True)

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    for start in range(0, 1_000_000, 7):
        await asyncio.gather(*(one(store, number) for number in range(start, start + 7)))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 40, 300])
async def test_a_killed_writer_loses_nothing_that_it_acknowledged(path: Path, lines: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    acknowledged = [await process.stdout.readline() for _ in range(lines)]
    process.kill()
    acknowledged += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    ids = [line.decode().strip() for line in acknowledged if line.endswith(b"\n")]
    store = await SqliteStore.open(path)
    assert len(ids) >= lines
    for event_id in ids:
        assert await store.event(event_id) is not None
    books = await store.books()
    assert books.accepted == books.unrouted == len(await store.unrouted(after_seq=0, limit=10**6)) >= len(ids)
    await store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET content = CAST('other' AS BLOB) WHERE event_id = 'm1'",
        "UPDATE events SET type = 'message.sent' WHERE event_id = 'm1'",
        "UPDATE events SET headers = CAST(x'7bff' AS TEXT) WHERE event_id = 'm1'",
        "UPDATE events SET request_seq = 99 WHERE event_id = 'm1'",
        "UPDATE deliveries SET progress = '{' WHERE seq = 1",
        "UPDATE deliveries SET ordering = 'hole' WHERE seq = 1",
    ],
)
async def test_what_is_damaged_is_dead_and_the_next_one_goes_on(store: SqliteStore, path: Path, damage: str) -> None:
    await bring(store, "m1", plan())
    await bring(store, "m2", plan())
    with outside(path) as connection:
        connection.execute(damage)
    assert sender_ids(await claim(store)) == ["m2"]
    assert (await states(store))[0] is DeliveryState.DEAD
    [letter] = await store.dead_letters(DeadLetterFilter(kind=DeadKind.CORRUPT))
    assert letter.event.event_id == "m1"
    assert (await store.books()).rules["rule"][DeliveryState.DEAD] == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE requests SET body = CAST('other' AS BLOB)",
        "UPDATE events SET place = '[1]' WHERE event_id = 'm1'",
        "UPDATE events SET place = '7' WHERE event_id = 'm1'",
        "UPDATE events SET place = NULL WHERE event_id = 'm1'",
        "DELETE FROM requests",
    ],
)
async def test_an_event_whose_surroundings_are_damaged_is_not_delivered(
    store: SqliteStore, path: Path, damage: str
) -> None:
    await store.accept([replace(new_event("m1"), parent=b"[{}]", item=0, place=(0,))])
    [waiting] = await store.unrouted(after_seq=0, limit=9)
    await store.route([(waiting.seq, [plan()])], now_ms=NOW)
    with outside(path) as connection:
        connection.execute(damage)
    assert await claim(store) == []
    [letter] = await store.dead_letters(DeadLetterFilter(kind=DeadKind.CORRUPT))
    assert letter.event.event_id == "m1"


async def test_a_damaged_event_is_not_routed_and_stays_in_the_books(store: SqliteStore, path: Path) -> None:
    for number in range(3):
        await accept(store, f"m{number}")
    with outside(path) as connection:
        connection.execute("UPDATE events SET content = CAST('' AS BLOB) WHERE event_id < 'm2'")
    assert [event.event_id for event in await store.unrouted(after_seq=0, limit=1)] == ["m2"]
    assert (await store.books()).unrouted == 3


async def test_an_abandoned_store_is_taken_over_where_it_stood(path: Path) -> None:
    store = await SqliteStore.open(path)
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.postpone(claimed.lease, NOTHING, now_ms=NOW, due_at_ms=NOW + 5, destination="hubspot", failed=True)
    await store.close()
    store = await SqliteStore.open(path)
    assert await store.next_due() == {"hubspot": NOW + 5}
    await store.close()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("DELETE FROM deliveries WHERE seq = 1", {("rule", "done", 1, 2), ("rule", "created", 2, 3)}),
        ("UPDATE deliveries SET state = 'dead' WHERE seq = 1", {("rule", "done", 1, 2), ("rule", "dead", 1, 0)}),
        ("DELETE FROM events WHERE seq = 1", {("", "accepted", 3, 4), ("", "routed", 2, 3)}),
        ("UPDATE events SET routed = 0 WHERE routed = 2", {("", "unrouted", 1, 0), ("", "unmatched", 0, 1)}),
        ("UPDATE counters SET amount = 9 WHERE name = 'pending'", {("rule", "pending", 1, 9)}),
        ("DELETE FROM counters WHERE name = 'created'", {("rule", "created", 3, 0)}),
    ],
)
async def test_a_difference_in_the_books_is_found(
    store: SqliteStore, path: Path, damage: str, expected: set[tuple[str, str, int, int]]
) -> None:
    for number in range(3):
        await bring(store, f"m{number}", plan(key=None))
    await bring(store, "unmatched")
    for claimed in await claim(store, limit=2):
        await finish(store, claimed)
    assert await store.check_books() == []
    with outside(path) as connection:
        connection.execute(damage)
    found = await store.check_books()
    assert {(one.rule, one.name, one.counted, one.booked) for one in found} == expected
    assert {one.destination for one in found} <= {"", "hubspot"}


async def test_damaged_text_in_a_row_that_is_read_in_a_hurry_stops_nobody(store: SqliteStore, path: Path) -> None:
    for number in range(3):
        await bring(store, f"m{number}", plan(key=None))
    with outside(path) as connection:
        connection.execute("UPDATE deliveries SET recall = CAST(x'7bff' AS TEXT) WHERE seq = 2")
    assert sender_ids(await claim(store)) == ["m0", "m2"]
    assert (await states(store))[1] is DeliveryState.DEAD

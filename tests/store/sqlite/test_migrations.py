"""A store that an earlier version wrote goes on where it stood."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from zlib import crc32

from bridge.model import DeliveryState
from bridge.store.protocol import DeadLetterFilter
from bridge.store.sqlite import SqliteStore, opening
from bridge.store.sqlite.statements import migrations
from tests.store.examples import NOW, claim, finish, new_event, plan, sender_ids

EVENT = {
    "source": "aisoule",
    "type": "message.received",
    "raw_type": "message.incoming",
    "received_at_ms": NOW,
    "headers": "{}",
    "query": "{}",
}
DELIVERY = {
    "revision": "r1",
    "key": "k",
    "lanes": '["hubspot"]',
    "destination": "hubspot",
    "ordering": "hold",
    "order_hold_ms": 1,
    "due_at_ms": NOW,
    "recall": "{}",
    "created_at_ms": NOW,
    "opened_at_ms": NOW,
}
COUNTERS = [
    ("", "accepted", 9),
    ("", "routed", 7),
    ("", "unmatched", 1),
    ("", "unrouted", 1),
    ("a", "done", 4),
    ("a", "pending", 2),
    ("a", "running", 0),
    ("b", "dead", 1),
    ("b", "skipped", 2),
]


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> None:
    names, places = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(row.values()))  # noqa: S608 - our names


def event(seq: int, *, routed: int) -> Mapping[str, object]:
    content = b"{}"
    texts = [EVENT["source"], f"m{seq}", EVENT["type"], EVENT["raw_type"], EVENT["headers"], EVENT["query"]]
    check = crc32(("\0" + "\0".join(map(str, texts))).encode(), crc32(content))
    named = {"seq": seq, "id": f"evt_{seq}", "event_id": f"m{seq}"}
    return {**EVENT, **named, "content": content, "checksum": check, "routed": routed}


def old_store(path: Path) -> None:
    """A store of schema 1: nine events came, retention took three of those that were done and one unmatched."""
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(migrations()[1])
        connection.execute(f"PRAGMA application_id = {opening.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        for seq, (rule, state, settled) in enumerate(
            [("a", "done", NOW), ("a", "pending", None), ("a", "pending", None), ("b", "dead", NOW)], start=1
        ):
            insert(connection, "events", event(seq, routed=1))
            own = {"seq": seq, "id": f"dlv_{seq}", "event_seq": seq, "rule": rule, "state": state}
            waits = {"blocked": int(seq == 3), "settled_at_ms": settled, "generation": int(seq == 2)}
            insert(connection, "deliveries", {**DELIVERY, **own, **waits})
        for position, seq in enumerate([2, 3], start=1):
            connection.execute("INSERT INTO lanes VALUES ('hubspot', 'k', ?, ?)", (position, seq))
        insert(connection, "events", event(5, routed=0))
        connection.execute(
            "INSERT INTO dead_letters (delivery_seq, at_ms, rule, kind, code, message, mend, fingerprint, attempts)"
            " VALUES (4, ?, 'b', 'rejected', 'c', 'm', 'mend', 'f', 1)",
            (NOW,),
        )
        connection.executemany("INSERT INTO counters VALUES (?, ?, ?)", COUNTERS)
        connection.commit()


async def test_the_books_of_an_old_store_balance_at_once(path: Path) -> None:
    old_store(path)
    store = await SqliteStore.open(path)
    assert await store.check_books() == []
    books = await store.books()
    assert (books.accepted, books.routed, books.unrouted, books.unmatched) == (9, 7, 1, 1)
    assert books.created == {"a": 6, "b": 3}
    assert {state: amount for state, amount in books.rules["a"].items() if amount} == {
        DeliveryState.DONE: 4,
        DeliveryState.PENDING: 2,
    }
    assert books.pruned == {"a": {DeliveryState.DONE: 3}, "b": {DeliveryState.SKIPPED: 2}}
    assert books.destinations["a", "hubspot"][DeliveryState.DONE] == 1
    assert books.destinations["a", ""][DeliveryState.DONE] == 3
    assert books.oldest_open_ms == NOW
    assert books.sources == {"aisoule": {"accepted": 5}}  # of the four that retention took nobody knows the source
    await store.accept([new_event("m9")])
    assert (await store.books()).sources == {"aisoule": {"accepted": 6}}
    assert await store.check_books() == []
    await store.close()


async def test_the_deliveries_of_an_old_store_go_on_in_order(path: Path) -> None:
    old_store(path)
    store = await SqliteStore.open(path)
    [first] = await claim(store)
    assert (first.event.event_id, first.delivery.queue, first.delivery.replay) == ("m2", "", True)
    assert await finish(store, first) == {"hubspot"}
    [second] = await claim(store)
    assert (second.event.event_id, second.delivery.replay) == ("m3", False)
    await finish(store, second)
    [letter] = await store.dead_letters(DeadLetterFilter())
    await store.replay(letter.delivery, plan("b"), {}, now_ms=NOW)
    assert sender_ids(await claim(store)) == ["m4"]
    pruned = await store.prune(done_before_ms=NOW + 1, dead_before_ms=NOW + 1, seen_before_ms=0, limit=9)
    assert (pruned.deliveries, pruned.events) == (3, 3)
    assert await store.check_books() == []
    await store.close()


async def test_an_event_that_an_old_store_split_off_goes_on_without_its_place(path: Path) -> None:
    old_store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO requests VALUES (7, CAST('[{}]' AS BLOB), ?)", (crc32(b"[{}]"),))
        connection.execute("UPDATE events SET request_seq = 7, item = 0 WHERE seq IN (2, 5)")
        connection.commit()
    store = await SqliteStore.open(path)
    [claimed] = await claim(store)
    [waiting] = await store.unrouted(after_seq=0, limit=9)
    for event in (claimed.event, waiting):
        assert (event.parent, event.item, event.place) == (b"[{}]", 0, None)
    await store.close()

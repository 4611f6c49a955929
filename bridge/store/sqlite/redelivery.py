"""What a person lets in although it is known: a stored event once more, or the sender's next repeat of it."""

import sqlite3
from collections.abc import Collection, Iterator

from bridge.model import DEDUPE_MS, NewEvent, StoredEvent, new_id
from bridge.store.sqlite.acceptance import Fresh, Sight, digest, store
from bridge.store.sqlite.parents import Parents
from bridge.store.sqlite.rows import event_from, is_intact
from bridge.store.sqlite.session import Session, Transaction
from bridge.store.values import Lost, Pass, Redelivery


def redeliver(tx: Transaction, event_ids: Collection[str], *, now_ms: int) -> list[Redelivery]:
    """Store the events as new ones that came now; one answer for each id, in the order of the ids."""
    rows = {event_id: tx.one("event_by_id", (event_id,)) for event_id in event_ids}
    parents = Parents(tx, [row for row in rows.values() if row is not None])
    found = {event_id: _read(tx, event_id, row, parents) for event_id, row in rows.items()}
    known = sorted((each for each in found.values() if isinstance(each, StoredEvent)), key=lambda event: event.seq)
    fresh = [_again(tx, event, now_ms) for event in known]
    stored = {event.id: new for event, new in zip(known, store(tx, fresh), strict=True)}
    return [
        Redelivery(event_id, lost=about) if isinstance(about, Lost) else Redelivery(event_id, event=stored[event_id])
        for event_id, about in found.items()
    ]


def _read(tx: Transaction, event_id: str, row: sqlite3.Row | None, parents: Parents) -> StoredEvent | Lost:
    if row is not None:
        return event_from(row, parents) if is_intact(row, parents) else Lost.DAMAGED
    return Lost.UNKNOWN if tx.one("identity_by_evt_id", (event_id,)) is None else Lost.PRUNED


def _again(tx: Transaction, event: StoredEvent, now_ms: int) -> Fresh:
    """As the sender's own repeat would be, if it were not recognised; what the source read from it stays."""
    known = tx.one("identity_of_event", (event.id,))
    new = NewEvent(
        source=event.source,
        event_id=event.event_id,
        type=event.type,
        raw_type=event.raw_type,
        time_ms=event.time_ms,
        received_at_ms=now_ms,
        content=event.content,
        parent=event.parent,
        item=event.item,
        headers=event.headers,
        query=event.query,
        place=event.place,
        dedupe_ms=DEDUPE_MS if known is None else known["dedupe_ms"],
    )
    return Fresh(new, Sight(new_id("evt"), now_ms, digest(event.content)), request=0, place=0, repeats=event.id)


def let_through(tx: Transaction, event_ids: Collection[str], *, until_ms: int) -> list[Pass]:
    """Let the next repeat of each event in; one answer for each id, in the order of the ids."""
    passes = list(_passes(tx, event_ids))
    needed = {(each.source, each.event_id, until_ms) for each in passes if each.needed}
    tx.write_rows("give_passes", sorted(needed))
    return passes


def _passes(session: Session, event_ids: Collection[str]) -> Iterator[Pass]:
    for event_id in event_ids:
        row = session.one("event_by_id", (event_id,))
        identity = _identity(session, event_id, is_stored=row is not None)
        if identity is not None:
            yield Pass(event_id, identity["source"], identity["event_id"], needed=True)
        else:
            yield Pass(event_id) if row is None else Pass(event_id, row["source"], row["event_id"])


def _identity(session: Session, event_id: str, *, is_stored: bool) -> sqlite3.Row | None:
    """The identity of one of our ids; it may point to a later event of the same identity."""
    return session.one("identity_of_event" if is_stored else "identity_by_evt_id", (event_id,))

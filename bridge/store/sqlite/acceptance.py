"""Acceptance: events of many requests in one go, with the memory of what was seen before."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

from bridge.model import Accepted, NewEvent, StoredEvent, new_id
from bridge.store.sqlite.parents import Parents
from bridge.store.sqlite.rows import checksum, event_from, is_intact
from bridge.store.sqlite.session import EVENTS, Session, SqlValue, Transaction, dump
from bridge.store.sqlite.statements import repeated, slices

Identity = tuple[str, str]
"""(source, the sender's event id)."""


class _Sight(NamedTuple):
    """The first sight of an identity, of which a later one may be a duplicate."""

    evt_id: str
    first_seen_ms: int
    digest: bytes


class _Fresh(NamedTuple):
    """An event that will be stored, and where its answer belongs."""

    event: NewEvent
    sight: _Sight
    request: int
    place: int


def accept(tx: Transaction, requests: Sequence[Sequence[NewEvent]]) -> list[list[Accepted]]:
    """Store the events of several requests; one list of answers per request."""
    known = _known(tx, {(event.source, event.event_id) for events in requests for event in events})
    answers: list[list[Accepted]] = [[] for _ in requests]
    fresh: list[_Fresh] = []
    for request, events in enumerate(requests):
        for event in events:
            sight = _Sight(new_id("evt"), event.received_at_ms, _digest(event.content))
            first = known.get((event.source, event.event_id))
            if first is not None and event.received_at_ms - first.first_seen_ms < event.dedupe_ms:
                answer = Accepted(first.evt_id, duplicate=True, differs=first.digest != sight.digest)
            else:
                known[event.source, event.event_id] = sight
                fresh.append(_Fresh(event, sight, request, len(answers[request])))
                answer = Accepted(sight.evt_id, duplicate=False)
            answers[request].append(answer)
    for new, stored in zip(fresh, _store(tx, fresh), strict=True):
        answers[new.request][new.place] = Accepted(stored.id, duplicate=False, event=stored)
    return answers


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def _known(tx: Transaction, identities: set[Identity]) -> dict[Identity, _Sight]:
    wanted = sorted(identities)
    known: dict[Identity, _Sight] = {}
    for part in slices(len(wanted)):
        chosen = wanted[part]
        text = repeated("known_identities", 2, len(chosen))
        for row in tx.connection.execute(text, [value for identity in chosen for value in identity]):
            sight = _Sight(row["evt_id"], row["first_seen_ms"], row["digest"])
            known[row["source"], row["event_id"]] = sight
    return known


def _store(tx: Transaction, fresh: Sequence[_Fresh]) -> list[StoredEvent]:
    if not fresh:
        return []
    seqs = tx.insert_rows("insert_events", _event_rows(tx, fresh))
    tx.insert_rows("remember_identities", [_identity_row(new) for new in _last_of_each(fresh)])
    tx.count(EVENTS, "accepted", len(fresh))
    tx.count(EVENTS, "unrouted", len(fresh))
    return [new.event.stored(seq=seq, id_=new.sight.evt_id) for seq, new in zip(seqs, fresh, strict=True)]


def _last_of_each(fresh: Sequence[_Fresh]) -> list[_Fresh]:
    # Two of one identity can both be new when the second came after the window of the first.
    return list({(new.event.source, new.event.event_id): new for new in fresh}.values())


def _event_rows(tx: Transaction, fresh: Sequence[_Fresh]) -> list[tuple[SqlValue, ...]]:
    parents: dict[tuple[int, bytes], int] = {}
    rows: list[tuple[SqlValue, ...]] = []
    for new in fresh:
        event = new.event
        request_seq = None
        if event.parent is not None:
            shared = (new.request, event.parent)
            if shared not in parents:
                parents[shared] = tx.insert("insert_request", (event.parent, crc32(event.parent)))
            request_seq = parents[shared]
        headers, query = dump(event.headers), dump(event.query)
        place = None if event.place is None else dump(event.place)
        texts = (event.source, event.event_id, event.type, event.raw_type)
        rows.append(
            (
                new.sight.evt_id,
                *texts,
                event.time_ms,
                event.received_at_ms,
                event.content,
                request_seq,
                event.item,
                place,
                headers,
                query,
                checksum(event.content, *texts, headers, query, *([] if place is None else [place])),
            )
        )
    return rows


def _identity_row(new: _Fresh) -> tuple[SqlValue, ...]:
    event, sight = new.event, new.sight
    return (event.source, event.event_id, sight.evt_id, sight.first_seen_ms, event.dedupe_ms, sight.digest)


def unrouted(session: Session, *, after_seq: int, limit: int) -> list[StoredEvent]:
    """Events that wait for routing. Damaged ones are left out: no rule may see bytes that nobody sent.

    They stay unrouted in the books, where the age of the oldest open work shows them.
    """
    found: list[StoredEvent] = []
    while len(found) < limit:
        rows = session.all("unrouted_events", {"after": after_seq, "limit": limit - len(found)})
        if not rows:
            break
        parents = Parents(session, rows)
        found.extend(event_from(row, parents) for row in rows if is_intact(row, parents))
        after_seq = rows[-1]["event_seq"]
    return found

"""Acceptance: events of many requests in one go, with the memory of what was seen before."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

from bridge.errors import Replayed
from bridge.model import Accepted, NewEvent, StoredEvent, new_id
from bridge.store.sqlite import replay_ids
from bridge.store.sqlite.parents import Parents
from bridge.store.sqlite.rows import checksum, event_from, is_intact
from bridge.store.sqlite.session import EVENTS, Session, SqlValue, Transaction, dump
from bridge.store.sqlite.statements import repeated, slices
from bridge.store.values import ReplayId

Identity = tuple[str, str]
"""(source, the sender's event id)."""


_TO_COME = Accepted("", duplicate=False)
"""Keeps the place of an answer until its event is stored."""


class Request(NamedTuple):
    """The arguments of one `Store.accept`."""

    events: Sequence[NewEvent]
    once: ReplayId | None = None


class Sight(NamedTuple):
    """The first sight of an identity, of which a later one may be a duplicate.

    `pass_until_ms`: a person lets a repeat in that comes before.
    """

    evt_id: str
    first_seen_ms: int
    digest: bytes
    pass_until_ms: int | None = None


class Fresh(NamedTuple):
    """An event that will be stored, where its answer belongs, and our id of the one that it repeats."""

    event: NewEvent
    sight: Sight
    request: int
    place: int
    repeats: str | None = None


def accept(tx: Transaction, requests: Sequence[Request]) -> list[list[Accepted] | Replayed]:
    """Store the events of several requests; one list of answers per request, or the refusal of it."""
    known = _known(tx, {(event.source, event.event_id) for request in requests for event in request.events})
    memory = replay_ids.Memory(tx, [request.once for request in requests if request.once is not None])
    answers: list[list[Accepted]] = [[] for _ in requests]
    refused: dict[int, Replayed] = {}
    fresh: list[Fresh] = []
    for number, request in enumerate(requests):
        try:
            retry_ms = 0 if request.once is None else memory.take(request.once)
        except Replayed as replayed:
            refused[number] = replayed
            continue
        for event in request.events:
            first = known.get((event.source, event.event_id))
            window_ms = max(event.dedupe_ms, retry_ms)
            is_known = first is not None and event.received_at_ms - first.first_seen_ms < window_ms
            if first is not None and is_known and not _is_let_in(event, first):
                answers[number].append(_duplicate(tx, event, first))
                continue
            sight = Sight(new_id("evt"), event.received_at_ms, digest(event.content))
            known[event.source, event.event_id] = sight
            repeats = first.evt_id if first is not None and is_known else None
            fresh.append(Fresh(event, sight, number, len(answers[number]), repeats))
            answers[number].append(_TO_COME)
    memory.keep()
    for new, stored in zip(fresh, store(tx, fresh), strict=True):
        answers[new.request][new.place] = Accepted(stored.id, duplicate=False, event=stored, repeats=new.repeats)
    return [refused.get(number, answer) for number, answer in enumerate(answers)]


def digest(content: bytes) -> bytes:
    """What tells whether two events of one identity are the same bytes."""
    return blake2b(content, digest_size=16).digest()


def _is_let_in(event: NewEvent, first: Sight) -> bool:
    return first.pass_until_ms is not None and event.received_at_ms < first.pass_until_ms


def _duplicate(tx: Transaction, event: NewEvent, first: Sight) -> Accepted:
    differs = first.digest != digest(event.content)
    tx.count(EVENTS, "duplicates", destination=event.source)
    if differs:
        tx.count(EVENTS, "differing", destination=event.source)
    return Accepted(first.evt_id, duplicate=True, differs=differs)


def _known(tx: Transaction, identities: set[Identity]) -> dict[Identity, Sight]:
    wanted = sorted(identities)
    known: dict[Identity, Sight] = {}
    for part in slices(len(wanted)):
        chosen = wanted[part]
        text = repeated("known_identities", 2, len(chosen))
        for row in tx.connection.execute(text, [value for identity in chosen for value in identity]):
            sight = Sight(row["evt_id"], row["first_seen_ms"], row["digest"], row["pass_until_ms"])
            known[row["source"], row["event_id"]] = sight
    return known


def store(tx: Transaction, fresh: Sequence[Fresh]) -> list[StoredEvent]:
    """Store events that are new or were let in, remember their identities, and count them."""
    if not fresh:
        return []
    seqs = tx.insert_rows("insert_events", _event_rows(tx, fresh))
    tx.insert_rows("remember_identities", [_identity_row(new) for new in _last_of_each(fresh)])
    tx.count(EVENTS, "accepted", len(fresh))
    tx.count(EVENTS, "unrouted", len(fresh))
    for new in fresh:
        tx.count(EVENTS, "accepted", destination=new.event.source)
    _note_repeats(tx, [(seq, new) for seq, new in zip(seqs, fresh, strict=True) if new.repeats is not None])
    return [new.event.stored(seq=seq, id_=new.sight.evt_id) for seq, new in zip(seqs, fresh, strict=True)]


def _note_repeats(tx: Transaction, repeats: Sequence[tuple[int, Fresh]]) -> None:
    """Say which event each repeats, and use up whatever let it in."""
    if not repeats:
        return
    tx.insert_rows("note_redeliveries", [(seq, new.repeats) for seq, new in repeats])
    for _, new in repeats:
        tx.write("use_pass", (new.event.source, new.event.event_id))
        tx.count(EVENTS, "redelivered", destination=new.event.source)


def _last_of_each(fresh: Sequence[Fresh]) -> list[Fresh]:
    # Two of one identity can both be new when the second came after the window of the first.
    return list({(new.event.source, new.event.event_id): new for new in fresh}.values())


def _event_rows(tx: Transaction, fresh: Sequence[Fresh]) -> list[tuple[SqlValue, ...]]:
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


def _identity_row(new: Fresh) -> tuple[SqlValue, ...]:
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

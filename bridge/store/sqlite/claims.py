"""Claiming: due deliveries at the head of their lanes are leased, damaged and poisonous ones are put aside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.model import Claim, DeadKind, Death, Delivery, DeliveryState, Lease, StoredEvent
from bridge.store.sqlite import marks, picking, states, windows
from bridge.store.sqlite.parents import Parents
from bridge.store.sqlite.rows import (
    DELIVERY_WIDTH,
    EVENT_WIDTH,
    LINKS,
    claimed_delivery,
    event_from,
    is_intact,
    recall_of,
    shown,
)
from bridge.store.sqlite.session import Row, Session, SqlValue, Transaction, dump, numbers

DAMAGED = Death(
    kind=DeadKind.CORRUPT,
    code="row-damaged",
    message="the stored bytes are not those that were accepted: the checksum differs",
    mend="check the disk; restore the store from a backup, or ask the sender to send the event again",
    fingerprint="corrupt:row-damaged",
)
POISONOUS = Death(
    kind=DeadKind.POISON,
    code="crashed-the-worker",
    message="the process ended several times while it worked on this delivery",
    mend="look into the log before the last restarts; replay the delivery once the cause is gone",
    fingerprint="poison:crashed-the-worker",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `claim` asks for. After `crash_limit` crashes a delivery is not handed out again."""

    destination: str
    worker: str
    now_ms: int
    lease_ms: int
    limit: int
    crash_limit: int
    replays: int | None = None
    queues: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)


class _Sound(NamedTuple):
    """A delivery that can be handed out."""

    standing: states.Standing
    delivery: Delivery
    event: StoredEvent
    fence: int
    interrupted: bool
    starts: bool
    """It has never run before in its generation, so its links were read just now."""


def claim(tx: Transaction, request: Request) -> list[Claim]:
    """Lease what may start now."""
    windows.end_due(tx, now_ms=request.now_ms)
    place: dict[str, SqlValue] = {"destination": request.destination, "now": request.now_ms}
    states.interrupt(tx, [states.Standing(*row) for row in tx.tuples("pick_expired", place)])
    choice = picking.Choice(
        request.destination,
        request.now_ms,
        limit=request.limit,
        replays=request.replays,
        queues=request.queues,
        turns=request.turns,
    )
    claims: list[Claim] = []
    while choice.room:
        picked = picking.pick(tx, choice)
        if not picked:
            break
        # A round that finds a damaged delivery may free the one behind it: hence the loop.
        leased = _lease_all(tx, picked, request)
        choice = choice.less([leased_one.delivery for leased_one in leased])
        claims += leased
        if len(leased) == len(picked):
            break
    return claims


def _lease_all(tx: Transaction, picked: Sequence[int], request: Request) -> list[Claim]:
    rows = {row[0]: row for row in tx.tuples("claim_rows_by_seq", numbers(picked))}
    chosen = [rows[seq] for seq in picked]
    links, parents = _recall(tx, chosen), Parents(tx, map(_event_part, chosen))
    sound: list[_Sound] = []
    for row in chosen:
        found = _judge(row, links.get(row[0], {}), parents, request.crash_limit)
        if isinstance(found, _Sound):
            sound.append(found)
        else:
            states.settle(tx, states.Ending(_standing(row), DeliveryState.DEAD, request.now_ms, death=found))
    return _lease(tx, sound, request)


def _standing(row: Row) -> states.Standing:
    return states.Standing(seq=row[0], rule=row[4], book=row[-4], state=row[6], attempts=row[14])


def _event_part(row: Row) -> Row:
    return row[DELIVERY_WIDTH : DELIVERY_WIDTH + EVENT_WIDTH]


def _judge(row: Row, links: Mapping[str, object], parents: Parents, crash_limit: int) -> _Sound | Death:
    fence, crashes, interrupted = row[-3:]
    if interrupted and crashes >= crash_limit:
        return POISONOUS
    event = _event_part(row)
    if not is_intact(event, parents) or (delivery := claimed_delivery(row, links)) is None:
        return DAMAGED
    return _Sound(
        _standing(row), delivery, event_from(event, parents), fence, bool(interrupted), starts=row[LINKS] is None
    )


def _recall(tx: Transaction, rows: Sequence[Row]) -> Mapping[int, Mapping[str, object]]:
    """The links of those that start for the first time and ask for some, by delivery number; absent ones are None."""
    wanted = {row[0]: recall for row in rows if (recall := recall_of(row))}
    pairs = sorted({pair for recall in wanted.values() for pair in recall.items()})
    found = {(row["name"], row["key"]): shown(row["value"], None) for row in tx.matching("link_values", pairs)}
    return {seq: {name: found.get((name, key)) for name, key in recall.items()} for seq, recall in wanted.items()}


def _lease(tx: Transaction, sound: Sequence[_Sound], request: Request) -> list[Claim]:
    recalled = [one.delivery for one in sound if one.starts and one.delivery.recall]
    tx.write_rows("set_links", [(delivery.seq, dump(delivery.links)) for delivery in recalled])
    until_ms = request.now_ms + request.lease_ms
    states.start(tx, [one.standing for one in sound], worker=request.worker, until_ms=until_ms)
    known = marks.read(tx, [(one.delivery.rule, one.delivery.forward, one.delivery.newer) for one in sound])
    return [
        Claim(
            lease=Lease(one.delivery.seq, one.fence + 1),
            delivery=one.delivery,
            event=one.event,
            resumed=one.interrupted,
            high_water=known.high_water(one.delivery.rule, one.delivery.forward),
            newest_ms=known.newest_ms(one.delivery.rule, one.delivery.newer),
        )
        for one in sound
    ]


def next_due(session: Session) -> Mapping[str, int]:
    """Per destination the earliest due time at the head of a lane, window end or lease end."""
    earliest: dict[str, int] = {}
    for name in ("earliest_due", "earliest_lease_end", "earliest_window_end"):
        for destination, at_ms in session.tuples(name):
            if at_ms is not None:
                earliest[destination] = min(at_ms, earliest.get(destination, at_ms))
    return earliest


def destinations(session: Session) -> frozenset[str]:
    """The destinations at which somebody waits at the head of its lanes, in whichever queue."""
    return frozenset(destination for destination, _ in session.tuples("earliest_due"))


def queues(session: Session, destination: str) -> Mapping[str, int]:
    """The queues in which somebody waits, with the earliest due time in each."""
    earliest: dict[str, int] = {}
    for queue, at_ms in session.tuples("queues", {"destination": destination}):
        earliest[queue] = min(at_ms, earliest.get(queue, at_ms))
    return earliest


def recover(tx: Transaction, *, now_ms: int, max_step_ms: int, suspect: int | None) -> int:
    """End every lease, count a crash against the suspect, bring back due times that a wrong clock put too far ahead."""
    if suspect is not None:
        tx.write("count_crash", (suspect,))
    leased = [states.Standing(*row) for row in tx.tuples("leased")]
    states.interrupt(tx, leased)
    latest = now_ms + max_step_ms
    for destination in {row["destination"] for row in tx.all("earliest_due")}:
        for queue in ("", *queues(tx, destination)):
            tx.write("bring_due_back", {"destination": destination, "queue": queue, "latest": latest})
    tx.write("bring_windows_back", {"latest": latest})
    return len(leased)

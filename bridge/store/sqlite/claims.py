"""Claiming: due deliveries at the head of their lanes are leased, damaged and poisonous ones are put aside."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.model import Claim, DeadKind, Death, Delivery, DeliveryState, Lease, StoredEvent
from bridge.store.sqlite import states, windows
from bridge.store.sqlite.rows import delivery_from, event_from, is_intact, is_readable, shown
from bridge.store.sqlite.session import Session, SqlValue, Transaction, dump, numbers

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


def claim(tx: Transaction, request: Request) -> list[Claim]:
    """Lease what may start now."""
    windows.end_due(tx, now_ms=request.now_ms)
    place: dict[str, SqlValue] = {"destination": request.destination, "now": request.now_ms}
    states.interrupt(tx, tx.all("pick_expired", place))
    claims: list[Claim] = []
    while len(claims) < request.limit:
        picked = [row["seq"] for row in tx.all("pick_claimable", {**place, "limit": request.limit - len(claims)})]
        if not picked:
            break
        # A round that finds a damaged delivery may free the one behind it: hence the loop.
        claims.extend(_lease_all(tx, picked, request))
    return claims


def _lease_all(tx: Transaction, picked: Sequence[int], request: Request) -> list[Claim]:
    rows = {row["seq"]: row for row in tx.all("deliveries_by_seq", numbers(picked))}
    events = event_rows(tx, {row["event_seq"] for row in rows.values()})
    claims: list[Claim] = []
    for row in (rows[seq] for seq in picked):
        found = _readable(row, events.get(row["event_seq"]))
        death = DAMAGED if found is None else None
        if row["interrupted"] and row["crashes"] >= request.crash_limit:
            death = POISONOUS
        if found is None or death is not None:
            states.settle(tx, row, DeliveryState.DEAD, now_ms=request.now_ms, death=death)
        else:
            claims.append(_lease(tx, row, *found, request))
    return claims


def _readable(row: sqlite3.Row, event: sqlite3.Row | None) -> tuple[Delivery, StoredEvent] | None:
    if event is None or not is_intact(event) or not is_readable(row):
        return None
    return delivery_from(row), event_from(event)


def _lease(tx: Transaction, row: sqlite3.Row, delivery: Delivery, event: StoredEvent, request: Request) -> Claim:
    links = delivery.links
    if links is None:
        links = {name: _recalled(tx, name, key) for name, key in delivery.recall.items()}
    until_ms = request.now_ms + request.lease_ms
    states.start(tx, row, worker=request.worker, until_ms=until_ms, links=dump(links))
    forward = delivery.forward
    return Claim(
        lease=Lease(delivery.seq, row["fence"] + 1),
        delivery=replace(delivery, state=DeliveryState.RUNNING, links=links),
        event=event,
        resumed=bool(row["interrupted"]),
        high_water=None if forward is None else states.high_water(tx, delivery.rule, forward.by),
    )


def _recalled(tx: Transaction, name: str, key: str) -> object:
    row = tx.one("link_value", (name, key))
    return None if row is None else shown(row["value"], None)


def event_rows(session: Session, seqs: set[int]) -> Mapping[int, sqlite3.Row]:
    """The rows of some events, by number."""
    return {row["event_seq"]: row for row in session.all("events_by_seq", numbers(seqs))}


def next_due(session: Session) -> Mapping[str, int]:
    """Per destination the earliest due time at the head of a lane, window end or lease end."""
    earliest: dict[str, int] = {}
    for name in ("earliest_due", "earliest_lease_end", "earliest_window_end"):
        for row in session.all(name):
            known = earliest.get(row["destination"])
            earliest[row["destination"]] = row["at_ms"] if known is None else min(known, row["at_ms"])
    return earliest


def recover(tx: Transaction, *, now_ms: int, max_step_ms: int) -> int:
    """End every lease, and bring back due times that a wrong clock has put too far ahead."""
    leased = tx.all("leased")
    states.interrupt(tx, leased)
    latest = now_ms + max_step_ms
    for row in tx.all("earliest_due"):
        tx.write("bring_due_back", {"destination": row["destination"], "latest": latest})
    tx.write("bring_windows_back", {"latest": latest})
    return len(leased)

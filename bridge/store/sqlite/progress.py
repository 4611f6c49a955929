"""What the holder of a lease writes: step boundaries, giving the lease back, the end of the delivery."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.errors import LeaseLost, StoreError
from bridge.model import AttemptEnd, AttemptStart, Death, DeliveryState, Lease, LinkWrite, Outcome
from bridge.store.protocol import Progress
from bridge.store.sqlite import lanes, states
from bridge.store.sqlite.session import SqlValue, Transaction, dump


@dataclass(frozen=True, slots=True)
class Postponement:
    """How a lease is given back; the fields are those of `Store.postpone`."""

    now_ms: int
    due_at_ms: int
    destination: str
    failed: bool
    step_aside: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a delivery ends; the fields are those of `Store.settle`."""

    state: DeliveryState
    now_ms: int
    reason: str | None
    death: Death | None


def advance(tx: Transaction, lease: Lease, progress: Progress, *, now_ms: int, lease_ms: int) -> None:
    """Write a step boundary and extend the lease."""
    row = _held(tx, lease)
    _record(tx, row, progress, now_ms)
    # Who ended an attempt has survived it: what happened before is no sign of poison any more.
    values: dict[str, SqlValue] = {
        "seq": row["seq"],
        "until": now_ms + lease_ms,
        "started": progress.start is not None,
        "ended": progress.end is not None,
    }
    tx.write("extend_lease", values)


def postpone(tx: Transaction, lease: Lease, progress: Progress, how: Postponement) -> states.Wake:
    """Give the lease back until a time."""
    row = _held(tx, lease)
    _record(tx, row, progress, how.now_ms)
    states.wait(
        tx,
        row,
        now_ms=how.now_ms,
        due_at_ms=how.due_at_ms,
        destination=how.destination,
        failed=how.failed,
        aside=how.step_aside,
    )
    wake = lanes.leave(tx, row["seq"], now_ms=how.now_ms) if how.step_aside else states.NOBODY
    return wake | {how.destination} if how.due_at_ms <= how.now_ms else wake


def settle(tx: Transaction, lease: Lease, progress: Progress, how: Settlement) -> states.Wake:
    """End the delivery; a done one raises the high-water mark."""
    row = _held(tx, lease)
    _record(tx, row, progress, how.now_ms)
    if how.state is DeliveryState.DONE and row["forward_by"] is not None:
        tx.write("raise_high_water", (row["rule"], row["forward_by"], row["forward_rank"], how.now_ms))
    failed = progress.end is not None and progress.end.outcome is not Outcome.SUCCEEDED
    return states.settle(tx, row, how.state, now_ms=how.now_ms, reason=how.reason, death=how.death, failed=failed)


def write_links(tx: Transaction, links: Iterable[LinkWrite], *, now_ms: int) -> None:
    """Remember or forget links."""
    for link in links:
        if link.value is None:
            tx.write("forget_link", (link.name, link.key))
        else:
            tx.write("write_link", (link.name, link.key, dump(link.value), now_ms))


def _held(tx: Transaction, lease: Lease) -> sqlite3.Row:
    row = tx.one("held", (lease.delivery_seq, lease.fence))
    if row is None:
        raise LeaseLost(f"delivery number {lease.delivery_seq} is no longer held with fence {lease.fence}")
    return row


def _record(tx: Transaction, row: sqlite3.Row, progress: Progress, now_ms: int) -> None:
    seq: int = row["seq"]
    if progress.end is not None:
        _end_attempt(tx, seq, progress.end)
    if progress.start is not None:
        _begin_attempt(tx, seq, progress.start)
    if progress.state is not None or progress.end is not None:
        state = None if progress.state is None else dump(progress.state)
        tx.write("write_progress", {"seq": seq, "progress": state})
    write_links(tx, progress.links, now_ms=now_ms)


def _begin_attempt(tx: Transaction, seq: int, start: AttemptStart) -> None:
    values: dict[str, SqlValue] = {
        "seq": seq,
        "number": start.number,
        "step": start.step,
        "operation": start.operation,
        "started": start.started_at_ms,
        "request": dump(start.request),
        "revision": start.revision,
    }
    tx.write("begin_attempt", values)


def _end_attempt(tx: Transaction, seq: int, end: AttemptEnd) -> None:
    values: dict[str, SqlValue] = {
        "seq": seq,
        "number": end.number,
        "ended": end.ended_at_ms,
        "outcome": end.outcome.value,
        "status": end.status,
        "code": end.code,
        "message": end.message,
        "excerpt": end.excerpt,
    }
    if tx.write("end_attempt", values) != 1:
        raise StoreError(f"attempt {end.number} of delivery number {seq} is not the one begun last")

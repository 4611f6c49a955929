"""The one place where a delivery changes its state, so that the table of transitions and the books always hold."""

import sqlite3
from collections.abc import Mapping, Sequence

from bridge.errors import StoreError
from bridge.model import TRANSITIONS, Death, DeliveryState, NewDelivery
from bridge.store.sqlite import lanes
from bridge.store.sqlite.session import SqlValue, Transaction, dump

Wake = frozenset[str]
NOBODY: Wake = frozenset()


def _change(
    tx: Transaction, row: sqlite3.Row, to: DeliveryState, statement: str, parameters: Mapping[str, SqlValue]
) -> list[sqlite3.Row]:
    # `row` needs the columns seq, rule and state as they are now.
    before = DeliveryState(row["state"])
    if to not in TRANSITIONS[before]:
        raise StoreError(f"a delivery that is {before} cannot become {to}")
    tx.count(row["rule"], before, -1)
    tx.count(row["rule"], to)
    return tx.all(statement, {"seq": row["seq"], "state": to.value, **parameters})


def start(tx: Transaction, row: sqlite3.Row, *, worker: str, until_ms: int, links: str) -> None:
    """Lease the delivery: running, with the next fence."""
    _change(tx, row, DeliveryState.RUNNING, "set_running", {"worker": worker, "until": until_ms, "links": links})


def wait(
    tx: Transaction, row: sqlite3.Row, *, now_ms: int, due_at_ms: int, destination: str, failed: bool, aside: bool
) -> None:
    """Back to waiting: retrying after a failed attempt, else pending."""
    to = DeliveryState.RETRYING if failed else DeliveryState.PENDING
    values: dict[str, SqlValue] = {
        "now": now_ms,
        "due": due_at_ms,
        "destination": destination,
        "failed": failed,
        "aside": aside,
    }
    _change(tx, row, to, "set_waiting", values)


def interrupt(tx: Transaction, rows: Sequence[sqlite3.Row]) -> None:
    """End leases whose holders vanished; a crash counts unless the holder was only waiting for an answer."""
    for row in rows:
        _change(tx, row, DeliveryState.PENDING, "set_interrupted", {})


def settle(
    tx: Transaction,
    row: sqlite3.Row,
    to: DeliveryState,
    *,
    now_ms: int,
    reason: str | None = None,
    death: Death | None = None,
    failed: bool = False,
) -> Wake:
    """End a delivery, leave its lanes, write its dead letter; returns the destinations to wake."""
    if to.is_open or (to is DeliveryState.DEAD) != (death is not None):
        raise StoreError(f"a delivery cannot be settled as {to} {'with' if death else 'without'} a death")
    if row["state"] == DeliveryState.DEAD:
        tx.write("delete_death", (row["seq"],))
    [settled] = _change(tx, row, to, "set_settled", {"reason": reason, "now": now_ms, "failed": failed})
    if death is not None:
        write_death(tx, row["seq"], row["rule"], death, now_ms=now_ms, attempts=settled["attempts"])
    return lanes.leave(tx, row["seq"], now_ms=now_ms)


def restart(
    tx: Transaction, row: sqlite3.Row, plan: NewDelivery, progress: Mapping[str, object], *, now_ms: int
) -> int:
    """Bring a dead delivery back as `plan` says, at the end of its lanes; returns in how many it must wait."""
    tx.write("delete_death", (row["seq"],))
    stands_in = lanes.wanted(plan) if plan.state is DeliveryState.PENDING else ()
    blocked = lanes.enter(tx, row["seq"], plan.key, stands_in)
    values: dict[str, SqlValue] = {
        "revision": plan.revision,
        "key": plan.key,
        "lanes": dump(lanes.wanted(plan)),
        "destination": plan.destination,
        "ordering": plan.order.value,
        "hold": plan.order_hold_ms,
        "recall": dump(plan.recall),
        "by": plan.forward.by if plan.forward else None,
        "rank": plan.forward.rank if plan.forward else None,
        "progress": dump(progress),
        "now": now_ms,
        "blocked": blocked,
    }
    _change(tx, row, DeliveryState.PENDING, "set_replayed", values)
    return blocked


def write_death(tx: Transaction, seq: int, rule: str, death: Death, *, now_ms: int, attempts: int) -> None:
    """Write the dead letter, not exported yet."""
    values: dict[str, SqlValue] = {
        "seq": seq,
        "now": now_ms,
        "rule": rule,
        "kind": death.kind.value,
        "code": death.code,
        "message": death.message,
        "mend": death.mend,
        "step": death.step,
        "request": None if death.request is None else dump(death.request),
        "response": None if death.response is None else dump(death.response),
        "fingerprint": death.fingerprint,
        "attempts": attempts,
    }
    tx.write("insert_death", values)


def is_behind(tx: Transaction, plan: NewDelivery) -> bool:
    """Whether the stored high-water mark has reached the rank that the delivery would write."""
    if plan.forward is None:
        return False
    mark = high_water(tx, plan.rule, plan.forward.by)
    return mark is not None and plan.forward.rank <= mark


def high_water(tx: Transaction, rule: str, subject: str) -> int | None:
    """The furthest rank that was delivered for a subject, or None."""
    row = tx.one("high_water", (rule, subject))
    return None if row is None else int(row["rank"])

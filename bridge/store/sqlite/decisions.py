"""What a person decides about a delivery: retry it now, skip it, replay it."""

import sqlite3
from collections.abc import Mapping

from bridge.errors import UsageError
from bridge.model import DeliveryState, NewDelivery
from bridge.store.sqlite import states, windows
from bridge.store.sqlite.session import Transaction

_WAITING = frozenset({DeliveryState.PENDING, DeliveryState.RETRYING})


def retry(tx: Transaction, delivery_id: str, *, now_ms: int) -> states.Wake:
    """Make a waiting delivery due now; an open window of it ends."""
    row = _decided(tx, delivery_id)
    if row["state"] not in _WAITING:
        raise UsageError(f"delivery {delivery_id} is {row['state']}, only a waiting one can be retried")
    tx.write("set_due", {"seq": row["seq"], "now": now_ms})
    if row["window_ends_ms"] is not None:
        return windows.end(tx, row)
    return frozenset({row["destination"]}) if row["blocked"] == 0 else states.NOBODY


def skip(tx: Transaction, delivery_id: str, *, now_ms: int, reason: str) -> states.Wake:
    """End a waiting or dead delivery as skipped."""
    row = _decided(tx, delivery_id)
    if row["state"] not in _WAITING | {DeliveryState.DEAD}:
        raise UsageError(f"delivery {delivery_id} is {row['state']}, only a waiting or dead one can be skipped")
    return states.settle(tx, row, DeliveryState.SKIPPED, now_ms=now_ms, reason=reason)


def replay(
    tx: Transaction, delivery_id: str, plan: NewDelivery, progress: Mapping[str, object], *, now_ms: int
) -> states.Wake:
    """Start a dead delivery again as the present rules say. A window is not waited for: a person has decided."""
    row = _decided(tx, delivery_id)
    if row["state"] != DeliveryState.DEAD:
        raise UsageError(f"delivery {delivery_id} is {row['state']}, only a dead one can be replayed")
    behind = plan.state is DeliveryState.PENDING and states.is_behind(tx, plan)
    blocked = states.restart(tx, row, plan, progress, now_ms=now_ms)
    if behind:
        reason = "an event that is as far or further was delivered already"
        return states.settle(tx, _decided(tx, delivery_id), DeliveryState.SUPERSEDED, now_ms=now_ms, reason=reason)
    if plan.state is not DeliveryState.PENDING:
        again = _decided(tx, delivery_id)
        return states.settle(tx, again, plan.state, now_ms=now_ms, reason=plan.reason, death=plan.death)
    return frozenset({plan.destination}) if blocked == 0 else states.NOBODY


def _decided(tx: Transaction, delivery_id: str) -> sqlite3.Row:
    row = tx.one("delivery_to_decide", (delivery_id,))
    if row is None:
        raise UsageError(f"there is no delivery {delivery_id}")
    return row

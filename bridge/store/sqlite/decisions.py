"""What a person decides about a delivery: retry it now, skip it, replay it."""

import sqlite3
from collections.abc import Mapping

from bridge.errors import UsageError
from bridge.model import DeliveryState, NewDelivery
from bridge.store.sqlite import marks, states, windows
from bridge.store.sqlite.session import Transaction

_WAITING = frozenset({DeliveryState.PENDING, DeliveryState.RETRYING})
_REPLAYED = frozenset({DeliveryState.DEAD})
_FORCED = frozenset({DeliveryState.DONE})
_WHO_IS_REPLAYED = {False: "only a dead one", True: "only a dead or, by force, a done one"}


def retry(tx: Transaction, delivery_id: str, *, now_ms: int) -> states.Wake:
    """Make a waiting delivery due now; an open window of it ends."""
    row = _decided(tx, delivery_id)
    if row["state"] not in _WAITING:
        raise UsageError(f"delivery {delivery_id} is {row['state']}, only a waiting one can be retried")
    tx.write("set_due", {"seq": row["seq"], "now": now_ms})
    if row["window_ends_ms"] is not None:
        return windows.end(tx, [row])
    return frozenset({row["destination"]}) if row["blocked"] == 0 else states.NOBODY


def skip(tx: Transaction, delivery_id: str, *, now_ms: int, reason: str) -> states.Wake:
    """End a waiting or dead delivery as skipped."""
    row = _decided(tx, delivery_id)
    if row["state"] not in _WAITING | {DeliveryState.DEAD}:
        raise UsageError(f"delivery {delivery_id} is {row['state']}, only a waiting or dead one can be skipped")
    return states.settle(tx, states.Ending(_standing(row), DeliveryState.SKIPPED, now_ms, reason=reason))


def replay(
    tx: Transaction,
    delivery_id: str,
    plan: NewDelivery,
    progress: Mapping[str, object],
    *,
    now_ms: int,
    force: bool = False,
) -> states.Wake:
    """Start a dead delivery (with `force` also a done one) again as the present rules say.

    A window is not waited for: a person has decided.
    """
    row = _decided(tx, delivery_id)
    if row["state"] not in (_REPLAYED | _FORCED if force else _REPLAYED):
        raise UsageError(f"delivery {delivery_id} is {row['state']}, {_WHO_IS_REPLAYED[force]} can be replayed")
    if not row["has_event"]:
        raise UsageError(f"the event of delivery {delivery_id} is not kept any more: there is nothing to send again")
    behind = None
    if plan.state is DeliveryState.PENDING:
        again = row["state"] == DeliveryState.DONE
        behind = marks.read(tx, [(plan.rule, plan.forward, plan.newer)]).behind(plan, again=again)
    blocked = states.restart(tx, _standing(row), plan, progress, now_ms=now_ms)
    standing = _standing(_decided(tx, delivery_id))
    if behind:
        return states.settle(tx, states.Ending(standing, DeliveryState.SUPERSEDED, now_ms, reason=behind))
    if plan.state is not DeliveryState.PENDING:
        return states.settle(tx, states.Ending(standing, plan.state, now_ms, reason=plan.reason, death=plan.death))
    return frozenset({plan.destination}) if blocked == 0 else states.NOBODY


def _decided(tx: Transaction, delivery_id: str) -> sqlite3.Row:
    row = tx.one("delivery_to_decide", (delivery_id,))
    if row is None:
        raise UsageError(f"there is no delivery {delivery_id}")
    return row


def _standing(row: sqlite3.Row) -> states.Standing:
    return states.Standing(*row[:5])

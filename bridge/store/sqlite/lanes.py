"""Lanes: who stands in line for a key, and who may start when a head leaves.

A delivery's `blocked` says in how many of its lanes somebody stands before it. Whoever leaves takes one off the
new head, so that finding claimable work never looks at those who wait.
"""

from collections.abc import Sequence

from bridge.model import OPEN_STATES, DeliveryState, NewDelivery
from bridge.store.sqlite.session import Transaction


def wanted(plan: NewDelivery) -> tuple[str, ...]:
    """The destinations whose lanes the delivery stands in, each once; none without a key."""
    return () if plan.key is None else tuple(dict.fromkeys(plan.lanes))


def enter(tx: Transaction, seq: int, key: str | None, destinations: Sequence[str]) -> int:
    """Stand at the end of each lane; returns in how many of them somebody stands before."""
    blocked = 0
    for destination in destinations:
        [last] = tx.all("last_in_lane", (destination, key))
        position = last["position"] or 0
        blocked += position > 0
        tx.write("enter_lane", (destination, key, position + 1, seq))
    return blocked


def leave(tx: Transaction, seq: int, *, now_ms: int) -> frozenset[str]:
    """Step out of all lanes; returns the destinations of those who may start now."""
    wake: set[str] = set()
    for place in tx.all("lanes_of", (seq,)):
        lane = (place["destination"], place["key"])
        tx.write("leave_lane", (*lane, place["position"]))
        head = tx.one("head_of_lane", lane)
        if head is not None and head["position"] > place["position"]:
            wake |= _unblock(tx, head["delivery_seq"], now_ms)
    return frozenset(wake)


def _unblock(tx: Transaction, seq: int, now_ms: int) -> set[str]:
    [row] = tx.all("unblock", {"seq": seq, "now": now_ms})
    may_start = row["blocked"] == 0 and DeliveryState(row["state"]) in OPEN_STATES - {DeliveryState.RUNNING}
    return {row["destination"]} if may_start else set()

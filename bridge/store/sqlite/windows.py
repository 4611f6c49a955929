"""Coalescing windows: several deliveries for one thing, of which one survives and enters its lanes at the end."""

import sqlite3
from collections.abc import Sequence

from bridge.model import DeliveryState, NewDelivery
from bridge.store.sqlite import lanes, states
from bridge.store.sqlite.session import Transaction


def end_due(tx: Transaction, *, now_ms: int) -> frozenset[str]:
    """Let the survivors of windows that are over enter their lanes; returns the destinations to wake."""
    return end(tx, tx.all("ended_windows", (now_ms,)))


def end(tx: Transaction, rows: Sequence[sqlite3.Row]) -> frozenset[str]:
    """End these windows now, in this order. The rows need seq, key, lanes and destination."""
    return lanes.enter_again(tx, rows, lambda entered: tx.write_rows("end_windows", entered))


def opened(tx: Transaction, rule: str, group: str) -> sqlite3.Row | None:
    """The delivery that waits in the window of (rule, group), if one is open."""
    return tx.one("open_window", (rule, group))


def survives(newcomer: NewDelivery, waiting: sqlite3.Row) -> bool:
    """Whether the newcomer takes the window over: the later one does, unless the waiting one is further or newer."""
    rank, time_ms = waiting["forward_rank"], waiting["newer_ms"]
    if newcomer.forward is not None and rank is not None and newcomer.forward.rank != rank:
        return newcomer.forward.rank > int(rank)
    return newcomer.newer is None or time_ms is None or newcomer.newer.time_ms >= int(time_ms)


def supersede(tx: Transaction, waiting: sqlite3.Row, *, now_ms: int) -> None:
    """End the delivery that waited so far."""
    reason = "a later event took its place in the coalescing window"
    standing = states.Standing(*waiting[:5])
    states.settle(tx, states.Ending(standing, DeliveryState.SUPERSEDED, now_ms, reason=reason))

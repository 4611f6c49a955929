"""Coalescing windows: several deliveries for one thing, of which one survives and enters its lanes at the end."""

import sqlite3
from collections.abc import Sequence

from bridge.model import DeliveryState, NewDelivery
from bridge.store.sqlite import lanes, states
from bridge.store.sqlite.rows import shown
from bridge.store.sqlite.session import Transaction


def end_due(tx: Transaction, *, now_ms: int) -> frozenset[str]:
    """Let the survivors of windows that are over enter their lanes; returns the destinations to wake."""
    return end(tx, tx.all("ended_windows", (now_ms,)))


def end(tx: Transaction, rows: Sequence[sqlite3.Row]) -> frozenset[str]:
    """End these windows now, in this order. The rows need seq, key, lanes and destination."""
    if not rows:
        return states.NOBODY
    stand_in: list[Sequence[str]] = [shown(row["lanes"], []) if row["key"] is not None else () for row in rows]
    line = lanes.Line(tx, [(name, row["key"]) for row, names in zip(rows, stand_in, strict=True) for name in names])
    taken = [(int(row["seq"]), line.places(row["key"], names)) for row, names in zip(rows, stand_in, strict=True)]
    lanes.enter(tx, taken)
    tx.write_rows("end_windows", [(seq, lanes.blocked(places)) for seq, places in taken])
    free = zip(rows, taken, strict=True)
    return frozenset(row["destination"] for row, (_, places) in free if lanes.blocked(places) == 0)


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

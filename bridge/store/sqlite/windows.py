"""Coalescing windows: several deliveries for one thing, of which one survives and enters its lanes at the end."""

import sqlite3

from bridge.model import DeliveryState, Forward
from bridge.store.sqlite import lanes, states
from bridge.store.sqlite.rows import shown
from bridge.store.sqlite.session import Transaction


def end_due(tx: Transaction, *, now_ms: int) -> frozenset[str]:
    """Let the survivors of windows that are over enter their lanes; returns the destinations to wake."""
    wake: set[str] = set()
    for row in tx.all("ended_windows", (now_ms,)):
        wake |= end(tx, row)
    return frozenset(wake)


def end(tx: Transaction, row: sqlite3.Row) -> frozenset[str]:
    """End one window now. `row` needs seq, key, lanes and destination."""
    blocked = lanes.enter(tx, row["seq"], row["key"], shown(row["lanes"], []))
    tx.write("end_window", (blocked, row["seq"]))
    return frozenset({row["destination"]}) if blocked == 0 else states.NOBODY


def opened(tx: Transaction, rule: str, group: str) -> sqlite3.Row | None:
    """The delivery that waits in the window of (rule, group), if one is open."""
    return tx.one("open_window", (rule, group))


def survives(newcomer: Forward | None, waiting: sqlite3.Row) -> bool:
    """Whether the newcomer takes the window over: the later one does, unless the waiting one is further."""
    if newcomer is None or waiting["forward_rank"] is None:
        return True
    return newcomer.rank >= int(waiting["forward_rank"])


def supersede(tx: Transaction, waiting: sqlite3.Row, *, now_ms: int) -> None:
    """End the delivery that waited so far."""
    reason = "a later event took its place in the coalescing window"
    states.settle(tx, waiting, DeliveryState.SUPERSEDED, now_ms=now_ms, reason=reason)

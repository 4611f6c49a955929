"""Lanes: who stands in line for a key, and who may start when a head leaves.

A delivery's `blocked` says in how many of its lanes somebody stands before it. Whoever leaves takes one off the
new head, so that finding claimable work never looks at those who wait.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from bridge.model import OPEN_STATES, DeliveryState, NewDelivery
from bridge.store.protocol import Rejoined
from bridge.store.sqlite.rows import shown
from bridge.store.sqlite.session import SqlValue, Transaction, dump, numbers

_MAY_START = OPEN_STATES - {DeliveryState.RUNNING}

Lane = tuple[str, str]
"""(destination, key)."""


class Place(NamedTuple):
    """A place in a lane; the first of an empty lane has position 1."""

    destination: str
    key: str
    position: int


def wanted(plan: NewDelivery) -> tuple[str, ...]:
    """The destinations whose lanes the delivery stands in, each once; none without a key."""
    return () if plan.key is None else tuple(dict.fromkeys(plan.lanes))


class Line:
    """Gives out places at the ends of lanes, one delivery after another."""

    def __init__(self, tx: Transaction, lanes: Iterable[Lane]) -> None:
        found = tx.matching("last_in_lanes", sorted(set(lanes)))
        self._last: dict[Lane, int] = {(row["destination"], row["key"]): row["position"] or 0 for row in found}

    def places(self, key: str | None, destinations: Sequence[str]) -> list[Place]:
        """The next place in each lane of `key`; all of these lanes were named when the line was made."""
        if key is None:
            return []
        places = []
        for destination in destinations:
            position = self._last[destination, key] + 1
            self._last[destination, key] = position
            places.append(Place(destination, key, position))
        return places


def blocked(places: Sequence[Place]) -> int:
    """In how many of these lanes somebody stands before."""
    return sum(place.position > 1 for place in places)


def enter(tx: Transaction, taken: Iterable[tuple[int, Sequence[Place]]]) -> None:
    """Write down the places that deliveries, by number, have taken."""
    tx.write_rows("enter_lanes", [(*place, seq) for seq, places in taken for place in places])


def enter_again(
    tx: Transaction, rows: Sequence[sqlite3.Row], write: Callable[[Sequence[tuple[int, int]]], object]
) -> frozenset[str]:
    """Let deliveries that stand in no lane enter theirs at the end, in this order.

    Args:
        tx: the transaction.
        rows: need seq, key, lanes (JSON) and destination.
        write: told the number of each, and in how many lanes it has to wait.

    Returns:
        The destinations of those who may start.
    """
    if not rows:
        return frozenset()
    stand_in: list[Sequence[str]] = [shown(row["lanes"], []) if row["key"] is not None else () for row in rows]
    line = Line(tx, [(name, row["key"]) for row, names in zip(rows, stand_in, strict=True) for name in names])
    taken = [(int(row["seq"]), line.places(row["key"], names)) for row, names in zip(rows, stand_in, strict=True)]
    enter(tx, taken)
    write([(seq, blocked(places)) for seq, places in taken])
    return frozenset(row["destination"] for row, (_, places) in zip(rows, taken, strict=True) if not blocked(places))


def rejoin(tx: Transaction, queues: Collection[str], *, now_ms: int, limit: int) -> Rejoined:
    """Let those who wait in these queues, out of their lanes, stand in line again."""
    places = {destination for destination, _ in tx.tuples("earliest_due")}
    where: dict[str, SqlValue] = {"destinations": dump(sorted(places)), "queues": dump(list(queues)), "limit": limit}
    rows = tx.all("waiting_in_queues", where)
    wake = enter_again(tx, rows, lambda entered: tx.write_rows("rejoin", [(*each, now_ms) for each in entered]))
    return Rejoined(len(rows), wake)


def leave(tx: Transaction, leavers: Mapping[int, int]) -> Mapping[int, frozenset[str]]:
    """Step out of all lanes.

    Args:
        tx: the transaction.
        leavers: delivery number -> when it leaves.

    Returns:
        Delivery number -> the destinations of those who may start because of it; absent when nobody may.
    """
    left: defaultdict[Lane, list[tuple[int, int]]] = defaultdict(list)
    for row in tx.all("leave_lanes", numbers(leavers)):
        left[row["destination"], row["key"]].append((row["position"], row["delivery_seq"]))
    if not left:
        return {}
    freed: defaultdict[int, list[int]] = defaultdict(list)
    for head in tx.matching("heads_of_lanes", list(left)):
        position, leaver = min(left[head["destination"], head["key"]])
        # Who leaves from behind the head frees nobody; of several leavers the foremost was the head.
        if position < head["position"]:
            freed[head["delivery_seq"]].append(leaver)
    return _unblock(tx, freed, leavers)


def _unblock(
    tx: Transaction, freed: Mapping[int, Sequence[int]], leavers: Mapping[int, int]
) -> Mapping[int, frozenset[str]]:
    rows = [(seq, len(by), max(leavers[leaver] for leaver in by)) for seq, by in freed.items()]
    wake: defaultdict[int, frozenset[str]] = defaultdict(frozenset)
    for row in tx.matching("unblock", rows):
        if row["blocked"] == 0 and DeliveryState(row["state"]) in _MAY_START:
            for leaver in freed[row["seq"]]:
                wake[leaver] |= {row["destination"]}
    return wake

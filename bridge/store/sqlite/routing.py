"""Routing: the deliveries of an event are written once, and take their places."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.errors import StoreError, UsageError
from bridge.model import Coalesce, DeliveryState, NewDelivery, new_id
from bridge.store.protocol import Routed
from bridge.store.sqlite import lanes, states, windows
from bridge.store.sqlite.session import EVENTS, SqlValue, Transaction, dump

_ROUTED, _UNMATCHED = 1, 2
_BEHIND = "an event that is as far or further was delivered already"
_OVERTAKEN = "an event that is further waits in the same coalescing window"
_STARTING = frozenset({DeliveryState.PENDING, DeliveryState.SKIPPED, DeliveryState.DEAD})


@dataclass(slots=True)
class _Summary:
    wake: set[str] = field(default_factory=set)
    window_ends_ms: int | None = None
    dead: int = 0

    def joins_window(self, ends_ms: int) -> None:
        self.window_ends_ms = ends_ms if self.window_ends_ms is None else min(self.window_ends_ms, ends_ms)


def route(tx: Transaction, event_seq: int, plans: Sequence[NewDelivery], now_ms: int) -> Routed:
    """Record the deliveries of an event, unless it was routed before."""
    event = tx.one("event_to_route", (event_seq,))
    if event is None:
        raise UsageError(f"no event has the number {event_seq}")
    if event["routed"]:
        return Routed(fresh=False, wake=states.NOBODY)
    # Windows that are over come first: their survivors were accepted before this event.
    summary = _Summary(wake=set(windows.end_due(tx, now_ms=now_ms)))
    tx.write("mark_routed", (_ROUTED if plans else _UNMATCHED, event_seq))
    tx.count(EVENTS, "unrouted", -1)
    tx.count(EVENTS, "routed" if plans else "unmatched")
    for plan in plans:
        _place(tx, event_seq, plan, now_ms, summary)
    return Routed(fresh=True, wake=frozenset(summary.wake), window_ends_ms=summary.window_ends_ms, dead=summary.dead)


def _place(tx: Transaction, event_seq: int, plan: NewDelivery, now_ms: int, summary: _Summary) -> None:
    if plan.state not in _STARTING or (plan.state is DeliveryState.DEAD) != (plan.death is not None):
        raise StoreError(f"routing cannot make a delivery that is {plan.state}")
    if plan.state is not DeliveryState.PENDING:
        _place_settled(tx, event_seq, plan, now_ms, summary)
    elif states.is_behind(tx, plan):
        _insert(tx, event_seq, plan, DeliveryState.SUPERSEDED, now_ms, reason=_BEHIND)
    elif plan.coalesce is not None and plan.coalesce.window_ms > 0:
        _place_in_window(tx, event_seq, plan, plan.coalesce, now_ms, summary)
    else:
        _place_in_lanes(tx, event_seq, plan, now_ms, summary)


def _place_settled(tx: Transaction, event_seq: int, plan: NewDelivery, now_ms: int, summary: _Summary) -> None:
    seq = _insert(tx, event_seq, plan, plan.state, now_ms, reason=plan.reason)
    if plan.death is not None:
        states.write_death(tx, seq, plan.rule, plan.death, now_ms=now_ms, attempts=0)
        summary.dead += 1


def _place_in_lanes(tx: Transaction, event_seq: int, plan: NewDelivery, now_ms: int, summary: _Summary) -> None:
    seq = _insert(tx, event_seq, plan, DeliveryState.PENDING, now_ms)
    blocked = lanes.enter(tx, seq, plan.key, lanes.wanted(plan))
    if blocked:
        tx.write("set_blocked", (blocked, seq))
    else:
        summary.wake.add(plan.destination)


def _place_in_window(
    tx: Transaction, event_seq: int, plan: NewDelivery, window: Coalesce, now_ms: int, summary: _Summary
) -> None:
    waiting = windows.opened(tx, plan.rule, window.group)
    ends_ms = now_ms + window.window_ms if waiting is None else int(waiting["window_ends_ms"])
    summary.joins_window(ends_ms)
    if waiting is not None and not windows.survives(plan.forward, waiting):
        _insert(tx, event_seq, plan, DeliveryState.SUPERSEDED, now_ms, reason=_OVERTAKEN)
        return
    if waiting is not None:
        windows.supersede(tx, waiting, now_ms=now_ms)
    _insert(tx, event_seq, plan, DeliveryState.PENDING, now_ms, window_ends_ms=ends_ms)


def _insert(
    tx: Transaction,
    event_seq: int,
    plan: NewDelivery,
    state: DeliveryState,
    now_ms: int,
    *,
    reason: str | None = None,
    window_ends_ms: int | None = None,
) -> int:
    values: dict[str, SqlValue] = {
        "id": new_id("dlv"),
        "event_seq": event_seq,
        "rule": plan.rule,
        "revision": plan.revision,
        "state": state.value,
        "key": plan.key,
        "lanes": dump(lanes.wanted(plan)),
        "destination": plan.destination,
        "ordering": plan.order.value,
        "hold": plan.order_hold_ms,
        "due": window_ends_ms or now_ms,
        "recall": dump(plan.recall),
        "by": plan.forward.by if plan.forward else None,
        "rank": plan.forward.rank if plan.forward else None,
        "reason": reason,
        "now": now_ms,
        "settled": None if state.is_open else now_ms,
        "group": plan.coalesce.group if plan.coalesce else None,
        "window_ends": window_ends_ms,
    }
    tx.count(plan.rule, state)
    return tx.insert("insert_delivery", values)

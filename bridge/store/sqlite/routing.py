"""Routing: the deliveries of events are written once, and take their places in the order of the events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.errors import StoreError, UsageError
from bridge.model import Coalesce, Death, DeliveryState, NewDelivery, new_id
from bridge.store.protocol import Routed
from bridge.store.sqlite import lanes, marks, states, windows
from bridge.store.sqlite.session import CREATED, EVENTS, SqlValue, Transaction, dump, numbers

_ROUTED, _UNMATCHED = 1, 2
_OVERTAKEN = "an event that is further or newer waits in the same coalescing window"
_STARTING = frozenset({DeliveryState.PENDING, DeliveryState.SKIPPED, DeliveryState.DEAD})


class Batch(NamedTuple):
    """The fields of one `Store.route`: (event number, its deliveries) in the order of acceptance."""

    events: Sequence[tuple[int, Sequence[NewDelivery]]]
    now_ms: int


@dataclass(slots=True)
class _Summary:
    wake: set[str] = field(default_factory=set)
    window_ends_ms: int | None = None
    dead: int = 0

    def joins_window(self, ends_ms: int) -> None:
        self.window_ends_ms = ends_ms if self.window_ends_ms is None else min(self.window_ends_ms, ends_ms)

    def routed(self) -> Routed:
        return Routed(fresh=True, wake=frozenset(self.wake), window_ends_ms=self.window_ends_ms, dead=self.dead)


class _New(NamedTuple):
    """A delivery to be inserted, with its places in lanes and, when it is dead, its death."""

    values: tuple[SqlValue, ...]
    places: Sequence[lanes.Place]
    death: Death | None
    rule: str
    now_ms: int


def route_all(tx: Transaction, batches: Sequence[Batch]) -> list[list[Routed] | UsageError]:
    """Record the deliveries of events, unless they were routed before; a batch that names no event is refused."""
    wanted = {seq for batch in batches for seq, _ in batch.events}
    known = {seq: bool(routed) for seq, routed in tx.tuples("events_to_route", numbers(wanted))}
    routing = _Routing(tx, known, [plan for batch in batches for _, plans in batch.events for plan in plans])
    answers: list[list[Routed] | UsageError] = []
    for batch in batches:
        missing = next((seq for seq, _ in batch.events if seq not in known), None)
        if missing is not None:
            answers.append(UsageError(f"no event has the number {missing}"))
        else:
            answers.append(routing.route(batch))
    routing.finish()
    return answers


class _Routing:
    """Several events on their way into the tables, in order.

    Rows are collected and written together; what has to see them (a coalescing window) has them written first.
    """

    def __init__(self, tx: Transaction, known: dict[int, bool], plans: Sequence[NewDelivery]) -> None:
        self._tx = tx
        self._routed = known
        # Nothing that routing does moves a mark, so those of all plans can be read at once.
        self._marks = marks.read(tx, [(plan.rule, plan.forward, plan.newer) for plan in plans])
        self._lanes = [(name, plan.key) for plan in plans if plan.key is not None for name in plan.lanes]
        self._line: lanes.Line | None = None
        self._new: list[_New] = []
        self._matched: list[int] = []
        self._unmatched: list[int] = []
        self._windows_ended_ms: int | None = None

    def route(self, batch: Batch) -> list[Routed]:
        """Route the events of a batch."""
        answers: list[Routed] = []
        for seq, plans in batch.events:
            if self._routed[seq]:
                answers.append(Routed(fresh=False, wake=states.NOBODY))
                continue
            self._routed[seq] = True
            (self._matched if plans else self._unmatched).append(seq)
            # Windows that are over come first: their survivors were accepted before this event.
            summary = _Summary(wake=set(self._end_windows(batch.now_ms)))
            for plan in plans:
                self._place(seq, plan, batch.now_ms, summary)
            answers.append(summary.routed())
        return answers

    def finish(self) -> None:
        """Write what is still to be written."""
        self._flush()
        for name, mark, seqs in (("routed", _ROUTED, self._matched), ("unmatched", _UNMATCHED, self._unmatched)):
            if seqs:
                self._tx.write("mark_routed", (mark, *numbers(seqs)))
                self._tx.count(EVENTS, name, len(seqs))
                self._tx.count(EVENTS, "unrouted", -len(seqs))

    def _end_windows(self, now_ms: int) -> frozenset[str]:
        if self._windows_ended_ms is not None and now_ms <= self._windows_ended_ms:
            return states.NOBODY
        self._windows_ended_ms = now_ms
        self._flush()
        self._line = None  # whoever comes out of a window enters lanes
        return windows.end_due(self._tx, now_ms=now_ms)

    def _place(self, event_seq: int, plan: NewDelivery, now_ms: int, summary: _Summary) -> None:
        if plan.state not in _STARTING or (plan.state is DeliveryState.DEAD) != (plan.death is not None):
            raise StoreError(f"routing cannot make a delivery that is {plan.state}")
        if plan.state is not DeliveryState.PENDING:
            summary.dead += plan.death is not None
            self._add(event_seq, plan, plan.state, now_ms, reason=plan.reason)
        elif behind := self._marks.behind(plan):
            self._add(event_seq, plan, DeliveryState.SUPERSEDED, now_ms, reason=behind)
        elif plan.coalesce is not None and plan.coalesce.window_ms > 0:
            self._place_in_window(event_seq, plan, plan.coalesce, now_ms, summary)
        else:
            self._place_in_lanes(event_seq, plan, now_ms, summary)

    def _place_in_lanes(self, event_seq: int, plan: NewDelivery, now_ms: int, summary: _Summary) -> None:
        if self._line is None:
            self._line = lanes.Line(self._tx, self._lanes)
        places = self._line.places(plan.key, lanes.wanted(plan))
        self._add(event_seq, plan, DeliveryState.PENDING, now_ms, places=places)
        if lanes.blocked(places) == 0:
            summary.wake.add(plan.destination)

    def _place_in_window(
        self, event_seq: int, plan: NewDelivery, window: Coalesce, now_ms: int, summary: _Summary
    ) -> None:
        self._flush()
        waiting = windows.opened(self._tx, plan.rule, window.group)
        ends_ms = now_ms + window.window_ms if waiting is None else int(waiting["window_ends_ms"])
        summary.joins_window(ends_ms)
        if waiting is not None and not windows.survives(plan, waiting):
            self._add(event_seq, plan, DeliveryState.SUPERSEDED, now_ms, reason=_OVERTAKEN)
            return
        if waiting is not None:
            windows.supersede(self._tx, waiting, now_ms=now_ms)
        self._add(event_seq, plan, DeliveryState.PENDING, now_ms, window_ends_ms=ends_ms)

    def _add(
        self,
        event_seq: int,
        plan: NewDelivery,
        state: DeliveryState,
        now_ms: int,
        *,
        reason: str | None = None,
        window_ends_ms: int | None = None,
        places: Sequence[lanes.Place] = (),
    ) -> None:
        values: tuple[SqlValue, ...] = (
            new_id("dlv"),
            event_seq,
            plan.rule,
            plan.revision,
            state.value,
            plan.key,
            dump(lanes.wanted(plan)),
            plan.destination,
            plan.destination,
            plan.order.value,
            plan.order_hold_ms,
            window_ends_ms or now_ms,
            dump(plan.recall),
            plan.forward.by if plan.forward else None,
            plan.forward.rank if plan.forward else None,
            plan.newer.by if plan.newer else None,
            plan.newer.time_ms if plan.newer else None,
            reason,
            now_ms,
            now_ms,
            None if state.is_open else now_ms,
            plan.coalesce.group if plan.coalesce else None,
            window_ends_ms,
            lanes.blocked(places),
        )
        self._tx.count(plan.rule, state.value, destination=plan.destination)
        self._tx.count(plan.rule, CREATED, destination=plan.destination)
        death = plan.death if state is DeliveryState.DEAD else None
        self._new.append(_New(values, places, death, plan.rule, now_ms))

    def _flush(self) -> None:
        """Write the rows so far."""
        new, self._new = self._new, []
        seqs = self._tx.insert_rows("insert_deliveries", [one.values for one in new])
        lanes.enter(self._tx, zip(seqs, (one.places for one in new), strict=True))
        for seq, one in zip(seqs, new, strict=True):
            if one.death is not None:
                states.write_death(self._tx, seq, one.rule, one.death, now_ms=one.now_ms, attempts=0)

"""Routing: each stored event meets the rules once, in the order of acceptance, and becomes deliveries."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from bridge.clock import Clock
from bridge.engine.faults import place_of, poison
from bridge.engine.present import Present
from bridge.engine.room import Room
from bridge.errors import StoreUnavailable
from bridge.model import DeliveryState, NewDelivery, StoredEvent
from bridge.rules.plan import plan
from bridge.rules.rule import Rule
from bridge.store.protocol import Routed, Store

log = structlog.get_logger(__name__)

BATCH = 128
PAGE = 500
UNAVAILABLE_WAIT_MS = 1_000


class Router:
    """Runs the rules over accepted events.

    Args:
        store: where the deliveries go.
        present: the rules in use.
        clock: the time.
        room: where the events have a place until they meet the rules.
        wake: told the destinations that have something new to do.
        died: told when a delivery was dead from the start.
    """

    def __init__(
        self,
        store: Store,
        present: Present,
        clock: Clock,
        room: Room,
        *,
        wake: Callable[[frozenset[str]], None],
        died: Callable[[], None],
    ) -> None:
        self._store = store
        self._present = present
        self._clock = clock
        self._room = room
        self._wake = wake
        self._died = died
        self._queue: deque[StoredEvent] = deque()
        self._signal = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many accepted events wait for their rules."""
        return len(self._queue)

    def put(self, event: StoredEvent) -> None:
        """Take over an event that was just stored."""
        self._room.enter(event.source, 1)
        self._queue.append(event)
        self._signal.set()

    async def catch_up(self) -> int:
        """Route what an earlier process stored and did not get to; returns how many."""
        total, after = 0, 0
        while events := await self._store.unrouted(after_seq=after, limit=PAGE):
            await self._route(events)
            after, total = events[-1].seq, total + len(events)
        return total

    async def run(self) -> None:
        """Route for ever; cancel to stop. What is not routed by then is in the store."""
        while True:
            await self._signal.wait()
            self._signal.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                for event in batch:
                    self._room.leave(event.source, 1)
                await self._route(sorted(batch, key=lambda event: event.seq))

    def held(self) -> asyncio.Lock:
        """To be held by who must put deliveries into their lanes before those of any event that is not routed yet."""
        return self._turn

    async def _route(self, events: Sequence[StoredEvent]) -> None:
        async with self._turn:
            planned = [(event, self.plan(event)) for event in events]
            results = await self._written(planned)
        for (event, deliveries), routed in zip(planned, results, strict=True):
            self._report(event, deliveries, routed)
        self._wake(self._windows(planned, results))

    async def _written(self, planned: Sequence[tuple[StoredEvent, list[NewDelivery]]]) -> list[Routed]:
        """Record the deliveries; while the store cannot write, the events wait here in their order.

        Raises:
            StoreFailed: the store must not be trusted any more.
        """
        never = asyncio.Event()
        while True:
            now_ms = self._clock.now_ms()
            try:
                results = await self._store.route(
                    [(event.seq, deliveries) for event, deliveries in planned], now_ms=now_ms
                )
            except StoreUnavailable:
                log.warning("routing.postponed", events=len(planned), help="the store cannot write")
                await self._clock.wait(never, now_ms + UNAVAILABLE_WAIT_MS)
            else:
                self._tell(results)
                return results

    def _tell(self, results: Sequence[Routed]) -> None:
        self._wake(frozenset().union(*(routed.wake for routed in results)))
        if any(routed.dead for routed in results):
            self._died()

    def plan(self, event: StoredEvent) -> list[NewDelivery]:
        """The deliveries that the present rules make of an event."""
        configuration = self._present.configuration
        if not configuration.rules.rules_for(event.source, event.type):
            return []
        scope = configuration.scope(event)
        return list(
            configuration.rules.plans(event.source, event.type, scope, lambda rule: self._plan(rule, event, scope))
        )

    @staticmethod
    def _plan(rule: Rule, event: StoredEvent, scope: Mapping[str, object]) -> NewDelivery:
        """The delivery of one rule; a fault of ours is one dead letter, and neither the other rules' nor our end."""
        try:
            return plan(rule, scope)
        except Exception as error:  # noqa: BLE001 - as the docstring says
            log.error(  # noqa: TRY400 - a traceback may quote customer text
                "event.fault", id=event.id, rule=rule.name, problem=type(error).__name__, place=place_of(error)
            )
            death = poison(error, rule.name)
            return NewDelivery(rule=rule.name, revision=rule.revision, state=DeliveryState.DEAD, death=death)

    @staticmethod
    def _windows(planned: Sequence[tuple[StoredEvent, list[NewDelivery]]], results: Sequence[Routed]) -> frozenset[str]:
        """Destinations whose dispatcher must learn of a window's end."""
        return frozenset(
            delivery.destination
            for (_, deliveries), routed in zip(planned, results, strict=True)
            if routed.window_ends_ms is not None
            for delivery in deliveries
            if delivery.coalesce is not None
        )

    @staticmethod
    def _report(event: StoredEvent, deliveries: Sequence[NewDelivery], routed: Routed) -> None:
        log.info(
            "event.routed",
            id=event.id,
            source=event.source,
            type=event.type,
            rules=[delivery.rule for delivery in deliveries],
            dead=routed.dead,
        )
        for delivery in deliveries:
            if delivery.death is not None and routed.fresh:
                death = delivery.death
                log.warning(
                    "delivery.dead",
                    event_id=event.id,
                    rule=delivery.rule,
                    step=death.step,
                    kind=str(death.kind),
                    code=death.code,
                    fingerprint=death.fingerprint,
                )

"""Acceptance: events are in the store, synced, before anybody hears that they were taken."""

from collections.abc import Sequence

import structlog

from bridge.engine.precedence import Precedence
from bridge.engine.present import Present
from bridge.engine.refusals import Refusals
from bridge.engine.room import Room
from bridge.engine.route import Router
from bridge.errors import StoreUnavailable
from bridge.model import Accepted, NewEvent
from bridge.store.protocol import ReplayId, Store

log = structlog.get_logger(__name__)


class Acceptor:
    """Stores events and hands the new ones over to routing, in memory, after the commit.

    Args:
        store: the durable memory.
        router: what runs the rules.
        precedence: told of everybody who waits here.
        present: the sources in use.
        room: where events are between the door and their rules; without a place the door says "later".
        refusals: counts what is not taken.
    """

    def __init__(
        self,
        store: Store,
        router: Router,
        precedence: Precedence,
        present: Present,
        room: Room,
        refusals: Refusals,
    ) -> None:
        self.refusals = refusals
        self._store = store
        self._router = router
        self._precedence = precedence
        self._present = present
        self._room = room

    async def accept(self, events: Sequence[NewEvent], once: ReplayId | None = None) -> list[Accepted]:
        """Store the events of one request; returns when the commit is synced.

        Args:
            events: what the request holds.
            once: what the request calls itself, where its source wants that to be good for one body.

        Raises:
            Replayed: that was used for another body.
            StoreUnavailable: nothing was acknowledged: the queue is full, or the store cannot write now.
        """
        source = events[0].source if events else ""
        if not self._room.admits(source, alone=len(self._present.configuration.sources) == 1):
            raise StoreUnavailable("too many events wait for their rules")
        with self._precedence.at_the_door():
            if len(events) > 1:
                accepted = await self._stored(events, source, once)
            else:
                accepted = await self._store.accept(events, once=once)
        for answer in accepted:
            if answer.event is not None:
                self._router.put(answer.event)
        for answer, event in zip(accepted, events, strict=True):
            if answer.differs:
                log.warning(
                    "event.differs", id=answer.id, source=event.source, help="same id, other bytes: kept the first"
                )
            if answer.repeats is not None:
                log.info("event.redelivered", id=answer.id, source=event.source, repeats=answer.repeats)
            log.info(
                "event.accepted",
                id=answer.id,
                source=event.source,
                type=event.type,
                bytes=len(event.content),
                duplicate=answer.duplicate,
            )
        return accepted

    async def _stored(self, events: Sequence[NewEvent], source: str, once: ReplayId | None) -> list[Accepted]:
        """Store them. Meanwhile all but the first have places: of first ones there are no more than connections."""
        others = len(events) - 1
        self._room.enter(source, others)
        try:
            return await self._store.accept(events, once=once)
        finally:
            self._room.leave(source, others)

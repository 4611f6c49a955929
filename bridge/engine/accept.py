"""Acceptance: events are in the store, synced, before anybody hears that they were taken."""

from collections.abc import Sequence

import structlog

from bridge.engine.precedence import Precedence
from bridge.engine.route import Router
from bridge.errors import StoreUnavailable
from bridge.model import Accepted, NewEvent
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)


class Acceptor:
    """Stores events and hands the new ones over to routing, in memory, after the commit.

    Args:
        store: the durable memory.
        router: what runs the rules.
        precedence: told of everybody who waits here.
        max_waiting: events that may wait for routing before the door says "later".
    """

    def __init__(self, store: Store, router: Router, precedence: Precedence, *, max_waiting: int) -> None:
        self._store = store
        self._router = router
        self._precedence = precedence
        self._max_waiting = max_waiting

    async def accept(self, events: Sequence[NewEvent]) -> list[Accepted]:
        """Store the events of one request; returns when the commit is synced.

        Raises:
            StoreUnavailable: nothing was acknowledged: the queue is full, or the store cannot write now.
        """
        if self._router.waiting >= self._max_waiting:
            raise StoreUnavailable("too many events wait for their rules")
        with self._precedence.at_the_door():
            accepted = await self._store.accept(events)
        for answer, event in zip(accepted, events, strict=True):
            if answer.event is not None:
                self._router.put(answer.event)
            if answer.differs:
                log.warning(
                    "event.differs", id=answer.id, source=event.source, help="same id, other bytes: kept the first"
                )
            log.info(
                "event.accepted",
                id=answer.id,
                source=event.source,
                type=event.type,
                bytes=len(event.content),
                duplicate=answer.duplicate,
            )
        return accepted

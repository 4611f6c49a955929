"""The record of one delivery in hand: what was learnt and is not written yet, and the writes at its boundaries.

Everything learnt is in the store when a write returns. A store that cannot write just now is asked again until it
can: an answer must not be forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from bridge.clock import Clock
from bridge.errors import StoreError, StoreUnavailable
from bridge.model import AttemptEnd, AttemptStart, Claim, Death, DeliveryState, LinkWrite
from bridge.rules.run import RunState
from bridge.store.protocol import Progress, Store, Wake

log = structlog.get_logger(__name__)

LEASE_MS = 10 * 60_000
"""How long a lease lasts beyond the longest time that its request may take."""
STORE_WAIT_MS = 1_000
"""How long to wait before what was learnt is written again to a store that could not take it."""

Result = TypeVar("Result")


class Record:
    """What one lease may write.

    Every write raises `LeaseLost` when somebody else has the delivery by now.
    """

    def __init__(self, store: Store, clock: Clock, claim: Claim) -> None:
        self._store = store
        self._clock = clock
        self._lease = claim.lease
        self._delivery = claim.delivery
        self.state = RunState()
        self.tries = _number(claim.delivery.progress.get("tries"))
        """Requests so far, over all generations."""
        self.held_ms = _number(claim.delivery.progress.get("held_ms"))
        """How long its own failures have held its lanes."""
        self.orphaned_ms = _number(claim.delivery.progress.get("orphaned_ms"))
        """For how long of the time since its first failure its rule or destination was not configured."""
        self._orphaned_at_ms = _number(claim.delivery.progress.get("orphaned_at_ms"))
        """Since when that is so now; 0 when it is not."""
        self._tried: str | None = None
        """The step of the attempt begun last; the state has gone on when its verdict is logged."""
        self._end: AttemptEnd | None = None
        self._links: list[LinkWrite] = []

    def read(self) -> None:
        """Take up the run's state from the store."""
        stored = self._delivery.progress.get("run")
        self.state = RunState.from_json(stored if isinstance(stored, dict) else {})

    def orphaned(self) -> None:
        """Its rule or destination is missing: from now on the time does not count."""
        self._orphaned_at_ms = self._orphaned_at_ms or self._clock.now_ms()

    def adopted(self) -> None:
        """What was missing is there again."""
        if self._orphaned_at_ms and self._delivery.first_failed_at_ms is not None:
            self.orphaned_ms += max(0, self._clock.now_ms() - self._orphaned_at_ms)
        self._orphaned_at_ms = 0

    def learn(self, end: AttemptEnd) -> None:
        """Keep the verdict on the attempt begun last for the next write, and log it."""
        self._end = end
        log.info(
            "delivery.attempted",
            id=self._delivery.id,
            event_id=self._delivery.event_id,
            rule=self._delivery.rule,
            step=self._tried or self.state.step,
            attempt=end.number,
            outcome=str(end.outcome),
            status=end.status,
            code=end.code,
        )

    def remember(self, links: tuple[LinkWrite, ...]) -> None:
        """Keep links for the next write."""
        self._links += links

    @property
    def has_news(self) -> bool:
        """Whether an answer was taken in that the store does not know of yet."""
        return self._end is not None or bool(self._links)

    async def save(self) -> None:
        """Write what was learnt, and go on."""
        progress = self._progress()
        await self._written(
            lambda: self._store.advance(self._lease, progress, now_ms=self._clock.now_ms(), lease_ms=LEASE_MS)
        )

    async def begin(self, start: AttemptStart, *, timeout_ms: int = 0) -> None:
        """Write that a request is about to leave, and extend the lease over its answer."""
        progress, lease_ms = self._progress(start), LEASE_MS + timeout_ms
        self._tried = start.step
        await self._written(
            lambda: self._store.advance(self._lease, progress, now_ms=self._clock.now_ms(), lease_ms=lease_ms)
        )

    async def postpone(
        self, destination: str, *, due_at_ms: int, failed: bool = False, step_aside: bool = False, queue: str = ""
    ) -> Wake:
        """Give the lease back until a time; `queue` names the limit that the delivery waits for."""
        progress = self._progress()
        wake = await self._written(
            lambda: self._store.postpone(
                self._lease,
                progress,
                now_ms=self._clock.now_ms(),
                due_at_ms=due_at_ms,
                destination=destination,
                failed=failed,
                step_aside=step_aside,
                queue=queue,
            )
        )
        return wake | {destination}

    async def settle(self, state: DeliveryState, *, reason: str | None = None) -> Wake:
        """End the delivery as done, skipped or superseded."""
        progress = self._progress()
        wake = await self._written(
            lambda: self._store.settle(self._lease, state, progress, now_ms=self._clock.now_ms(), reason=reason)
        )
        log.info("delivery.settled", id=self._delivery.id, rule=self._delivery.rule, state=str(state))
        return wake

    async def die(self, death: Death, *, keep_state: bool = False) -> Wake:
        """End the delivery as dead. With `keep_state` the store keeps the run's state that it has."""
        learnt = Progress(links=tuple(self._links)) if keep_state else self._progress()
        wake = await self._written(
            lambda: self._store.settle(
                self._lease, DeliveryState.DEAD, learnt, now_ms=self._clock.now_ms(), death=death
            )
        )
        log.warning(
            "delivery.dead",
            id=self._delivery.id,
            event_id=self._delivery.event_id,
            rule=self._delivery.rule,
            step=death.step,
            kind=str(death.kind),
            code=death.code,
            fingerprint=death.fingerprint,
        )
        return wake

    async def release(self, destination: str) -> None:
        """Give the lease back in the middle, when we have to stop: this is no crash, and what was begun is known."""
        now_ms = self._clock.now_ms()
        try:
            await self._store.postpone(
                self._lease, self._progress(), now_ms=now_ms, due_at_ms=now_ms, destination=destination, failed=False
            )
        except StoreError as error:
            log.warning("delivery.not_released", id=self._delivery.id, problem=type(error).__name__)

    async def _written(self, write: Callable[[], Awaitable[Result]]) -> Result:
        while True:
            try:
                return await write()
            except StoreUnavailable:
                log.warning("delivery.not_recorded_yet", id=self._delivery.id, help="the store cannot write; it waits")
                await self._clock.wait(asyncio.Event(), self._clock.now_ms() + STORE_WAIT_MS)

    def _progress(self, start: AttemptStart | None = None) -> Progress:
        state: dict[str, object] = {"run": self.state.to_json(), "tries": self.tries, "held_ms": self.held_ms}
        times = {"orphaned_ms": self.orphaned_ms, "orphaned_at_ms": self._orphaned_at_ms}
        progress = Progress(
            state=state | {name: ms for name, ms in times.items() if ms},
            end=self._end,
            start=start,
            links=tuple(self._links),
        )
        self._end, self._links = None, []
        return progress


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0

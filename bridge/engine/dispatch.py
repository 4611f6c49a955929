"""Dispatch: for each destination, claim what may start and carry a bounded number at a time. Nothing polls.

How many requests are on the wire is the outlet's to say (`Departures`); here are only bounds on what is in memory.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from bridge.clock import Clock
from bridge.engine.deliver import Deliverer
from bridge.engine.orphans import is_of_orphans
from bridge.engine.precedence import Precedence
from bridge.engine.record import LEASE_MS
from bridge.engine.turns import Turns
from bridge.errors import StoreError, StoreFailed, StoreUnavailable
from bridge.model import Claim
from bridge.outbound.outlet import Outlet
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

UNAVAILABLE_WAIT_MS = 1_000
ORPHANS = 50
"""Deliveries in memory at a time for a destination that is configured no more: they are put aside or go elsewhere."""


class Dispatcher:
    """The deliveries of one destination.

    Args:
        name: the destination.
        outlet: gives the destination's present outlet, None while it is not configured: what waits for it is then
            carried on as the present rules say, which may be elsewhere, or it waits as an orphan.
        precedence: lets the door go first.
        wake: told the destinations that have something new to do.
        died: told when a delivery died.
        failed: told when the store must not be trusted any more.
    """

    def __init__(
        self,
        name: str,
        *,
        outlet: Callable[[], Outlet | None],
        store: Store,
        deliverer: Deliverer,
        clock: Clock,
        precedence: Precedence,
        worker: str,
        wake: Callable[[frozenset[str]], None],
        died: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._name = name
        self._outlet = outlet
        self._store = store
        self._deliverer = deliverer
        self._clock = clock
        self._precedence = precedence
        self._worker = worker
        self._wake_others = wake
        self._died = died
        self._failed = failed
        self._signal = asyncio.Event()
        self._running: dict[asyncio.Task[None], bool] = {}
        """What is carried, and whether it is a replay."""
        self._turns = Turns()
        self._told: Mapping[str, int] = {}
        """What was due elsewhere when we last looked; nobody is woken twice for the same."""
        self._asked_for: Outlet | None = None
        self._left_queues: dict[str, int] = {}
        """Queues of limits that the present outlet has not got, and in which deliveries wait all the same."""
        self._stopping = False
        self._claims_no_more = asyncio.Event()

    def wake(self) -> None:
        """There may be something to do."""
        self._signal.set()

    @property
    def in_flight(self) -> int:
        """How many deliveries are being carried out."""
        return len(self._running)

    async def run(self) -> None:
        """Claim and deliver until stopped."""
        try:
            while not self._stopping:
                self._signal.clear()
                until_ms = await self._turn()
                if not self._signal.is_set():
                    await self._clock.wait(self._signal, until_ms)
        finally:
            self._claims_no_more.set()

    async def drain(self) -> None:
        """Claim nothing more, and wait for what is in flight."""
        self._stopping = True
        self.wake()
        await self._claims_no_more.wait()
        while self._running:
            await asyncio.wait(set(self._running))

    async def abandon(self) -> None:
        """Stop what is still in flight; the store knows that it may have been sent, and gets the lease back."""
        for task in set(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _turn(self) -> int | None:
        """Start what can start; returns when to look again, None to wait for a signal."""
        outlet = self._outlet()
        if outlet is not None and outlet.departures.most() == 0:
            return outlet.departures.look_again_ms()
        await self._precedence.yield_to_the_door()
        try:
            return await self._claim(outlet)
        except StoreFailed as error:
            self._failed(error)
            return None
        except StoreUnavailable:
            return self._clock.now_ms() + UNAVAILABLE_WAIT_MS

    async def _claim(self, outlet: Outlet | None) -> int | None:
        most = ORPHANS if outlet is None else outlet.departures.most()
        free = most - len(self._running)
        if free <= 0:
            return None
        share = outlet.destination.replay_share if outlet is not None else 100
        replays = max(1, most * share // 100) - sum(self._running.values())
        asked_ms = self._clock.now_ms()
        queues = await self._queues(outlet)
        claims = await self._store.claim(
            self._name,
            worker=self._worker,
            now_ms=asked_ms,
            lease_ms=LEASE_MS,
            limit=free,
            replays=max(0, replays),
            queues=queues,
            turns=self._turns.of_replays(queues, share),
        )
        self._turns.taken([claim.delivery for claim in claims], share)
        for claim in claims:
            self._start(claim)  # also while stopping: it is leased now, and gives the lease back at once
        return None if len(claims) == free else await self._look_again_ms(outlet, asked_ms)

    async def _queues(self, outlet: Outlet | None) -> dict[str, int]:
        """From which queues to claim how many. A queue whose limit is gone since a reload holds nobody any more."""
        now = outlet.departures.queues() if outlet is not None else {}
        if outlet is None or outlet is not self._asked_for:
            waiting = await self._store.queues(self._name)
            self._asked_for = outlet
            self._left_queues = {name: ORPHANS for name in waiting if name not in now and not is_of_orphans(name)}
            if outlet is not None:
                outlet.departures.watch(self.wake)
        return {**self._left_queues, **now}

    async def _look_again_ms(self, outlet: Outlet | None, asked_ms: int) -> int | None:
        """When there may be more to claim than there was at `asked_ms`; None: somebody will wake us."""
        due = await self._store.next_due()
        # a claim may have ended deliveries that others waited for (a damaged row), and says so only here
        now_ms = self._clock.now_ms()
        risen = frozenset(name for name, at_ms in due.items() if at_ms <= now_ms and self._told.get(name) != at_ms)
        self._told = due
        self._wake_others(risen - {self._name})
        free_ms = outlet.departures.look_again_ms() if outlet is not None else None
        mine_ms = due.get(self._name)
        # what was due already and was not claimed waits behind our own bounds, and the end of one of those wakes us
        times = [at_ms for at_ms in (mine_ms, free_ms) if at_ms is not None and at_ms > asked_ms]
        return min(times, default=None)

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._deliver(claim), name=f"deliver {claim.delivery.id}")
        self._running[task] = claim.delivery.replay
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)  # a fault of ours that nobody took in: better to restart than to go on in doubt
        self.wake()

    async def _deliver(self, claim: Claim) -> None:
        try:
            delivered = await self._deliverer.deliver(claim)
        except StoreFailed as error:
            self._failed(error)
        except StoreError as error:
            log.error(  # noqa: TRY400 - its place is in the store, not here
                "delivery.not_recorded",
                id=claim.delivery.id,
                problem=type(error).__name__,
                help="the lease ends by itself, then it goes on",
            )
        else:
            self._wake_others(delivered.wake)
            if delivered.died:
                self._died()

"""Dispatch: for each destination, claim what may start and keep at most its concurrency in flight. Nothing polls."""

import asyncio
from collections.abc import Callable

import structlog

from bridge.clock import Clock
from bridge.engine.deliver import LEASE_MS, Deliverer
from bridge.errors import StoreError, StoreFailed, StoreUnavailable
from bridge.model import Claim
from bridge.outbound.outlet import Outlet
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

UNAVAILABLE_WAIT_MS = 1_000
ORPHANS = 4
"""Deliveries in flight at one time for a destination that is configured no more: they die or go elsewhere."""


class Dispatcher:
    """The deliveries of one destination.

    Args:
        name: the destination.
        outlet: gives the destination's present outlet, None while it is not configured: what waits for it is then
            carried on as the present rules say, which may be elsewhere, or it is dead (`config`).
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
        self._worker = worker
        self._wake_others = wake
        self._died = died
        self._failed = failed
        self._signal = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
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
        if outlet is not None and outlet.gate.pause is not None:
            return None
        if outlet is not None and outlet.gate.held_until_ms is not None:
            return outlet.gate.held_until_ms
        free = (ORPHANS if outlet is None else outlet.destination.concurrency) - len(self._running)
        try:
            return await self._claim(free) if free > 0 else None
        except StoreFailed as error:
            self._failed(error)
            return None
        except StoreUnavailable:
            return self._clock.now_ms() + UNAVAILABLE_WAIT_MS

    async def _claim(self, free: int) -> int | None:
        claims = await self._store.claim(
            self._name, worker=self._worker, now_ms=self._clock.now_ms(), lease_ms=LEASE_MS, limit=free
        )
        for claim in claims:
            self._start(claim)  # also while stopping: it is leased now, and gives the lease back at once
        # a claim may have ended deliveries that others waited for (a damaged row), and says so only here
        due = await self._store.next_due()
        now_ms = self._clock.now_ms()
        self._wake_others(frozenset(name for name, at_ms in due.items() if at_ms <= now_ms and name != self._name))
        return None if len(claims) == free else due.get(self._name)

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._deliver(claim), name=f"deliver {claim.delivery.id}")
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
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

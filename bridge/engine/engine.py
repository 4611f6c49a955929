"""The engine as a whole: router, one dispatcher for each destination, the dead-letter file, housekeeping."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

import structlog

from bridge.clock import Clock
from bridge.configuration.model import Configuration
from bridge.engine import orphans
from bridge.engine.accept import Acceptor
from bridge.engine.books import BooksWatch
from bridge.engine.dead_letters import DeadLetterCopy, DeadLetterFile
from bridge.engine.deliver import Deliverer
from bridge.engine.dispatch import Dispatcher
from bridge.engine.hand import Hand
from bridge.engine.handshakes import Handshaking
from bridge.engine.keeping import Keeper
from bridge.engine.maintenance import Housekeeping
from bridge.engine.pauses import Pauses
from bridge.engine.precedence import Precedence
from bridge.engine.present import Present
from bridge.engine.record import STORE_WAIT_MS
from bridge.engine.refusals import Refusals
from bridge.engine.room import Room
from bridge.engine.route import Router
from bridge.errors import StoreError, StoreUnavailable
from bridge.outbound.outlet import Outlet, Outlets
from bridge.outbound.vault import Vault
from bridge.store.protocol import Store

log = structlog.get_logger(__name__)

MAX_STEP_MS = 24 * 3_600_000
HAND_FILE = "in-hand"
VAULT_FILE = "credentials.json"


class Engine:
    """Everything between the stored event and the CRM.

    Args:
        store: the durable memory, open.
        configuration: what to do.
        clock: the time.
        worker: this process's name in leases.
        failed: told once when the store must not be trusted any more.
    """

    def __init__(
        self,
        store: Store,
        configuration: Configuration,
        clock: Clock,
        *,
        worker: str,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.store = store
        self.clock = clock
        folder = configuration.settings.store.store_path(configuration.base_dir).parent
        self.outlets = Outlets(clock, Vault(folder / VAULT_FILE))
        self.present = Present(configuration, self.outlets)
        self.books = BooksWatch(store, clock)
        self.handshaking = Handshaking.over(store, self.present, clock)
        self._worker = worker
        self._failed = failed
        self._hand = Hand(folder / HAND_FILE)
        self._precedence = Precedence(clock)
        self._keeper = Keeper(store, self.present, clock)
        self._deliverer = Deliverer(store, self.present, clock, hand=self._hand, spent=self._keeper.touch)
        self._pauses = Pauses(store, self.outlets, clock)
        file = DeadLetterFile(configuration.settings.dead_letters.file_path(configuration.base_dir))
        self._copy = DeadLetterCopy(store, file, clock)
        room = Room(configuration.settings.server.max_waiting)
        self.router = Router(store, self.present, clock, room, wake=self.wake, died=self._copy.wake)
        self.refusals = Refusals(store, clock)
        self.acceptor = Acceptor(store, self.router, self._precedence, self.present, room, self.refusals)
        self._housekeeping = Housekeeping(store, self.present, clock)
        self._dispatchers: dict[str, Dispatcher] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing: list[asyncio.Task[None]] = []
        self._running = False

    async def start(self) -> None:
        """Take up what an earlier process left, then run. Events may be accepted when this returns."""
        await self._keeper.restore()
        await self._pauses.restore()
        await self.handshaking.restore()
        suspect = self._hand.left_by_the_last_process()
        ended = await self.store.recover(now_ms=self.clock.now_ms(), max_step_ms=MAX_STEP_MS, suspect=suspect)
        await self._rejoin()
        routed = await self.router.catch_up()
        if ended or routed:
            log.info("engine.resumed", interrupted=ended, routed=routed)
        self._running = True
        self._spawn("router", self.router.run())
        self._spawn("dead letters", self._copy.run())
        self._spawn("housekeeping", self._housekeeping.run())
        self._spawn("budgets", self._keeper.run())
        self._spawn("books", self.books.run())
        self._spawn("refusals", self.refusals.run())
        self._copy.wake()
        await self._wake_all()

    async def _wake_all(self) -> None:
        """Every destination, also one that has something waiting and is not configured any more."""
        due = frozenset(await self.store.next_due())
        self.wake(frozenset(self.outlets.all()) | due | await self.store.destinations())

    def _start_dispatcher(self, name: str) -> Dispatcher:
        dispatcher = self._dispatchers[name] = Dispatcher(
            name,
            outlet=self._outlet_of(name),
            store=self.store,
            deliverer=self._deliverer,
            clock=self.clock,
            precedence=self._precedence,
            worker=self._worker,
            wake=self.wake,
            died=self._copy.wake,
            failed=self._failed,
        )
        self._spawn(f"dispatch {name}", dispatcher.run())
        return dispatcher

    def _outlet_of(self, name: str) -> Callable[[], Outlet | None]:
        return lambda: self.outlets.get(name)

    def wake(self, destinations: frozenset[str]) -> None:
        """These destinations may have something new to do."""
        if not self._running:
            return  # at the start everybody is woken, at the end nobody
        for name in destinations:
            dispatcher = self._dispatchers.get(name) or self._start_dispatcher(name)
            dispatcher.wake()

    @property
    def in_flight(self) -> int:
        """How many deliveries are being carried out."""
        return sum(dispatcher.in_flight for dispatcher in self._dispatchers.values())

    async def reload(self, configuration: Configuration) -> None:
        """Use another configuration from now on. What is in flight ends with the one it began with.

        It returns at once: connections that nobody needs any more are closed when their last request has ended.
        """
        retired = self.outlets.configure(configuration.destinations)
        self.present.configuration = configuration
        self._closing = [task for task in self._closing if not task.done()]
        self._closing += [asyncio.create_task(outlet.close()) for outlet in retired]
        async with self.router.held():  # no event is routed by the new rules before the last of them stands in line
            await self._rejoin()
        await self._pauses.restore()
        await self._wake_all()

    async def _rejoin(self) -> None:
        """Let those go on whose rule or destination is back."""
        while (count := await self._rejoined()) is None:
            log.warning("orphans.not_rejoined_yet", help="the store cannot write; they go on as soon as it can")
            await self.clock.wait(asyncio.Event(), self.clock.now_ms() + STORE_WAIT_MS)
        if count:
            log.info("orphans.rejoined", deliveries=count)

    async def _rejoined(self) -> int | None:
        try:
            return (await orphans.rejoin(self.store, self.present, self.clock))[0]
        except StoreUnavailable:
            return None

    async def stop(self, *, within_s: float) -> None:
        """Claim nothing more, let what is in flight finish for `within_s` seconds, then stop. The store stays open."""
        self._running = False
        self._deliverer.stopping = True
        await self.handshaking.close()
        for outlet in self.outlets.all().values():
            outlet.departures.move_out()
        draining = [dispatcher.drain() for dispatcher in self._dispatchers.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*draining)
        for dispatcher in self._dispatchers.values():
            await dispatcher.abandon()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.gather(*self._closing)
        await self._last_export()
        await self._keeper.last_save()
        await self.refusals.last_save()
        await self.outlets.close()
        self._hand.close()

    async def _last_export(self) -> None:
        try:
            await self._copy.export()
        except (OSError, StoreError) as error:
            log.warning("dead_letters.file", problem=type(error).__name__, help="the file catches up at the next start")

    def _spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._watch)
        self._tasks[name] = task

    def _watch(self, task: asyncio.Task[None]) -> None:
        """A part of the engine that ends by itself is a fault of ours: better to restart than to stand still."""
        if not task.cancelled() and task.exception() is not None:
            log.error("engine.part_failed", part=task.get_name(), problem=type(task.exception()).__name__)
            self._failed(task.exception() or RuntimeError(task.get_name()))

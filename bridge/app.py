"""The composition root: from a configuration to a running daemon, and back down in a stated order.

Up: lock and open the store, bind both listeners (the public one answers 503), finish what an earlier process left,
open the door. A port that is taken is thus found before anything is sent.
Down: stop taking events (503 while the load balancer notices), let deliveries in flight finish, close the store.
"""

import asyncio
import gc
import os
import secrets
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self, TypedDict

import structlog
from aiohttp import http_parser, web

from bridge import __version__
from bridge.clock import Clock, SystemClock
from bridge.configuration.inputs import Inputs
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.model import Configuration
from bridge.engine.console import ADMIN_API, Console
from bridge.engine.engine import Engine
from bridge.errors import BridgeError, StoreReplaced
from bridge.model import new_id
from bridge.reload.reloads import FILE_WATCH, Reloads
from bridge.reload.watch import watcher
from bridge.settings import Address, Settings
from bridge.store.sqlite import SqliteStore
from bridge.web.admin import Admin, reload_detail
from bridge.web.handshakes import Greeter
from bridge.web.ingest import Ingest, Phase
from bridge.web.server import GuardedRunner, GuardedServer

log = structlog.get_logger(__name__)

EXIT_STORE_FAILED = 70
EXIT_STORE_GONE = 71
TOKEN_FILE = "admin-token"  # noqa: S105 - a file name
SHORTEST_TOKEN = 16
SIGHUP = "SIGHUP"
CLOSE_TIMEOUT_S = 2.0  # for requests that are still being answered when the listeners close
KILLED = 128  # plus the signal's number: what a shell reports for a process that a signal ended
COLLECT_AFTER = (20_000, 20, 100)
"""New objects between two looks for cyclic garbage. We make next to none; looking after 700 took a sixth of the CPU."""


class ListenFailed(BridgeError):  # noqa: N818 - reads as what happened
    """An address could not be bound; `section` is the setting's, `reason` the system's words."""

    def __init__(self, section: str, address: Address, reason: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")
        self.section = section
        self.address = address
        self.reason = reason


class TokenFailed(BridgeError):  # noqa: N818 - reads as what happened
    """The admin token could not be made or read."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the daemon really listens (a port of 0 in the settings lets the system choose)."""

    public: str
    admin: str
    token: str = field(repr=False)


class Daemon:
    """One running bridge. Use as an async context manager, or `start` and `stop`.

    Args:
        configuration: what to do.
        clock: the time.
        load: loads the configuration again, for a reload.
        inputs: what the configuration was read from; None: nobody is to notice when that changes.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        clock: Clock | None = None,
        load: Callable[[], LoadedConfiguration] | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        self.configuration = configuration
        self._clock = clock or SystemClock()
        self._load = load
        self._inputs = inputs
        self._runners: list[web.BaseRunner] = []
        self._up = asyncio.Event()
        self._stop = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._follow: asyncio.Task[None] | None = None
        self.exit_code = 0
        self.store: SqliteStore
        self.engine: Engine
        self.console: Console
        self.bound: Bound
        self._ingest: Ingest
        self._reloads: Reloads

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bring everything up; events are taken when this returns.

        Raises:
            StoreError: the store cannot be opened.
            ListenFailed: an address cannot be bound.
        """
        settings = self.configuration.settings
        _check_parser()
        self.store = await SqliteStore.open(settings.store.store_path(self.configuration.base_dir))
        try:
            await self._start_over(self.store, settings)
        except BaseException:
            await self._close_listeners()
            await self._close_store()
            raise

    async def _watch_store(self, store: SqliteStore) -> None:
        """A store that moved or failed while nobody wrote to it is noticed all the same (fact C22)."""
        self.fail(await store.wait_failed())

    async def _start_over(self, store: SqliteStore, settings: Settings) -> None:
        self._watch = asyncio.create_task(self._watch_store(store), name="watch store")
        self.engine = Engine(store, self.configuration, self._clock, worker=new_id("wrk"), failed=self.fail)
        self.console = Console(
            store,
            self.engine.present,
            self._clock,
            changed=self.engine.wake,
            arrived=self.engine.router.put,
            books=self.engine.books,
            refusals=self.engine.refusals,
        )
        self._reloads = Reloads(
            self.engine.present, self._clock, load=self._load, inputs=self._inputs or Inputs(), use=self._use
        )
        self._ingest = Ingest(
            self.engine.present,
            self.engine.acceptor,
            self._clock,
            settings.server,
            Greeter(self.engine.handshaking, failed=self.fail),
            failed=self.fail,
        )
        token = admin_token(self.configuration)
        admin_url = await self._listen_admin(token, settings)
        public_url = await self._listen_public(settings)
        self.bound = Bound(public_url, admin_url, token)
        try:
            await self.engine.start()
        except BaseException:
            await self.engine.stop(within_s=0)
            raise
        self.engine.present.loaded_at_ms = self._clock.now_ms()
        self._ingest.phase = Phase.OPEN
        self._up.set()
        self._begin_to_follow(settings)
        self._say_started()

    def _say_started(self) -> None:
        configuration = self.configuration
        log.info(
            "bridge.started",
            version=__version__,
            pid=os.getpid(),
            configuration=str(configuration.path),
            public=self.bound.public,
            admin=self.bound.admin,
            sources={source.name: source.path for source in configuration.sources.values()},
            rules=len(configuration.rules.rules),
            revision=configuration.revision,
            store=str(configuration.settings.store.store_path(configuration.base_dir)),
        )

    async def _listen_admin(self, token: str, settings: Settings) -> str:
        admin = Admin(self.console, token, partial(self.reload, ADMIN_API), host=settings.admin.listen.host)
        runner = GuardedRunner(admin.application(), shutdown_timeout=CLOSE_TIMEOUT_S, **guards(settings))
        return await self._listen(runner, settings.admin.listen, "admin")

    async def _listen_public(self, settings: Settings) -> str:
        server = GuardedServer(self._ingest.handle, **guards(settings))
        runner = web.ServerRunner(server, shutdown_timeout=CLOSE_TIMEOUT_S)
        return await self._listen(runner, settings.server.listen, "server")

    async def _listen(self, runner: web.BaseRunner, address: Address, section: str) -> str:
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            raise ListenFailed(section, address, _reason(error)) from error
        host, port = runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Go down in order; everything acknowledged is in the store."""
        settings = self.configuration.settings.server
        self._begin_stopping()
        await self._ingest.finish()
        if self._follow is not None:
            await asyncio.gather(self._follow, return_exceptions=True)
        await self._reloads.close()
        # With a store that failed nothing more can be recorded, so there is nothing to wait for.
        await self.engine.stop(within_s=0 if self.exit_code else settings.drain_timeout_ms / 1000)
        await self._close_listeners()
        await self._close_store()
        log.info("bridge.stopped")

    def _begin_stopping(self) -> None:
        if self._ingest.phase is not Phase.STOPPING:
            if self._follow is not None:
                self._follow.cancel()
            self._ingest.phase = Phase.STOPPING
            log.info("bridge.stopping", in_flight=self.engine.in_flight)

    async def _close_store(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self.store.close()

    async def _close_listeners(self) -> None:
        for runner in reversed(self._runners):
            await runner.cleanup()
        self._runners.clear()

    def fail(self, error: BaseException) -> None:
        """The store or a part of the engine failed: end the process rather than go on in doubt."""
        if self.exit_code == 0:
            self.exit_code = EXIT_STORE_GONE if isinstance(error, StoreReplaced) else EXIT_STORE_FAILED
            log.critical("bridge.failed", problem=type(error).__name__, exit=self.exit_code)
        self._stop.set()

    # --- reloading ---------------------------------------------------------------------------------------------

    async def reload(self, trigger: str = "by hand") -> dict[str, object]:
        """Load the configuration again; a bad one changes nothing and is reported."""
        return await self._reloads.reload(trigger)

    async def _use(self, configuration: Configuration) -> None:
        await self.engine.reload(configuration)
        self.configuration = configuration

    def _begin_to_follow(self, settings: Settings) -> None:
        """Notice it from now on when a file of the configuration changes."""
        if self._load is None or self._inputs is None or not settings.reload.watch:
            return
        self.engine.present.watched = True
        following = self._reloads.follow(watcher(settings.reload), self._record_watched)
        self._follow = asyncio.create_task(following, name="follow files")
        self._follow.add_done_callback(self._stopped_following)

    def _stopped_following(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.engine.present.watched = False
            problem = type(task.exception()).__name__
            log.error("configuration.watch_failed", problem=problem, help="reload by SIGHUP or `crm-bridge reload`")

    async def _record_watched(self, answer: Mapping[str, object]) -> None:
        if not answer.get("unchanged"):
            await self._record_reload(FILE_WATCH, answer)

    async def _record_reload(self, by: str, answer: Mapping[str, object]) -> None:
        await self.console.acting_for(by).record("reload", reload_detail(answer))

    # --- as a process ------------------------------------------------------------------------------------------

    async def serve(self) -> int:
        """Run until a signal; returns the exit code. The first SIGTERM drains, a second one ends at once."""
        reloads: set[asyncio.Task[object]] = set()
        self._listen_to_signals(reloads)
        await self.start()
        _spare_the_collector()
        await self._stop.wait()
        await self._notice_of_stopping()
        for reload in reloads:
            reload.cancel()
        await asyncio.gather(*reloads, return_exceptions=True)
        await self.stop()
        return self.exit_code

    def _listen_to_signals(self, reloads: set[asyncio.Task[object]]) -> None:
        """From before the start on, so that no signal finds the default action, which is to die."""
        loop = asyncio.get_running_loop()

        def end(number: signal.Signals) -> None:
            if self._stop.is_set():
                os._exit(KILLED + number)
            self._stop.set()

        def reload() -> None:
            task: asyncio.Task[object] = asyncio.create_task(self._reload_when_up())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, number)
        loop.add_signal_handler(signal.SIGHUP, reload)
        loop.add_signal_handler(signal.SIGUSR1, self._say_alive)

    async def _reload_when_up(self) -> None:
        await self._up.wait()
        await self._record_reload(SIGHUP, await self.reload(SIGHUP))

    def _say_alive(self) -> None:
        log.info("bridge.alive", up=self._up.is_set(), in_flight=self.engine.in_flight if self._up.is_set() else 0)

    async def _notice_of_stopping(self) -> None:
        """Answer 503 for a while, so that a load balancer sees it before connections fail."""
        self._begin_stopping()
        never = asyncio.Event()
        if self.exit_code == 0:
            delay_ms = self.configuration.settings.server.drain_delay_ms
            await self._clock.wait(never, self._clock.now_ms() + delay_ms)


def loader(path: Path, environ: Mapping[str, str]) -> Callable[[], LoadedConfiguration]:
    """How to load the same configuration again."""
    return lambda: load_configuration(path, environ)


def _reason(error: OSError) -> str:
    """The system's words; asyncio's own repeat the address."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return "its host name cannot be resolved" if isinstance(error, socket.gaierror) else str(error)
    return os.strerror(error.errno).lower()


def token_path(configuration: Configuration) -> Path:
    """The file with the generated admin token, beside the store."""
    return configuration.settings.store.store_path(configuration.base_dir).parent / TOKEN_FILE


def admin_token(configuration: Configuration) -> str:
    """The admin token: `admin.token`, else the one in the token file, made at the first start (0600).

    Raises:
        TokenFailed: the file cannot be written or read, or holds no token.
    """
    given = configuration.settings.admin.token
    if given is not None:
        return given.get_secret_value()
    path = token_path(configuration)
    try:
        if not path.exists():
            _write_token(path)
        path.chmod(0o600)
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TokenFailed(f"cannot keep the admin token in {path}: {reason}") from None
    if len(token) < SHORTEST_TOKEN:
        raise TokenFailed(f"{path} holds no token of at least {SHORTEST_TOKEN} characters: delete it to get a new one")
    return token


def _write_token(path: Path) -> None:
    """Whole or not at all: a file that a crash left empty would be a token that everybody knows."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class Guards(TypedDict):
    """What a connection is held to."""

    header_timeout_s: float
    max_connections: int
    max_per_address: int
    keep_alive_s: float


def guards(settings: Settings) -> Guards:
    """What every listener holds a connection to."""
    return {
        "header_timeout_s": settings.server.header_timeout_ms / 1000,
        "max_connections": settings.server.max_connections,
        "max_per_address": settings.server.max_connections_per_address,
        "keep_alive_s": settings.server.keep_alive_ms / 1000,
    }


def _spare_the_collector() -> None:
    """Look for garbage seldom, and never again among what the start made: code, configuration and rules stay."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _check_parser() -> None:
    """Warn when aiohttp runs on its pure Python parser, which takes malformed requests (fact S12)."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        log.warning(
            "http.slow_parser", help="install aiohttp with its C extension: pip install --force-reinstall aiohttp"
        )

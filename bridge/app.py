"""The composition root: from a configuration to a running daemon, and back down in a stated order.

Up: lock and open the store, finish what an earlier process left, admin listener, public listener.
Down: stop taking events (503 while the load balancer notices), let deliveries in flight finish, close the store.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog
from aiohttp import http_parser, web

from bridge.clock import Clock, SystemClock
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.model import Configuration
from bridge.engine.console import Console
from bridge.engine.engine import Engine
from bridge.errors import BridgeError, StoreReplaced
from bridge.model import new_id
from bridge.settings import Address, Settings
from bridge.store.sqlite import SqliteStore
from bridge.web.admin import Admin
from bridge.web.ingest import Ingest, Phase
from bridge.web.server import GuardedServer

log = structlog.get_logger(__name__)

EXIT_STORE_FAILED = 70
EXIT_STORE_GONE = 71
EXIT_PART_FAILED = 70
TOKEN_FILE = "admin-token"  # noqa: S105 - a file name
RESTART_NOTE = "`server`, `admin`, `store` and `dead_letters` take effect at the next start"


class ListenFailed(BridgeError):  # noqa: N818 - reads as what happened
    """An address could not be bound; `section` is the setting's, `reason` the system's words."""

    def __init__(self, section: str, address: Address, reason: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")
        self.section = section
        self.address = address
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the daemon really listens (a port of 0 in the settings lets the system choose)."""

    public: str
    admin: str
    token: str


class Daemon:
    """One running bridge. Use as an async context manager, or `start` and `stop`.

    Args:
        configuration: what to do.
        clock: the time.
        load: loads the configuration again, for a reload.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        clock: Clock | None = None,
        load: Callable[[], LoadedConfiguration] | None = None,
    ) -> None:
        self.configuration = configuration
        self._clock = clock or SystemClock()
        self._load = load
        self._runners: list[web.BaseRunner] = []
        self._stop = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self.exit_code = 0
        self.store: SqliteStore
        self.engine: Engine
        self.console: Console
        self.bound: Bound
        self._ingest: Ingest

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
            store, self.engine.present, self._clock, changed=self.engine.wake, died=self.engine.wake_copy
        )
        self._ingest = Ingest(self.engine.present, self.engine.acceptor, self._clock, settings.server, failed=self.fail)
        token = admin_token(self.configuration)
        admin = Admin(self.console, token, self.reload, host=settings.admin.listen.host)
        admin_url = await self._listen(
            web.AppRunner(admin.application(), access_log=None), settings.admin.listen, "admin"
        )
        server = GuardedServer(
            self._ingest.handle,
            header_timeout_s=settings.server.header_timeout_ms / 1000,
            max_connections=settings.server.max_connections,
            keep_alive_s=settings.server.keep_alive_ms / 1000,
        )
        await self.engine.start()
        public_url = await self._listen(web.ServerRunner(server), settings.server.listen, "server")
        self.bound = Bound(public_url, admin_url, token)
        self._ingest.phase = Phase.OPEN
        log.info("bridge.started", public=public_url, admin=admin_url, rules=len(self.configuration.rules.rules))

    async def _listen(self, runner: web.BaseRunner, address: Address, section: str) -> str:
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            raise ListenFailed(section, address, error.strerror or type(error).__name__) from error
        host, port = runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Go down in order; everything acknowledged is in the store."""
        settings = self.configuration.settings.server
        self._ingest.phase = Phase.STOPPING
        log.info("bridge.stopping", in_flight=self.engine.in_flight)
        await self._ingest.finish()
        await self.engine.stop(within_s=settings.drain_timeout_ms / 1000)
        await self._close_listeners()
        await self._close_store()
        log.info("bridge.stopped")

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

    async def reload(self) -> dict[str, object]:
        """Load the configuration again; a bad one changes nothing and is reported."""
        if self._load is None:
            return {"ok": False, "findings": ["this daemon was started without a file to reload"]}
        async with self._reloading:
            loaded = await asyncio.to_thread(self._load)
            if loaded.configuration is None:
                found = [f"{finding.place}: {finding.code} {finding.message}" for finding in loaded.findings]
                log.error("configuration.refused", findings=found, help="the old rules stay in use")
                return {"ok": False, "findings": found}
            restart = loaded.configuration.settings != self.configuration.settings
            await self.engine.reload(loaded.configuration)
            self.configuration = loaded.configuration
            log.info(
                "configuration.reloaded",
                rules=len(loaded.configuration.rules.rules),
                note=RESTART_NOTE if restart else None,
            )
            return {"ok": True, "findings": [], "note": RESTART_NOTE if restart else None}

    # --- as a process ------------------------------------------------------------------------------------------

    async def serve(self) -> int:
        """Run until a signal; returns the exit code. The first SIGTERM drains, a second one ends at once."""
        await self.start()
        loop = asyncio.get_running_loop()
        reloads: set[asyncio.Task[object]] = set()

        def reload() -> None:
            task: asyncio.Task[object] = asyncio.create_task(self.reload())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, reload)
        loop.add_signal_handler(signal.SIGUSR1, lambda: log.info("bridge.alive", in_flight=self.engine.in_flight))
        await self._stop.wait()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, os._exit, 130)
        await self._notice_of_stopping()
        await self.stop()
        return self.exit_code

    async def _notice_of_stopping(self) -> None:
        """Answer 503 for a while, so that a load balancer sees it before connections fail."""
        self._ingest.phase = Phase.STOPPING
        never = asyncio.Event()
        if self.exit_code == 0:
            delay_ms = self.configuration.settings.server.drain_delay_ms
            await self._clock.wait(never, self._clock.now_ms() + delay_ms)


def loader(path: Path, environ: Mapping[str, str]) -> Callable[[], LoadedConfiguration]:
    """How to load the same configuration again."""
    return lambda: load_configuration(path, environ)


def token_path(configuration: Configuration) -> Path:
    """The file with the generated admin token, beside the store."""
    return configuration.settings.store.store_path(configuration.base_dir).parent / TOKEN_FILE


def admin_token(configuration: Configuration) -> str:
    """The admin token: `admin.token`, else the one in the token file, made at the first start (0600)."""
    given = configuration.settings.admin.token
    if given is not None:
        return given.get_secret_value()
    path = token_path(configuration)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()


def _check_parser() -> None:
    """Warn when aiohttp runs on its pure Python parser, which takes malformed requests (fact S12)."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        log.warning(
            "http.slow_parser", help="install aiohttp with its C extension: pip install --force-reinstall aiohttp"
        )

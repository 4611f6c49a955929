"""A virtual world that dies as a process does under kill -9: nothing is written, given back or tidied up after it."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from bridge.errors import StoreFailed
from bridge.model import OPEN_STATES
from bridge.sandbox import Credentials, Sandbox
from bridge.store.sqlite import SqliteStore
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET
from tests.e2e import virtual
from tests.e2e.stepping import Activity, CountedFaults, CountedStore, SandboxClock
from tests.e2e.virtual import VirtualWorld

REFRESH_TOKEN = "zendesk-first-refresh-token"


WRITES = frozenset(
    {"claim", "advance", "postpone", "settle", "replay", "recover", "mark_exported", "write_notes", "write_audit"}
)
"""The calls at which it makes a difference to die; a death at a reading one is that at the next of these."""


class MortalStore(CountedStore):
    """The real store, up to a chosen call: from then on nobody hears from it any more, and nothing is written.

    Death comes `before` the call (it was never carried out) or after it (it is on the disk, and nobody was told).
    """

    def __init__(self, store: SqliteStore, activity: Activity) -> None:
        super().__init__(store, activity)
        self.died = asyncio.Event()
        self.calls: Counter[str] = Counter()
        self._last: tuple[str, int] | None = None
        self._before = True
        self._killed = False

    def dies_at(self, name: str, number: int, *, before: bool) -> None:
        """Die at the call of that name and number among its like, counted from now."""
        self.calls.clear()
        self._last, self._before = (name, number), before

    def lives(self) -> None:
        """Count from now, and do not die."""
        self.calls.clear()
        self._last = None

    def kill(self) -> None:
        """Whoever still asks is being ended, and hears that there is no store."""
        self.died.set()
        self._killed = True

    def __getattr__(self, name: str) -> Any:
        real = super().__getattr__(name)
        if not inspect.iscoroutinefunction(real):
            return real

        async def mortal(*given: Any, **named: Any) -> Any:
            await self._alive()
            is_last = self._counts(name)
            if is_last and self._before:
                self.died.set()
                await self._alive()
            result = await real(*given, **named)
            if is_last:
                self.died.set()
            await self._alive()
            return result

        return mortal

    def _counts(self, name: str) -> bool:
        """Whether this is the last call."""
        if name not in WRITES:
            return False
        self.calls[name] += 1
        return self._last == (name, self.calls[name])

    async def _alive(self) -> None:
        if self._killed:
            raise StoreFailed("the process is dead")
        if self.died.is_set():
            await asyncio.Event().wait()


class MortalWorld(VirtualWorld):
    """A world that can be killed, and can be asked about its store when it is dead."""

    mortal: MortalStore

    def __init__(self, configuration: str, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(configuration, folder, environ)
        self._asked: list[asyncio.Task[Any]] = []

    def _make_sandbox(self) -> Sandbox:
        credentials = Credentials(
            hubspot_tokens=frozenset({HUBSPOT_TOKEN}),
            zendesk_client_secret=ZENDESK_SECRET,
            zendesk_refresh_tokens=frozenset({REFRESH_TOKEN}),
            generic_token=ERP_TOKEN,
        )
        sandbox = Sandbox(SandboxClock(self.clock, self.activity), credentials)
        sandbox.faults = CountedFaults(sandbox.clock, self.activity)
        return sandbox

    @property
    def folder(self) -> Path:
        return self._folder

    async def _start(self) -> None:
        with patch.object(virtual, "CountedStore", MortalStore):
            await super()._start()
        self.mortal = cast("MortalStore", self.store)

    async def kill(self) -> None:
        """End what runs in the middle of it; the store is closed first, so that nothing more is written."""
        self.mortal.kill()
        await self.store.real.close()
        outlets = self.engine.outlets.all().values()
        running = [*self.engine._tasks.values(), *self.engine._closing]
        running += self._asked
        running += [task for dispatcher in self.engine._dispatchers.values() for task in dispatcher._running]
        tokens = [outlet.credentials._token.asking for outlet in outlets]
        asking = [task for task in tokens if task is not None]
        for task in (*running, *asking):
            task.cancel()
        await asyncio.gather(*running, *asking, return_exceptions=True)
        await self.engine.outlets.close()
        self.engine._hand.close()
        self._asked.clear()
        self.failures.clear()  # a dead process reports none

    def background(self, doing: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let a person's request run beside the rest; the time stands still until it ends, or the process does."""
        task = asyncio.create_task(doing)
        self._asked.append(task)
        return task

    async def reborn(self) -> None:
        """Another process over the same folder."""
        await self._start()

    async def settled(self) -> bool:
        books = await self.store.real.books()
        return books.unrouted == 0 and not any(row.get(state) for row in books.rules.values() for state in OPEN_STATES)

    async def dead_or_settled(self) -> bool:
        """A predicate for `until`."""
        return self.mortal.died.is_set() or await self.settled()

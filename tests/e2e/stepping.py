"""The parts of a virtual world: a clock that jumps, a count of what goes on, and the real things that are counted."""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from bridge.clock import Clock, ManualClock
from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.outbound.client import HttpClient
from bridge.sandbox import FaultKind, FaultSpec
from bridge.sandbox.answers import Call
from bridge.sandbox.faults import Faults
from bridge.store.sqlite import SqliteStore

WALL_TIMEOUT_MS = 600_000
"""The client's own deadline, in real time, is out of the way: ours is on the clock."""


class Activity:
    """How much is going on, and a signal whenever that changes."""

    def __init__(self) -> None:
        self._going_on = 0
        self._held_back: set[object] = set()
        self._changed = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether something goes on that does not itself wait for the clock."""
        return self._going_on > len(self._held_back)

    async def change(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Something goes on for the length of the block."""
        self._going_on += 1
        try:
            yield
        finally:
            self._going_on -= 1
            self._tell()

    def hold_back(self, what: object) -> None:
        """One of the things that go on waits for the clock, or for ever."""
        self._held_back.add(what)
        self._tell()

    def let_go(self, what: object) -> None:
        """It goes on again, or it is over."""
        self._held_back.discard(what)
        self._tell()

    def _tell(self) -> None:
        signal, self._changed = self._changed, asyncio.Event()
        signal.set()


class SteppingClock(ManualClock):
    """A manual clock that knows what everybody waits for."""

    def __init__(self) -> None:
        super().__init__()
        self._alarms: dict[asyncio.Future[None], int] = {}

    def next_ms(self) -> int | None:
        """The earliest moment that somebody waits for, None when nobody waits."""
        return min(self._alarms.values(), default=None)

    def advance(self, milliseconds: int) -> None:
        """Move the time on and wake those whose time has come."""
        super().advance(milliseconds)
        now_ms = self.now_ms()
        for alarm, at_ms in self._alarms.items():
            if at_ms <= now_ms and not alarm.done():
                alarm.set_result(None)

    async def wait(self, signal: asyncio.Event, until_ms: int | None) -> None:
        """Wait for the signal, or for the time to reach `until_ms`."""
        if until_ms is None:
            await signal.wait()
            return
        if signal.is_set() or until_ms <= self.now_ms():
            return
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heard = asyncio.ensure_future(signal.wait())
        self._alarms[alarm] = until_ms
        try:
            await asyncio.wait((alarm, heard), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._alarms[alarm]
            heard.cancel()


class SandboxClock(ManualClock):
    """The same time as the sandbox sees it: a request that waits for it is held back."""

    def __init__(self, clock: SteppingClock, activity: Activity) -> None:
        super().__init__()
        self._clock = clock
        self._activity = activity

    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def wait(self, signal: asyncio.Event, until_ms: int | None) -> None:
        request = asyncio.current_task()
        self._activity.hold_back(request)
        try:
            await self._clock.wait(signal, until_ms)
        finally:
            self._activity.let_go(request)


class CountedFaults(Faults):
    """Faults that say which requests will never be answered."""

    def __init__(self, clock: Clock, activity: Activity) -> None:
        super().__init__(clock)
        self._activity = activity

    def strike(self, api: str, call: Call) -> FaultSpec | None:
        spec = super().strike(api, call)
        request = asyncio.current_task()
        if spec is not None and spec.fault is FaultKind.TIMEOUT and request is not None:
            self._activity.hold_back(request)
            request.add_done_callback(self._activity.let_go)
        return spec


class CountedClient(HttpClient):
    """The real client, counted, and with its deadline on the clock."""

    def __init__(
        self, clock: SteppingClock, activity: Activity, base_url: str, *, timeout_ms: int, **more: Any
    ) -> None:
        super().__init__(base_url, timeout_ms=WALL_TIMEOUT_MS, **more)
        self._clock = clock
        self._activity = activity
        self._deadline_ms = timeout_ms

    async def send(
        self, request: OutboundRequest, credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        sending = asyncio.ensure_future(super().send(request, credentials))
        over = asyncio.Event()
        sending.add_done_callback(lambda _: over.set())
        with self._activity.going_on():
            try:
                await self._clock.wait(over, self._clock.now_ms() + (timeout_ms or self._deadline_ms))
                if sending.done():
                    return sending.result()
                return Answer(None, trouble=Trouble.NO_ANSWER, detail="timed out")
            finally:
                if not sending.done():
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)


class CountedStore:
    """The real store; its operations are something that goes on."""

    def __init__(self, store: SqliteStore, activity: Activity) -> None:
        self.real = store
        self._activity = activity

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.real, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute

        async def counted(*given: Any, **named: Any) -> Any:
            with self._activity.going_on():
                return await attribute(*given, **named)

        return counted


@contextmanager
def counted_threads(activity: Activity) -> Iterator[None]:
    """What the loop hands to threads goes on, too: the dead-letter file, the vault, look-ups of names."""
    loop: Any = asyncio.get_running_loop()
    real = loop.run_in_executor

    def counted(executor: Any, work: Callable[..., Any], *given: Any) -> asyncio.Future[Any]:
        block = activity.going_on()
        block.__enter__()
        ended: asyncio.Future[Any] = real(executor, work, *given)
        ended.add_done_callback(lambda _: block.__exit__(None, None, None))
        return ended

    with patch.object(loop, "run_in_executor", counted):
        yield

"""Simulated hours in seconds: the real engine, store, HTTP client and sandbox on one clock that jumps.

Time stands still while anything is going on, and moves to the next moment that anybody waits for as soon as nothing
is: no store operation, no thread's work, no request on the wire (but for those that the sandbox itself holds back on
this clock), and nothing ready in the event loop. So simulated time never runs ahead of work, and a run is the same on
a slow machine. Requests time out in simulated time, too.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from unittest.mock import patch

import orjson

from bridge.configuration.load import load_configuration
from bridge.configuration.model import Configuration
from bridge.engine.console import Console
from bridge.engine.engine import Engine
from bridge.errors import StoreUnavailable
from bridge.model import OPEN_STATES, Accepted
from bridge.outbound import outlet as outlet_module
from bridge.outbound.client import HttpClient
from bridge.sandbox import Credentials, Sandbox, SandboxUrls
from bridge.sources import Received, sign
from bridge.store.sqlite import SqliteStore
from tests.canaries import AISOULE_SECRET, ERP_TOKEN, HUBSPOT_TOKEN, ORDERS_SECRET, ZENDESK_SECRET
from tests.e2e.stepping import (
    Activity,
    CountedClient,
    CountedFaults,
    CountedStore,
    SandboxClock,
    SteppingClock,
    counted_threads,
)

if TYPE_CHECKING:
    from bridge.store.protocol import Store

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
DAY_MS = 24 * HOUR_MS
CALM_TURNS = 3
"""Turns of the loop with nothing ready: one for the sockets, one for what they wake, one to be sure."""
ACCEPT_TOGETHER = 256

Predicate = Callable[[], object]


class VirtualWorld:
    """One bridge without its front door, and the sandbox it sends to, in simulated time.

    In the configuration `${SANDBOX_HUBSPOT}`, `${SANDBOX_ZENDESK}`, `${SANDBOX_GENERIC}` are the sandbox's addresses,
    `${HUBSPOT_TOKEN}`, `${ZENDESK_CLIENT_SECRET}`, `${ERP_TOKEN}` what it takes, and `${ORDERS_SECRET}`,
    `${AISOULE_WEBHOOK_SECRET}` secrets for sources. `SOURCES` and `DESTINATIONS` below are ready-made.

    Args:
        configuration: the text of `config.yaml`.
        folder: where it, the store and the dead letters go.
        environ: more variables.
    """

    def __init__(self, configuration: str, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.clock = SteppingClock()
        self.activity = Activity()
        self.failures: list[BaseException] = []
        self.sandbox = self._make_sandbox()
        self.urls: SandboxUrls
        self.store: CountedStore
        self.engine: Engine
        self.console: Console
        self._text = configuration
        self._folder = folder
        self._environ = dict(environ or {})
        self._open = AsyncExitStack()

    def _make_sandbox(self) -> Sandbox:
        credentials = Credentials(
            hubspot_tokens=frozenset({HUBSPOT_TOKEN}), zendesk_client_secret=ZENDESK_SECRET, generic_token=ERP_TOKEN
        )
        sandbox = Sandbox(SandboxClock(self.clock, self.activity), credentials)
        sandbox.faults = CountedFaults(sandbox.clock, self.activity)
        return sandbox

    # --- life ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            self.urls = await undo.enter_async_context(self.sandbox.running())
            undo.enter_context(patch.object(outlet_module, "HttpClient", self._client))
            undo.enter_context(counted_threads(self.activity))
            await self._start()
            self._open = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._open:
            await self._end()
        if error is None:
            assert self.failures == []

    def _client(self, base_url: str, **named: Any) -> HttpClient:
        return CountedClient(self.clock, self.activity, base_url, **named)

    async def _start(self) -> None:
        self.store = CountedStore(await SqliteStore.open(self._folder / "bridge.db"), self.activity)
        store = cast("Store", self.store)
        self.engine = Engine(store, self.configuration(), self.clock, worker="w1", failed=self.failures.append)
        self.console = Console(store, self.engine.present, self.clock, changed=self.engine.wake)
        await self.engine.start()

    async def _end(self) -> None:
        await self.engine.stop(within_s=0)
        await self.store.real.close()

    async def restart(self) -> None:
        """End the engine in the middle of whatever it does, as SIGTERM without patience, and start another one."""
        await self._end()
        await self._start()

    async def reload(self, configuration: str | None = None, **variables: str) -> None:
        """Use another configuration, or the same with other variables."""
        self._environ.update(variables)
        self._text = self._text if configuration is None else configuration
        await self.engine.reload(self.configuration())

    def configuration(self) -> Configuration:
        """The configuration as the text says."""
        path = self._folder / "config.yaml"
        path.write_text(self._text)
        loaded = load_configuration(path, {**self._variables(), **self._environ})
        assert loaded.configuration is not None, [finding.message for finding in loaded.findings]
        return loaded.configuration

    def _variables(self) -> dict[str, str]:
        return {
            "SANDBOX_HUBSPOT": self.urls.hubspot,
            "SANDBOX_ZENDESK": self.urls.zendesk,
            "SANDBOX_GENERIC": self.urls.generic,
            "HUBSPOT_TOKEN": HUBSPOT_TOKEN,
            "ZENDESK_CLIENT_SECRET": ZENDESK_SECRET,
            "ERP_TOKEN": ERP_TOKEN,
            "ORDERS_SECRET": ORDERS_SECRET,
            "AISOULE_WEBHOOK_SECRET": AISOULE_SECRET,
        }

    # --- events ----------------------------------------------------------------------------------------------

    async def accept(self, *bodies: Mapping[str, object] | bytes, source: str = "orders") -> list[Accepted]:
        """Sign and take in events; the time stands still meanwhile. One answer for each event, in order."""
        accepted: list[Accepted] = []
        with self.activity.going_on():
            for start in range(0, len(bodies), ACCEPT_TOGETHER):
                chunk = bodies[start : start + ACCEPT_TOGETHER]
                answers = await asyncio.gather(*(self._accept(source, body) for body in chunk))
                accepted += [one for answer in answers for one in answer]
        return accepted

    async def _accept(self, source: str, body: Mapping[str, object] | bytes) -> Sequence[Accepted]:
        events = self._received(source, body).events
        while True:
            try:
                return await self.engine.acceptor.accept(events)
            except StoreUnavailable:  # too many wait for their rules: a sender comes back later
                await self.activity.change()

    def _received(self, source: str, body: Mapping[str, object] | bytes) -> Received:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        compiled = self.engine.present.configuration.sources[source]
        header = "X-AISoule-Signature" if source == "aisoule" else None
        signed = sign(compiled.verification, raw, now_ms=self.clock.now_ms(), header=header)
        received = compiled.receive(headers=signed.headers, query=[], body=raw, now_ms=self.clock.now_ms())
        assert isinstance(received, Received), received
        return received

    # --- time --------------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Wait until nothing goes on any more at the present time."""
        loop: Any = asyncio.get_running_loop()
        calm = 0
        while calm < CALM_TURNS or self.activity.is_busy:
            while self.activity.is_busy:
                await self.activity.change()
                calm = 0
            await asyncio.sleep(0)
            # Whatever else is ready would run after us in this turn. A client that hangs up takes a few turns to be
            # noticed by the sandbox, each with something ready, as the loopback device has no delay of its own.
            calm = 0 if loop._ready else calm + 1

    async def until(self, predicate: Predicate, *, at_most_ms: int = DAY_MS) -> None:
        """Let the time move until `predicate` holds, or fails with `AssertionError` after `at_most_ms`.

        The predicate, which may be a coroutine function, is asked whenever nothing goes on.
        """
        end_ms = self.clock.now_ms() + at_most_ms
        while True:
            await self.quiet()
            assert self.failures == []
            if await _holds(predicate):
                return
            assert await self._step(end_ms), f"it did not come about within {at_most_ms} ms of simulated time"

    async def run_for(self, milliseconds: int) -> None:
        """Let that much time pass, moment by moment."""
        end_ms = self.clock.now_ms() + milliseconds
        await self.quiet()
        while await self._step(end_ms):
            await self.quiet()
        self.clock.advance(end_ms - self.clock.now_ms())
        await self.quiet()

    async def _step(self, end_ms: int) -> bool:
        """Go to the next moment that anybody waits for; false when there is none until `end_ms`."""
        next_ms = self.clock.next_ms()
        if next_ms is None or next_ms > end_ms:
            return False
        self.clock.advance(next_ms - self.clock.now_ms())
        return True

    # --- what became of it ---------------------------------------------------------------------------------------

    async def settled(self) -> bool:
        """Whether no delivery is open and every event met its rules: a predicate for `until`."""
        books = await self.store.books()
        return books.unrouted == 0 and not any(row.get(state) for row in books.rules.values() for state in OPEN_STATES)

    async def counts(self, rule: str) -> dict[str, int]:
        """How many deliveries of a rule are in each state, without those with none."""
        books = await self.store.books()
        return {str(state): count for state, count in books.rules.get(rule, {}).items() if count}


async def _holds(predicate: Predicate) -> bool:
    result = predicate()
    return bool(await cast("Awaitable[object]", result)) if inspect.isawaitable(result) else bool(result)


SOURCES = """\
sources:
  aisoule: {preset: aisoule, secret: "${AISOULE_WEBHOOK_SECRET}"}
  orders:
    verify: {type: hmac, algorithm: sha256, secrets: ["${ORDERS_SECRET}"],
             signature: {from: "header:X-Orders-Signature", encoding: hex}}
    event: {type: "{{ body.kind }}", id: "{{ body.id }}"}
"""

DESTINATIONS = """\
destinations:
  hubspot: {connector: hubspot, base_url: "${SANDBOX_HUBSPOT}", token: "${HUBSPOT_TOKEN}",
            allow_private_addresses: true}
  zendesk: {connector: zendesk, base_url: "${SANDBOX_ZENDESK}", subdomain: acme, client_id: bridge,
            client_secret: "${ZENDESK_CLIENT_SECRET}", allow_private_addresses: true}
  erp: {connector: http, base_url: "${SANDBOX_GENERIC}", auth: {type: bearer, token: "${ERP_TOKEN}"},
        allow_private_addresses: true}
"""

PREAMBLE = f"version: 1\nstore: {{url: sqlite:///bridge.db}}\n{SOURCES}{DESTINATIONS}"
"""Everything but `rules:`."""

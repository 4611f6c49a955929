"""A bridge without its front door: real store, real engine, real HTTP to a sandbox, and a clock that tests step."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bridge.clock import ManualClock
from bridge.configuration.load import load_configuration
from bridge.configuration.model import Configuration
from bridge.engine.console import Console
from bridge.engine.engine import Engine
from bridge.model import Accepted, DeliveryState
from bridge.sandbox import FaultKind, FaultRule, FaultSpec, Match, Sandbox, SandboxUrls
from bridge.sources import Received, sign
from bridge.store.protocol import DeliveryFilter
from bridge.store.sqlite import SqliteStore
from tests.canaries import AISOULE_SECRET, BUSINESS, ERP_TOKEN, HUBSPOT_TOKEN, ORDERS_SECRET, PHONE, ZENDESK_SECRET

RECIPES = Path(__file__).resolve().parents[2] / "config"
OPEN = (DeliveryState.PENDING, DeliveryState.RUNNING, DeliveryState.RETRYING)
DAY_MS = 24 * 3_600_000

PATIENT, HASTY = "20s", "400ms"

CONFIGURATION = """\
version: 1
server: {{max_waiting: 50}}
store: {{url: sqlite:///bridge.db}}
sources:
  aisoule: {{preset: aisoule, secret: {aisoule}}}
  orders:
    verify: {{type: hmac, algorithm: sha256, secrets: [{orders}],
             signature: {{from: "header:X-Orders-Signature", encoding: hex}}}}
    event: {{type: "{{{{ body.kind }}}}", id: "{{{{ body.id }}}}"}}
{sources_more}destinations:
  hubspot: {{connector: hubspot, base_url: "{urls.hubspot}", token: {hubspot}, allow_private_addresses: true,
            timeout: {timeout}}}
  zendesk: {{connector: zendesk, base_url: "{urls.zendesk}", subdomain: acme, client_id: bridge,
            client_secret: {zendesk}, allow_private_addresses: true, timeout: {timeout}{zendesk_more}}}
  erp: {{connector: http, base_url: "{urls.generic}", auth: {{type: bearer, token: {erp}}},
        allow_private_addresses: true, timeout: {timeout}{erp_more}}}
rules:
"""

ORDER_RULE = """\
- name: order-to-erp
  on: orders/*
  key: "{{ body.customer }}"
  steps:
    - id: post
      use: erp.post
      with: {path: /orders, json: {order: "{{ body.id }}", note: "{{ body.note | default(omit) }}"}}
"""


def patience(kind: FaultKind) -> str:
    """The timeout of a destination that fails like this.

    It is short only where no answer will ever come. Elsewhere a busy machine could make it a failure of its own.
    """
    return HASTY if kind is FaultKind.TIMEOUT else PATIENT


class WatchedStore:
    """The real store; whoever waits is told after each call, whatever its result."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.changed = asyncio.Event()
        self.begun = 0
        self.in_flight = 0

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.store, name)

        async def call(*given: Any, **named: Any) -> Any:
            self.begun += 1
            self.in_flight += 1
            try:
                return await attribute(*given, **named)
            finally:
                self.in_flight -= 1
                self.tell()

        return call

    def tell(self) -> None:
        """Something happened: whoever waits looks again."""
        signal, self.changed = self.changed, asyncio.Event()
        signal.set()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the condition holds; it is asked again after each call of the store, and each `tell`."""
        while True:
            changed = self.changed
            if await condition():
                return
            await changed.wait()


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class World:
    """One bridge over one folder."""

    folder: Path
    sandbox: Sandbox
    urls: SandboxUrls
    clock: ManualClock
    rules: str = ORDER_RULE
    recipes: tuple[str, ...] = ()
    sources_more: str = ""
    erp_more: str = ""
    zendesk_more: str = ""
    timeout: str = PATIENT
    """In real time, which no clock here steps: see `patience`."""
    environ: dict[str, str] = field(default_factory=lambda: {"WHATSAPP_RECEIPT_WINDOW": "30s"})
    failures: list[BaseException] = field(default_factory=list)
    store: WatchedStore = field(init=False)
    engine: Engine = field(init=False)
    console: Console = field(init=False)

    # --- life ------------------------------------------------------------------------------------------------

    def configuration(self, *, drop: str | None = None) -> Configuration:
        """The configuration as the files say now; `drop` leaves a destination out."""
        text = CONFIGURATION.format(
            urls=self.urls,
            aisoule=AISOULE_SECRET,
            orders=ORDERS_SECRET,
            sources_more=self.sources_more,
            hubspot=HUBSPOT_TOKEN,
            zendesk=ZENDESK_SECRET,
            erp=ERP_TOKEN,
            erp_more=self.erp_more,
            timeout=self.timeout,
            zendesk_more=self.zendesk_more,
        )
        if drop is not None:
            lines = text.splitlines(keepends=True)
            start = next(number for number, line in enumerate(lines) if line.startswith(f"  {drop}:"))
            text = "".join([*lines[:start], *lines[start + 2 :]])
        for recipe in self.recipes:
            shutil.copy(RECIPES / recipe, self.folder / recipe)
        (self.folder / "own.yaml").write_text("rules:\n" + self.rules if self.rules else "rules: []\n")
        names = "".join(f"  - {name}\n" for name in (*self.recipes, "own.yaml"))
        path = self.folder / "config.yaml"
        path.write_text(text + names)
        loaded = load_configuration(path, self.environ)
        assert loaded.configuration is not None, [finding.message for finding in loaded.findings]
        return loaded.configuration

    async def open(self, configuration: Configuration | None = None) -> None:
        """A new process over the folder: everything there, nothing running yet."""
        self.store = WatchedStore(await SqliteStore.open(self.folder / "bridge.db"))
        store: Any = self.store
        self.engine = Engine(
            store, configuration or self.configuration(), self.clock, worker="w1", failed=self.failures.append
        )
        self.console = Console(
            store,
            self.engine.present,
            self.clock,
            changed=self.engine.wake,
            arrived=self.engine.router.put,
            refusals=self.engine.refusals,
        )

    async def start(self, configuration: Configuration | None = None) -> None:
        await self.open(configuration)
        await self.engine.start()

    async def stop(self, *, within_s: float = 60) -> None:
        await self.engine.stop(within_s=within_s)
        await self.store.store.close()

    async def kill(self) -> None:
        """End as `kill -9` would: what runs stops in the middle and nobody gives anything back."""
        await self.store.store.close()  # first: from here on nothing more is written
        await _end(set(self.engine._tasks.values()))
        for dispatcher in self.engine._dispatchers.values():
            await _end(set(dispatcher._running))
        await self.engine.outlets.close()

    async def reload(self, **given: Any) -> None:
        await self.engine.reload(self.configuration(**given))

    # --- events --------------------------------------------------------------------------------------------

    def received(self, source: str, body: Mapping[str, object] | bytes, header: str | None = None) -> Received:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        compiled = self.engine.present.configuration.sources[source]
        signed = sign(compiled.verification, raw, now_ms=self.clock.now_ms(), header=header)
        received = compiled.receive(headers=signed.headers, query=[], body=raw, now_ms=self.clock.now_ms())
        assert isinstance(received, Received), received
        return received

    async def send(self, source: str, body: Mapping[str, object] | bytes, header: str | None = None) -> Accepted:
        [accepted] = await self.engine.acceptor.accept(self.received(source, body, header).events)
        return accepted

    async def order(self, number: int, customer: str = "c1", **more: object) -> Accepted:
        return await self.send("orders", {"kind": "placed", "id": f"o{number}", "customer": customer, **more})

    async def message(self, number: int, text: str, *, customer: str = PHONE) -> Accepted:
        names = {"sender": customer, "recipient": BUSINESS, "waba_number": BUSINESS}
        data = {"message_id": f"wamid.{number}", "type": "text", "body": text, **names}
        return await self.aisoule("message.received", data)

    async def receipt(self, number: int, word: str) -> Accepted:
        names = {"sender": BUSINESS, "recipient": PHONE, "waba_number": BUSINESS}
        return await self.aisoule(f"message.{word}", {"message_id": f"wamid.{number}", "status": word, **names})

    async def aisoule(self, event: str, data: Mapping[str, object]) -> Accepted:
        body = {"event": event, "timestamp": self.clock.now_ms() // 1000, "data": data}
        return await self.send("aisoule", body, "X-AISoule-Signature")

    # --- trouble -------------------------------------------------------------------------------------------

    def fault(self, kind: FaultKind, *, api: str = "generic", **more: Any) -> FaultRule:
        match = {name: more.pop(name) for name in ("method", "path", "body_contains") if name in more}
        return self.sandbox.faults.add(FaultSpec(fault=kind, match=Match(api=api, **match), **more))

    # --- waiting ---------------------------------------------------------------------------------------------

    async def quiet(self) -> bool:
        """Whether nothing happens any more until the clock moves or a person acts."""
        store, begun = self.store.store, self.store.begun
        running = await store.deliveries(DeliveryFilter(states=(DeliveryState.RUNNING,), limit=1000))
        while any(outlet.departures._scheduled for outlet in self.engine.outlets.all().values()):
            await asyncio.sleep(0)  # who may leave does so now, and waits no more
            running = await store.deliveries(DeliveryFilter(states=(DeliveryState.RUNNING,), limit=1000))
        waiting = sum(outlet.departures.waiting for outlet in self.engine.outlets.all().values())
        if self.store.in_flight or (await store.books()).unrouted or len(running) > waiting:
            return False
        due = await self.due()
        # Nobody called the store meanwhile, so all of it is of one moment.
        return all(at_ms > self.clock.now_ms() for at_ms in due.values()) and self.store.begun == begun

    async def due(self) -> dict[str, int]:
        """When each destination that is not paused has something to do next."""
        due: dict[str, int] = {}
        for name, at_ms in (await self.store.store.next_due()).items():
            outlet = self.engine.outlets.get(name)
            if outlet is None or outlet.departures.most():
                due[name] = max(at_ms, (outlet.held_until_ms or 0) if outlet else 0)
            elif (again_ms := outlet.departures.look_again_ms()) is not None:
                due[name] = max(at_ms, again_ms)
        for name, outlet in self.engine.outlets.all().items():
            if (leaves_ms := outlet.departures._look_at_ms) is not None:
                due[name] = min(due.get(name, leaves_ms), leaves_ms)
        return due

    async def calm(self) -> None:
        """Wait until nothing happens at the present time."""
        await self.store.until(self.quiet)

    async def settle(self, *, at_most_ms: int = 10 * DAY_MS) -> None:
        """Step the clock from due time to due time until nothing is left to do (but for what is paused)."""
        end_ms = self.clock.now_ms() + at_most_ms
        while True:
            await self.calm()
            due = await self.due()
            if not due or min(due.values()) > end_ms:
                return
            self.clock.advance(min(due.values()) - self.clock.now_ms())

    # --- what became of it -------------------------------------------------------------------------------------

    async def states(self, rule: str | None = None) -> list[str]:
        """The states of all deliveries, oldest first."""
        found = await self.store.store.deliveries(DeliveryFilter(rule=rule, limit=1000))
        return [str(delivery.state) for delivery in reversed(found)]

    async def letters(self) -> list[dict[str, Any]]:
        """The lines of the dead-letter file."""
        await self.engine._copy.export()
        path = self.folder / "var" / "dead-letters.jsonl"
        return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    async def requests(self, count: int) -> None:
        """Wait until the APIs have seen so many requests."""
        await self.sandbox.wait_for(lambda: self.sandbox.journal.seen >= count)

    def orders(self) -> list[Any]:
        """What the ERP has, in the order in which it came."""
        return [record.body["order"] for record in self.sandbox.generic.records]

    def calls(self, method: str, path: str, api: str = "generic") -> int:
        return len(self.sandbox.journal.of(api, method, path))

    async def assert_balanced(self) -> None:
        books = await self.store.store.books()
        assert books.accepted == books.routed + books.unrouted + books.unmatched
        counted: dict[str, dict[DeliveryState, int]] = {}
        for delivery in await self.store.store.deliveries(DeliveryFilter(limit=100_000)):
            row = counted.setdefault(delivery.rule, {})
            row[delivery.state] = row.get(delivery.state, 0) + 1
        kept = {rule: {state: n for state, n in row.items() if n} for rule, row in books.rules.items()}
        assert kept == counted

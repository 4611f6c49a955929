"""The shipped connectors against a real sandbox over real connections."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.operation import CompiledOperation, ProbeResult
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.model import rfc3339
from bridge.outbound.client import HttpClient
from bridge.sandbox import Credentials, Sandbox
from tests.canaries import HUBSPOT_TOKEN
from tests.connectors.builders import KEY, SETTINGS, operation

ZENDESK_LOGIN = "Basic YWdlbnRAZXhhbXBsZS5jb20vdG9rZW46c2FuZGJveC1hcGktdG9rZW4="  # the sandbox's default agent


@dataclass
class Account:
    """One vendor's account in the sandbox, called through its connector."""

    connector: str
    clock: ManualClock
    send: Callable[[OutboundRequest], Awaitable[Answer]]
    settings: Mapping[str, object]

    def call(self, compiled: CompiledOperation, params: Mapping[str, object], key: str = KEY) -> Call:
        return Call(compiled.fit(params), self.settings, key, rfc3339(self.clock.now_ms()))

    async def __call__(self, name: str, params: Mapping[str, object], key: str = KEY) -> Verdict:
        """Call an operation and judge what came back."""
        compiled = operation(self.connector, name)
        call = self.call(compiled, params, key)
        return compiled.classify(call, await self.send(compiled.request.build(call)), now_ms=self.clock.now_ms())

    async def look(self, name: str, call: Call) -> ProbeResult:
        """Look whether this call has arrived: one page, which must be readable."""
        compiled = operation(self.connector, name)
        assert compiled.probe is not None
        answer = await self.send(compiled.probe.request.build(call))
        verdict = compiled.classify_probe(call, answer, now_ms=self.clock.now_ms())
        assert verdict.succeeded, verdict
        return compiled.probe.read(call, verdict.body)


@asynccontextmanager
async def opened(connector: str) -> AsyncIterator[tuple[Account, Sandbox]]:
    """An account in a sandbox of its own, on a clock of its own."""
    clock = ManualClock()
    sandbox = Sandbox(clock, Credentials(hubspot_tokens=frozenset({HUBSPOT_TOKEN})))
    login = f"Bearer {HUBSPOT_TOKEN}" if connector == "hubspot" else ZENDESK_LOGIN
    async with sandbox.running() as urls:
        client = HttpClient(f"{urls.base}/{connector}", timeout_ms=10_000, allow_private_addresses=True)
        yield (
            Account(connector, clock, lambda r: client.send(r, {"Authorization": login}), SETTINGS[connector]),
            sandbox,
        )
        await client.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sandbox(clock: ManualClock) -> Sandbox:
    return Sandbox(clock, Credentials(hubspot_tokens=frozenset({HUBSPOT_TOKEN})))


@pytest.fixture
async def base(sandbox: Sandbox) -> AsyncIterator[str]:
    async with sandbox.running() as urls:
        yield urls.base


@asynccontextmanager
async def reached(connector: str, address: str, clock: ManualClock, **headers: str) -> AsyncIterator[Account]:
    """An account at an address of the sandbox, called with these credentials."""
    client = HttpClient(address, timeout_ms=10_000, allow_private_addresses=True)
    credentials = {name.replace("_", "-"): value for name, value in headers.items()}
    yield Account(connector, clock, lambda request: client.send(request, credentials), SETTINGS.get(connector, {}))
    await client.close()


@pytest.fixture
async def hubspot(base: str, clock: ManualClock) -> AsyncIterator[Account]:
    async with reached("hubspot", f"{base}/hubspot", clock, Authorization=f"Bearer {HUBSPOT_TOKEN}") as account:
        yield account


@pytest.fixture
async def zendesk(base: str, clock: ManualClock) -> AsyncIterator[Account]:
    async with reached("zendesk", f"{base}/zendesk", clock, Authorization=ZENDESK_LOGIN) as account:
        yield account


@pytest.fixture
async def slack(base: str, clock: ManualClock) -> AsyncIterator[Account]:
    async with reached("slack", f"{base}/slack", clock, Authorization="Bearer sandbox-slack-token") as account:
        yield account


@pytest.fixture
async def slack_webhook(base: str, clock: ManualClock) -> AsyncIterator[Account]:
    async with reached("slack-webhook", f"{base}/slack/services/T000/B000/sandbox", clock) as account:
        yield account


@pytest.fixture
async def aisoule(base: str, clock: ManualClock) -> AsyncIterator[Account]:
    async with reached("aisoule", f"{base}/aisoule", clock, X_API_Key="sandbox-aisoule-key") as account:
        yield account


@pytest.fixture
async def aisoule_developer(base: str, clock: ManualClock) -> AsyncIterator[Account]:
    key = "Bearer sandbox-aisoule-developer-key"
    async with reached("aisoule-developer", f"{base}/aisoule-developer", clock, Authorization=key) as account:
        yield account


@pytest.fixture
async def generic(base: str, clock: ManualClock) -> AsyncIterator[Account]:
    async with reached("http", f"{base}/generic", clock) as account:
        yield account

"""The sandbox as one thing: its APIs, their journal and faults, and the server that shows them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from bridge.clock import Clock, SystemClock
from bridge.sandbox.aisoule import Account, AISoule, AISouleDeveloper
from bridge.sandbox.control import control_application
from bridge.sandbox.exchange import Exchange
from bridge.sandbox.faults import Faults, FaultSpec
from bridge.sandbox.generic import Generic
from bridge.sandbox.hubspot import HubSpot
from bridge.sandbox.journal import Journal
from bridge.sandbox.pages import add_pages
from bridge.sandbox.slack import Slack
from bridge.sandbox.zendesk import Zendesk

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the sandbox accepts. These are no secrets: the defaults open nothing but a sandbox."""

    hubspot_tokens: frozenset[str] = frozenset({"sandbox-hubspot-token"})
    hubspot_refresh_tokens: frozenset[str] = frozenset({"sandbox-refresh-token"})
    zendesk_client_id: str = "bridge"
    zendesk_client_secret: str = field(default="sandbox-zendesk-secret", repr=False)
    zendesk_refresh_tokens: frozenset[str] = field(default=frozenset({"sandbox-refresh-token"}), repr=False)
    zendesk_email: str = "agent@example.com"
    zendesk_api_token: str = field(default="sandbox-api-token", repr=False)
    generic_token: str | None = field(default=None, repr=False)
    slack_token: str = field(default="sandbox-slack-token", repr=False)
    slack_webhook: str = field(default="T000/B000/sandbox", repr=False)
    aisoule_api_key: str = field(default="sandbox-aisoule-key", repr=False)
    aisoule_developer_key: str = field(default="sandbox-aisoule-developer-key", repr=False)


@dataclass(frozen=True, slots=True)
class SandboxUrls:
    """Where a running sandbox is, without slashes at the end. Zendesk's paths continue with `/api/v2` or `/oauth`."""

    base: str

    @property
    def hubspot(self) -> str:
        """Stands for `https://api.hubapi.com`."""
        return f"{self.base}/hubspot"

    @property
    def zendesk(self) -> str:
        """Stands for `https://{subdomain}.zendesk.com`."""
        return f"{self.base}/zendesk"

    @property
    def generic(self) -> str:
        """The API of no particular vendor."""
        return f"{self.base}/generic"

    @property
    def slack(self) -> str:
        """Stands for `https://slack.com/api`; `/services/…` below it for `https://hooks.slack.com`."""
        return f"{self.base}/slack"

    @property
    def aisoule(self) -> str:
        """Stands for `https://app.aisoule.com/api`."""
        return f"{self.base}/aisoule"

    @property
    def aisoule_developer(self) -> str:
        """Stands for `https://api.aisoule.com/v1`."""
        return f"{self.base}/aisoule-developer"

    @property
    def page(self) -> str:
        """What it holds, for a browser."""
        return f"{self.base}/"

    @property
    def control(self) -> str:
        """The sandbox's own paths."""
        return f"{self.base}/_sandbox"


class Sandbox:
    """A stateful HubSpot, Zendesk, Slack, AISoule and generic API in memory.

    Everything is counted on `clock`: search lag, token lifetimes, rate windows, idempotency keys. The APIs
    (all in `apis`), `faults` and `journal` are there for tests to look at and to set. The faults of
    `scenario` are in force from the start, and again after a reset.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        credentials: Credentials | None = None,
        scenario: Iterable[FaultSpec] = (),
    ) -> None:
        self.clock = clock or SystemClock()
        self.credentials = credentials or Credentials()
        self.faults = Faults(self.clock)
        self._scenario = tuple(scenario)
        self._begin_scenario()
        self.journal = Journal(self.clock)
        self.hubspot = HubSpot(
            self.clock,
            tokens=self.credentials.hubspot_tokens,
            refresh_tokens=self.credentials.hubspot_refresh_tokens,
        )
        self.zendesk = Zendesk(
            self.clock,
            clients={self.credentials.zendesk_client_id: self.credentials.zendesk_client_secret},
            api_users={f"{self.credentials.zendesk_email}/token": self.credentials.zendesk_api_token},
            refresh_tokens=self.credentials.zendesk_refresh_tokens,
        )
        self.generic = Generic(self.credentials.generic_token)
        self.slack = Slack(
            self.clock,
            tokens=frozenset({self.credentials.slack_token}),
            webhooks=frozenset({self.credentials.slack_webhook}),
        )
        account = Account(self.clock)
        self.aisoule = AISoule(self.clock, account, api_keys=frozenset({self.credentials.aisoule_api_key}))
        self.aisoule_developer = AISouleDeveloper(
            self.clock, account, api_keys=frozenset({self.credentials.aisoule_developer_key})
        )
        self.apis = (self.hubspot, self.zendesk, self.generic, self.slack, self.aisoule, self.aisoule_developer)

    def app(self) -> web.Application:
        """A new application over this state: each API at `/` and its name, control at `/_sandbox`, pages at `/`."""
        closing = asyncio.Event()

        async def close(_: web.Application) -> None:
            closing.set()

        application = web.Application()
        application.on_shutdown.append(close)
        for api in self.apis:
            exchange = Exchange(api, journal=self.journal, faults=self.faults, clock=self.clock, closing=closing)
            application.add_subapp(f"/{api.name}", exchange.application())
        application.add_subapp("/_sandbox", control_application(self))
        add_pages(application, self)
        return application

    @asynccontextmanager
    async def running(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[SandboxUrls]:
        """Serve for as long as the block runs; port 0 takes a free one.

        Raises:
            OSError: the address cannot be bound.
        """
        # A client that gave up must not leave its request waiting for a fault to end.
        runner = web.AppRunner(self.app(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            bound_port = runner.addresses[0][1]
            shown_host = f"[{host}]" if ":" in host else host
            yield SandboxUrls(f"http://{shown_host}:{bound_port}")
        finally:
            await runner.cleanup()

    async def wait_for(self, predicate: Callable[[], T]) -> T:
        """Wait until `predicate` gives something true, and give it back. It is asked at every journal change."""
        while True:
            changed = self.journal.changed
            result = predicate()
            if result:
                return result
            await changed.wait()

    def snapshot(self) -> dict[str, Any]:
        """The state of all APIs as JSON."""
        return {api.name: api.snapshot() for api in self.apis}

    def reset(self) -> None:
        """Forget state, journal, faults and limits; the scenario begins again."""
        for api in self.apis:
            api.reset()
        self.journal.clear()
        self._begin_scenario()

    def _begin_scenario(self) -> None:
        self.faults.clear()
        for spec in self._scenario:
            self.faults.add(spec)


async def serve(
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    sandbox: Sandbox | None = None,
    started: Callable[[SandboxUrls], None] | None = None,
) -> None:
    """Serve a sandbox until `stop` is set; `started` hears the addresses once they answer.

    Raises:
        OSError: the address cannot be bound.
    """
    async with (sandbox or Sandbox()).running(host, port) as urls:
        if started is not None:
            started(urls)
        await stop.wait()

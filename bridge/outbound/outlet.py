"""A destination in use: its client, its credentials, its gate, and the departures that join them."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from pydantic import ValidationError

from bridge.clock import Clock
from bridge.connectors.destination import Destination
from bridge.outbound.breaker import Breaker
from bridge.outbound.budgets import Budgets
from bridge.outbound.client import Client, HttpClient
from bridge.outbound.credentials import Credentials
from bridge.outbound.departures import Departures
from bridge.outbound.fetching import FileRules
from bridge.outbound.gate import Gate, PauseReason
from bridge.outbound.pace import Pace
from bridge.outbound.vault import Vault

log = structlog.get_logger(__name__)


class Outlet:
    """One destination's way out. It lives until the destination's configuration changes."""

    def __init__(
        self, destination: Destination, clock: Clock, client: Client | None = None, vault: Vault | None = None
    ) -> None:
        self.destination = destination
        self._clock = clock
        self.client = client or HttpClient(
            destination.base_url,
            timeout_ms=destination.timeout_ms,
            allow_private_addresses=destination.allow_private_addresses,
            token_url=destination.token_url,
            files=FileRules(destination.fetch.hosts, destination.fetch.max),
        )
        self.credentials = Credentials(destination, self.client, clock, vault)
        self.gate = Gate(clock)
        self.budgets = Budgets(destination.limits, clock)
        self.breaker = Breaker(clock, told=self._say)
        self.pace = Pace(destination.concurrency, clock, replay_share=destination.replay_share)
        self.departures = Departures(
            self.client,
            self.credentials,
            self.budgets,
            self.breaker,
            self.pace,
            self.gate,
            clock,
            linger_ms=destination.linger_ms,
        )
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def _say(self, broken: bool) -> None:  # noqa: FBT001 - the breaker calls it with one word
        name = self.destination.name
        if broken:
            log.error("destination.broken", destination=name, help="the API is down; its deliveries wait, none fails")
        else:
            log.info("destination.recovered", destination=name)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the connections open for the length of the block: a reload may retire the outlet in between."""
        self._users += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._idle.set()

    @property
    def held_until_ms(self) -> int | None:
        """When the hold of the whole destination ends, None without one. Holds of single limits stand with these."""
        free_ms = self.budgets.free_at_ms(())
        return free_ms if free_ms is not None and free_ms > self._clock.now_ms() else None

    def pause(self, reason: str, *, since_ms: int | None = None) -> None:
        """Send nothing until a person resumes it; `reason` is that person's own word."""
        self.gate.close(PauseReason.OPERATOR, reason, since_ms=since_ms)

    def resume(self) -> None:
        """End every pause and every wait of the whole destination: a person says that it may go on.

        Holds of single limits stay, because the API counts on.
        """
        self.budgets.release()
        self.credentials.ask_at_once()
        self.gate.open()

    def succeed(self, before: "Outlet") -> None:
        """Take the place of the outlet that the same destination had under its former configuration.

        Limits go on where they stood, because the API counts on whatever was edited, and so does a person's pause.
        What is still in flight there counts here, and tells us when it lands. Credentials that were not edited keep
        their token. A pause for refused credentials or an outage ends: a reload is how the operator says that they
        are mended.
        """
        self.credentials.succeed(before.credentials)
        self.budgets.succeed(before.budgets)
        self.departures.succeed(before.departures)
        paused = before.gate.paused_for(PauseReason.OPERATOR)
        if paused is not None:
            self.pause(paused.detail, since_ms=paused.since_ms)

    def snapshot(self) -> dict[str, object]:
        """JSON of what must survive a restart: the limits, an outage. A person's pause is kept by who takes it."""
        return {"budgets": self.budgets.snapshot(), "breaker": self.breaker.snapshot()}

    def restore(self, snapshot: Mapping[str, object], now_ms: int) -> None:
        """Go on from a snapshot. Budgets that cannot be read are left out: the API's answers teach them anew."""
        breaker = snapshot.get("breaker")
        if "budgets" in snapshot:
            try:
                self.budgets.restore(snapshot["budgets"], now_ms)
            except ValidationError as error:
                problems = error.error_count()
                log.warning("budgets.not_restored", destination=self.destination.name, problems=problems)
        if isinstance(breaker, Mapping):
            self.breaker.restore(breaker)

    async def close(self) -> None:
        """Close the connections as soon as nobody uses them any more."""
        await self._idle.wait()
        await self.departures.close()
        await self.credentials.close()
        await self.client.close()


class Outlets:
    """All destinations in use, by name."""

    def __init__(self, clock: Clock, vault: Vault | None = None) -> None:
        self._clock = clock
        self._vault = vault
        self._outlets: dict[str, Outlet] = {}
        self.settings: Mapping[str, Mapping[str, object]] = {}
        """Destination -> what its connector's templates may use."""

    def __getitem__(self, name: str) -> Outlet:
        return self._outlets[name]

    def get(self, name: str) -> Outlet | None:
        """The outlet, or None when the configuration has no such destination."""
        return self._outlets.get(name)

    def all(self) -> Mapping[str, Outlet]:
        """Every outlet by name."""
        return dict(self._outlets)

    def configure(self, destinations: Mapping[str, Destination]) -> list[Outlet]:
        """Use these destinations from now on; returns the outlets that went out of use, for the caller to close.

        An unchanged destination keeps its connections and its token. See `Outlet.succeed` for what a changed one
        keeps; whoever waits at its former outlet is sent to the new one.
        """
        former = {name: each for name, each in self._outlets.items() if destinations.get(name) != each.destination}
        for name in former:
            del self._outlets[name]
        for outlet in self._outlets.values():
            outlet.gate.open(PauseReason.UNAUTHORIZED, PauseReason.SCOPE)
        for name, destination in destinations.items():
            if name not in self._outlets:
                self._outlets[name] = Outlet(destination, self._clock, vault=self._vault)
                if name in former:
                    self._outlets[name].succeed(former[name])
        self.settings = {name: outlet.destination.settings for name, outlet in self._outlets.items()}
        for outlet in former.values():
            outlet.departures.move_out()
        return list(former.values())

    def snapshot(self) -> dict[str, dict[str, object]]:
        """JSON by destination, see `Outlet.snapshot`."""
        return {name: outlet.snapshot() for name, outlet in self._outlets.items()}

    def restore(self, snapshots: Mapping[str, object]) -> None:
        """Go on from a snapshot; destinations that are not configured any more are left out."""
        for name, outlet in self._outlets.items():
            snapshot = snapshots.get(name)
            if isinstance(snapshot, Mapping):
                outlet.restore(snapshot, self._clock.now_ms())

    async def close(self) -> None:
        """Close every outlet."""
        for outlet in self._outlets.values():
            await outlet.close()

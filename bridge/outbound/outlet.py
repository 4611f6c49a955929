"""A destination in use: its client, its credentials, its gate."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bridge.clock import Clock
from bridge.connectors.destination import Destination
from bridge.outbound.client import Client, HttpClient
from bridge.outbound.credentials import Credentials
from bridge.outbound.gate import Gate, PauseReason


class Outlet:
    """One destination's way out. It lives until the destination's configuration changes."""

    def __init__(self, destination: Destination, clock: Clock, client: Client | None = None) -> None:
        self.destination = destination
        self.client = client or HttpClient(
            destination.base_url,
            timeout_ms=destination.timeout_ms,
            allow_private_addresses=destination.allow_private_addresses,
        )
        self.credentials = Credentials(destination, self.client, clock)
        self.gate = Gate(clock)
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

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

    async def close(self) -> None:
        """Close the connections as soon as nobody uses them any more."""
        await self._idle.wait()
        await self.client.close()


class Outlets:
    """All destinations in use, by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outlets: dict[str, Outlet] = {}

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

        An unchanged destination keeps its connections and its token. A hold stays in any case: the API asked for it,
        whatever was edited. A pause for refused credentials ends, because a reload is how the operator says that
        they are mended.
        """
        retired = []
        held = {name: outlet.gate.held_until_ms for name, outlet in self._outlets.items()}
        for name, outlet in list(self._outlets.items()):
            if destinations.get(name) != outlet.destination:
                retired.append(self._outlets.pop(name))
        for outlet in self._outlets.values():
            if outlet.gate.pause is not None and outlet.gate.pause.reason is PauseReason.UNAUTHORIZED:
                outlet.gate.open()
        for name, destination in destinations.items():
            if name not in self._outlets:
                self._outlets[name] = Outlet(destination, self._clock)
                self._outlets[name].gate.hold(held.get(name) or 0)
        return retired

    async def close(self) -> None:
        """Close every outlet."""
        for outlet in self._outlets.values():
            await outlet.close()

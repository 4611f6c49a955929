"""Where questions and decisions go: to the daemon that holds the store, or to the store itself when none runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, Protocol

import aiohttp
import orjson

from bridge.app import token_path
from bridge.cli.options import Exit, fail
from bridge.clock import SystemClock
from bridge.configuration.model import Configuration
from bridge.engine.console import Console, Query
from bridge.engine.present import Present
from bridge.errors import StoreError, UsageError
from bridge.outbound.outlet import Outlets
from bridge.settings import Address
from bridge.store.sqlite import SqliteStore, lock_holder
from bridge.web.admin import PREFIX

TIMEOUT = aiohttp.ClientTimeout(total=300, connect=5)
Row = dict[str, Any]


class AnyConsole(Protocol):
    """What the commands ask; `bridge.engine.console.Console` answers it, and so does the admin API."""

    async def status(self) -> Row: ...  # noqa: D102
    async def events(self, query: Query) -> list[Row]: ...  # noqa: D102
    async def event(self, event_id: str) -> Row: ...  # noqa: D102
    async def deliveries(self, query: Query) -> list[Row]: ...  # noqa: D102
    async def delivery(self, delivery_id: str) -> Row: ...  # noqa: D102
    async def dead_letters(self, query: Query) -> list[Row]: ...  # noqa: D102
    async def links(self, query: Query) -> list[Row]: ...  # noqa: D102
    async def retry(self, delivery_id: str) -> Row: ...  # noqa: D102
    async def skip(self, delivery_id: str, reason: str) -> Row: ...  # noqa: D102
    async def discard(self, query: Query, reason: str) -> Row: ...  # noqa: D102
    async def replay(self, query: Query, *, dry_run: bool) -> Row: ...  # noqa: D102


class RemoteConsole:
    """The console of a running daemon, through its admin API."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def status(self) -> Row:
        """See `Console.status`."""
        return await self._get("/status")

    async def events(self, query: Query) -> list[Row]:
        """See `Console.events`."""
        return await self._list("/events", query)

    async def event(self, event_id: str) -> Row:
        """See `Console.event`."""
        return await self._get(f"/events/{event_id}")

    async def deliveries(self, query: Query) -> list[Row]:
        """See `Console.deliveries`."""
        return await self._list("/deliveries", query)

    async def delivery(self, delivery_id: str) -> Row:
        """See `Console.delivery`."""
        return await self._get(f"/deliveries/{delivery_id}")

    async def dead_letters(self, query: Query) -> list[Row]:
        """See `Console.dead_letters`."""
        return await self._list("/dead-letters", query)

    async def links(self, query: Query) -> list[Row]:
        """See `Console.links`."""
        return await self._list("/links", query)

    async def retry(self, delivery_id: str) -> Row:
        """See `Console.retry`."""
        return await self._post(f"/deliveries/{delivery_id}/retry", {})

    async def skip(self, delivery_id: str, reason: str) -> Row:
        """See `Console.skip`."""
        return await self._post(f"/deliveries/{delivery_id}/skip", {"reason": reason})

    async def discard(self, query: Query, reason: str) -> Row:
        """See `Console.discard`."""
        return await self._post("/dead-letters/discard", {**_given(query), "reason": reason})

    async def replay(self, query: Query, *, dry_run: bool) -> Row:
        """See `Console.replay`."""
        return await self._post("/dead-letters/replay", {**_given(query), "dry_run": dry_run})

    async def _get(self, path: str) -> Row:
        async with self._session.get(self._base + path) as response:
            found: Row = await _read(response)
            return found

    async def _list(self, path: str, query: Query) -> list[Row]:
        params = {name: ",".join(v) if isinstance(v, tuple) else str(v) for name, v in _given(query).items()}
        async with self._session.get(self._base + path, params=params) as response:
            found: list[Row] = await _read(response)
            return found

    async def _post(self, path: str, body: Row) -> Row:
        async with self._session.post(self._base + path, json=body) as response:
            done: Row = await _read(response)
            return done


async def _read(response: aiohttp.ClientResponse) -> Any:
    body = orjson.loads(await response.read())
    if response.status != 200:  # noqa: PLR2004 - everything else is a refusal
        raise UsageError(body["error"]["message"])
    return body


def _given(query: Query) -> Row:
    return {each.name: value for each in fields(query) if (value := getattr(query, each.name)) is not None}


@asynccontextmanager
async def console(configuration: Configuration) -> AsyncIterator[AnyConsole]:
    """The console to ask. Ends the program with 3 when a daemon holds the store but does not answer."""
    path = configuration.settings.store.store_path(configuration.base_dir)
    if lock_holder(path) is not None:
        headers = {"Authorization": f"Bearer {_token(configuration)}"}
        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session:
            yield RemoteConsole(session, _base(configuration.settings.admin.listen) + PREFIX)
        return
    if not path.exists():
        fail(f"there is no store at `{path}` yet", "start the bridge first: crm-bridge run", Exit.FINDINGS)
    store = await SqliteStore.open(path)
    clock = SystemClock()
    try:
        present = Present(configuration, Outlets(clock))
        yield Console(store, present, clock, changed=lambda _: None, died=lambda: None)
    finally:
        await store.close()


def ask(configuration: Configuration, question: Callable[[AnyConsole], Awaitable[Any]]) -> Any:
    """Ask, and end the program with a message when the answer is a refusal."""

    async def asking() -> Any:
        async with console(configuration) as found:
            return await question(found)

    try:
        return asyncio.run(asking())
    except UsageError as error:
        fail(str(error), "look at the ids and filters", Exit.FINDINGS)
    except StoreError as error:
        fail(str(error), "see the log of the daemon, or start it", Exit.UNREACHABLE)
    except aiohttp.ClientError as error:
        address = configuration.settings.admin.listen
        fail(
            f"the daemon holds the store but does not answer on {address} ({type(error).__name__})",
            "use the configuration (and BRIDGE_ADMIN__LISTEN) that the daemon was started with",
            Exit.UNREACHABLE,
        )


def _base(address: Address) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - to reach ourselves
    return f"http://[{host}]:{address.port}" if ":" in host else f"http://{host}:{address.port}"


def _token(configuration: Configuration) -> str:
    given = configuration.settings.admin.token
    if given is not None:
        return given.get_secret_value()
    path = token_path(configuration)
    try:
        return path.read_text().strip()
    except OSError as error:
        fail(
            f"cannot read the admin token in `{path}`: {error.strerror}",
            "run this as the daemon's user",
            Exit.UNREACHABLE,
        )

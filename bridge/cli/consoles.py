"""Where questions and decisions go: to the daemon that holds the store, or to the store itself when none runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from bridge.app import token_path
from bridge.cli.options import Exit, fail
from bridge.clock import SystemClock
from bridge.configuration.model import Configuration
from bridge.engine.console import Console, Query
from bridge.engine.present import Present
from bridge.errors import BridgeError, StoreError, StoreLocked, UsageError
from bridge.outbound.outlet import Outlets
from bridge.settings import Address
from bridge.store.sqlite import SqliteStore, lock_holder
from bridge.web.admin import PREFIX

CONNECT_S = 5.0
QUESTION_S = 30.0
ASKED_WRONGLY = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
DECISION_S = 600.0  # a replay of a hundred thousand dead letters
Row = dict[str, Any]


class DaemonSilent(BridgeError):  # noqa: N818 - reads as what happened
    """The process that holds the store gives no answer of ours; the message says what it does instead."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


class NoStore(BridgeError):  # noqa: N818 - reads as what happened
    """Nothing was ever stored."""


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
        return await self._get(f"/events/{quote(event_id, safe='')}")

    async def deliveries(self, query: Query) -> list[Row]:
        """See `Console.deliveries`."""
        return await self._list("/deliveries", query)

    async def delivery(self, delivery_id: str) -> Row:
        """See `Console.delivery`."""
        return await self._get(f"/deliveries/{quote(delivery_id, safe='')}")

    async def dead_letters(self, query: Query) -> list[Row]:
        """See `Console.dead_letters`."""
        return await self._list("/dead-letters", query)

    async def links(self, query: Query) -> list[Row]:
        """See `Console.links`."""
        return await self._list("/links", query)

    async def retry(self, delivery_id: str) -> Row:
        """See `Console.retry`."""
        return await self._post(f"/deliveries/{quote(delivery_id, safe='')}/retry", {})

    async def skip(self, delivery_id: str, reason: str) -> Row:
        """See `Console.skip`."""
        return await self._post(f"/deliveries/{quote(delivery_id, safe='')}/skip", {"reason": reason})

    async def discard(self, query: Query, reason: str) -> Row:
        """See `Console.discard`."""
        return await self._post("/dead-letters/discard", {**_given(query), "reason": reason})

    async def replay(self, query: Query, *, dry_run: bool) -> Row:
        """See `Console.replay`."""
        return await self._post("/dead-letters/replay", {**_given(query), "dry_run": dry_run})

    async def _get(self, path: str) -> Row:
        found: Row = await self._ask("GET", path)
        return found

    async def _list(self, path: str, query: Query) -> list[Row]:
        params = {name: ",".join(v) if isinstance(v, tuple) else str(v) for name, v in _given(query).items()}
        found: list[Row] = await self._ask("GET", path, params=params)
        return found

    async def _post(self, path: str, body: Row) -> Row:
        done: Row = await self._ask("POST", path, json=body)
        return done

    async def _ask(self, method: str, path: str, **given: Any) -> Any:
        """One call of the admin API.

        Raises:
            UsageError: it was refused for what was asked.
            DaemonSilent: there was no answer, or one that is not our daemon's.
        """
        total_s = QUESTION_S if method == "GET" else DECISION_S
        timeout = aiohttp.ClientTimeout(total=total_s, connect=CONNECT_S)
        url = URL(self._base + path, encoded=True)
        try:
            async with self._session.request(method, url, timeout=timeout, allow_redirects=False, **given) as response:
                return _read(response.status, await response.read())
        except (aiohttp.ClientError, OSError) as error:  # a timeout is an OSError
            address = self._base.removesuffix(PREFIX)
            raise DaemonSilent(
                f"the daemon holds the store but does not answer on {address} ({type(error).__name__})",
                "use the configuration (and BRIDGE_ADMIN__LISTEN) that the daemon was started with",
            ) from None


def _read(status: int, content: bytes) -> Any:
    try:
        body = orjson.loads(content)
        if status == HTTPStatus.OK:
            return body
        code, message = str(body["error"]["code"]), str(body["error"]["message"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise DaemonSilent(
            f"what answers on the admin address is not this daemon (status {status})",
            "compare `admin.listen` with the daemon's log line `bridge.started`",
        ) from None
    if status in ASKED_WRONGLY:
        raise UsageError(message)
    mends = {"token": "use the daemon's own configuration: its `admin.token`, or the token file beside its store"}
    raise DaemonSilent(f"the daemon refused: {message}", mends.get(code, "look at the daemon's log, then try again"))


def _given(query: Query) -> Row:
    return {each.name: value for each in fields(query) if (value := getattr(query, each.name)) is not None}


@asynccontextmanager
async def console(configuration: Configuration) -> AsyncIterator[AnyConsole]:
    """The console to ask: of the daemon that holds the store, else of the store itself.

    Raises:
        NoStore: nothing was ever stored here.
        StoreError: the store cannot be opened.
        DaemonSilent: a daemon holds it, and its token cannot be read.
    """
    path = configuration.settings.store.store_path(configuration.base_dir)
    if lock_holder(path) is not None:
        headers = {"Authorization": f"Bearer {_token(configuration)}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            yield RemoteConsole(session, local_url(configuration.settings.admin.listen) + PREFIX)
        return
    if not path.exists():
        raise NoStore(f"there is no store at {path} yet")
    store = await SqliteStore.open(path)
    clock = SystemClock()
    outlets = Outlets(clock)
    try:
        yield Console(store, Present(configuration, outlets), clock, changed=lambda _: None)
    finally:
        await outlets.close()
        await store.close()


def ask(configuration: Configuration, question: Callable[[AnyConsole], Awaitable[Any]]) -> Any:
    """Ask, and end the program with a message when the answer is a refusal (1) or there is none (3)."""

    async def asking() -> Any:
        async with console(configuration) as found:
            return await question(found)

    try:
        return asyncio.run(asking())
    except UsageError as error:
        fail(str(error), "look at the ids and filters", Exit.FINDINGS)
    except DaemonSilent as error:
        fail(str(error), error.mend, Exit.UNREACHABLE)
    except NoStore as error:
        fail(str(error), "start the bridge first: crm-bridge run", Exit.FINDINGS)
    except StoreLocked as error:
        fail(str(error), "try again in a moment", Exit.UNREACHABLE)
    except StoreError as error:
        fail(str(error), "`crm-bridge check --explain BR701` says what to look at", Exit.UNREACHABLE)


def local_url(address: Address) -> str:
    """Where this machine reaches what listens on `address`."""
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
        raise DaemonSilent(
            f"cannot read the admin token in `{path}`: {error.strerror}", "run this as the daemon's user"
        ) from None

"""Where questions and decisions go: to the daemon that holds the store, or to the store itself when none runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp

from bridge.app import TOKEN_FILE
from bridge.cli.logs import configure_logging
from bridge.cli.options import Deployment, Exit, fail, needed
from bridge.cli.remote import DaemonSilent, RemoteConsole, credentials, os_user
from bridge.clock import SystemClock
from bridge.engine.console import Console, Query, Rows, WrongUse
from bridge.engine.present import Present
from bridge.errors import BridgeError, StoreError, StoreLocked, UsageError
from bridge.outbound.outlet import Outlets
from bridge.settings import Address
from bridge.store.sqlite import SqliteStore, lock_holder
from bridge.web.admin import PREFIX

Row = dict[str, Any]


class NoStore(BridgeError):  # noqa: N818 - reads as what happened
    """Nothing was ever stored."""


class AnyConsole(Protocol):
    """What the commands ask; `bridge.engine.console.Console` answers it, and so does the admin API."""

    async def status(self) -> Row: ...  # noqa: D102 - see Console
    async def events(self, query: Query) -> Rows: ...  # noqa: D102 - see Console
    async def event(self, event_id: str) -> Row: ...  # noqa: D102 - see Console
    async def event_content(self, event_id: str) -> Row: ...  # noqa: D102 - see Console
    async def deliveries(self, query: Query) -> Rows: ...  # noqa: D102 - see Console
    async def delivery(self, delivery_id: str) -> Row: ...  # noqa: D102 - see Console
    async def dead_letters(self, query: Query) -> Rows: ...  # noqa: D102 - see Console
    async def links(self, query: Query) -> Rows: ...  # noqa: D102 - see Console
    async def audit(self, query: Query) -> Rows: ...  # noqa: D102 - see Console
    async def secrets(self) -> Rows: ...  # noqa: D102 - see Console
    async def retry(self, delivery_id: str) -> Row: ...  # noqa: D102 - see Console
    async def skip(self, delivery_id: str, reason: str) -> Row: ...  # noqa: D102 - see Console
    async def discard(self, query: Query, reason: str) -> Row: ...  # noqa: D102 - see Console
    async def replay(self, query: Query, *, dry_run: bool, differences: int = 0) -> Row: ...  # noqa: D102 - see Console
    async def rerun(self, event_id: str, *, rule: str | None = None, force: bool = False) -> Row: ...  # noqa: D102 - see Console
    async def replay_events(self, event_ids: Sequence[str]) -> Row: ...  # noqa: D102 - see Console
    async def let_through(self, event_ids: Sequence[str], within: str) -> Row: ...  # noqa: D102 - see Console
    async def pause(self, destination: str, reason: str) -> Row: ...  # noqa: D102 - see Console
    async def resume(self, destination: str) -> Row: ...  # noqa: D102 - see Console
    async def set_link(self, name: str, key: str, value: str | int) -> Row: ...  # noqa: D102 - see Console
    async def forget_link(self, name: str, key: str) -> Row: ...  # noqa: D102 - see Console
    async def open_window(self, source: str, length: str) -> Row: ...  # noqa: D102 - see Console
    async def close_window(self, source: str) -> Row: ...  # noqa: D102 - see Console
    async def show_secret(self, source: str) -> Row: ...  # noqa: D102 - see Console
    async def retire_secrets(self, source: str, numbers: Sequence[int] | None = None) -> Row: ...  # noqa: D102 - see Console


@asynccontextmanager
async def console(deployment: Deployment) -> AsyncIterator[AnyConsole]:
    """The console to ask: of the daemon that holds the store, else of the store itself.

    A daemon has a configuration of its own, so that the file may have mistakes meanwhile; the store alone needs a
    whole one.

    Raises:
        NoStore: nothing was ever stored here.
        StoreError: the store cannot be opened.
        DaemonSilent: a daemon holds it, and its token cannot be read.
    """
    path = deployment.settings.store.store_path(deployment.base_dir)
    if lock_holder(path) is not None:
        async with aiohttp.ClientSession(headers=credentials(_token(deployment))) as session:
            yield RemoteConsole(session, local_url(deployment.settings.admin.listen) + PREFIX)
        return
    configuration = needed(deployment)
    if not path.exists():
        raise NoStore(f"there is no store at {path} yet")
    configure_logging(deployment.settings.log.model_copy(update={"level": "warning"}))  # stdout is for the answer
    store = await SqliteStore.open(path)
    clock = SystemClock()
    outlets = Outlets(clock)
    try:
        present = Present(configuration, outlets)
        yield Console(store, present, clock, changed=lambda _: None, by=os_user(), runs=False)
    finally:
        await outlets.close()
        await store.close()


def ask(deployment: Deployment, question: Callable[[AnyConsole], Awaitable[Any]]) -> Any:
    """Ask, and end the program with a message: wrong use is 2, a refusal 1, no answer 3."""

    async def asking() -> Any:
        async with console(deployment) as found:
            return await question(found)

    try:
        return asyncio.run(asking())
    except WrongUse as error:
        fail(str(error), None, Exit.WRONG_USE)
    except UsageError as error:
        fail(str(error), "the `list` commands show what there is", Exit.FINDINGS)
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


def _token(deployment: Deployment) -> str:
    given = deployment.settings.admin.token
    if given is not None:
        return given.get_secret_value()
    path = deployment.settings.store.store_path(deployment.base_dir).parent / TOKEN_FILE
    try:
        return path.read_text().strip()
    except OSError as error:
        raise DaemonSilent(
            f"cannot read the admin token in `{path}`: {error.strerror}", "run this as the daemon's user"
        ) from None

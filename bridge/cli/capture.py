"""`crm-bridge capture`: see raw requests as they come, before there are rules for them."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from aiohttp import web

from bridge.app import ListenFailed, guards
from bridge.cli.captured import Printer
from bridge.cli.consoles import ask, local_url
from bridge.cli.options import ConfigOption, Deployment, EnvFileOption, Exit, fail, locate, needed
from bridge.clock import SystemClock
from bridge.configuration.model import Configuration
from bridge.engine.captures import Capture, begin_capture
from bridge.engine.console import LONGEST_CAPTURE_S
from bridge.errors import UsageError
from bridge.settings import Address, parse_address
from bridge.store.sqlite import lock_holder
from bridge.units import parse_duration
from bridge.web.captures import Catcher
from bridge.web.server import GuardedServer

LOOK_MS = 1_000
ROWS = 10
Row = dict[str, Any]


def capture(
    name: Annotated[str, typer.Argument(help="A source, or a name for one that you are about to write.")],
    length: Annotated[str, typer.Option("--for", help="End after this time.")] = "10m",
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="End after so many requests.")] = 100,
    listen: Annotated[
        str | None, typer.Option("--listen", help="Where to listen when no daemon runs (default: `server.listen`).")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Listen on an address that others can reach, too, when no daemon runs.")
    ] = False,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="At the end print a source and a rule to begin with, made from a request.")
    ] = False,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line, as requests come.")] = False,
) -> None:
    """Write down and show the raw requests to a source, without rules.

    While a daemon runs it goes on as always, and requests that it refuses are shown with the reason. Without one this
    command listens by itself, answers 200, and serves nothing but this source. Ends by itself, or with Ctrl-C.
    """
    seconds = _seconds(length)
    deployment = locate(config, env_file)
    printer = Printer(name, deployment.base_dir, json=json)
    if lock_holder(deployment.settings.store.store_path(deployment.base_dir)) is not None:
        _beside_the_daemon(deployment, printer, name, seconds, count)
    else:
        address = _address(listen, deployment.settings.server.listen, public=public)
        _alone(needed(deployment), printer, name, address, seconds, count)
    if yaml:
        printer.starter()


def _seconds(text: str) -> int:
    try:
        seconds = parse_duration(text) // 1000
    except ValueError as error:
        fail(f"--for: {error}", "write for example `10m`", Exit.WRONG_USE)
    if not 1 <= seconds <= LONGEST_CAPTURE_S:
        fail("--for: a capture takes a second to a day", "write for example `10m`", Exit.WRONG_USE)
    return seconds


def _address(given: str | None, default: Address, *, public: bool) -> Address:
    """Where to listen; an address that others reach only when they are meant to."""
    try:
        address = default if given is None else parse_address(given)
    except ValueError:
        fail(f"--listen: `{given}` is no address", "write for example `127.0.0.1:8080`", Exit.WRONG_USE)
    if not public and not address.is_loopback:
        fail(
            f"others can reach `{address}`, and what they send is taken unsigned",
            "add --public if that is meant, or give --listen 127.0.0.1:8080",
            Exit.WRONG_USE,
        )
    return address


@asynccontextmanager
async def _interrupt() -> AsyncIterator[asyncio.Event]:
    """Set by Ctrl-C or SIGTERM, which then end the capture and not the program in the middle of something."""
    stop = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _until(stop: asyncio.Event, question: Any) -> Row | None:
    """The answer to a question, None when the user has had enough before it came."""
    asking, stopping = asyncio.ensure_future(question), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            return None
        found: Row = asking.result()
        return found
    finally:
        for each in (asking, stopping):
            each.cancel()
        await asyncio.gather(asking, stopping, return_exceptions=True)


# --- while a daemon runs ---------------------------------------------------------------------------------------


def _beside_the_daemon(deployment: Deployment, printer: Printer, name: str, seconds: int, count: int) -> None:
    async def asking(found: Any) -> None:
        async with _interrupt() as stop:
            begun = await found.capture(name, seconds=seconds, count=count)
            printer.begun(begun, local_url(deployment.settings.server.listen), is_daemon=True)
            ended = await _followed(stop, printer, lambda after: found.captured(name, after=after))
            if ended is None:
                ended = await found.end_capture(name)
            printer.ended(ended)

    ask(deployment, asking)


async def _followed(stop: asyncio.Event, printer: Printer, question: Callable[[int], Any]) -> Row | None:
    """Print what comes, until it is over (how it stands then) or the user has had enough (None)."""
    after = 0
    while True:
        found = await _until(stop, question(after))
        if found is None:
            return None
        for request in found["requests"]:
            printer.request(request)
        after = found["next"]
        if found["ended"] is not None and not found["requests"]:
            return found


# --- alone -----------------------------------------------------------------------------------------------------


def _alone(
    configuration: Configuration, printer: Printer, name: str, address: Address, seconds: int, count: int
) -> None:
    clock = SystemClock()
    now_ms = clock.now_ms()
    try:
        begun = begin_capture(configuration, name, now_ms=now_ms, until_ms=now_ms + 1000 * seconds, count=count)
    except UsageError as error:
        fail(str(error), "look at the name and the folder", Exit.WRONG_USE)
    try:
        asyncio.run(_listened(configuration, begun, address, printer, clock))
    except ListenFailed as error:
        fail(str(error), "give another address with --listen, or end what listens there", Exit.UNREACHABLE)


async def _listened(
    configuration: Configuration, begun: Capture, address: Address, printer: Printer, clock: SystemClock
) -> None:
    settings = configuration.settings
    catcher = Catcher(begun, configuration.sources.get(begun.source), clock, settings.server)
    runner = web.ServerRunner(GuardedServer(catcher.handle, **guards(settings)), shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            raise ListenFailed("server", address, error.strerror or str(error)) from error
        bound = Address(address.host, runner.addresses[0][1])
        async with _interrupt() as stop:
            printer.begun(begun.to_json(), local_url(bound), is_daemon=False)
            look = lambda after: begun.after(after, clock, within_ms=LOOK_MS, rows=ROWS)  # noqa: E731
            if await _followed(stop, printer, look) is None:
                begun.end("it was ended by hand")
    finally:
        await runner.cleanup()
    printer.ended(begun.to_json())

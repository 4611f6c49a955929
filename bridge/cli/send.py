"""`crm-bridge send`: sign an event as the sender would, and post it."""

import asyncio
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from bridge.cli.options import ConfigOption, EnvFileOption, Exit, fail, load
from bridge.clock import SystemClock
from bridge.configuration.model import Configuration
from bridge.errors import UsageError
from bridge.settings import Address
from bridge.sources import Source, sign

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


def send(
    source: Annotated[str, typer.Argument(help="The source's name.")],
    event: Annotated[Path, typer.Argument(help="A file with the body, sent byte for byte.")],
    url: Annotated[
        str | None, typer.Option("--url", help="Where to send it (default: the bridge of this configuration).")
    ] = None,
    header: Annotated[
        str | None, typer.Option("--header", help="Which signature header to use, if the source has several.")
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Sign a file with the source's secret and post it. Exit 0: answered 200, 1: refused, 3: not reached."""
    configuration = load(config, env_file)
    found = named_source(configuration, source)
    body = read_body(event)
    address = url or _address(configuration.settings.server.listen) + found.path
    try:
        headers = sign(found.verification, body, now_ms=SystemClock().now_ms(), header=header)
    except UsageError as error:
        fail(str(error), f"headers of `{source}`: {', '.join(found.signature_headers)}", Exit.WRONG_USE)
    try:
        status, answer = asyncio.run(post(address, body, headers))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        fail(
            f"nothing answers at {address} ({type(error).__name__})", "start it with `crm-bridge run`", Exit.UNREACHABLE
        )
    typer.echo(f"{status} {answer}")
    raise typer.Exit(Exit.DONE if status == 200 else Exit.FINDINGS)  # noqa: PLR2004 - what senders count as success


def named_source(configuration: Configuration, name: str) -> Source:
    """The source of this name; ends the program when there is none."""
    found = configuration.sources.get(name)
    if found is None:
        fail(f"there is no source `{name}`", f"sources: {', '.join(sorted(configuration.sources))}", Exit.WRONG_USE)
    return found


def read_body(path: Path) -> bytes:
    """The file's bytes; ends the program when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"cannot read `{path}`: {error.strerror}", "give the path of a file with the event's JSON", Exit.WRONG_USE)


async def post(url: str, body: bytes, headers: list[tuple[str, str]]) -> tuple[int, str]:
    """Post a body as JSON; the status and the answer's text."""
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.post(
            url, data=body, headers=[("Content-Type", "application/json"), *headers], allow_redirects=False
        ) as response,
    ):
        return response.status, await response.text()


def _address(address: Address) -> str:
    return f"http://[{address.host}]:{address.port}" if ":" in address.host else f"http://{address.host}:{address.port}"

"""`crm-bridge send`: sign an event as the sender would, and post it."""

import asyncio
from pathlib import Path
from typing import Annotated

import aiohttp
import typer
from yarl import URL

from bridge.cli.consoles import local_url
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, fail, load
from bridge.clock import SystemClock
from bridge.configuration.model import Configuration
from bridge.diagnostics import visible
from bridge.errors import UsageError
from bridge.sources import PrivateKeyNeeded, SignedRequest, Source, sign

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


def send(
    source: Annotated[str, typer.Argument(help="The source's name.")],
    event: Annotated[Path, typer.Argument(help="A file with the body, sent byte for byte.")],
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="Where to send it (default: this configuration's bridge); the source's path is added.",
        ),
    ] = None,
    header: Annotated[
        str | None, typer.Option("--header", help="Which signature header to use, if the source has several.")
    ] = None,
    private_key: Annotated[
        Path | None,
        typer.Option(
            "--private-key",
            help="The private half (PEM) of the source's public key, where it verifies with one.",
        ),
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Sign a file with the source's secret and post it. Exit 0: answered 200, 1: refused, 3: not reached."""
    configuration = load(config, env_file)
    found = named_source(configuration, source)
    body = read_body(event)
    address = _address(url or local_url(configuration.settings.server.listen), found.path)
    try:
        content_type = found.content_type(body)
        signed = sign(
            found.verification,
            body,
            now_ms=SystemClock().now_ms(),
            header=header,
            given={"Content-Type": content_type},
            query=list(URL(address).query.items()),
            fresh=True,
            private_key=None if private_key is None else read_private_key(private_key),
        )
    except PrivateKeyNeeded as error:
        fail(str(error), "give it by --private-key FILE, in PEM form", Exit.WRONG_USE)
    except UsageError as error:
        fail(str(error), "leave --header out, or name one of these", Exit.WRONG_USE)
    try:
        status, answer = asyncio.run(post(address, signed, content_type=content_type))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        fail(
            f"nothing answers at {address} ({type(error).__name__})", "start it with `crm-bridge run`", Exit.UNREACHABLE
        )
    typer.echo(f"{status} {visible(answer)}")
    raise typer.Exit(Exit.DONE if status == 200 else Exit.FINDINGS)  # noqa: PLR2004 - what senders count as success


def named_source(configuration: Configuration, name: str) -> Source:
    """The source of this name; ends the program when there is none."""
    found = configuration.sources.get(name)
    if found is None:
        fail(f"there is no source `{name}`", f"sources: {', '.join(sorted(configuration.sources))}", Exit.WRONG_USE)
    return found


def read_body(path: Path) -> bytes:
    """The file's bytes; ends the program when it cannot be read."""
    return _read(path, "give the path of a file with the event's JSON")


def read_private_key(path: Path) -> str:
    """The file's text; ends the program when it cannot be read. What is no PEM is said by whoever signs with it."""
    return _read(path, "give the path of a private key in PEM form").decode("ascii", "replace")


def _read(path: Path, mend: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"cannot read `{path}`: {error.strerror}", mend, Exit.WRONG_USE)


async def post(url: str, signed: SignedRequest, *, content_type: str = "application/json") -> tuple[int, str]:
    """Post what was signed; the status and the answer's text. The address's query is that of the signed request."""
    base = str(URL(url).with_query(None).with_fragment(None))
    address = URL(f"{base}?{signed.raw_query}" if signed.query else base, encoded=True)  # letter for letter as signed
    headers = [("Content-Type", content_type), *signed.headers]
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.post(address, data=signed.body, headers=headers, allow_redirects=False) as response,
    ):
        return response.status, await response.text()


def _address(url: str, path: str) -> str:
    """The whole address: a URL without a path of its own gets the source's."""
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        fail(f"`{url}` is not a web address", "give --url http://HOST:PORT, perhaps with a path", Exit.WRONG_USE)
    return url if parsed.path not in {"", "/"} else url.rstrip("/") + path

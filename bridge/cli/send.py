"""`crm-bridge send`: sign an event as the sender would, and post it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import aiohttp
import typer
from yarl import URL

from bridge.cli.consoles import local_url
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, fail, locate, needed
from bridge.cli.output import print_json
from bridge.cli.parcels import Parcel, parcel, read_file
from bridge.cli.volleys import TIMEOUT, Headers, Posted, Shot, Volley, at_once, one_after_another, posted
from bridge.clock import SystemClock
from bridge.configuration.model import Configuration
from bridge.diagnostics import visible
from bridge.engine.console import WrongUse
from bridge.engine.query import moment
from bridge.errors import UsageError
from bridge.sources import OnlyTheSender, PrivateKeyNeeded, SecretNeeded, SignedRequest, Source, sign, signs_time
from bridge.units import UnitError, parse_duration

MOST = 10_000


def send(
    source: Annotated[str, typer.Argument(help="The source's name.")],
    event: Annotated[
        str | None, typer.Argument(help="A file with the body, sent byte for byte; or a stored event (evt_…).")
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", help="A sample of the source's preset, in place of a file.")
    ] = None,
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
    secret_number: Annotated[
        int, typer.Option("--secret-number", min=1, help="Sign with this one of the source's secrets; 1 is the first.")
    ] = 1,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=MOST, help="Send it so often, one after another, signed anew.")
    ] = 1,
    burst: Annotated[
        int | None, typer.Option("--burst", min=1, max=MOST, help="Send it so often, all at once, and sum up.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="Sign this time on purpose: `2026-06-02T03:00:00Z`.")] = None,
    age: Annotated[
        str | None, typer.Option("--age", help="Sign a time so long ago: `10m`; `-10m` is ahead of us.")
    ] = None,
    tamper: Annotated[
        bool, typer.Option("--tamper", help="Change a byte of the body after signing, to see it refused.")
    ] = False,
    set_header: Annotated[
        list[str] | None, typer.Option("--set-header", help="Send this header, too: `Name: value`. May be repeated.")
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Sign an event with the source's secret and post it: a file, a stored event, or a sample of its preset.

    Exit 0: all were answered with success, 1: one was refused, 3: not reached.
    """
    if burst is not None and repeat != 1:
        fail("--repeat and --burst are two ways to send", "leave one of them out", Exit.WRONG_USE)
    deployment = locate(config, env_file)
    configuration = needed(deployment)
    found = named_source(configuration, source)
    what = parcel(deployment, configuration, found, event, sample)
    address = _address(url or local_url(configuration.settings.server.listen), found.path)
    signing = Signing(
        source=found,
        parcel=replace(what, header=header or what.header),
        query=list(URL(address).query.items()),
        now_ms=_signed_time(at, age),
        secret_index=secret_number - 1,
        private_key=None if private_key is None else read_private_key(private_key),
        extra=_pairs(set_header or []),
        tamper=tamper,
    )
    if signing.now_ms is not None and not signs_time(found.verification):
        typer.echo(f"the source `{found.name}` has no signed time: --age and --at change nothing", err=True)
    volley = _sent(signing, address, repeat, burst, json=json)
    if json:
        print_json({"source": found.name, "url": str(URL(address).with_query(None)), **volley.to_json()})
    elif burst is not None or repeat > 1:
        _sum_up(volley)
    _unreached(volley, address)
    good = {200, found.answer_status}
    raise typer.Exit(Exit.DONE if all(shot.status in good for shot in volley.shots) else Exit.FINDINGS)


@dataclass(frozen=True, slots=True)
class Signing:
    """How a request is made, again and again.

    Attributes:
        source: to which it goes.
        parcel: what is sent.
        query: what stands in the address already.
        now_ms: the time to sign; None for the present.
        secret_index: which secret signs.
        private_key: PEM, where the source has only the public half.
        extra: headers from the command line; they win over all others.
        tamper: whether a byte is changed after signing.
    """

    source: Source
    parcel: Parcel
    query: Sequence[tuple[str, str]]
    now_ms: int | None
    secret_index: int
    private_key: str | None
    extra: Sequence[tuple[str, str]]
    tamper: bool

    def make(self, number: int) -> tuple[SignedRequest, Headers]:
        """The request with this number, signed now.

        Raises:
            UsageError: no such request can be made.
        """
        given = _merged({"Content-Type": self.parcel.content_type}, self.parcel.headers, dict(self.extra))
        now_ms = SystemClock().now_ms() if self.now_ms is None else self.now_ms
        signed = sign(
            self.source.verification,
            self.parcel.body,
            now_ms=now_ms + number % 1_000 if self.now_ms is None else now_ms,  # ids that must differ are made of it
            header=self.parcel.header,
            secret_index=self.secret_index,
            given=given,
            query=self.query,
            fresh=True,
            private_key=self.private_key,
        )
        headers = list(_merged(given, dict(signed.headers), dict(self.extra)).items())
        return (replace(signed, body=tampered(signed.body)) if self.tamper else signed), headers


def _merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """The headers of all layers; a later one wins, whatever the case of its name."""
    found: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, value in layer.items():
            found[name.lower()] = (name, value)
    return dict(found.values())


def tampered(body: bytes) -> bytes:
    """The body with one bit of it changed: that of a letter or digit near the middle, if there is one.

    Raises:
        UsageError: there is nothing to change.
    """
    if not body:
        raise UsageError("an empty body cannot be tampered with")
    order = sorted(range(len(body)), key=lambda index: abs(index - len(body) // 2))
    index = next((index for index in order if chr(body[index]).isalnum() and body[index] < 128), order[0])  # noqa: PLR2004 - ASCII
    return body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]


def _sent(signing: Signing, address: str, repeat: int, burst: int | None, *, json: bool) -> Volley:
    """Post; ends the program when no such request can be made."""

    def tell(shot: Shot) -> None:
        if not json and shot.problem is None:
            number = f"{shot.number}: " if repeat > 1 else ""
            known = " (a duplicate)" if repeat > 1 and shot.duplicates else ""
            typer.echo(f"{number}{shot.status} {visible(shot.text)}{known}")

    try:
        if burst is not None:
            return asyncio.run(at_once(address, signing.make, burst))
        return asyncio.run(one_after_another(address, signing.make, repeat, tell))
    except PrivateKeyNeeded as error:
        fail(str(error), "give it by --private-key FILE, in PEM form", Exit.WRONG_USE)
    except SecretNeeded as error:
        fail(
            str(error),
            "to try it out give the source a `secret` of your own; it is good beside that one",
            Exit.WRONG_USE,
        )
    except OnlyTheSender as error:
        fail(str(error), "have an event sent from there; nobody else can sign one", Exit.WRONG_USE)
    except UsageError as error:
        fail(str(error), "leave --header and --secret-number out, or name one that there is", Exit.WRONG_USE)


def _sum_up(volley: Volley) -> None:
    statuses = ", ".join(f"{count} x {status}" for status, count in volley.statuses.items())
    slowest = volley.slowest
    known = "1 duplicate" if volley.duplicates == 1 else f"{volley.duplicates} duplicates"
    typer.echo(
        f"{len(volley.shots)} sent: {statuses}; {known}; slowest {slowest.took_ms:.0f} ms (number {slowest.number})"
    )


def _unreached(volley: Volley, address: str) -> None:
    """Ends the program when some had no answer."""
    unanswered = [shot for shot in volley.shots if shot.problem is not None]
    if unanswered:
        shown = URL(address).with_query(None)
        fail(
            f"nothing answers at {shown} ({unanswered[0].problem})", "start it with `crm-bridge run`", Exit.UNREACHABLE
        )


def _signed_time(at: str | None, age: str | None) -> int | None:
    """The time to sign, None for the present."""
    now_ms = SystemClock().now_ms()
    if at is not None and age is not None:
        fail("--at and --age are two times", "leave one of them out", Exit.WRONG_USE)
    try:
        if at is not None:
            return moment(at, now_ms)
        if age is not None:
            return now_ms - (-parse_duration(age[1:]) if age.startswith("-") else parse_duration(age))
    except WrongUse as error:
        fail(f"--at: {error}", "write for example `2026-06-02T03:00:00Z`", Exit.WRONG_USE)
    except UnitError as error:
        fail(f"--age: {error}", "write for example `10m`, or `--age=-10m` for a time ahead of us", Exit.WRONG_USE)
    return None


def _pairs(given: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip() or not name.isascii() or any(letter in text for letter in "\r\n\0"):
            fail(f"--set-header: `{text}` is no header", "write `--set-header 'Name: value'`", Exit.WRONG_USE)
        pairs.append((name.strip(), value.strip()))
    return pairs


def named_source(configuration: Configuration, name: str) -> Source:
    """The source of this name; ends the program when there is none."""
    found = configuration.sources.get(name)
    if found is None:
        fail(f"there is no source `{name}`", f"sources: {', '.join(sorted(configuration.sources))}", Exit.WRONG_USE)
    return found


def read_body(path: Path) -> bytes:
    """The file's bytes; ends the program when it cannot be read."""
    return read_file(path, "give the path of a file with the event's JSON")


def read_private_key(path: Path) -> str:
    """The file's text; ends the program when it cannot be read. What is no PEM is said by whoever signs with it."""
    return read_file(path, "give the path of a private key in PEM form").decode("ascii", "replace")


async def post(url: str, signed: SignedRequest, *, content_type: str = "application/json") -> Posted:
    """Post one signed request."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        return await posted(session, url, signed, [("Content-Type", content_type), *signed.headers])


def _address(url: str, path: str) -> str:
    """The whole address: a URL without a path of its own gets the source's."""
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        fail(f"`{url}` is not a web address", "give --url http://HOST:PORT, perhaps with a path", Exit.WRONG_USE)
    return url if parsed.path not in {"", "/"} else url.rstrip("/") + path

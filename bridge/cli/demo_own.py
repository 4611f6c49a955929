"""`crm-bridge demo -c CONFIG`: one's own configuration and rules, against the sandbox instead of the real accounts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import typer

from bridge.app import Daemon
from bridge.cli.demo_stage import Stage
from bridge.cli.options import Exit, fail, report
from bridge.cli.output import cell
from bridge.cli.send import named_source, post, read_body
from bridge.clock import SystemClock
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.model import Configuration
from bridge.connectors.destination import Destination
from bridge.engine.console import Query
from bridge.sandbox import Sandbox, SandboxUrls
from bridge.sources import OnlyTheSender, Source, sign

SAMPLES = "samples"
TAKEN = (200, 204)


@dataclass(frozen=True, slots=True)
class Sample:
    """A body to send, and the source that it is for."""

    source: str
    path: Path


class OwnDemo(Stage):
    """One run of an operator's configuration; the store, the dead letters and the addresses are this run's own.

    Args:
        folder: where they go.
        path: the configuration file.
        environ: its environment.
        samples: what to send; empty: the files in `samples/` beside the configuration.
    """

    def __init__(self, folder: Path, path: Path, environ: Mapping[str, str], samples: Sequence[Sample]) -> None:
        super().__init__(Sandbox())
        self._path = path
        self._samples = samples
        self._environ = {
            **environ,
            "BRIDGE_SERVER__LISTEN": "127.0.0.1:0",
            "BRIDGE_SERVER__DRAIN_DELAY": "0s",
            "BRIDGE_ADMIN__LISTEN": "127.0.0.1:0",
            "BRIDGE_STORE__URL": f"sqlite:///{folder}/bridge.db",
            "BRIDGE_DEAD_LETTERS__FILE": f"{folder}/dead-letters.jsonl",
            "BRIDGE_RELOAD__WATCH": "false",
        }

    async def play(self, *, keep: bool) -> list[str]:
        """Send the samples and show what comes of them; returns what a person should look at."""
        loaded = load_configuration(self._path, self._environ)
        report(loaded)
        if loaded.configuration is None:
            raise typer.Exit(Exit.FINDINGS)
        samples = self._samples or _samples_beside(self._path, loaded.configuration)
        async with AsyncExitStack() as stack:
            urls = await stack.enter_async_context(self.sandbox.running())
            self.daemon = await stack.enter_async_context(Daemon(_at_the_sandbox(loaded.configuration, urls)))
            self.title("1. Your configuration runs against the sandbox on this machine")
            for name, destination in self.daemon.configuration.destinations.items():
                typer.echo(f"{name}: {destination.base_url}")
            await self._send(samples)
            await self.settled()
            await self.show_events()
            self._show_calls()
            await self._show_dead(loaded)
            if keep:
                await self.stay(urls)
        return self.complaints

    async def _send(self, samples: Sequence[Sample]) -> None:
        self.title("2. Signed events")
        for sample in samples:
            source, body = named_source(self.daemon.configuration, sample.source), read_body(sample.path)
            status, answer = await self._post(source, body)
            said = answer.get("id") or ", ".join(answer.get("ids", ())) or _error_code(answer) or "taken"
            typer.echo(f"{status}  {sample.path.name} to {sample.source}: {said}")
            if status not in TAKEN:
                self.complaints.append(f"{sample.path.name} was answered {status}")

    async def _post(self, source: Source, body: bytes) -> tuple[int, dict[str, Any]]:
        content_type, body = source.dressed(body)
        given = {"Content-Type": content_type}
        try:
            signed = sign(source.verification, body, now_ms=SystemClock().now_ms(), given=given, fresh=True)
        except OnlyTheSender as error:
            fail(f"`{source.name}`: {error}", "see what its events lead to with `crm-bridge explain`", Exit.WRONG_USE)
        address = self.daemon.bound.public + source.path
        status, text, _ = await post(address, signed, content_type=given["Content-Type"])
        return status, orjson.loads(text) if text.startswith("{") else {}  # some senders are answered with fixed words

    def _show_calls(self) -> None:
        self.title("4. What the sandbox was asked")
        calls = list(self.sandbox.journal)
        for call in calls:
            typer.echo(f"{call.status}  {call.method} {call.api}{cell(call.path)}")
        if not calls:
            typer.echo("nothing: no rule made a call")

    async def _show_dead(self, loaded: LoadedConfiguration) -> None:
        letters: list[Any] = await self.daemon.console.dead_letters(Query())
        if letters:
            self.title("5. What needs a person")
        for letter in letters:
            typer.echo(f"{letter['rule']}, step {letter['step']}: {letter['kind']}")
            typer.echo(f"  at {loaded.rules[letter['rule']].place_of_step(letter['step'])}")
            typer.echo(f"  {cell(letter['message'])}\n  mend: {cell(letter['mend'])}")
            self.complaints.append(f"a delivery of {letter['rule']} is dead")


def _error_code(answer: Mapping[str, Any]) -> str:
    return str(answer.get("error", {}).get("code", ""))


def parse_sample(text: str) -> Sample:
    """`SOURCE=FILE`, as `--event` gives it; ends the program when it is not of that form."""
    source, sign_, path = text.partition("=")
    if not sign_ or not source or not path:
        fail(f"`{text}` does not say which source and which file", "write --event SOURCE=FILE.json", Exit.WRONG_USE)
    return Sample(source, Path(path))


def _samples_beside(path: Path, configuration: Configuration) -> list[Sample]:
    """`samples/aisoule.json`, `samples/aisoule.urgent.json`: the name up to the first dot is the source's."""
    folder = path.resolve().parent / SAMPLES
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    samples = [Sample(file.name.partition(".")[0], file) for file in files]
    found = [sample for sample in samples if sample.source in configuration.sources]
    if not found:
        name = next(iter(sorted(configuration.sources)), "SOURCE")
        fail(
            "there is no event to send",
            f"give --event {name}=EVENT.json, or put {SAMPLES}/{name}.json beside it",
            Exit.WRONG_USE,
        )
    return found


def _at_the_sandbox(configuration: Configuration, urls: SandboxUrls) -> Configuration:
    moved = {name: _moved(destination, urls) for name, destination in configuration.destinations.items()}
    return replace(configuration, destinations=moved)


def _moved(destination: Destination, urls: SandboxUrls) -> Destination:
    """The same destination with the sandbox's address and credentials; the real ones are not used."""
    name = destination.connector.connector.name
    addresses = {
        "hubspot": urls.hubspot,
        "zendesk": urls.zendesk,
        "slack": urls.slack,
        "slack-webhook": f"{urls.slack}/services/T000/B000/sandbox",
        "aisoule": urls.aisoule,
        "aisoule-developer": urls.aisoule_developer,
    }
    secrets = {key: _SANDBOX_SECRETS.get((name, key), "sandbox") for key in destination.secrets}
    settings = {key: _SANDBOX_SETTINGS.get((name, key), value) for key, value in destination.settings.items()}
    return replace(
        destination,
        base_url=addresses.get(name, urls.generic),
        allow_private_addresses=True,
        settings=settings,
        secrets=secrets,
    )


def _known(api: str, values: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], str]]:
    return (((api, key), value) for key, value in values.items())


_SANDBOX_SECRETS = dict(
    (
        *_known("hubspot", {"token": "sandbox-hubspot-token", "refresh_token": "sandbox-refresh-token"}),
        *_known(
            "zendesk",
            {
                "client_secret": "sandbox-zendesk-secret",
                "refresh_token": "sandbox-refresh-token",
                "api_token": "sandbox-api-token",
            },
        ),
        *_known("slack", {"token": "sandbox-slack-token"}),
        *_known("aisoule", {"api_key": "sandbox-aisoule-key"}),
        *_known("aisoule-developer", {"api_key": "sandbox-aisoule-developer-key"}),
    )
)
_SANDBOX_SETTINGS = dict(_known("zendesk", {"client_id": "bridge", "email": "agent@example.com"}))

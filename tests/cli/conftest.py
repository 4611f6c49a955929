"""A bridge beside a sandbox, and the command line to ask it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from bridge.app import Daemon
from bridge.cli.program import program
from bridge.cli.send import post
from bridge.configuration.load import load_configuration
from bridge.model import DeliveryState
from bridge.sandbox import FaultKind, FaultSpec, Match, Sandbox, SandboxUrls
from bridge.sources import sign
from tests.canaries import AISOULE_SECRET, PHONE
from tests.conftest import watch_logs

CONFIG = """\
version: 1
server: {{listen: "127.0.0.1:0", drain_delay: 0s}}
admin: {{listen: "127.0.0.1:0"}}
store: {{url: sqlite:///var/bridge.db}}
sources:
  aisoule: {{preset: aisoule, secret: "${{AISOULE_WEBHOOK_SECRET}}", path: /webhook}}
destinations:
  crm: {{connector: http, base_url: "{url}", auth: {{type: bearer, token: "${{CRM_TOKEN}}"}},
        allow_private_addresses: true, retry: {{schedule: [1h]}}}}
rules: rules.yaml
"""

RULES = """\
rules:
  - name: log
    on: aisoule/message.received
    if: fields.kind == "text"
    key: "{{ fields.customer | person }}"
    recall: {entry: "{{ fields.customer | person }}"}
    steps:
      - id: look
        if: links.entry
        use: crm.get
        with: {path: "/messages/{{ links.entry }}"}
      - id: post
        use: crm.post
        with: {path: /messages, json: {text: "{{ fields.text }}"}}
        remember: {entry: "{{ fields.customer | person }}"}
  - name: receipts
    on: aisoule/message.read
    steps:
      - id: post
        use: crm.post
        with: {path: /receipts, json: {id: "{{ fields.message_id }}"}}
"""

ENVIRON = {"AISOULE_WEBHOOK_SECRET": AISOULE_SECRET, "CRM_TOKEN": "crm-token-0123456789"}


def message(message_id: str = "m1", text: str = "Hello", kind: str = "text") -> bytes:
    """A customer's message."""
    data = {"message_id": message_id, "sender": PHONE, "type": kind, "body": text}
    return orjson.dumps({"event": "message.received", "timestamp": 1_780_369_298, "data": data})


@dataclass
class Place:
    """A folder with a configuration, and the ways to run a command on it."""

    folder: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(ENVIRON))

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def write(self, url: str = "http://127.0.0.1:9", rules: str = RULES) -> None:
        self.config.write_text(CONFIG.format(url=url))
        (self.folder / "rules.yaml").write_text(rules)

    def event(self, body: bytes, name: str = "event.json") -> str:
        path = self.folder / name
        path.write_bytes(body)
        return str(path)

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Result:
        """A command inside this process; `-c` is added."""
        result = CliRunner().invoke(
            program, [*words, "-c", str(self.config)], env={**self.environ, **(environ or {})}, catch_exceptions=False
        )
        watch_logs()  # a command may have set the log up for itself
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        """What a command prints with `--json`."""
        result = self.run(*words, "--json")
        assert result.exit_code == code, result.output
        return orjson.loads(result.stdout)

    def process(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """A command as an operator starts it, away from a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "bridge", *words],
            env={**os.environ, **self.environ, **(environ or {})},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def load(self) -> Daemon:
        loaded = load_configuration(self.config, self.environ)
        assert loaded.configuration is not None, loaded.findings
        return Daemon(loaded.configuration, load=lambda: load_configuration(self.config, self.environ))

    def reach(self, daemon: Daemon) -> None:
        """Let commands find a daemon that took free ports."""
        for section, url in (("SERVER", daemon.bound.public), ("ADMIN", daemon.bound.admin)):
            self.environ[f"BRIDGE_{section}__LISTEN"] = url.removeprefix("http://")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TERM", "dumb")
    found = Place(tmp_path)
    found.write()
    return found


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
async def urls(sandbox: Sandbox) -> AsyncIterator[SandboxUrls]:
    async with sandbox.running() as found:
        yield found


async def settled(daemon: Daemon, sandbox: Sandbox, **wanted: int) -> None:
    """Wait until the deliveries of all rules stand as wanted, e.g. `done=2`; looks again at every request's answer."""
    while True:
        books = await daemon.store.books()
        counts = {str(state): sum(rule.get(state, 0) for rule in books.rules.values()) for state in DeliveryState}
        if all(counts[state] == number for state, number in wanted.items()) and books.unrouted == 0:
            return
        await daemon._clock.wait(sandbox.journal.changed, daemon._clock.now_ms() + 20)


async def deliver(daemon: Daemon, body: bytes) -> str:
    """Post a signed event; its id."""
    source = daemon.configuration.sources["aisoule"]
    status, text, _ = await post(daemon.bound.public + source.path, sign(source.verification, body, now_ms=0))
    assert status == 200, text
    return str(orjson.loads(text)["id"])


@dataclass
class Story:
    """What a bridge has behind it: one delivery done, one dead, one waiting for its retry, one skipped."""

    place: Place
    daemon: Daemon
    done: str
    dead: str
    waiting: str
    skipped: str

    async def run(self, *words: str) -> Result:
        """A command, in a thread: it runs an event loop of its own."""
        return await asyncio.to_thread(self.place.run, *words)

    async def json(self, *words: str, code: int = 0) -> Any:
        return await asyncio.to_thread(lambda: self.place.json(*words, code=code))


@pytest.fixture(params=["beside a daemon", "on the store alone"])
async def story(
    request: pytest.FixtureRequest, place: Place, sandbox: Sandbox, urls: SandboxUrls
) -> AsyncIterator[Story]:
    """The story, told twice: the daemon still runs, or has ended."""
    place.write(urls.generic)
    for text, status in (("refuse me", 400), ("fail me", 500)):
        match = Match(body_contains=text)
        sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=status, times=None, match=match))
    daemon = place.load()
    async with AsyncExitStack() as stack:
        if request.param == "beside a daemon":
            await stack.enter_async_context(daemon)
            yield await _tell(place, daemon, sandbox)
            return
        async with daemon:
            told = await _tell(place, daemon, sandbox)
        yield told


async def _tell(place: Place, daemon: Daemon, sandbox: Sandbox) -> Story:
    place.reach(daemon)
    done = await deliver(daemon, message("m1", "Hello"))
    await settled(daemon, sandbox, done=1)
    dead = await deliver(daemon, message("m2", "refuse me"))
    await settled(daemon, sandbox, dead=1)
    skipped = await deliver(daemon, message("m3", kind="image"))
    waiting = await deliver(daemon, message("m4", "fail me"))
    await settled(daemon, sandbox, done=1, dead=1, skipped=1, retrying=1)
    return Story(place, daemon, done, dead, waiting, skipped)

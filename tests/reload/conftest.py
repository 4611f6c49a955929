"""A configuration in a folder, what is in use of it, and a watcher in the test's hands."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.model import Configuration
from bridge.engine.present import Present
from bridge.outbound.outlet import Outlets
from bridge.reload.reloads import Answer, Reloads
from bridge.reload.watch import Watcher

CONFIG = """\
version: 1
sources:
  orders:
    verify: {type: hmac, algorithm: sha256, secrets: ["${file:secret}"],
             signature: {from: "header:X-Signature", encoding: hex}}
    event: {type: "{{ body.kind }}", id: "{{ body.id }}"}
destinations:
  crm: {connector: http, base_url: "https://crm.example", auth: {type: none}}
rules: rules/*.yaml
"""
RULE = """\
rules:
  - name: NAME
    on: orders/*
    steps:
      - {id: post, use: crm.post, with: {path: /orders, json: {version: VERSION}}}
"""


def rule(version: str, name: str = "log") -> str:
    return RULE.replace("NAME", name).replace("VERSION", version)


def nothing() -> None:
    """What usually happens beside a load."""


class Told:
    """Tells of changes when the test says so."""

    def __init__(self) -> None:
        self.watched: list[AbstractSet[Path]] = []
        self._waiting: asyncio.Queue[None] = asyncio.Queue()

    async def __call__(self, folders: AbstractSet[Path]) -> AsyncGenerator[object, None]:
        self.watched.append(folders)
        yield None
        while True:
            await self._waiting.get()
            yield None

    def tell(self) -> None:
        """Something happens in one of the folders."""
        self._waiting.put_nowait(None)


@dataclass
class Place:
    """The configuration, and what was asked of it. `while_reading` happens after the files were read, each time."""

    folder: Path
    loads: int = 0
    used: list[Configuration] = field(default_factory=list)
    answers: asyncio.Queue[Answer] = field(default_factory=asyncio.Queue)
    told: Told = field(default_factory=Told)
    while_reading: Callable[[], object] = nothing
    before_reading: Callable[[], object] = nothing

    def __post_init__(self) -> None:
        (self.folder / "rules").mkdir()
        (self.folder / "config.yaml").write_text(CONFIG)
        (self.folder / "secret").write_text("a-secret-of-some-length")
        (self.folder / "secret").chmod(0o600)
        (self.rules).write_text(rule("v0"))
        loaded = self._read()
        assert loaded.configuration is not None, loaded.findings
        self.clock = ManualClock()
        self.present = Present(loaded.configuration, Outlets(self.clock))
        self.reloads = Reloads(self.present, self.clock, load=self.load, inputs=loaded.inputs, use=self.use)

    @property
    def rules(self) -> Path:
        return self.folder / "rules" / "rules.yaml"

    def _read(self) -> LoadedConfiguration:
        return load_configuration(self.folder / "config.yaml", {})

    def load(self) -> LoadedConfiguration:
        self.loads += 1
        self.before_reading()
        loaded = self._read()
        self.while_reading()
        return loaded

    async def use(self, configuration: Configuration) -> None:
        self.used.append(configuration)
        self.present.configuration = configuration

    async def keep(self, answer: Answer) -> None:
        self.answers.put_nowait(answer)

    @property
    def active(self) -> list[str]:
        """The versions that the rules in use write, e.g. `v0`."""
        steps = [step for each in self.present.configuration.rules.rules for step in each.steps]
        given: list[Any] = [step.given.render({}) for step in steps]
        return [each["json"]["version"] for each in given]

    async def until(self, *versions: str) -> None:
        """Wait until these versions are in use."""
        while self.active != list(versions):
            await self.answers.get()

    async def until_refused(self) -> Answer:
        while (answer := await self.answers.get())["ok"]:
            pass
        return answer

    @asynccontextmanager
    async def following(self, watcher: Watcher | None = None) -> AsyncIterator[None]:
        """Reload whenever the watcher tells of changes."""
        task = asyncio.create_task(self.reloads.follow(watcher or self.told, self.keep))
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    found = Place(tmp_path)
    yield found
    await found.present.outlets.close()
    shutil.rmtree(tmp_path / "rules", ignore_errors=True)

"""Worlds for the engine's tests; each one is stopped and its store closed at the end."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.outbound.departures import Departures
from bridge.sandbox import Sandbox
from tests.engine.world import World

MakeWorld = Callable[..., World]


@pytest.fixture
async def make_world(
    sandbox: Sandbox, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MakeWorld]:
    made: list[World] = []
    pump = Departures._pump

    def watched_pump(departures: Departures) -> None:
        """Who waits in memory calls no store, so the worlds are told here."""
        pump(departures)
        for one in made:
            if hasattr(one, "store"):
                one.store.tell()

    monkeypatch.setattr(Departures, "_pump", watched_pump)
    async with sandbox.running() as urls:

        def make(**options: Any) -> World:
            made.append(World(tmp_path, sandbox, urls, clock, **options))
            return made[-1]

        yield make
        for one in made:
            if hasattr(one, "store"):
                await one.stop(within_s=0)


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """The plain world: orders go to the ERP, one after the other for each customer."""
    made = make_world()
    await made.start()
    return made

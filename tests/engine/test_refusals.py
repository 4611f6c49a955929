"""What is refused is counted in memory first, and in the books within a second."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.engine.refusals import EVERY_MS
from bridge.errors import StoreUnavailable
from tests.engine.world import World


async def refused(world: World) -> dict[str, int]:
    counts = (await world.store.store.books()).sources.get("orders", {})
    return {name.removeprefix("refused:"): count for name, count in counts.items() if name.startswith("refused:")}


def note(world: World, reason: str, times: int = 1) -> None:
    for _ in range(times):
        world.engine.acceptor.refusals.note("orders", reason)


async def until(world: World, wanted: dict[str, int]) -> None:
    async def as_wanted() -> bool:
        return await refused(world) == wanted

    await world.store.until(as_wanted)


async def test_a_thousand_refusals_are_a_commit_each_second(world: World) -> None:
    await world.calm()
    before = world.store.store.commits
    note(world, "signature_mismatch", 500)
    await until(world, {"signature_mismatch": 500})
    note(world, "signature_mismatch", 499)
    note(world, "too_large")
    await world.calm()
    assert await refused(world) == {"signature_mismatch": 500}
    world.clock.advance(EVERY_MS)
    await until(world, {"signature_mismatch": 999, "too_large": 1})
    assert world.store.store.commits - before <= 4


async def test_the_rest_is_counted_at_the_end(world: World) -> None:
    note(world, "too_large")
    await until(world, {"too_large": 1})
    note(world, "too_large", 2)
    await world.stop()
    await world.open()
    assert await refused(world) == {"too_large": 3}


async def test_a_store_that_cannot_write_gets_them_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = world.store.store.count_refused
    failures = [StoreUnavailable("busy")]

    async def busy(refused: Mapping[tuple[str, str], int]) -> None:
        if failures:
            raise failures.pop()
        await real(refused)

    monkeypatch.setattr(world.store.store, "count_refused", busy)
    note(world, "too_large", 2)

    async def tried() -> bool:
        return not failures

    await world.store.until(tried)
    world.clock.advance(EVERY_MS)
    await until(world, {"too_large": 2})


async def test_whoever_asks_for_the_status_is_told_what_is_being_saved(world: World) -> None:
    for number in range(1, 21):
        note(world, "too_large")
        if number % 2:
            await asyncio.sleep(0)  # the books are being written meanwhile
        world.clock.advance(EVERY_MS)
        status: Any = await world.console.status()
        assert status["sources"]["orders"]["refused"] == {"too_large": number}

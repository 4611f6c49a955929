"""The record of one delivery: what was learnt is written, also to a store that cannot write just now."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bridge.engine.record import STORE_WAIT_MS
from bridge.errors import StoreUnavailable
from bridge.store.protocol import DeliveryFilter
from tests.engine.world import World


async def test_an_answer_that_the_store_cannot_take_is_kept_and_written_later(world: World, monkeypatch: Any) -> None:
    real, refusals = world.store.store.settle, 3
    asked = asyncio.Event()

    async def settle(*given: Any, **named: Mapping[str, Any]) -> Any:
        nonlocal refusals
        if refusals:
            refusals -= 1
            asked.set()
            raise StoreUnavailable("full")
        return await real(*given, **named)  # type: ignore[arg-type]  # handed on as given

    monkeypatch.setattr(world.store.store, "settle", settle)
    await world.order(1)
    while refusals:
        await asked.wait()
        asked.clear()
        world.clock.advance(STORE_WAIT_MS)
    world.clock.advance(STORE_WAIT_MS)
    await world.settle()
    assert await world.states() == ["done"]
    assert len(world.sandbox.journal) == 1  # the request was not made again
    [delivery] = await world.store.store.deliveries(DeliveryFilter())
    [attempt] = await world.store.store.attempts(delivery.id)
    assert attempt.status == 201

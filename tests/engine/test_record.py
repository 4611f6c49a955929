"""The record of one delivery: what was learnt is written, also to a store that cannot write just now."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from bridge.engine.record import STORE_WAIT_MS
from bridge.errors import StoreUnavailable
from bridge.sandbox import FaultKind
from bridge.store.protocol import DeliveryFilter
from tests.conftest import log_text
from tests.engine.world import World


async def test_the_log_names_the_step_of_each_attempt_also_when_it_succeeded(world: World) -> None:
    world.fault(FaultKind.STATUS, status=500, times=1)
    await world.order(1)
    await world.settle()
    lines = [orjson.loads(line) for line in log_text().splitlines()]
    tried = [(line["step"], line["outcome"]) for line in lines if line["event"] == "delivery.attempted"]
    assert tried == [("post", "retry_later"), ("post", "succeeded")]


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

"""What a person and a signal may do while deliveries wait in memory."""

from pathlib import Path
from typing import Any

import pytest

from bridge.errors import UsageError
from bridge.model import DeliveryState
from bridge.store.protocol import DeliveryFilter
from tests.e2e.mortal import MortalWorld
from tests.e2e.virtual import HOUR_MS, MINUTE_MS, PREAMBLE, SECOND_MS, VirtualWorld

TEXT = (
    PREAMBLE.replace("connector: http,", "connector: http, limits: {slow: {calls: 1, per: 10s}},")
    + """\
rules:
  - name: order
    on: orders/*
    steps:
      - {id: post, use: erp.post, with: {path: /orders, json: {order: "{{ body.id }}"}}}
"""
)
COUNT = 20


def orders() -> list[dict[str, Any]]:
    return [{"kind": "placed", "id": f"o{number}"} for number in range(COUNT)]


def waiting(world: VirtualWorld) -> int:
    return world.engine.outlets["erp"].departures.waiting


async def some_wait(world: VirtualWorld) -> None:
    """The limit lets one go, the others wait for it in memory."""
    await world.accept(*orders())
    await world.run_for(SECOND_MS)
    assert waiting(world) > 1


async def assert_each_once(world: VirtualWorld, *, but: int = 0) -> None:
    await world.until(world.settled)
    arrived = [record.body["order"] for record in world.sandbox.generic.records]
    assert len(arrived) == len(set(arrived)) == COUNT - but
    assert await world.store.check_books() == []


@pytest.mark.parametrize("suddenly", [False, True])
async def test_a_pause_sends_back_who_waits_and_survives_a_restart(tmp_path: Path, *, suddenly: bool) -> None:
    async with MortalWorld(TEXT, tmp_path) as world:
        await some_wait(world)
        sent = world.sandbox.journal.seen
        await world.console.pause("erp", "the ERP moves")
        await world.quiet()
        assert waiting(world) == 0
        assert await world.counts("order") == {"done": sent, "pending": COUNT - sent}

        if suddenly:
            await world.kill()
            await world.reborn()
        else:
            await world.restart()
        await world.run_for(HOUR_MS)
        assert world.sandbox.journal.seen == sent
        await world.console.resume("erp")
        await assert_each_once(world)


async def test_a_delivery_in_memory_cannot_be_decided_about_and_one_that_was_sent_back_can(tmp_path: Path) -> None:
    async with VirtualWorld(TEXT, tmp_path) as world:
        await some_wait(world)
        running = await world.store.deliveries(DeliveryFilter(states=(DeliveryState.RUNNING,)))
        for decide in (world.console.retry(running[0].id), world.console.skip(running[0].id, "by hand")):
            with pytest.raises(UsageError):
                await decide
        await world.console.pause("erp", "to decide")
        await world.quiet()

        await world.console.skip(running[0].id, "by hand")
        await world.console.retry(running[1].id)
        await world.console.resume("erp")
        await assert_each_once(world, but=1)
        assert await world.counts("order") == {"done": COUNT - 1, "skipped": 1}


async def test_a_stop_with_deliveries_waiting_for_a_limit_needs_no_patience(tmp_path: Path) -> None:
    async with VirtualWorld(TEXT, tmp_path) as world:
        await some_wait(world)
        sent, stopped_ms = world.sandbox.journal.seen, world.clock.now_ms()

        await world.engine.stop(within_s=60)

        assert world.clock.now_ms() == stopped_ms  # nobody waited for the limit
        assert world.sandbox.journal.seen == sent
        states = await world.counts("order")
        assert states == {"done": sent, "pending": COUNT - sent}
        await world.store.real.close()
        await world._start()
        await world.run_for(MINUTE_MS)
        await assert_each_once(world)

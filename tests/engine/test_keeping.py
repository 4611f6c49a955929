"""What the outlets know outlives the process."""

from typing import Any

from bridge.engine.keeping import EVERY_MS, PREFIX
from bridge.outbound.breaker import BreakerState
from bridge.sandbox import FaultKind
from tests.engine.world import World


async def kept(world: World) -> Any:
    notes = await world.store.store.notes(PREFIX)
    return notes.get(PREFIX + "erp")


async def test_nothing_is_kept_before_anything_was_sent(world: World) -> None:
    await world.calm()
    assert await kept(world) is None


async def test_a_hold_is_kept_and_holds_after_a_restart(world: World) -> None:
    world.fault(FaultKind.STATUS, status=429, retry_after=3600)
    await world.order(1)
    await world.calm()
    world.clock.advance(EVERY_MS)
    await world.calm()
    await world.stop()
    assert await _held_after_start(world)
    await world.settle()
    assert world.orders() == ["o1"]


async def _held_after_start(world: World) -> bool:
    await world.start()
    await world.calm()
    held_ms = world.engine.outlets["erp"].held_until_ms
    return held_ms is not None and held_ms > world.clock.now_ms() + 3_000_000


async def test_an_outage_is_kept_at_the_end(world: World) -> None:
    world.fault(FaultKind.STATUS, status=503, times=None)
    for number in range(8):
        await world.order(number, customer=f"c{number}")
    await world.calm()
    assert world.engine.outlets["erp"].breaker.state is BreakerState.OPEN
    await world.stop()
    await world.start()
    assert world.engine.outlets["erp"].breaker.state is BreakerState.OPEN

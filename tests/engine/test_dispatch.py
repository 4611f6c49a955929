"""Dispatch: how much is claimed, and when it is looked again."""

from bridge.engine.dispatch import ORPHANS
from bridge.outbound.door import CROWD
from bridge.sandbox import FaultKind
from tests.engine.world import World


async def test_nothing_is_claimed_while_nothing_may_leave(world: World) -> None:
    await world.console.pause("erp", "by hand")
    for number in range(5):
        await world.order(number, customer=f"c{number}")
    await world.calm()
    assert world.engine.in_flight == 0
    assert await world.states() == ["pending"] * 5


async def test_a_crowd_is_bounded_in_memory(world: World) -> None:
    assert 0 < ORPHANS < CROWD
    world.fault(FaultKind.SLOW, delay_ms=1_000, times=None)
    for number in range(40):
        await world.order(number, customer=f"c{number}")
    await world.requests(16)
    assert 16 <= world.engine.in_flight <= CROWD
    await world.stop(within_s=0)
    world.sandbox.faults.clear()
    await world.start()
    await world.settle()
    assert sorted(set(world.orders())) == sorted(f"o{number}" for number in range(40))


async def test_a_stop_wakes_a_dispatcher_that_has_moved_out(world: World) -> None:
    departures = world.engine.outlets["erp"].departures
    departures.move_out()
    assert departures.most() == 0
    assert departures.look_again_ms() is None  # or its dispatcher would look again and again

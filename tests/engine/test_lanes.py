"""Order per customer, its valve, and that nobody stands in the way of others."""

from bridge.sandbox import FaultKind
from bridge.store.protocol import DeliveryFilter
from tests.engine.conftest import MakeWorld
from tests.engine.world import ORDER_RULE, World

MINUTE = 60_000


async def test_orders_of_one_customer_arrive_in_the_order_of_acceptance(world: World) -> None:
    world.fault(FaultKind.STATUS, status=503, times=2)
    for number in range(8):
        await world.order(number)
    await world.settle()
    assert world.orders() == [f"o{number}" for number in range(8)]


async def test_a_failing_head_does_not_hold_other_customers(world: World) -> None:
    world.fault(FaultKind.STATUS, status=500, times=None, body_contains="o0")
    await world.order(0, customer="unlucky")
    for number in range(1, 20):
        await world.order(number, customer=f"c{number}")
    await world.calm()
    assert len(world.orders()) == 19


async def test_a_failing_head_steps_aside_after_the_order_hold_marked(world: World) -> None:
    stuck = world.fault(FaultKind.STATUS, status=500, times=None, body_contains="o0")
    await world.order(0)
    await world.order(1)
    await world.settle(at_most_ms=15 * MINUTE)
    assert world.orders() == ["o1"]
    world.sandbox.faults.remove(stuck.id)
    await world.settle()
    assert world.orders() == ["o1", "o0"]
    found = await world.store.store.deliveries(DeliveryFilter())
    assert [delivery.stepped_aside for delivery in reversed(found)] == [True, False]


async def test_a_limit_does_not_count_towards_the_order_hold(world: World) -> None:
    world.fault(FaultKind.STATUS, status=500, body_contains="o0")
    world.fault(FaultKind.STATUS, status=429, retry_after=40 * 60, body_contains="o0")
    world.fault(FaultKind.STATUS, status=500, body_contains="o0")
    await world.order(0)
    await world.order(1)
    await world.settle()
    assert world.orders() == ["o0", "o1"]


async def test_a_strict_rule_holds_its_lane_to_the_end(make_world: MakeWorld) -> None:
    world = make_world(rules=ORDER_RULE.replace("  steps:", "  order: strict\n  steps:"))
    await world.start()
    world.fault(FaultKind.STATUS, status=500, times=None, body_contains="o0")
    await world.order(0)
    await world.order(1)
    await world.settle(at_most_ms=20 * 60 * MINUTE)
    assert world.orders() == []
    await world.settle()
    assert world.orders() == ["o1"]
    assert await world.states() == ["dead", "done"]


async def test_no_more_than_the_destinations_concurrency_is_in_flight(make_world: MakeWorld) -> None:
    world = make_world(erp_more=", concurrency: 3")
    await world.start()
    world.fault(FaultKind.SLOW, delay_ms=100, times=None)
    for number in range(7):
        await world.order(number, customer=f"c{number}")
    await world.sandbox.wait_for(lambda: len(world.sandbox.journal) == 3)
    assert world.engine.outlets["erp"].pace.in_flight == 3
    assert len(world.sandbox.journal) == 3
    world.sandbox.faults.clear()
    world.clock.advance(100)
    await world.settle()
    assert await world.states() == ["done"] * 7

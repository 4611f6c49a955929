"""A rule or a destination that is taken out leaves its deliveries waiting, listed, out of the way, until it is back."""

import asyncio
from typing import Any

import pytest

from bridge.engine import orphans as engine_orphans
from bridge.engine.console import Query
from bridge.sandbox import FaultKind
from bridge.store.protocol import DeliveryFilter
from tests.engine.conftest import MakeWorld
from tests.engine.world import DAY_MS, ORDER_RULE, World

SECOND_RULE = ORDER_RULE.replace("order-to-erp", "second").replace("/orders", "/second")


async def fail_once_waiting(world: World, *numbers: int) -> None:
    """Orders of which the first has failed and waits for its next try."""
    world.fault(FaultKind.STATUS, status=500)
    for number in numbers:
        await world.order(number)
    await world.calm()


async def orphans(world: World) -> list[object]:
    return [row["orphaned"] for row in await world.console.deliveries(Query(state="orphaned"))]


async def test_deliveries_of_a_rule_that_is_gone_wait_and_are_listed(world: World) -> None:
    await fail_once_waiting(world, 1, 2)
    world.rules = ""
    await world.reload()
    why = "rule `order-to-erp` is not configured any more, or not enabled"
    assert await orphans(world) == [why, why]  # before anybody has tried them
    await world.settle()

    assert await world.states() == ["pending", "pending"]
    assert await orphans(world) == [why, why]
    assert await world.letters() == []
    found = (await world.console.status())["orphans"]
    assert found == [{"rule": "order-to-erp", "destination": "erp", "deliveries": 2, "why": why}]
    assert world.orders() == []
    await world.assert_balanced()


async def test_they_are_left_alone_while_they_wait(world: World) -> None:
    await fail_once_waiting(world, 1)
    world.rules = ""
    await world.reload()
    await world.settle()
    begun = world.store.begun
    world.clock.advance(DAY_MS)
    await world.calm()
    claims = world.store.begun - begun
    assert claims <= 20  # the hour's own upkeep, and nobody who asks again and again
    assert world.engine.in_flight == 0


async def test_they_go_on_in_order_when_the_rule_is_back(world: World) -> None:
    await fail_once_waiting(world, 1, 2, 3)
    world.rules = ""
    await world.reload()
    await world.settle()
    world.rules = ORDER_RULE
    await world.reload()
    await world.order(4)
    await world.settle()
    assert world.orders() == ["o1", "o2", "o3", "o4"]
    assert await world.states() == ["done"] * 4
    assert await orphans(world) == []
    await world.assert_balanced()


async def test_none_that_comes_while_they_rejoin_bit_by_bit_goes_ahead_of_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_orphans, "AT_ONCE", 1)
    await fail_once_waiting(world, 1, 2, 3)
    world.rules = ""
    await world.reload()
    await world.settle()
    rejoin, later = world.store.store.rejoin, iter([4, 5, 6])

    async def one_comes_in_between(*given: Any, **named: Any) -> Any:
        found = await rejoin(*given, **named)
        if (number := next(later, None)) is not None:
            await world.order(number)
            for _ in range(20):
                await asyncio.sleep(0)  # the router takes it up now, and asks the store before we do
        return found

    world.store.store.rejoin = one_comes_in_between  # type: ignore[method-assign]
    world.rules = ORDER_RULE
    await world.reload()
    await world.settle()
    assert world.orders() == ["o1", "o2", "o3", "o4", "o5", "o6"]
    await world.assert_balanced()


async def test_neither_attempts_nor_the_horizon_are_used_up_by_waiting(world: World) -> None:
    await fail_once_waiting(world, 1)
    world.rules = ""
    await world.reload()
    await world.settle()
    world.clock.advance(3 * DAY_MS)
    world.fault(FaultKind.STATUS, status=500)
    world.rules = ORDER_RULE
    await world.reload()
    await world.settle()
    [delivery] = await world.store.store.deliveries(DeliveryFilter())
    assert (str(delivery.state), delivery.attempts) == ("done", 2)


async def test_a_disabled_rule_is_as_one_that_is_gone(world: World) -> None:
    await fail_once_waiting(world, 1)
    world.rules = ORDER_RULE.replace("  on:", "  enabled: false\n  on:")
    await world.reload()
    await world.settle()
    assert len(await orphans(world)) == 1
    world.rules = ORDER_RULE
    await world.reload()
    await world.settle()
    assert world.orders() == ["o1"]


async def test_an_orphan_lets_the_other_rules_of_its_customer_pass(make_world: MakeWorld) -> None:
    world = make_world(rules=ORDER_RULE + SECOND_RULE)
    await world.start()
    await fail_once_waiting(world, 1, 2)
    world.rules = SECOND_RULE
    await world.reload()
    await world.settle(at_most_ms=60_000)  # well before `order_hold` would let them pass
    assert [record.path for record in world.sandbox.generic.records] == ["/second", "/second"]
    assert len(await orphans(world)) == 2


async def test_a_destination_that_is_gone_leaves_what_waits_for_it_waiting_over_a_restart(world: World) -> None:
    await fail_once_waiting(world, 1, 2)
    await world.stop()
    world.rules = ""
    await world.start(world.configuration(drop="erp"))
    await world.settle()
    assert await world.states() == ["pending", "pending"]
    assert len(await orphans(world)) == 2
    await world.stop()

    world.rules = ORDER_RULE
    await world.start()
    await world.settle()
    assert world.orders() == ["o1", "o2"]


async def test_a_rule_that_comes_back_for_another_destination_takes_its_orphans_along(world: World) -> None:
    await fail_once_waiting(world, 1)
    world.fault(FaultKind.STATUS, status=429)
    world.rules = ""
    await world.reload(drop="erp")
    await world.settle()
    world.sandbox.faults.clear()
    world.rules = ORDER_RULE.replace("erp.post", "erp.put")
    await world.reload()
    await world.settle()
    assert len(await orphans(world)) == 0


async def test_one_whose_destination_vanishes_under_it_waits_for_the_destination(world: World) -> None:
    await fail_once_waiting(world, 1)
    for retired in world.engine.outlets.configure({}):  # the rule still names it, which no file can say
        await retired.close()
    await world.settle()
    assert await orphans(world) == ["destination `erp` is not configured any more"]
    await world.reload()
    await world.settle()
    assert world.orders() == ["o1"]


async def test_a_person_can_skip_an_orphan_or_try_it(world: World) -> None:
    await fail_once_waiting(world, 1)
    world.rules = ""
    await world.reload()
    await world.settle()
    [row] = await world.console.deliveries(Query(state="orphaned"))
    await world.console.retry(str(row["id"]))
    await world.settle()
    assert len(await orphans(world)) == 1  # nothing to try it with
    await world.console.skip(str(row["id"]), "not wanted")
    assert await world.states() == ["skipped"]
    assert await orphans(world) == []
    await world.assert_balanced()


async def test_a_reload_that_brings_the_rule_back_while_it_is_put_aside_leaves_nobody_behind(world: World) -> None:
    await fail_once_waiting(world, 1)
    world.rules = ""
    empty = world.configuration()
    world.rules = ORDER_RULE
    full = world.configuration()
    await world.engine.reload(empty)
    postpone = world.store.store.postpone

    async def in_between(*given: object, **named: object) -> frozenset[str]:
        await world.engine.reload(full)  # its orphans rejoin before this one has become one
        return await postpone(*given, **named)  # type: ignore[arg-type]

    world.store.store.postpone = in_between  # type: ignore[method-assign]
    await world.settle()
    assert world.orders() == ["o1"]

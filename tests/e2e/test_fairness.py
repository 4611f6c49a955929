"""Nobody starves anybody: replays and live traffic, a hung destination and a healthy one."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.engine.query import Query
from bridge.sandbox import FaultKind, FaultSpec, Match
from tests.e2e.load import (
    deliveries_of,
    destined,
    failing,
    is_in_order,
    made,
    numbers_of,
    order,
    p99_ms,
    refusals,
    slow,
)
from tests.e2e.virtual import HOUR_MS, SECOND_MS, VirtualWorld

OLD, LIVE = 1_000, 1_000
PER_WINDOW, WINDOW_MS = 100, 10 * SECOND_MS
LIMITED = destined(erp=f"limits: {{all: {{calls: {PER_WINDOW}, per: 10s}}}}")
LIMITED_POSTS = LIMITED.replace("per: 10s", 'per: 10s, operations: ["post"]')
RULE = """\
rules:
  - name: order
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - {id: post, use: erp.post, with: {path: /orders, json: {order: "{{ body.id }}"}}}
"""


async def dead_letters(world: VirtualWorld) -> None:
    """Have a thousand orders refused, then a correct API that answers after 100 ms."""
    fault = failing(world, 400)
    await world.accept(*(order(number, number) for number in range(OLD)))
    await world.until(world.settled)
    assert await world.counts("order") == {"dead": OLD}
    world.sandbox.faults.remove(fault)
    await world.run_for(2 * WINDOW_MS)
    world.sandbox.journal.clear()
    slow(world, 100)


async def replay_all(world: VirtualWorld) -> None:
    replayed, after = 0, None
    while replayed == 0 or after is not None:
        page: dict[str, Any] = await world.console.replay(Query(limit=OLD, after=after), dry_run=False)
        replayed, after = replayed + len(page["replayed"]), page["next"]
    assert replayed == OLD


def by_class(world: VirtualWorld, *, until_ms: int) -> Counter[str]:
    """How many departures there were of each class before a moment."""
    numbers = numbers_of(entry.body["order"] for entry in world.sandbox.journal if entry.at_ms <= until_ms)
    return Counter("replay" if number < OLD else "live" for number in numbers)


def last_live_ms(world: VirtualWorld) -> int:
    return max(entry.at_ms for entry in world.sandbox.journal if numbers_of([entry.body["order"]])[0] >= OLD)


async def burst(folder: Path, limited: str, *, replay: bool) -> tuple[int, Counter[str]]:
    """A thousand live orders at once; their p99, and the departures of each class until the last of them left."""
    async with VirtualWorld(limited + RULE, made(folder)) as world:
        await dead_letters(world)
        if replay:
            await replay_all(world)
        await world.accept(*(order(number, number) for number in range(OLD, OLD + LIVE)))
        await world.until(lambda: len(world.sandbox.generic.records) == LIVE + OLD * replay)
        await world.run_for(SECOND_MS)

        assert refusals(world) == 0
        assert await world.counts("order") == ({"done": OLD + LIVE} if replay else {"done": LIVE, "dead": OLD})
        live = (await deliveries_of(world, "order"))[OLD:]
        return p99_ms(live), by_class(world, until_ms=last_live_ms(world))


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "limited",
    [pytest.param(LIMITED, marks=pytest.mark.full_size, id="all calls"), pytest.param(LIMITED_POSTS, id="some calls")],
)
async def test_replays_take_their_fifth_of_what_leaves_while_live_events_wait(limited: str, tmp_path: Path) -> None:
    alone, _ = await burst(tmp_path / "alone", limited, replay=False)
    beside, departures = await burst(tmp_path / "beside", limited, replay=True)

    turn_ms = WINDOW_MS + 100 + SECOND_MS // 10  # calls that take 100 ms, a few of them one after another
    assert beside <= (math.ceil(LIVE / (0.8 * PER_WINDOW)) - 1) * turn_ms + SECOND_MS
    assert alone <= (math.ceil(LIVE / PER_WINDOW) - 1) * turn_ms + SECOND_MS
    assert departures["live"] == LIVE
    assert 0.15 <= departures["replay"] / departures.total() <= 0.25


async def steady(folder: Path, *, replay: bool, a_second: int, seconds: int) -> tuple[int, Counter[str]]:
    """Live orders at a rate that leaves room for others."""
    async with VirtualWorld(LIMITED + RULE, made(folder)) as world:
        await dead_letters(world)
        if replay:
            await replay_all(world)
        for second in range(seconds):
            first = OLD + second * a_second
            await world.accept(*(order(number, number) for number in range(first, first + a_second)))
            await world.run_for(SECOND_MS)
        await world.run_for(2 * WINDOW_MS)
        live = (await deliveries_of(world, "order"))[OLD:]
        assert len(live) == a_second * seconds
        return p99_ms(live), by_class(world, until_ms=last_live_ms(world))


@pytest.mark.timeout(120)
async def test_live_events_that_come_slowly_wait_no_longer_than_for_the_window_that_replays_filled(
    tmp_path: Path,
) -> None:
    alone, _ = await steady(tmp_path / "alone", replay=False, a_second=7, seconds=60)
    beside, departures = await steady(tmp_path / "beside", replay=True, a_second=7, seconds=60)

    assert alone <= SECOND_MS
    assert beside <= WINDOW_MS + SECOND_MS
    assert departures["replay"] >= 0.2 * PER_WINDOW * 5


# --- two destinations ------------------------------------------------------------------------------------------------

BOTH = """\
rules:
  - name: healthy
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - {id: post, use: erp.post, with: {path: /orders, json: {order: "{{ body.id }}"}}}
  - name: hung
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - id: upsert
        use: hubspot.contacts.upsert
        with: {id_property: whatsapp_id, id: "{{ body.customer }}", properties: {lastname: "{{ body.id }}"}}
"""


async def arrivals(folder: Path, *, hung: bool) -> list[tuple[int, int]]:
    """When each order reached the healthy destination, since the beginning."""
    rules = BOTH if hung else BOTH.partition("  - name: hung")[0]
    async with VirtualWorld(LIMITED + rules, made(folder)) as world:
        begun_ms = world.clock.now_ms()
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.TIMEOUT, match=Match(api="hubspot"), times=None))
        slow(world, 100)
        await world.accept(*(order(number, number % 100) for number in range(600)))
        await world.until(lambda: len(world.sandbox.generic.records) == 600, at_most_ms=HOUR_MS)
        await world.run_for(SECOND_MS)

        assert await world.counts("healthy") == {"done": 600}
        if hung:
            assert len(world.sandbox.journal.of("hubspot")) > 0
            assert (await world.counts("hung")).keys() <= {"pending", "retrying", "running"}
        found = [
            (entry.at_ms - begun_ms, numbers_of([entry.body["order"]])[0])
            for entry in world.sandbox.journal.of("generic")
        ]
        assert is_in_order([number for _, number in found], 100)
        return found


async def test_a_hung_destination_takes_no_time_from_a_healthy_one(tmp_path: Path) -> None:
    alone = await arrivals(tmp_path / "alone", hung=False)
    beside = await arrivals(tmp_path / "beside", hung=True)

    assert [at_ms for at_ms, _ in beside] == [at_ms for at_ms, _ in alone]


async def trickle(folder: Path, *, replay: bool) -> tuple[int, Counter[str]]:
    """Seven live orders in ten seconds where ten calls are allowed, one each second."""
    limited = destined(erp='limits: {posts: {calls: 1, per: 1s, operations: ["post"]}}')
    async with VirtualWorld(limited + RULE, made(folder)) as world:
        fault = failing(world, 400)
        await world.accept(*(order(number, number) for number in range(OLD - 100, OLD)))
        await world.until(world.settled)
        world.sandbox.faults.remove(fault)
        await world.run_for(WINDOW_MS)
        world.sandbox.journal.clear()
        if replay:
            await world.console.replay(Query(limit=OLD), dry_run=False)
        for number in range(OLD, OLD + 70):
            await world.accept(order(number, number))
            await world.run_for(1_430)
        live = (await deliveries_of(world, "order"))[100:]
        assert len(live) == 70
        return p99_ms(live), by_class(world, until_ms=last_live_ms(world))


async def test_live_events_do_not_queue_up_behind_replays(tmp_path: Path) -> None:
    alone, _ = await trickle(tmp_path / "alone", replay=False)
    beside, departures = await trickle(tmp_path / "beside", replay=True)

    assert alone <= SECOND_MS
    assert beside <= 5 * SECOND_MS
    assert departures["replay"] >= 10

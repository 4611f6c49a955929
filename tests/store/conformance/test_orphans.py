"""Who waits out of the lanes for what is not configured, and how they stand in line again."""

import pytest

from bridge.model import OPEN_STATES, Claim
from bridge.store.protocol import DeliveryFilter, Known, Store
from tests.store.examples import (
    NOTHING,
    NOW,
    accept,
    bring,
    claim,
    claim_one,
    delivery,
    finish,
    plan,
    route,
    sender_ids,
)

HERE = "orphaned/rule/rule"
ELSEWHERE = "orphaned/rule/other"
BOTH = ("hubspot", "zendesk")


async def put_aside(store: Store, claimed: Claim, queue: str = HERE) -> frozenset[str]:
    return await store.postpone(
        claimed.lease,
        NOTHING,
        now_ms=NOW,
        due_at_ms=NOW,
        destination=claimed.delivery.destination,
        failed=False,
        step_aside=True,
        queue=queue,
    )


async def test_those_who_stand_in_line_again_run_in_the_order_of_acceptance(store: Store) -> None:
    for event_id in ("m1", "m2", "m3"):
        await bring(store, event_id, plan())
    for _ in range(3):
        await put_aside(store, await claim_one(store))
    assert await claim(store) == []

    again = await store.rejoin([HERE], now_ms=NOW + 5, limit=100)

    assert (again.count, again.wake) == (3, frozenset({"hubspot"}))
    assert await store.next_due() == {"hubspot": NOW + 5}
    for event_id in ("m1", "m2", "m3"):
        claimed = await claim_one(store, at_ms=NOW + 5)
        assert claimed.event.event_id == event_id
        assert (claimed.delivery.queue, claimed.delivery.stepped_aside) == ("", False)
        await finish(store, claimed)
    assert await store.check_books() == []


async def test_they_enter_their_lanes_behind_whoever_passed_meanwhile(store: Store) -> None:
    await bring(store, "first", plan())
    await put_aside(store, await claim_one(store))
    await bring(store, "second", plan("other"))
    passing = await claim_one(store)
    assert (await store.rejoin([HERE], now_ms=NOW, limit=100)).wake == frozenset()
    assert await claim(store) == []
    assert await finish(store, passing) == frozenset({"hubspot"})
    assert sender_ids(await claim(store)) == ["first"]


async def test_only_the_named_queues_are_meant_at_every_destination_and_in_both_classes(store: Store) -> None:
    event = await accept(store, "m1")
    rules = {"rule": "hubspot", "other": "hubspot", "third": "zendesk"}
    await route(store, event, *(plan(rule, lanes=(at,), destination=at, key=rule) for rule, at in rules.items()))
    for claimed in (*await claim(store), *await claim(store, "zendesk")):
        await put_aside(store, claimed, ELSEWHERE if claimed.delivery.rule == "other" else HERE)
    again = await store.rejoin([HERE, "orphaned/rule/never-seen"], now_ms=NOW, limit=100)
    assert (again.count, again.wake) == (2, frozenset({"hubspot", "zendesk"}))
    assert (await delivery(store, "other")).queue == ELSEWHERE


async def test_a_limit_takes_the_oldest_first(store: Store) -> None:
    for event_id in ("m1", "m2", "m3"):
        await bring(store, event_id, plan(key=None))
    for claimed in await claim(store):
        await put_aside(store, claimed)
    assert (await store.rejoin([HERE], now_ms=NOW, limit=2)).count == 2
    assert sender_ids(await claim(store)) == ["m1", "m2"]
    assert (await store.rejoin([HERE], now_ms=NOW, limit=2)).count == 1
    assert (await store.rejoin([HERE], now_ms=NOW, limit=2)).count == 0


async def test_one_that_waits_can_be_skipped_and_its_books_balance(store: Store) -> None:
    await bring(store, "m1", plan(lanes=BOTH))
    await put_aside(store, await claim_one(store))
    await store.skip((await delivery(store)).id, now_ms=NOW, reason="not wanted")
    assert (await store.rejoin([HERE], now_ms=NOW, limit=9)).count == 0
    assert await store.check_books() == []


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Known(["rule", "other"], BOTH), {}),
        (Known(["rule"], BOTH), {("other", "zendesk"): 2}),
        (Known(["rule", "other"], ["zendesk"]), {("rule", "hubspot"): 1}),
        (Known([], []), {("rule", "hubspot"): 1, ("other", "zendesk"): 2}),
    ],
)
async def test_orphans_are_counted_and_listed_by_what_is_known(
    store: Store, known: Known, expected: dict[tuple[str, str], int]
) -> None:
    to_zendesk = plan("other", lanes=("zendesk",), destination="zendesk")
    await bring(store, "m0", plan())
    await finish(store, await claim_one(store))
    await bring(store, "m1", plan(), to_zendesk)
    await bring(store, "m2", to_zendesk)

    assert await store.count_orphans(known) == expected
    listed = await store.deliveries(DeliveryFilter(states=tuple(OPEN_STATES), outside=known))
    found = [(each.rule, each.destination) for each in listed]
    assert {pair: found.count(pair) for pair in found} == expected

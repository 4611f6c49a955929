from bridge.model import DeliveryState
from bridge.store.protocol import Store
from tests.store.examples import NOTHING, NOW, bring, claim, claim_one, delivery, finish, kill, plan, sender_ids


async def test_deliveries_of_one_key_start_one_after_another(store: Store) -> None:
    first = await bring(store, "m1", plan())
    second = await bring(store, "m2", plan())
    assert first.wake == {"hubspot"}
    assert second.wake == frozenset()
    head = await claim_one(store)
    assert head.event.event_id == "m1"
    assert await claim(store) == []
    assert await finish(store, head) == {"hubspot"}
    assert sender_ids(await claim(store)) == ["m2"]


async def test_other_keys_are_not_held_up(store: Store) -> None:
    await bring(store, "m1", plan(key="a"))
    await bring(store, "m2", plan(key="a"))
    await bring(store, "m3", plan(key="b"))
    assert sender_ids(await claim(store)) == ["m1", "m3"]


async def test_without_a_key_or_lanes_nothing_waits(store: Store) -> None:
    for number in range(3):
        await bring(store, f"k{number}", plan(key=None))
        await bring(store, f"n{number}", plan(lanes=()))
    assert len(await claim(store)) == 6


async def test_a_lane_belongs_to_the_destination_whatever_the_rule(store: Store) -> None:
    await bring(store, "m1", plan("a"))
    await bring(store, "m2", plan("b"))
    assert sender_ids(await claim(store)) == ["m1"]


async def test_a_delivery_starts_only_at_the_head_of_all_its_lanes(store: Store) -> None:
    await bring(store, "h", plan(lanes=("hubspot",)))
    await bring(store, "z", plan(lanes=("zendesk",), destination="zendesk"))
    both = await bring(store, "both", plan(lanes=("hubspot", "zendesk"), destination="zendesk"))
    assert both.wake == frozenset()
    h, z = await claim_one(store), await claim_one(store, "zendesk")
    assert await finish(store, h) == frozenset()
    assert await claim(store, "zendesk") == []
    assert await finish(store, z) == {"zendesk"}
    assert sender_ids(await claim(store, "zendesk")) == ["both"]


async def test_leaving_two_lanes_wakes_the_next_of_each(store: Store) -> None:
    await bring(store, "both", plan(lanes=("hubspot", "zendesk")))
    await bring(store, "h", plan(lanes=("hubspot",)))
    await bring(store, "z", plan(lanes=("zendesk",), destination="zendesk"))
    assert await finish(store, await claim_one(store)) == {"hubspot", "zendesk"}


async def test_order_within_a_lane_is_the_order_of_routing(store: Store) -> None:
    for number in range(20):
        await bring(store, f"m{number}", plan())
    served = []
    while claims := await claim(store):
        served += sender_ids(claims)
        for claimed in claims:
            await finish(store, claimed)
    assert served == [f"m{number}" for number in range(20)]


async def test_a_head_that_waits_holds_its_lane(store: Store) -> None:
    await bring(store, "m1", plan())
    await bring(store, "m2", plan())
    head = await claim_one(store)
    wake = await store.postpone(
        head.lease, NOTHING, now_ms=NOW, due_at_ms=NOW + 60_000, destination="hubspot", failed=True
    )
    assert wake == frozenset()
    assert await claim(store, at_ms=NOW + 59_999) == []
    assert sender_ids(await claim(store, at_ms=NOW + 60_000)) == ["m1"]


async def test_a_head_that_steps_aside_lets_the_next_one_start(store: Store) -> None:
    await bring(store, "m1", plan(lanes=("hubspot", "zendesk")))
    await bring(store, "m2", plan(lanes=("zendesk",), destination="zendesk"))
    head = await claim_one(store)
    wake = await store.postpone(
        head.lease, NOTHING, now_ms=NOW, due_at_ms=NOW + 9, destination="hubspot", failed=True, step_aside=True
    )
    assert wake == {"zendesk"}
    [late] = await claim(store, at_ms=NOW + 9)
    assert late.delivery.stepped_aside
    assert await finish(store, await claim_one(store, "zendesk")) == frozenset()


async def test_a_dead_head_frees_its_lane(store: Store) -> None:
    await bring(store, "m1", plan())
    await bring(store, "m2", plan())
    assert await kill(store, await claim_one(store)) == {"hubspot"}
    assert sender_ids(await claim(store)) == ["m2"]


async def test_somebody_who_leaves_from_the_middle_frees_nobody(store: Store) -> None:
    await bring(store, "m1", plan("a"))
    await bring(store, "m2", plan("b"))
    await bring(store, "m3", plan("c"))
    assert await store.skip((await delivery(store, "b")).id, now_ms=NOW, reason="not wanted") == frozenset()
    assert sender_ids(claims := await claim(store)) == ["m1"]
    assert await finish(store, claims[0]) == {"hubspot"}
    assert sender_ids(await claim(store)) == ["m3"]
    assert (await delivery(store, "b")).state is DeliveryState.SKIPPED


async def test_a_lane_that_ran_empty_works_again(store: Store) -> None:
    await bring(store, "m1", plan())
    await finish(store, await claim_one(store))
    assert (await bring(store, "m2", plan())).wake == {"hubspot"}
    assert sender_ids(await claim(store)) == ["m2"]

from bridge.model import DeliveryState
from bridge.store.protocol import Store
from tests.store.examples import NOW, bring, claim, claim_one, delivery, finish, kill, plan, sender_ids, states

WITHIN = 30_000
DONE, OVER, PENDING = DeliveryState.DONE, DeliveryState.SUPERSEDED, DeliveryState.PENDING


async def test_the_last_one_of_a_window_survives(store: Store) -> None:
    first = await bring(store, "m1", plan(window=("g", WITHIN)))
    second = await bring(store, "m2", plan(window=("g", WITHIN)), at_ms=NOW + 10_000)
    assert first.window_ends_ms == second.window_ends_ms == NOW + WITHIN
    assert await claim(store, at_ms=NOW + WITHIN - 1) == []
    assert sender_ids(await claim(store, at_ms=NOW + WITHIN)) == ["m2"]
    assert await states(store) == [OVER, DeliveryState.RUNNING]


async def test_the_end_of_a_window_is_a_due_time(store: Store) -> None:
    await bring(store, "m1", plan(window=("g", WITHIN)))
    assert await store.next_due() == {"hubspot": NOW + WITHIN}


async def test_a_window_that_is_over_does_not_take_in_later_ones(store: Store) -> None:
    await bring(store, "m1", plan(window=("g", WITHIN)))
    later = await bring(store, "m2", plan(window=("g", WITHIN)), at_ms=NOW + WITHIN)
    assert later.window_ends_ms == NOW + 2 * WITHIN
    assert later.wake == {"hubspot"}
    assert await states(store) == [PENDING, PENDING]


async def test_windows_of_other_groups_and_rules_are_apart(store: Store) -> None:
    await bring(store, "m1", plan("a", window=("g", WITHIN)), plan("b", window=("g", WITHIN)))
    await bring(store, "m2", plan("a", window=("h", WITHIN)))
    assert await states(store) == [PENDING, PENDING, PENDING]


async def test_the_furthest_of_a_window_survives_and_the_later_of_equals(store: Store) -> None:
    for event_id, rank in [("read", 2), ("sent", 0), ("read-again", 2), ("delivered", 1)]:
        await bring(store, event_id, plan(window=("g", WITHIN), forward=("wamid", rank)))
    assert sender_ids(await claim(store, at_ms=NOW + WITHIN)) == ["read-again"]
    assert (await states(store)).count(OVER) == 3


async def test_a_survivor_enters_its_lane_when_the_window_ends(store: Store) -> None:
    await bring(store, "slow", plan("s", window=("g", WITHIN)))
    await bring(store, "m1", plan(), at_ms=NOW + 1)
    assert sender_ids(claims := await claim(store, at_ms=NOW + 1)) == ["m1"]
    assert await claim(store, at_ms=NOW + WITHIN) == []
    assert await finish(store, claims[0], at_ms=NOW + WITHIN) == {"hubspot"}
    assert sender_ids(await claim(store, at_ms=NOW + WITHIN)) == ["slow"]


async def test_a_window_that_is_over_comes_before_later_events_of_its_key(store: Store) -> None:
    await bring(store, "status", plan("s", window=("g", WITHIN)))
    await bring(store, "m1", plan(), at_ms=NOW + WITHIN + 1)
    assert sender_ids(await claim(store, at_ms=NOW + WITHIN + 1)) == ["status"]


async def test_what_is_not_ahead_of_the_high_water_mark_is_superseded(store: Store) -> None:
    await bring(store, "delivered", plan(forward=("wamid", 1)))
    claimed = await claim_one(store)
    assert claimed.high_water is None
    await finish(store, claimed)
    for event_id, rank in [("sent", 0), ("again", 1)]:
        assert (await bring(store, event_id, plan(window=("g", 0), forward=("wamid", rank)))).wake == frozenset()
    await bring(store, "read", plan(window=("g", 0), forward=("wamid", 2)))
    await bring(store, "other", plan(key="b", forward=("wamid-2", 0)))
    assert await states(store) == [DONE, OVER, OVER, PENDING, PENDING]
    assert [claimed.high_water for claimed in await claim(store)] == [1, None]


async def test_a_mark_never_goes_back(store: Store) -> None:
    await bring(store, "read", plan(key="a", forward=("wamid", 2)))
    await bring(store, "sent", plan(key="b", forward=("wamid", 0)))
    for claimed in await claim(store):
        await finish(store, claimed)
    await bring(store, "delivered", plan(forward=("wamid", 1)))
    assert (await states(store))[-1] is OVER


async def test_only_a_done_delivery_raises_the_mark(store: Store) -> None:
    await bring(store, "read", plan(forward=("wamid", 2)))
    await kill(store, await claim_one(store))
    await bring(store, "delivered", plan(forward=("wamid", 1)))
    assert (await states(store))[-1] is PENDING


async def test_what_is_behind_the_mark_opens_no_window(store: Store) -> None:
    await bring(store, "read", plan(forward=("wamid", 2)))
    await finish(store, await claim_one(store))
    routed = await bring(store, "sent", plan(window=("g", WITHIN), forward=("wamid", 0)))
    assert routed.window_ends_ms is None
    assert await store.next_due() == {}


async def test_a_person_can_end_a_window_or_take_the_delivery_out_of_it(store: Store) -> None:
    await bring(store, "m1", plan("a", window=("g", WITHIN)))
    await bring(store, "m2", plan("b", key="b", window=("g", WITHIN)))
    assert await store.retry((await delivery(store, "a")).id, now_ms=NOW) == {"hubspot"}
    assert sender_ids(await claim(store)) == ["m1"]
    await store.skip((await delivery(store, "b")).id, now_ms=NOW, reason="no")
    assert await claim(store, at_ms=NOW + WITHIN) == []

"""Who waits for a budget, and the class of those that a person started again."""

import pytest

from bridge.model import Claim
from bridge.store.protocol import Store
from tests.store.examples import NOTHING, NOW, bring, claim, claim_one, delivery, kill, plan, sender_ids

BACKLOG = 12


async def wait(store: Store, claimed: Claim, queue: str, *, due_at_ms: int = NOW) -> frozenset[str]:
    return await store.postpone(
        claimed.lease, NOTHING, now_ms=NOW, due_at_ms=due_at_ms, destination="hubspot", failed=False, queue=queue
    )


async def fill(store: Store, queue: str, *event_ids: str) -> None:
    """Let deliveries of these events wait in a queue."""
    for event_id in event_ids:
        await bring(store, event_id, plan(key=None))
        await wait(store, await claim_one(store), queue)


async def start_again(store: Store, *event_ids: str, at_ms: int = NOW) -> None:
    """Replays of deliveries of these events, due at a time."""
    for event_id in event_ids:
        await bring(store, event_id, plan(key=None))
    for claimed in await claim(store):
        await kill(store, claimed)
        await store.replay(claimed.delivery.id, plan(key=None), {}, now_ms=at_ms)


async def chosen(store: Store, *, limit: int = 100, replays: int | None = None, **queues: int) -> list[str]:
    claims = await store.claim(
        "hubspot", worker="w", now_ms=NOW, lease_ms=1, limit=limit, replays=replays, queues=queues
    )
    return sender_ids(claims)


async def test_who_waits_in_a_queue_is_claimed_only_by_its_name(store: Store) -> None:
    await fill(store, "daily", "m1")
    assert (await delivery(store)).queue == "daily"
    assert await chosen(store) == []
    assert await chosen(store, burst=5) == []
    assert await chosen(store, burst=5, daily=0) == []
    assert await chosen(store, burst=5, daily=1) == ["m1"]


async def test_no_more_of_a_queue_are_claimed_than_it_has_room_for(store: Store) -> None:
    await fill(store, "daily", "d1", "d2", "d3")
    await fill(store, "burst", "b1", "b2", "b3")
    await bring(store, "free", plan(key=None))
    assert await chosen(store, daily=1, burst=2) == ["d1", "b1", "b2", "free"]
    assert await chosen(store, limit=1, daily=9, burst=9) == ["d2"]


async def test_a_queue_is_served_by_due_time(store: Store) -> None:
    await bring(store, "late", plan(key=None))
    await wait(store, await claim_one(store), "daily", due_at_ms=NOW + 1)
    await fill(store, "daily", "early")
    assert await chosen(store, daily=9) == ["early"]


async def test_to_wait_in_a_queue_wakes_nobody_and_is_no_due_time(store: Store) -> None:
    await bring(store, "m1", plan())
    assert await wait(store, await claim_one(store), "daily") == frozenset()
    assert await store.next_due() == {}
    assert await store.queues("hubspot") == {"daily": NOW}
    assert await store.queues("zendesk") == {}


async def test_every_queue_is_named_with_its_earliest_time(store: Store) -> None:
    for event_id, queue, due_at_ms in [("a", "x", NOW + 9), ("b", "x", NOW + 5), ("c", "y", NOW + 7)]:
        await bring(store, event_id, plan(key=None))
        await wait(store, await claim_one(store), queue, due_at_ms=due_at_ms)
    assert await store.queues("hubspot") == {"x": NOW + 5, "y": NOW + 7}


async def test_a_head_in_a_queue_holds_its_lane(store: Store) -> None:
    await bring(store, "m1", plan())
    await bring(store, "m2", plan())
    await wait(store, await claim_one(store), "daily")
    assert await chosen(store) == []
    assert await chosen(store, daily=5) == ["m1"]


async def test_a_delivery_leaves_its_queue_when_it_is_given_back_without_one(store: Store) -> None:
    await fill(store, "daily", "m1")
    [claimed] = await store.claim("hubspot", worker="w", now_ms=NOW, lease_ms=1, limit=9, queues={"daily": 1})
    assert claimed.delivery.queue == "daily"
    assert await wait(store, claimed, "") == {"hubspot"}
    assert (await claim_one(store)).delivery.queue == ""


async def test_a_retry_takes_a_delivery_out_of_its_queue(store: Store) -> None:
    await fill(store, "no-such-budget-any-more", "m1")
    await store.retry((await delivery(store)).id, now_ms=NOW)
    assert await chosen(store) == ["m1"]


async def test_recovery_brings_times_in_queues_back_too(store: Store) -> None:
    await bring(store, "m1", plan())
    await wait(store, await claim_one(store), "daily", due_at_ms=NOW + 10**9)
    await store.recover(now_ms=NOW, max_step_ms=5)
    assert await store.queues("hubspot") == {"daily": NOW + 5}


async def test_a_replay_says_that_it_is_one(store: Store) -> None:
    await start_again(store, "m1")
    assert (await claim_one(store)).delivery.replay
    await bring(store, "m2", plan("other"))
    assert not (await delivery(store, "other")).replay


async def test_replays_are_bounded_within_a_claim(store: Store) -> None:
    await start_again(store, "r1", "r2", "r3", at_ms=NOW - 5)
    for number in range(3):
        await bring(store, f"m{number}", plan(key=None))
    assert await chosen(store, limit=4, replays=1) == ["r1", "m0", "m1", "m2"]
    assert await chosen(store, limit=4, replays=0) == []
    assert await chosen(store, limit=4) == ["r2", "r3"]


async def test_replays_do_not_queue_behind_a_backlog(store: Store) -> None:
    await start_again(store, "r1", "r2", at_ms=NOW)
    for number in range(BACKLOG):
        await bring(store, f"m{number}", plan(key=None), at_ms=NOW - 10)
    assert set(await chosen(store, limit=5, replays=1)) == {"r1", "m0", "m1", "m2", "m3"}


@pytest.mark.parametrize("replays", [None, 1, 5])
async def test_where_replays_would_take_every_place_due_times_decide(store: Store, replays: int | None) -> None:
    await start_again(store, "r1", "r2", at_ms=NOW)
    await bring(store, "older", plan(key=None), at_ms=NOW - 1)
    assert await chosen(store, limit=1, replays=replays) == ["older"]
    assert await chosen(store, limit=1, replays=replays) == ["r1"]


async def test_both_classes_share_the_room_of_a_queue(store: Store) -> None:
    for event_id, replayed in [("r1", True), ("r2", True), ("m1", False), ("m2", False)]:
        if replayed:
            await start_again(store, event_id)
        else:
            await bring(store, event_id, plan(key=None))
        await wait(store, await claim_one(store), "daily")
    assert await chosen(store, replays=1, daily=2) == ["r1", "m1"]
    assert await chosen(store, replays=1, daily=1) == ["r2"]
    assert await chosen(store, replays=1, daily=1) == ["m2"]

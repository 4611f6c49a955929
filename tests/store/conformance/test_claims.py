import asyncio

import pytest

from bridge.errors import LeaseLost
from bridge.model import DeadKind, DeliveryState, Lease, LinkWrite
from bridge.store.protocol import DeadLetterFilter, Progress, Store
from tests.canaries import PHONE_E164
from tests.store.examples import (
    LEASE,
    NOTHING,
    NOW,
    begun,
    bring,
    claim,
    claim_one,
    delivery,
    ended,
    finish,
    plan,
    sender_ids,
    states,
)


async def give_back(store: Store, lease: Lease, *, due_at_ms: int, destination: str = "hubspot") -> frozenset[str]:
    return await store.postpone(lease, NOTHING, now_ms=NOW, due_at_ms=due_at_ms, destination=destination, failed=False)


async def test_a_claim_holds_the_delivery_and_its_event(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    assert claimed.delivery.state is DeliveryState.RUNNING
    assert claimed.event.event_id == "m1"
    assert claimed.lease.delivery_seq == claimed.delivery.seq
    assert not claimed.resumed
    assert await claim(store) == []
    assert (await delivery(store)).state is DeliveryState.RUNNING


async def test_claims_come_by_due_time_then_order_and_no_more_than_asked_for(store: Store) -> None:
    for number in range(5):
        await bring(store, f"m{number}", plan(key=None), at_ms=NOW - number // 2)
    assert sender_ids(await claim(store, limit=3)) == ["m4", "m2", "m3"]
    assert sender_ids(await claim(store, limit=3)) == ["m0", "m1"]


async def test_nothing_is_claimed_before_its_time_or_for_another_destination(store: Store) -> None:
    await bring(store, "m1", plan())
    assert await claim(store, at_ms=NOW - 1) == []
    assert await claim(store, "zendesk") == []


async def test_two_workers_never_get_the_same_delivery(store: Store) -> None:
    for number in range(40):
        await bring(store, f"m{number}", plan(key=None))
    rounds = await asyncio.gather(*(claim(store, limit=5) for _ in range(16)))
    seqs = [claimed.delivery.seq for claims in rounds for claimed in claims]
    assert len(seqs) == len(set(seqs)) == 40


async def test_an_expired_lease_is_taken_over_and_its_holder_is_fenced_off(store: Store) -> None:
    await bring(store, "m1", plan())
    old = await claim_one(store)
    assert await claim(store, at_ms=NOW + LEASE - 1) == []
    new = await claim_one(store, at_ms=NOW + LEASE)
    assert new.resumed
    assert new.lease.fence > old.lease.fence
    for write in (
        store.advance(old.lease, Progress(state={"late": 1}), now_ms=NOW, lease_ms=LEASE),
        give_back(store, old.lease, due_at_ms=NOW),
        store.settle(old.lease, DeliveryState.DONE, NOTHING, now_ms=NOW),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert (await delivery(store)).progress == {}
    await finish(store, new)
    with pytest.raises(LeaseLost):
        await finish(store, new)


async def test_a_step_boundary_extends_the_lease(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.advance(claimed.lease, Progress(state={"step": 1}), now_ms=NOW + LEASE - 1, lease_ms=LEASE)
    assert await claim(store, at_ms=NOW + LEASE) == []
    taken_over = await claim_one(store, at_ms=NOW + 2 * LEASE)
    assert taken_over.delivery.progress == {"step": 1}


async def crash(store: Store, suspect: int | None) -> None:
    await store.recover(now_ms=NOW, max_step_ms=LEASE, suspect=suspect)


async def test_a_delivery_that_keeps_crashing_its_worker_is_dead_as_poison(store: Store) -> None:
    await bring(store, "m1", plan())
    await bring(store, "m2", plan())
    for _ in range(3):
        [claimed] = await claim(store)
        assert claimed.event.event_id == "m1"
        await crash(store, claimed.delivery.seq)
    assert sender_ids(await claim(store)) == ["m2"]
    [letter] = await store.dead_letters(DeadLetterFilter(kind=DeadKind.POISON))
    assert letter.event.event_id == "m1"


async def test_a_worker_that_survives_an_attempt_clears_the_suspicion(store: Store) -> None:
    await bring(store, "m1", plan())
    for number in range(6):
        claimed = await claim_one(store)
        start, end = begun(number, at_ms=NOW), ended(number)
        await store.advance(claimed.lease, Progress(start=start), now_ms=NOW, lease_ms=LEASE)
        await store.advance(claimed.lease, Progress(end=end), now_ms=NOW, lease_ms=LEASE)
        await crash(store, claimed.delivery.seq)
    assert await states(store) == [DeliveryState.PENDING]


async def test_a_process_that_ends_with_nothing_in_hand_casts_no_suspicion(store: Store) -> None:
    await bring(store, "m1", plan())
    for _ in range(6):
        await claim_one(store)
        await crash(store, None)
    assert await states(store) == [DeliveryState.PENDING]


async def test_a_suspect_that_was_settled_meanwhile_is_left_alone(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.settle(claimed.lease, DeliveryState.DONE, Progress(), now_ms=NOW)
    await crash(store, claimed.delivery.seq)
    assert await states(store) == [DeliveryState.DONE]


async def test_a_number_beyond_64_bits_in_the_progress_is_no_fault(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.advance(claimed.lease, Progress(state={"n": 2**70}), now_ms=NOW, lease_ms=LEASE)
    assert await states(store) == [DeliveryState.RUNNING]


async def test_recovery_ends_all_leases(store: Store) -> None:
    for number in range(3):
        await bring(store, f"m{number}", plan(key=None))
    old = await claim(store, limit=2)
    assert await store.recover(now_ms=NOW, max_step_ms=LEASE) == 2
    with pytest.raises(LeaseLost):
        await finish(store, old[0])
    assert [claimed.resumed for claimed in await claim(store)] == [True, True, False]


async def test_that_a_holder_vanished_is_told_until_somebody_has_written(store: Store) -> None:
    await bring(store, "m1", plan())
    await claim_one(store)
    await store.recover(now_ms=NOW, max_step_ms=LEASE)
    waiting = await claim_one(store)
    await give_back(store, waiting.lease, due_at_ms=NOW)
    claimed = await claim_one(store)
    assert claimed.resumed
    progress = Progress(state={"probed": True})
    await store.postpone(claimed.lease, progress, now_ms=NOW, due_at_ms=NOW, destination="hubspot", failed=False)
    assert not (await claim_one(store)).resumed


async def test_recovery_brings_back_times_that_a_wrong_clock_set(store: Store) -> None:
    await bring(store, "m1", plan())
    await bring(store, "m2", plan("w", key="w", window=("g", 5_000)), at_ms=NOW + 10**9)
    await bring(store, "m3", plan("b"), at_ms=NOW + 10**9)
    claimed = await claim_one(store)
    await give_back(store, claimed.lease, due_at_ms=NOW + 10**9)
    await store.recover(now_ms=NOW, max_step_ms=1000)
    assert await store.next_due() == {"hubspot": NOW + 1000}
    claims = await claim(store, at_ms=NOW + 1000)
    assert set(sender_ids(claims)) == {"m1", "m2"}
    for claimed in claims:
        await finish(store, claimed, at_ms=NOW + 1000)
    assert sender_ids(await claim(store, at_ms=NOW + 1000)) == ["m3"]


async def test_next_due_names_the_earliest_time_per_destination(store: Store) -> None:
    assert await store.next_due() == {}
    await bring(store, "m1", plan(key="a"))
    await bring(store, "m2", plan(key="a"), at_ms=NOW - 5)
    await bring(store, "z", plan("z", key="z", destination="zendesk", lanes=()), at_ms=NOW + 7)
    await bring(store, "w", plan("w", key="w", destination="erp", window=("g", 9)), at_ms=NOW)
    assert await store.next_due() == {"hubspot": NOW, "zendesk": NOW + 7, "erp": NOW + 9}
    claimed = await claim_one(store)
    assert (await store.next_due())["hubspot"] == NOW + LEASE
    await give_back(store, claimed.lease, due_at_ms=NOW + 3, destination="zendesk")
    assert await store.next_due() == {"zendesk": NOW + 3, "erp": NOW + 9}


async def test_giving_back_what_is_due_already_wakes_its_destination(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    assert await give_back(store, claimed.lease, due_at_ms=NOW, destination="zendesk") == {"zendesk"}
    assert await claim(store) == []
    assert sender_ids(await claim(store, "zendesk")) == ["m1"]


async def test_links_are_read_at_the_first_start_and_kept(store: Store) -> None:
    await store.write_links([LinkWrite("user", PHONE_E164, {"id": 7})], now_ms=NOW)
    await bring(store, "m1", plan(recall={"user": PHONE_E164, "ticket": "nobody"}))
    claimed = await claim_one(store)
    assert claimed.delivery.links == {"user": {"id": 7}, "ticket": None}
    await store.write_links([LinkWrite("ticket", "nobody", 1), LinkWrite("user", PHONE_E164, None)], now_ms=NOW)
    await give_back(store, claimed.lease, due_at_ms=NOW)
    assert (await claim_one(store)).delivery.links == {"user": {"id": 7}, "ticket": None}


async def test_without_recall_the_links_are_empty_after_the_first_start(store: Store) -> None:
    await bring(store, "m1", plan())
    assert (await delivery(store)).links is None
    assert (await claim_one(store)).delivery.links == {}
    assert (await delivery(store)).links == {}

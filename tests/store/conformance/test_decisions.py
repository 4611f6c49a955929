from collections.abc import Awaitable

import pytest

from bridge.errors import UsageError
from bridge.model import Claim, DeadKind, DeliveryState, LinkWrite, NewDelivery
from bridge.store.protocol import DeadLetterFilter, Progress, Store
from tests.store.examples import (
    DEATH,
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
    kill,
    plan,
    sender_ids,
    states,
)


async def postpone(store: Store, claimed: Claim) -> None:
    await store.postpone(claimed.lease, NOTHING, now_ms=NOW, due_at_ms=NOW + 10**6, destination="hubspot", failed=True)


async def test_a_retry_makes_a_waiting_delivery_due_now(store: Store) -> None:
    await bring(store, "m1", plan())
    await postpone(store, await claim_one(store))
    assert await store.retry((await delivery(store)).id, now_ms=NOW + 1) == {"hubspot"}
    again = await claim_one(store, at_ms=NOW + 1)
    assert again.delivery.attempts == 1


async def test_a_retry_does_not_jump_the_lane(store: Store) -> None:
    await bring(store, "m1", plan("a"))
    await bring(store, "m2", plan("b"))
    assert await store.retry((await delivery(store, "b")).id, now_ms=NOW) == frozenset()
    assert sender_ids(await claim(store)) == ["m1"]


async def test_only_waiting_deliveries_can_be_retried(store: Store) -> None:
    with pytest.raises(UsageError, match="no delivery"):
        await store.retry("dlv_nobody", now_ms=NOW)
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    with pytest.raises(UsageError, match="running"):
        await store.retry(claimed.delivery.id, now_ms=NOW)
    await kill(store, claimed)
    with pytest.raises(UsageError, match="dead"):
        await store.retry(claimed.delivery.id, now_ms=NOW)


async def test_skipping_a_waiting_head_frees_its_lane(store: Store) -> None:
    await bring(store, "m1", plan("a"))
    await bring(store, "m2", plan("b"))
    await postpone(store, await claim_one(store))
    assert await store.skip((await delivery(store, "a")).id, now_ms=NOW, reason="by hand") == {"hubspot"}
    assert (await delivery(store, "a")).reason == "by hand"
    assert sender_ids(await claim(store)) == ["m2"]


async def test_discarding_a_dead_delivery_takes_its_letter_away(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await kill(store, claimed)
    await store.skip(claimed.delivery.id, now_ms=NOW, reason="spam")
    assert await store.dead_letters(DeadLetterFilter()) == []
    assert await states(store) == [DeliveryState.SKIPPED]


async def test_running_and_settled_deliveries_cannot_be_skipped(store: Store) -> None:
    with pytest.raises(UsageError):
        await store.skip("dlv_nobody", now_ms=NOW, reason="x")
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    with pytest.raises(UsageError, match="running"):
        await store.skip(claimed.delivery.id, now_ms=NOW, reason="x")
    await finish(store, claimed)
    with pytest.raises(UsageError, match="done"):
        await store.skip(claimed.delivery.id, now_ms=NOW, reason="x")


async def test_a_replay_starts_anew_at_the_end_of_the_lane_with_links_read_again(store: Store) -> None:
    await bring(store, "m1", plan("a", recall={"user": "k"}))
    await bring(store, "m2", plan("b"))
    claimed = await claim_one(store)
    await store.advance(claimed.lease, Progress(start=begun()), now_ms=NOW, lease_ms=LEASE)
    await store.settle(claimed.lease, DeliveryState.DEAD, Progress(end=ended()), now_ms=NOW, death=DEATH)
    await store.write_links([LinkWrite("user", "k", 5)], now_ms=NOW)
    again = NewDelivery("a", "r2", key=claimed.delivery.key, lanes=("hubspot",), destination="hubspot")
    assert await store.replay(claimed.delivery.id, again, {"kept": 1}, now_ms=NOW + 1) == frozenset()
    found = await delivery(store, "a")
    assert (found.state, found.generation, found.revision) == (DeliveryState.PENDING, 1, "r2")
    assert (found.attempts, found.progress, found.settled_at_ms) == (0, {"kept": 1}, None)
    assert await store.dead_letters(DeadLetterFilter()) == []
    [second] = await claim(store, at_ms=NOW + 1)
    assert second.event.event_id == "m2"
    assert await finish(store, second) == {"hubspot"}
    replayed = await claim_one(store, at_ms=NOW + 1)
    assert replayed.delivery.links == {}
    await store.advance(replayed.lease, Progress(start=begun()), now_ms=NOW, lease_ms=LEASE)
    assert [attempt.outcome is None for attempt in await store.attempts(found.id)] == [False, True]


async def test_a_replay_into_a_free_lane_wakes_its_destination(store: Store) -> None:
    await bring(store, "m1", plan(recall={"user": "k"}))
    claimed = await claim_one(store)
    await kill(store, claimed)
    await store.write_links([LinkWrite("user", "k", 5)], now_ms=NOW)
    moved = plan(destination="zendesk", lanes=("zendesk",), recall={"user": "k"})
    assert await store.replay(claimed.delivery.id, moved, {}, now_ms=NOW) == {"zendesk"}
    assert (await claim_one(store, "zendesk")).delivery.links == {"user": 5}


async def test_a_replay_whose_plan_is_settled_settles_at_once(store: Store) -> None:
    await bring(store, "m1", plan("a", key="a"), plan("b", key="b"))
    for claimed in await claim(store):
        await kill(store, claimed)
    dead = NewDelivery("a", "r2", state=DeliveryState.DEAD, death=DEATH)
    skipped = NewDelivery("b", "r2", state=DeliveryState.SKIPPED, reason="`if` is false")
    assert await store.replay((await delivery(store, "a")).id, dead, {}, now_ms=NOW + 1) == frozenset()
    await store.replay((await delivery(store, "b")).id, skipped, {}, now_ms=NOW + 1)
    assert await states(store) == [DeliveryState.DEAD, DeliveryState.SKIPPED]
    [letter] = await store.dead_letters(DeadLetterFilter())
    assert (letter.at_ms, letter.rule, letter.death.kind) == (NOW + 1, "a", DeadKind.REJECTED)
    assert (await delivery(store, "a")).generation == 1


async def test_a_replay_that_is_behind_the_mark_is_superseded(store: Store) -> None:
    await bring(store, "delivered", plan(key="a", forward=("wamid", 1)))
    await bring(store, "read", plan(key="b", forward=("wamid", 2)))
    late, read = await claim(store)
    await kill(store, late)
    await finish(store, read)
    assert await store.replay(late.delivery.id, plan(forward=("wamid", 1)), {}, now_ms=NOW) == frozenset()
    assert (await states(store))[0] is DeliveryState.SUPERSEDED


async def test_only_dead_deliveries_can_be_replayed(store: Store) -> None:
    async def refused(awaited: Awaitable[object], reason: str) -> None:
        with pytest.raises(UsageError, match=reason):
            await awaited

    await refused(store.replay("dlv_nobody", plan(), {}, now_ms=NOW), "no delivery")
    await bring(store, "m1", plan())
    found = await delivery(store)
    await refused(store.replay(found.id, plan(), {}, now_ms=NOW), "pending")
    await finish(store, await claim_one(store))
    await refused(store.replay(found.id, plan(), {}, now_ms=NOW), "done")


async def test_a_done_delivery_is_replayed_only_by_force(store: Store) -> None:
    await bring(store, "m1", plan(forward=("wamid", 1)))
    claimed = await claim_one(store)
    await finish(store, claimed)
    assert await store.replay(claimed.delivery.id, plan(forward=("wamid", 1)), {}, now_ms=NOW, force=True) == {
        "hubspot"
    }
    found = await delivery(store)
    assert (found.state, found.generation, found.replay, found.settled_at_ms) == (DeliveryState.PENDING, 1, True, None)
    await finish(store, await claim_one(store))
    assert await store.check_books() == []


async def test_force_does_not_bring_a_status_back_that_was_overtaken(store: Store) -> None:
    await bring(store, "sent", plan(forward=("wamid", 1)))
    claimed = await claim_one(store)
    await finish(store, claimed)
    await bring(store, "read", plan(forward=("wamid", 2)))
    await finish(store, await claim_one(store))
    await store.replay(claimed.delivery.id, plan(forward=("wamid", 1)), {}, now_ms=NOW, force=True)
    assert await states(store) == [DeliveryState.SUPERSEDED, DeliveryState.DONE]


async def test_force_replays_no_other_states_and_nothing_that_is_not_kept(store: Store) -> None:
    skipped = NewDelivery("rule", "r1", state=DeliveryState.SKIPPED, reason="`if` is false")
    await bring(store, "m1", skipped)
    found = await delivery(store)
    with pytest.raises(UsageError, match="skipped"):
        await store.replay(found.id, plan(), {}, now_ms=NOW, force=True)
    await store.prune(done_before_ms=NOW + 1, dead_before_ms=0, seen_before_ms=0, limit=9)
    with pytest.raises(UsageError, match="no delivery"):
        await store.replay(found.id, plan(), {}, now_ms=NOW, force=True)

import asyncio
from dataclasses import replace

import pytest

from bridge.errors import LeaseLost, StoreError
from bridge.model import AttemptEnd, DeliveryState, LinkWrite, Outcome
from bridge.store.protocol import DeliveryFilter, Progress, Store
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
    plan,
    sender_ids,
    states,
)

FAILED = Outcome.RETRY_LATER


async def test_a_step_boundary_writes_state_attempts_and_links_together(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.advance(claimed.lease, Progress(start=begun(1)), now_ms=NOW, lease_ms=LEASE)
    progress = Progress(
        state={"next": 1, "steps": {"a": [1, None, "x"]}},
        end=ended(1),
        start=begun(2, at_ms=NOW + 5),
        links=[LinkWrite("user", "k", 9_007_199_254_740_993)],
    )
    await store.advance(claimed.lease, progress, now_ms=NOW + 5, lease_ms=LEASE)
    assert (await delivery(store)).progress == {"next": 1, "steps": {"a": [1, None, "x"]}}
    assert await store.links() == [LinkWrite("user", "k", 9_007_199_254_740_993)]
    first, second = await store.attempts(claimed.delivery.id)
    assert (first.number, first.outcome, first.status, first.ended_at_ms) == (1, Outcome.SUCCEEDED, 200, NOW)
    assert (first.step, first.operation, first.request) == ("contact", "contacts.upsert", {"method": "POST"})
    assert (second.number, second.outcome, second.ended_at_ms, second.started_at_ms) == (2, None, None, NOW + 5)


async def test_a_boundary_without_state_keeps_the_progress(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.advance(claimed.lease, Progress(state={"a": 1}), now_ms=NOW, lease_ms=LEASE)
    await store.advance(claimed.lease, Progress(start=begun()), now_ms=NOW, lease_ms=LEASE)
    assert (await delivery(store)).progress == {"a": 1}


async def test_an_attempt_that_was_never_begun_cannot_end(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    with pytest.raises(StoreError, match="begun"):
        await store.advance(claimed.lease, Progress(end=ended(4), state={"x": 1}), now_ms=NOW, lease_ms=LEASE)
    assert (await delivery(store)).progress == {}


async def test_a_failed_attempt_counts_and_the_first_failure_is_kept(store: Store) -> None:
    await bring(store, "m1", plan())
    for number in (1, 2):
        now_ms = NOW + number
        claimed = await claim_one(store, at_ms=now_ms)
        await store.advance(claimed.lease, Progress(start=begun(number)), now_ms=now_ms, lease_ms=LEASE)
        progress = Progress(end=ended(number, FAILED))
        await store.postpone(
            claimed.lease, progress, now_ms=now_ms, due_at_ms=now_ms, destination="hubspot", failed=True
        )
    found = await delivery(store)
    assert (found.state, found.attempts, found.first_failed_at_ms) == (DeliveryState.RETRYING, 2, NOW + 1)
    assert [attempt.outcome for attempt in await store.attempts(found.id)] == [FAILED, FAILED]


async def test_waiting_for_a_limit_is_not_an_attempt(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.postpone(claimed.lease, NOTHING, now_ms=NOW, due_at_ms=NOW + 5, destination="zendesk", failed=False)
    found = await delivery(store)
    assert (found.state, found.attempts, found.first_failed_at_ms) == (DeliveryState.PENDING, 0, None)
    assert (found.destination, found.due_at_ms) == ("zendesk", NOW + 5)


@pytest.mark.parametrize("state", [DeliveryState.DONE, DeliveryState.SKIPPED, DeliveryState.SUPERSEDED])
async def test_settling_ends_the_delivery_and_keeps_the_reason(store: Store, state: DeliveryState) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.settle(claimed.lease, state, Progress(state={"all": "done"}), now_ms=NOW + 3, reason="why")
    found = await delivery(store)
    assert (found.state, found.reason, found.settled_at_ms) == (state, "why", NOW + 3)
    assert found.progress == {"all": "done"}
    assert await store.next_due() == {}


@pytest.mark.parametrize(("state", "death"), [(DeliveryState.DEAD, None), (DeliveryState.DONE, DEATH)])
async def test_death_goes_with_dead_and_with_nothing_else(store: Store, state: DeliveryState, death: object) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    with pytest.raises(StoreError):
        await store.settle(claimed.lease, state, NOTHING, now_ms=NOW, death=DEATH if death else None)
    assert (await delivery(store)).state is DeliveryState.RUNNING


async def test_a_delivery_cannot_be_settled_as_open(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    with pytest.raises(StoreError):
        await store.settle(claimed.lease, DeliveryState.PENDING, NOTHING, now_ms=NOW)


async def test_the_attempt_that_killed_a_delivery_is_counted(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await store.advance(claimed.lease, Progress(start=begun(1)), now_ms=NOW, lease_ms=LEASE)
    end = AttemptEnd(1, NOW, Outcome.REJECTED, 400, "c", "m", "e")
    await store.settle(claimed.lease, DeliveryState.DEAD, Progress(end=end), now_ms=NOW, death=DEATH)
    [letter] = await store.unexported_dead_letters(limit=1)
    assert letter.attempts == (await delivery(store)).attempts == 1


async def test_links_keep_their_json_type_and_are_forgotten(store: Store) -> None:
    values = [77, "77", 1.5, True, [1, {"a": None}], {"id": "x"}]
    await store.write_links([LinkWrite("n", f"k{at}", value) for at, value in enumerate(values)], now_ms=NOW)
    assert [link.value for link in await store.links(name="n")] == values
    await store.write_links([LinkWrite("n", "k0", None), LinkWrite("n", "k1", "new")], now_ms=NOW)
    assert await store.links(key="k0") == []
    assert await store.links(name="n", limit=1) == [LinkWrite("n", "k1", "new")]
    assert await store.links(name="other") == []


async def test_the_attempts_of_nobody_are_none(store: Store) -> None:
    assert await store.attempts("dlv_nobody") == []
    assert await store.deliveries(DeliveryFilter(ids=["dlv_nobody"])) == []


async def test_of_many_ends_at_once_only_the_one_without_a_lease_is_refused(store: Store) -> None:
    for number in range(100):
        await bring(store, f"m{number}", plan(key=f"k{number}"))
        await bring(store, f"n{number}", plan(key=f"k{number}"))
    claims = await claim(store)
    await asyncio.gather(
        *(store.advance(one.lease, Progress(start=begun()), now_ms=NOW, lease_ms=LEASE) for one in claims)
    )
    late = replace(claims[7].lease, fence=99)
    leases = [one.lease if one is not claims[7] else late for one in claims]
    links = Progress(end=ended(), links=[LinkWrite("n", "k", 1)])
    results = await asyncio.gather(
        *(store.settle(lease, DeliveryState.DONE, links, now_ms=NOW) for lease in leases), return_exceptions=True
    )
    assert [type(result) for result in results].count(LeaseLost) == 1
    assert isinstance(results[7], LeaseLost)
    assert results.count(frozenset({"hubspot"})) == 99
    assert (await states(store)).count(DeliveryState.DONE) == 99
    assert len(await claim(store, limit=200)) == 99
    assert await store.check_books() == []


async def test_of_many_ends_at_once_a_wrong_one_fails_alone(store: Store) -> None:
    for number in range(5):
        await bring(store, f"m{number}", plan(key=None))
    claims = await claim(store)
    results = await asyncio.gather(
        *(
            store.settle(one.lease, DeliveryState.DONE, Progress(end=ended()) if at == 2 else NOTHING, now_ms=NOW)
            for at, one in enumerate(claims)
        ),
        return_exceptions=True,
    )
    assert [isinstance(result, StoreError) for result in results] == [False, False, True, False, False]
    assert (await states(store)).count(DeliveryState.DONE) == 4


async def test_two_parts_of_one_delivery_at_once_are_written_in_order(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await asyncio.gather(
        store.advance(claimed.lease, Progress(state={"at": 1}, start=begun(1)), now_ms=NOW, lease_ms=LEASE),
        store.advance(claimed.lease, Progress(end=ended(1), start=begun(2)), now_ms=NOW, lease_ms=LEASE),
        store.settle(claimed.lease, DeliveryState.DONE, Progress(end=ended(2)), now_ms=NOW),
    )
    found = await delivery(store)
    assert (found.state, found.progress) == (DeliveryState.DONE, {"at": 1})
    attempts = await store.attempts(found.id)
    assert [(one.number, one.outcome) for one in attempts] == [(1, Outcome.SUCCEEDED), (2, Outcome.SUCCEEDED)]


async def test_every_kind_of_part_can_be_written_at_once(store: Store) -> None:
    for number in range(4):
        await bring(store, f"m{number}", plan(key=f"k{number}", forward=(f"w{number}", 1)))
    first, second, third, fourth = await claim(store)
    wakes = await asyncio.gather(
        store.settle(first.lease, DeliveryState.DONE, NOTHING, now_ms=NOW),
        store.postpone(second.lease, NOTHING, now_ms=NOW, due_at_ms=NOW, destination="zendesk", failed=False),
        store.settle(third.lease, DeliveryState.DEAD, NOTHING, now_ms=NOW, death=DEATH),
        store.advance(fourth.lease, NOTHING, now_ms=NOW, lease_ms=LEASE),
    )
    assert tuple(wakes[:3]) == (frozenset(), frozenset({"zendesk"}), frozenset())
    assert await states(store) == [
        DeliveryState.DONE,
        DeliveryState.PENDING,
        DeliveryState.DEAD,
        DeliveryState.RUNNING,
    ]


async def test_of_several_who_leave_a_lane_at_once_the_next_is_freed_once(store: Store) -> None:
    for number in range(3):
        await bring(store, f"m{number}", plan(f"r{number}", lanes=("hubspot", "zendesk")))
    await bring(store, "z", plan("z", lanes=("zendesk",), destination="zendesk"))
    head = await claim_one(store)
    second, third = await delivery(store, "r1"), await delivery(store, "r2")
    await asyncio.gather(
        store.skip(third.id, now_ms=NOW, reason="by hand"),
        store.settle(head.lease, DeliveryState.DONE, NOTHING, now_ms=NOW),
        store.skip(second.id, now_ms=NOW, reason="by hand"),
    )
    assert sender_ids(await claim(store, "zendesk")) == ["z"]

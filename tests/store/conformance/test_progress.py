import pytest

from bridge.errors import StoreError
from bridge.model import AttemptEnd, DeliveryState, LinkWrite, Outcome
from bridge.store.protocol import DeliveryFilter, Progress, Store
from tests.store.examples import DEATH, LEASE, NOTHING, NOW, begun, bring, claim_one, delivery, ended, plan

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

from bridge.model import DeliveryState, LinkWrite
from bridge.store.protocol import DeliveryFilter, Progress
from tests.store.conftest import OpenStore
from tests.store.examples import LEASE, NOW, accept, begun, bring, claim_one, new_event, plan


async def test_everything_survives_closing_and_opening_again(open_store: OpenStore) -> None:
    store = await open_store()
    await bring(store, "m1", plan("a", recall={"user": "k"}), plan("z", destination="zendesk", lanes=()))
    await bring(store, "m2", plan("a"))
    waiting = await accept(store, "m3")
    await store.write_links([LinkWrite("user", "k", 7)], now_ms=NOW)
    claimed = await claim_one(store)
    await store.advance(claimed.lease, Progress(state={"n": 1}, start=begun()), now_ms=NOW, lease_ms=LEASE)
    before = (await store.books(), await store.deliveries(DeliveryFilter()), await store.events(limit=9))
    due = await store.next_due()
    await store.close()

    store = await open_store()
    assert (await store.books(), await store.deliveries(DeliveryFilter()), await store.events(limit=9)) == before
    assert await store.next_due() == due
    assert await store.unrouted(after_seq=0, limit=9) == [waiting]
    [again] = await store.accept([new_event("m3")])
    assert (again.id, again.duplicate) == (waiting.id, True)
    assert await store.recover(now_ms=NOW, max_step_ms=LEASE) == 1
    resumed = await claim_one(store)
    assert resumed.resumed
    assert (resumed.delivery.progress, resumed.delivery.links) == ({"n": 1}, {"user": 7})
    assert [attempt.outcome for attempt in await store.attempts(resumed.delivery.id)] == [None]
    wake = await store.settle(resumed.lease, DeliveryState.DONE, Progress(), now_ms=NOW)
    assert wake == {"hubspot"}


async def test_closing_twice_is_closing_once(open_store: OpenStore) -> None:
    store = await open_store()
    await store.close()
    await store.close()

"""`only_newer`: an update that is older than the newest one delivered changes nothing."""

from dataclasses import replace

from bridge.model import DeliveryState, NewDelivery, Newer
from bridge.store.protocol import Store
from tests.store.examples import NOTHING, NOW, bring, claim, claim_one, delivery, finish, kill, plan, sender_ids, states

DONE, OVER, PENDING = DeliveryState.DONE, DeliveryState.SUPERSEDED, DeliveryState.PENDING


def update(time_ms: int, *, by: str = "contact-1", key: str | None = None, window: int | None = None) -> NewDelivery:
    coalesced = None if window is None else ("g", window)
    return replace(plan(key=key, window=coalesced), newer=Newer(by, time_ms))


async def test_an_older_update_than_the_newest_done_is_superseded(store: Store) -> None:
    await bring(store, "new", update(20))
    await finish(store, await claim_one(store))
    for event_id, time_ms in [("old", 19), ("same", 20), ("newer", 21)]:
        await bring(store, event_id, update(time_ms))
    await bring(store, "other", update(1, by="contact-2"))
    await bring(store, "other rule", replace(update(1), rule="other"))
    assert await states(store) == [DONE, OVER, PENDING, PENDING, PENDING, PENDING]
    assert [claimed.newest_ms for claimed in await claim(store)] == [20, 20, None, None]


async def test_what_was_overtaken_while_it_waited_is_told_at_the_claim(store: Store) -> None:
    await bring(store, "old", update(10))
    await bring(store, "new", update(20))
    first, second = await claim(store)
    assert (first.newest_ms, first.delivery.newer) == (None, Newer("contact-1", 10))
    await store.postpone(first.lease, NOTHING, now_ms=NOW, due_at_ms=NOW, destination="hubspot", failed=True)
    await finish(store, second)
    assert (await claim_one(store)).newest_ms == 20


async def test_a_mark_never_goes_back_and_only_a_done_update_raises_it(store: Store) -> None:
    for event_id, time_ms in [("a", 30), ("b", 10), ("c", 40)]:
        await bring(store, event_id, update(time_ms))
    first, second, third = await claim(store)
    await finish(store, first)
    await finish(store, second)
    await kill(store, third)
    await bring(store, "d", update(30))
    assert (await claim_one(store)).newest_ms == 30


async def test_the_newest_of_a_window_survives(store: Store) -> None:
    for event_id, time_ms in [("a", 5), ("b", 9), ("c", 7), ("d", 9)]:
        await bring(store, event_id, update(time_ms, window=1000))
    assert sender_ids(await claim(store, at_ms=NOW + 1000)) == ["d"]
    assert (await states(store)).count(OVER) == 3


async def test_a_replay_that_is_older_is_superseded(store: Store) -> None:
    await bring(store, "old", update(10))
    await bring(store, "new", update(20))
    old, new = await claim(store)
    await kill(store, old)
    await finish(store, new)
    await store.replay(old.delivery.id, update(10), {}, now_ms=NOW)
    assert (await states(store))[0] is OVER


async def test_a_delivery_shows_what_it_is_held_against(store: Store) -> None:
    await bring(store, "a", update(5))
    assert (await delivery(store)).newer == Newer("contact-1", 5)

from dataclasses import replace

from bridge.model import DeliveryState
from bridge.store.protocol import DeadLetterFilter, DeliveryFilter, Progress, Pruned, Store
from tests.store.examples import DAY, NOW, bring, claim, claim_one, finish, kill, new_event, plan


async def prune(store: Store, *, done: int = 0, dead: int = 0, seen: int = 0, limit: int = 100) -> Pruned:
    return await store.prune(done_before_ms=done, dead_before_ms=dead, seen_before_ms=seen, limit=limit)


async def test_settled_deliveries_and_their_bare_events_go_and_the_counters_stay(store: Store) -> None:
    await bring(store, "done", plan("a", key="a"))
    await bring(store, "open", plan("a", key="b"))
    await finish(store, (await claim(store, limit=1))[0], at_ms=NOW)
    before = await store.books()
    assert await prune(store, done=NOW) == Pruned(0, 0, 0)
    assert await prune(store, done=NOW + 1) == Pruned(events=1, deliveries=1, identities=0)
    assert [row.event.event_id for row in await store.events(limit=9)] == ["open"]
    after = await store.books()
    assert after == replace(before, pruned={"a": {DeliveryState.DONE: 1}})
    assert after.rules["a"][DeliveryState.DONE] == 1
    assert await store.check_books() == []


async def test_an_event_stays_as_long_as_one_delivery_does(store: Store) -> None:
    await bring(store, "m1", plan("a", key="a"), plan("b", key="b"))
    first, second = await claim(store)
    await finish(store, first)
    assert await prune(store, done=NOW + 1) == Pruned(0, 1, 0)
    await finish(store, second)
    assert await prune(store, done=NOW + 1) == Pruned(1, 1, 0)


async def test_dead_letters_have_a_time_of_their_own(store: Store) -> None:
    await bring(store, "m1", plan())
    await kill(store, await claim_one(store))
    assert await prune(store, done=NOW + 9) == Pruned(0, 0, 0)
    assert len(await store.dead_letters(DeadLetterFilter())) == 1
    assert await prune(store, dead=NOW + 9) == Pruned(1, 1, 0)
    assert await store.dead_letters(DeadLetterFilter()) == []


async def test_unmatched_events_go_and_unrouted_ones_stay(store: Store) -> None:
    await bring(store, "unmatched")
    await store.accept([new_event("unrouted")])
    assert await prune(store, done=NOW + 1) == Pruned(1, 0, 0)
    assert [event.event_id for event in await store.unrouted(after_seq=0, limit=9)] == ["unrouted"]


async def test_no_more_than_the_limit_goes_at_once(store: Store) -> None:
    for number in range(5):
        await bring(store, f"m{number}", plan(key=None))
    for claimed in await claim(store):
        await finish(store, claimed)
    assert (await prune(store, done=NOW + 1, limit=2)).deliveries == 2
    assert len(await store.deliveries(DeliveryFilter())) == 3


async def test_an_id_outlives_its_event_until_its_own_window_is_over(store: Store) -> None:
    [first] = await store.accept([replace(new_event("m1"), dedupe_ms=DAY)])
    assert first.event is not None
    await store.route([(first.event.seq, [])], now_ms=NOW)
    assert await prune(store, done=NOW + DAY - 1, seen=NOW + DAY - 1) == Pruned(1, 0, 0)
    [again] = await store.accept([replace(new_event("m1", at_ms=NOW + DAY - 1), dedupe_ms=DAY)])
    assert (again.id, again.duplicate) == (first.id, True)
    assert (await prune(store, seen=NOW + DAY)).identities == 1
    [new] = await store.accept([replace(new_event("m1", at_ms=NOW + 5), dedupe_ms=DAY)])
    assert not new.duplicate


async def test_a_young_id_stays_though_its_window_is_over(store: Store) -> None:
    await store.accept([replace(new_event("m1"), dedupe_ms=1)])
    assert (await prune(store, done=NOW + DAY, seen=NOW)).identities == 0
    assert (await prune(store, done=NOW + DAY, seen=NOW + 1)).identities == 1


async def test_the_parent_of_a_split_request_goes_with_its_last_item(store: Store) -> None:
    items = [replace(new_event(f"m{number}"), parent=b"whole") for number in range(2)]
    first, second = await store.accept(items)
    assert first.event is not None
    assert second.event is not None
    await store.route([(first.event.seq, [])], now_ms=NOW)
    await store.route([(second.event.seq, [plan()])], now_ms=NOW)
    await prune(store, done=NOW + 1)
    [row] = await store.events(limit=9)
    assert row.event.parent == b"whole"
    await finish(store, await claim_one(store))
    assert (await prune(store, done=NOW + 1)).events == 1


async def test_a_number_is_never_given_twice(store: Store) -> None:
    await bring(store, "m1", plan())
    old = await claim_one(store)
    await finish(store, old)
    await prune(store, done=NOW + 1)
    await bring(store, "m2", plan())
    new = await claim_one(store)
    assert new.lease.delivery_seq > old.lease.delivery_seq
    assert new.event.seq > old.event.seq
    assert new.delivery.state is DeliveryState.RUNNING


async def test_a_mark_that_open_work_will_be_held_against_stays(store: Store) -> None:
    await bring(store, "waiting", plan(key="a", forward=("wamid", 1)))
    await bring(store, "read", plan(key="b", forward=("wamid", 2)), at_ms=NOW + 1)
    waiting, read = await claim(store, at_ms=NOW + 1)
    await finish(store, read, at_ms=NOW + 2)
    await prune(store, seen=NOW + DAY)
    await store.postpone(
        waiting.lease, Progress(), now_ms=NOW + 3, due_at_ms=NOW + 3, destination="hubspot", failed=False
    )
    [again] = await claim(store, at_ms=NOW + 3)
    assert again.high_water == 2
    await finish(store, again, at_ms=NOW + 4)
    await prune(store, seen=NOW + DAY)
    await bring(store, "sent", plan(forward=("wamid", 0)))
    assert (await claim_one(store)).high_water is None


async def test_the_books_balance_after_everything_is_gone(store: Store) -> None:
    await bring(store, "unmatched")
    await bring(store, "m1", plan("a", key="a"), plan("b", key="b", destination="zendesk"))
    await finish(store, await claim_one(store))
    await kill(store, await claim_one(store, "zendesk"))
    assert await prune(store, done=NOW + 1, dead=NOW + 1, limit=1) == Pruned(1, 1, 0)
    assert await prune(store, done=NOW + 1, dead=NOW + 1) == Pruned(1, 1, 0)
    assert await store.deliveries(DeliveryFilter()) == []
    assert await store.check_books() == []
    books = await store.books()
    assert books.created == {"a": 1, "b": 1}
    assert books.pruned == {"a": {DeliveryState.DONE: 1}, "b": {DeliveryState.DEAD: 1}}

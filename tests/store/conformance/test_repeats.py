"""What came before: counted for each source, and let in again where a person wants it."""

import asyncio
from dataclasses import replace

import pytest

from bridge.store.protocol import Lost, Pass, Redelivery, Store
from tests.store.conftest import OpenStore
from tests.store.examples import DAY, NOW, accept, bring, claim, finish, new_event, plan, route


async def counted(store: Store, source: str = "aisoule") -> dict[str, int]:
    assert await store.check_books() == []
    return dict((await store.books()).sources.get(source, {}))


async def again(store: Store, *event_ids: str, at_ms: int = NOW + 1) -> list[Redelivery]:
    return await store.redeliver(event_ids, now_ms=at_ms)


async def test_each_source_has_counters_of_its_own_that_survive_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    await store.accept([new_event("m1"), new_event("m2"), new_event("o1", source="orders")])
    await store.accept([new_event("m1"), new_event("m2", content=b"other")])
    await store.count_refused({("orders", "signature_mismatch"): 2, ("aisoule", "too_large"): 1})
    await store.count_refused({("orders", "signature_mismatch"): 3})
    await store.close()
    store = await open_store()
    assert await counted(store) == {"accepted": 2, "duplicates": 2, "differing": 1, "refused:too_large": 1}
    assert await counted(store, "orders") == {"accepted": 1, "refused:signature_mismatch": 5}


async def test_what_retention_takes_stays_counted(store: Store) -> None:
    await bring(store, "m1")
    assert (await store.prune(done_before_ms=NOW + 1, dead_before_ms=0, seen_before_ms=0, limit=9)).events == 1
    assert await counted(store) == {"accepted": 1}


# --- a stored event once more ---------------------------------------------------------------------------------------


async def test_a_stored_event_is_taken_in_again_as_a_new_one_that_says_which_it_repeats(store: Store) -> None:
    [first] = await store.accept([replace(new_event("m1"), parent=b"whole", item=2)])
    assert first.event is not None
    await route(store, first.event, plan())
    [answer] = await again(store, first.id)
    new = answer.event
    assert new is not None
    assert new == replace(first.event, seq=new.seq, id=new.id, received_at_ms=NOW + 1)
    assert (new.id != first.id, new.seq > first.event.seq) == (True, True)
    row = await store.event(new.id)
    assert row is not None
    assert (row.event, row.routed, row.repeats) == (new, False, first.id)
    assert await store.unrouted(after_seq=0, limit=9) == [new]
    assert [each.repeats for each in await store.events(limit=9)] == [first.id, None]
    assert await counted(store) == {"accepted": 2, "redelivered": 1}


async def test_the_senders_next_repeat_is_a_duplicate_of_the_new_one(store: Store) -> None:
    first = await accept(store, "m1")
    [answer] = await again(store, first.id, at_ms=NOW + DAY)
    assert answer.event is not None
    [repeat] = await store.accept([new_event("m1", at_ms=NOW + 9 * DAY - 1)])
    assert (repeat.duplicate, repeat.id) == (True, answer.event.id)
    [later] = await store.accept([new_event("m1", at_ms=NOW + 9 * DAY)])
    assert not later.duplicate


async def test_several_are_taken_in_again_in_the_order_in_which_they_came(store: Store) -> None:
    events = [await accept(store, f"m{number}") for number in range(3)]
    answers = await again(store, events[2].id, events[0].id, events[1].id)
    assert [answer.repeats for answer in answers] == [events[2].id, events[0].id, events[1].id]
    by_seq = sorted((answer.event.seq, answer.event.event_id) for answer in answers if answer.event)
    assert [event_id for _, event_id in by_seq] == ["m0", "m1", "m2"]


async def test_its_deliveries_begin_anew_beside_those_of_the_first(store: Store) -> None:
    await bring(store, "m1", plan())
    [first] = await claim(store)
    await finish(store, first)
    [answer] = await again(store, first.event.id)
    assert answer.event is not None
    await route(store, answer.event, plan())
    [second] = await claim(store)
    assert (second.event.id, second.delivery.generation) == (answer.event.id, 0)
    assert second.delivery.id != first.delivery.id


async def test_items_of_one_request_share_its_body_again(store: Store) -> None:
    items = [
        replace(new_event(f"m{number}"), parent=b"whole", item=number, place=("entry", number)) for number in (0, 1)
    ]
    first = [answer.id for answer in await store.accept(items)]
    events = [answer.event for answer in await again(store, *first)]
    assert [(event.parent, event.item, event.place) for event in events if event] == [
        (b"whole", 0, ("entry", 0)),
        (b"whole", 1, ("entry", 1)),
    ]
    assert [row.event for row in await store.events(limit=2)] == [events[1], events[0]]


async def test_what_nobody_knows_or_retention_took_is_named_and_spoils_no_other(store: Store) -> None:
    old = await accept(store, "old")
    await route(store, old)
    await store.prune(done_before_ms=NOW + 1, dead_before_ms=0, seen_before_ms=0, limit=9)
    kept = await accept(store, "kept", at_ms=NOW + 2)
    answers = await again(store, "evt_nobody", old.id, kept.id)
    assert [answer.lost for answer in answers] == [Lost.UNKNOWN, Lost.PRUNED, None]
    assert await counted(store) == {"accepted": 3, "redelivered": 1}


async def test_nothing_but_names_is_an_answer_without_a_change(store: Store) -> None:
    assert await again(store, "evt_nobody") == [Redelivery("evt_nobody", lost=Lost.UNKNOWN)]
    assert await again(store) == []
    assert await counted(store) == {}


async def test_retention_takes_what_an_event_repeats_with_it(store: Store) -> None:
    first = await accept(store, "m1")
    await route(store, first)
    [answer] = await again(store, first.id)
    assert answer.event is not None
    await route(store, answer.event)
    await store.prune(done_before_ms=NOW + DAY, dead_before_ms=0, seen_before_ms=0, limit=9)
    other = await accept(store, "m2", at_ms=NOW + DAY)
    assert [(row.event.id, row.repeats) for row in await store.events(limit=9)] == [(other.id, None)]


# --- the sender's next repeat ----------------------------------------------------------------------------------------


async def let(store: Store, *event_ids: str, until_ms: int = NOW + 1000) -> list[Pass]:
    return await store.let_through(event_ids, until_ms=until_ms)


async def test_the_next_repeat_is_let_in_once(store: Store) -> None:
    first = await accept(store, "m1")
    assert await let(store, first.id) == [Pass(first.id, "aisoule", "m1", needed=True)]
    [second] = await store.accept([new_event("m1", at_ms=NOW + 999, content=b"other")])
    assert second.event is not None
    assert (second.duplicate, second.repeats, second.event.content) == (False, first.id, b"other")
    [third] = await store.accept([new_event("m1", at_ms=NOW + 999)])
    assert (third.duplicate, third.id, third.differs) == (True, second.id, True)
    row = await store.event(second.id)
    assert row is not None
    assert row.repeats == first.id
    assert await counted(store) == {"accepted": 2, "redelivered": 1, "duplicates": 1, "differing": 1}


async def test_of_many_repeats_at_once_one_is_let_in(store: Store) -> None:
    first = await accept(store, "m1")
    await let(store, first.id)
    answers = await asyncio.gather(*(store.accept([new_event("m1")]) for _ in range(50)))
    assert sum(not answer.duplicate for [answer] in answers) == 1
    assert len({answer.id for [answer] in answers} - {first.id}) == 1


async def test_after_its_time_nothing_is_let_in(store: Store) -> None:
    first = await accept(store, "m1")
    await let(store, first.id, until_ms=NOW + 1000)
    [late] = await store.accept([new_event("m1", at_ms=NOW + 1000)])
    assert (late.duplicate, late.id) == (True, first.id)
    await store.prune(done_before_ms=0, dead_before_ms=0, seen_before_ms=0, limit=9, now_ms=NOW + 1000)
    [early] = await store.accept([new_event("m1", at_ms=NOW)])
    assert early.duplicate


async def test_others_are_not_let_in(store: Store) -> None:
    first = await accept(store, "m1")
    await store.accept([new_event("m2"), new_event("m1", source="orders")])
    await let(store, first.id)
    others = await store.accept([new_event("m2"), new_event("m1", source="orders")])
    assert [other.duplicate for other in others] == [True, True]


async def test_a_repeat_can_be_let_in_after_retention_took_the_event(store: Store) -> None:
    first = await accept(store, "m1")
    await route(store, first)
    await store.prune(done_before_ms=NOW + 1, dead_before_ms=0, seen_before_ms=0, limit=9)
    assert await let(store, first.id) == [Pass(first.id, "aisoule", "m1", needed=True)]
    [second] = await store.accept([new_event("m1")])
    assert second.repeats == first.id


async def test_nothing_needs_to_be_let_in_that_is_forgotten_or_was_never_there(store: Store) -> None:
    [first] = await store.accept([replace(new_event("m1"), dedupe_ms=1)])
    await store.prune(done_before_ms=0, dead_before_ms=0, seen_before_ms=NOW + 1, limit=9)
    given = await let(store, first.id, "evt_nobody")
    assert given == [Pass(first.id, "aisoule", "m1", needed=False), Pass("evt_nobody")]


async def test_a_pass_survives_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    first = await accept(store, "m1")
    await let(store, first.id)
    await store.close()
    store = await open_store()
    [second] = await store.accept([new_event("m1")])
    assert second.repeats == first.id


# --- windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("window_ms", "duplicate"), [(DAY, False), (3 * DAY, True)])
async def test_the_window_of_the_present_configuration_counts(store: Store, window_ms: int, *, duplicate: bool) -> None:
    await accept(store, "m1")
    [later] = await store.accept([replace(new_event("m1", at_ms=NOW + 2 * DAY), dedupe_ms=window_ms)])
    assert later.duplicate is duplicate

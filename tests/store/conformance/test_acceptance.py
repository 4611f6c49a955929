import asyncio
from dataclasses import replace

import pytest

from bridge.store.protocol import Store
from tests.canaries import EMOJI_TEXT
from tests.store.examples import DAY, NOW, accept, claim, new_event, plan


async def test_an_accepted_event_is_stored_as_it_came(store: Store) -> None:
    new = replace(
        new_event("m1"), content=EMOJI_TEXT.encode() + b"\x00\xff", item=3, parent=b'{"items": []}', place=("items", 3)
    )
    [answer] = await store.accept([new])
    row = await store.event(answer.id)
    assert row is not None
    assert row.event == answer.event
    assert (row.event.content, row.event.parent, row.event.item) == (new.content, new.parent, 3)
    assert row.event.place == ("items", 3)
    assert (row.event.headers, row.event.query) == (new.headers, new.query)
    assert not row.routed


async def test_the_sequence_is_the_order_of_acceptance(store: Store) -> None:
    answers = await store.accept([new_event(f"m{number}") for number in range(150)])
    seqs = [answer.event.seq for answer in answers if answer.event]
    assert len(seqs) == 150
    assert seqs == sorted(set(seqs))
    found = await store.unrouted(after_seq=0, limit=1000)
    assert [event.event_id for event in found] == [f"m{number}" for number in range(150)]


async def test_a_repeat_is_a_duplicate_with_the_first_events_id(store: Store) -> None:
    first = await accept(store, "m1")
    [again] = await store.accept([new_event("m1", at_ms=NOW + 5)])
    assert (again.id, again.duplicate, again.differs, again.event) == (first.id, True, False, None)
    assert (await store.books()).accepted == 1


async def test_of_two_equal_ids_in_one_request_the_second_is_the_duplicate(store: Store) -> None:
    first, second, other = await store.accept([new_event("m1"), new_event("m1"), new_event("m2")])
    assert (first.duplicate, second.duplicate, other.duplicate) == (False, True, False)
    assert second.id == first.id != other.id


async def test_other_bytes_under_a_known_id_are_told_and_the_first_wins(store: Store) -> None:
    first = await accept(store, "m1")
    [again] = await store.accept([new_event("m1", content=b"other")])
    assert again.duplicate
    assert again.differs
    row = await store.event(first.id)
    assert row is not None
    assert row.event.content == first.content


async def test_the_same_id_of_another_source_is_another_event(store: Store) -> None:
    await accept(store, "m1")
    [other] = await store.accept([new_event("m1", source="orders")])
    assert not other.duplicate


@pytest.mark.parametrize(("later_ms", "duplicate"), [(8 * DAY - 3_600_000, True), (8 * DAY, False)])
async def test_an_id_is_a_duplicate_until_its_window_is_over(store: Store, later_ms: int, *, duplicate: bool) -> None:
    first = await accept(store, "m1")
    [again] = await store.accept([new_event("m1", at_ms=NOW + later_ms)])
    assert again.duplicate is duplicate
    [third] = await store.accept([new_event("m1", at_ms=NOW + later_ms + 1)])
    assert third.duplicate
    assert third.id == (first.id if duplicate else again.id)


async def test_a_clock_that_went_back_does_not_end_the_window(store: Store) -> None:
    await accept(store, "m1", at_ms=NOW)
    [again] = await store.accept([new_event("m1", at_ms=NOW - DAY)])
    assert again.duplicate


async def test_of_five_hundred_copies_at_once_one_is_stored(store: Store) -> None:
    answers = await asyncio.gather(*(store.accept([new_event("m1")]) for _ in range(500)))
    assert len({answer.id for [answer] in answers}) == 1
    assert sum(not answer.duplicate for [answer] in answers) == 1
    assert len(await store.events(limit=10)) == 1


async def test_a_request_that_cannot_be_stored_spoils_no_other(store: Store) -> None:
    broken = replace(new_event("bad"), received_at_ms=2**70)
    results = await asyncio.gather(
        store.accept([new_event("m1"), broken]), store.accept([new_event("m2")]), return_exceptions=True
    )
    assert isinstance(results[0], Exception)
    assert not isinstance(results[1], BaseException)
    assert [row.event.event_id for row in await store.events(limit=10)] == ["m2"]


async def test_the_parent_of_a_split_request_comes_back_with_each_item(store: Store) -> None:
    items = [
        replace(new_event(f"m{number}"), parent=b"whole", item=number, place=("a", number, "b")) for number in range(3)
    ]
    await store.accept(items)
    found = await store.unrouted(after_seq=0, limit=9)
    assert [(event.parent, event.item, event.place) for event in found] == [
        (b"whole", number, ("a", number, "b")) for number in range(3)
    ]


async def test_the_events_of_one_request_share_its_body_wherever_they_are_read(store: Store) -> None:
    items = [replace(new_event(f"m{number}"), parent=b"whole" * 99, place=(number,)) for number in range(3)]
    await store.accept(items)
    waiting = await store.unrouted(after_seq=0, limit=9)
    await store.route([(event.seq, [plan(key=None)]) for event in waiting], now_ms=NOW)
    claims = await claim(store, limit=3)
    rows = await store.events(limit=9)
    for events in (waiting, [each.event for each in claims], [row.event for row in rows]):
        assert len(events) == 3
        assert {id(event.parent) for event in events} == {id(events[0].parent)}
        assert events[0].parent == b"whole" * 99


async def test_unrouted_events_are_paged_in_order_and_leave_when_routed(store: Store) -> None:
    events = [await accept(store, f"m{number}") for number in range(4)]
    await store.route([(events[1].seq, [plan()])], now_ms=NOW)
    await store.route([(events[2].seq, [])], now_ms=NOW)
    assert await store.unrouted(after_seq=0, limit=1) == [events[0]]
    assert await store.unrouted(after_seq=events[0].seq, limit=9) == [events[3]]


async def test_events_are_listed_newest_first_by_source_and_type(store: Store) -> None:
    await store.accept([new_event("m1"), new_event("o1", source="orders"), new_event("m2")])
    rows = await store.events(limit=10)
    assert [row.event.event_id for row in rows] == ["m2", "o1", "m1"]
    assert [row.event.event_id for row in await store.events(limit=9, source="orders")] == ["o1"]
    assert await store.events(limit=9, type_="message.read") == []
    before = rows[0].event.seq
    assert [row.event.event_id for row in await store.events(limit=1, before_seq=before)] == ["o1"]


async def test_an_unknown_event_is_none(store: Store) -> None:
    assert await store.event("evt_nobody") is None


async def test_an_empty_request_is_answered_with_nothing(store: Store) -> None:
    assert await store.accept([]) == []

import asyncio

import pytest

from bridge.errors import UsageError
from bridge.model import Claim, DeliveryState, NewDelivery
from bridge.store.protocol import DeliveryFilter, Store
from tests.store.examples import DEATH, LEASE, NOW, accept, bring, claim, finish, plan, sender_ids, states


async def test_routing_twice_changes_nothing(store: Store) -> None:
    event = await accept(store, "m1")
    [first] = await store.route([(event.seq, [plan("a"), plan("b")])], now_ms=NOW)
    [second] = await store.route([(event.seq, [plan("c")])], now_ms=NOW)
    assert (first.fresh, second.fresh) == (True, False)
    assert second.wake == frozenset()
    assert {found.rule for found in await store.deliveries(DeliveryFilter())} == {"a", "b"}


async def test_of_two_routings_at_once_one_counts(store: Store) -> None:
    event = await accept(store, "m1")
    results = await asyncio.gather(*(store.route([(event.seq, [plan()])], now_ms=NOW) for _ in range(20)))
    assert sum(routed.fresh for [routed] in results) == 1
    assert await states(store) == [DeliveryState.PENDING]


async def test_an_event_that_does_not_exist_cannot_be_routed(store: Store) -> None:
    with pytest.raises(UsageError):
        await store.route([(77, [])], now_ms=NOW)


async def test_an_event_without_deliveries_is_unmatched(store: Store) -> None:
    routed = await bring(store, "m1")
    [row] = await store.events(limit=9)
    assert (routed.fresh, row.routed, row.deliveries) == (True, True, {})
    books = await store.books()
    assert (books.accepted, books.routed, books.unrouted, books.unmatched) == (1, 0, 0, 1)


async def test_routing_keeps_skipped_and_dead_deliveries_with_their_reasons(store: Store) -> None:
    skipped = NewDelivery("s", "r1", state=DeliveryState.SKIPPED, reason="`if` is false")
    dead = NewDelivery("d", "r1", state=DeliveryState.DEAD, death=DEATH)
    routed = await bring(store, "m1", plan("p"), skipped, dead)
    assert routed.dead == 1
    assert routed.wake == {"hubspot"}
    [row] = await store.events(limit=1)
    assert row.deliveries == {
        "p": DeliveryState.PENDING,
        "s": DeliveryState.SKIPPED,
        "d": DeliveryState.DEAD,
    }
    [found] = await store.deliveries(DeliveryFilter(rule="s"))
    assert (found.reason, found.settled_at_ms) == ("`if` is false", NOW)
    [letter] = await store.unexported_dead_letters(limit=9)
    assert (letter.rule, letter.death, letter.attempts) == ("d", DEATH, 0)


async def test_a_delivery_row_says_what_routing_decided(store: Store) -> None:
    event = await accept(store, "m1")
    await store.route([(event.seq, [plan(lanes=("hubspot", "zendesk"), recall={"user": "k"})])], now_ms=NOW)
    [found] = await store.deliveries(DeliveryFilter(event=event.id))
    assert (found.event_seq, found.event_id, found.state) == (event.seq, event.id, DeliveryState.PENDING)
    assert (found.lanes, found.recall, found.links) == (("hubspot", "zendesk"), {"user": "k"}, None)
    assert (found.attempts, found.generation, found.created_at_ms, found.due_at_ms) == (0, 0, NOW, NOW)
    assert (found.progress, found.stepped_aside, found.settled_at_ms) == ({}, False, None)


async def test_deliveries_are_listed_newest_first_by_what_they_are(store: Store) -> None:
    await bring(store, "m1", plan("a"), plan("b", destination="zendesk"))
    await bring(store, "m2", plan("a"))
    rows = await store.deliveries(DeliveryFilter())
    assert [found.rule for found in rows] == ["a", "b", "a"]
    assert await store.deliveries(DeliveryFilter(destination="zendesk")) == [rows[1]]
    assert await store.deliveries(DeliveryFilter(states=[DeliveryState.DONE])) == []
    assert await store.deliveries(DeliveryFilter(ids=[rows[2].id], rule="other")) == [rows[2]]
    assert await store.deliveries(DeliveryFilter(before_seq=rows[0].seq, limit=1)) == [rows[1]]
    assert await store.deliveries(DeliveryFilter(event=rows[0].event_id)) == [rows[0]]


async def test_many_events_are_routed_together_in_the_order_given(store: Store) -> None:
    events = [await accept(store, f"m{number}") for number in range(150)]
    routed = await store.route([(event.seq, [plan()]) for event in events], now_ms=NOW)
    assert [one.wake for one in routed] == [{"hubspot"}] + [frozenset()] * 149
    assert sender_ids(await claim(store)) == ["m0"]
    for number in range(1, 4):
        await finish(store, await _head(store))
        assert sender_ids(await claim(store, limit=1)) == [f"m{number}"]
    assert await store.check_books() == []


async def _head(store: Store) -> Claim:
    """The one that runs, taken over once its lease is over."""
    [claimed] = await claim(store, at_ms=NOW + LEASE)
    return claimed


async def test_an_event_that_was_routed_before_is_left_out_of_many(store: Store) -> None:
    first, second = await accept(store, "m1"), await accept(store, "m2")
    await store.route([(first.seq, [plan("a")])], now_ms=NOW)
    routed = await store.route([(first.seq, [plan("b")]), (second.seq, []), (second.seq, [plan()])], now_ms=NOW)
    assert [one.fresh for one in routed] == [False, True, False]
    assert len(await states(store)) == 1
    books = await store.books()
    assert (books.routed, books.unmatched, books.unrouted) == (1, 1, 0)


async def test_one_unknown_event_refuses_all_of_one_call_and_none_of_another(store: Store) -> None:
    first, second = await accept(store, "m1"), await accept(store, "m2")
    results = await asyncio.gather(
        store.route([(first.seq, [plan("a")]), (77, [])], now_ms=NOW),
        store.route([(second.seq, [plan("b")])], now_ms=NOW),
        return_exceptions=True,
    )
    assert isinstance(results[0], UsageError)
    assert [found.rule for found in await store.deliveries(DeliveryFilter())] == ["b"]
    assert (await store.books()).unrouted == 1


async def test_windows_and_lanes_keep_their_order_within_one_call(store: Store) -> None:
    events = [await accept(store, f"m{number}") for number in range(4)]
    window = plan("s", window=("g", 1000))
    plans = [[window], [plan("l")], [window], [plan("l")]]
    routed = await store.route([(event.seq, some) for event, some in zip(events, plans, strict=True)], now_ms=NOW)
    assert [one.window_ends_ms for one in routed] == [NOW + 1000, None, NOW + 1000, None]
    found = await store.deliveries(DeliveryFilter())
    assert [(one.rule, one.state) for one in reversed(found)] == [
        ("s", DeliveryState.SUPERSEDED),
        ("l", DeliveryState.PENDING),
        ("s", DeliveryState.PENDING),
        ("l", DeliveryState.PENDING),
    ]
    assert sender_ids(await claim(store)) == ["m1"]


async def test_an_empty_call_does_nothing(store: Store) -> None:
    assert await store.route([], now_ms=NOW) == []

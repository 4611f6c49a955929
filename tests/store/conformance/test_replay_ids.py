"""A request's own id is good for one body: kept in the commit of its events, per source, for its time."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from bridge.errors import Replayed
from bridge.model import Accepted
from bridge.store.protocol import ReplayId, Store
from tests.store.conftest import OpenStore
from tests.store.examples import NOW, new_event

KEEP = 600_000


def once(
    body: bytes = b"one", *, id_: str = "msg_1", at_ms: int = NOW, source: str = "aisoule", keep_ms: int = KEEP
) -> ReplayId:
    return ReplayId(source, id_, keep_ms, sha256(body).digest(), at_ms)


async def take(
    store: Store,
    body: bytes = b"one",
    *,
    event_id: str = "m1",
    at_ms: int = NOW,
    source: str = "aisoule",
    id_: str = "msg_1",
) -> Accepted:
    new = new_event(event_id, at_ms=at_ms, content=body, source=source)
    [answer] = await store.accept([new], once=once(body, at_ms=at_ms, source=source, id_=id_))
    return answer


async def names(store: Store) -> list[str]:
    return [row.event.event_id for row in await store.events(limit=999)]


async def test_the_same_id_with_other_bytes_is_refused_and_nothing_is_stored(store: Store) -> None:
    await take(store)
    with pytest.raises(Replayed):
        await take(store, b"other", event_id="m2", at_ms=NOW + KEEP - 1)
    assert await names(store) == ["m1"]
    assert (await store.books()).accepted == 1


async def test_the_same_id_with_the_same_bytes_is_a_retry(store: Store) -> None:
    first = await take(store)
    again = await take(store, at_ms=NOW + 5)
    assert (again.duplicate, again.id) == (True, first.id)


async def test_a_retry_is_a_duplicate_for_as_long_as_the_id_is_kept(store: Store) -> None:
    """Also where the events' own window is shorter: the bytes of a token that is used up are nothing new."""
    new = replace(new_event("m1", content=b"one"), dedupe_ms=1)
    [first] = await store.accept([new], once=once())
    [again] = await store.accept([replace(new, received_at_ms=NOW + 50)], once=once(at_ms=NOW + 50))
    assert (again.duplicate, again.id) == (True, first.id)
    [other] = await store.accept([replace(new, received_at_ms=NOW + 50)], once=once(id_="msg_2", at_ms=NOW + 50))
    assert not other.duplicate


@pytest.mark.parametrize("later_ms", [KEEP, KEEP + 1])
async def test_after_its_time_the_id_is_good_again(store: Store, later_ms: int) -> None:
    await take(store)
    assert not (await take(store, b"other", event_id="m2", at_ms=NOW + later_ms)).duplicate
    with pytest.raises(Replayed):
        await take(store, b"one", event_id="m1", at_ms=NOW + later_ms + 1)


async def test_each_source_has_ids_of_its_own(store: Store) -> None:
    await take(store)
    assert not (await take(store, b"other", source="orders")).duplicate


async def test_an_id_is_kept_by_the_commit_of_its_events_and_over_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    broken = replace(new_event("m1"), received_at_ms=2**70)
    with pytest.raises(Exception, match=r"."):
        await store.accept([broken], once=once(b"broken"))
    await take(store, b"other")  # the first commit never happened, so its id is not used up
    await store.close()
    store = await open_store()
    with pytest.raises(Replayed):
        await take(store, b"broken", event_id="m2")


async def test_of_copies_at_once_one_is_stored_and_of_two_bodies_at_once_one_is_refused(store: Store) -> None:
    copies = await asyncio.gather(*(take(store) for _ in range(50)))
    assert sum(not answer.duplicate for answer in copies) == 1
    rivals = [take(store, bytes([number]), event_id=f"m{number}", id_="msg_2") for number in range(11, 19)]
    results = await asyncio.gather(*rivals, return_exceptions=True)
    assert sum(isinstance(result, Replayed) for result in results) == 7
    assert [result.duplicate for result in results if isinstance(result, Accepted)] == [False]
    assert len(await names(store)) == 2


async def test_a_refusal_spoils_no_other_request_of_the_same_commit(store: Store) -> None:
    await take(store)
    other = store.accept([new_event("m3")])
    results = await asyncio.gather(take(store, b"other", event_id="m2"), other, return_exceptions=True)
    assert isinstance(results[0], Replayed)
    assert await names(store) == ["m3", "m1"]


async def test_a_heartbeat_without_events_uses_its_id_up_too(store: Store) -> None:
    assert await store.accept([], once=once(b"[]")) == []
    with pytest.raises(Replayed):
        await take(store)


async def test_a_repeat_that_a_person_let_in_may_have_its_old_id(store: Store) -> None:
    first = await take(store)
    await store.let_through([first.id], until_ms=NOW + 1000)
    again = await take(store)
    assert (again.duplicate, again.repeats) == (False, first.id)


@pytest.mark.parametrize("id_", ["", "é" * 10_000, "\ud800", "a\x00b"])
async def test_an_id_may_be_any_text(store: Store, id_: str) -> None:
    await take(store, id_=id_)
    with pytest.raises(Replayed):
        await take(store, b"other", id_=id_)


async def test_ids_are_forgotten_when_their_time_is_over(store: Store) -> None:
    for number in range(3):
        await store.accept([], once=once(id_=f"msg_{number}"))
    kept = [(NOW + KEEP - 1, 0), (NOW + KEEP, 2), (NOW + KEEP, 1), (NOW + KEEP, 0)]
    for now_ms, gone in kept:
        pruned = await store.prune(done_before_ms=0, dead_before_ms=0, seen_before_ms=0, limit=2, now_ms=now_ms)
        assert pruned.replay_ids == gone

"""Secrets that senders bring: taken once for each window, kept over restarts, shown once, retired by number."""

import asyncio

from bridge.store.protocol import Store
from bridge.store.secrets import Learning
from tests.store.conftest import OpenStore
from tests.store.examples import NOW

SECRET = "a-hook-secret-0123456789abcdef"
OTHER = "another-hook-secret-0123456789"


async def learn(
    store: Store, secret: str = SECRET, *, now_ms: int = NOW, most: int = 8, source: str = "asana"
) -> Learning:
    return await store.learn(source, secret, now_ms=now_ms, most=most)


async def kept(store: Store, source: str = "asana") -> list[str]:
    found = (await store.learned()).get(source)
    return [secret.value for secret in found.secrets] if found else []


async def test_without_a_window_nothing_is_learned(store: Store) -> None:
    assert await learn(store) is Learning.CLOSED
    await store.open_window("notion", NOW + 1)
    assert await learn(store) is Learning.CLOSED
    assert await kept(store) == []


async def test_a_window_takes_one_secret_and_is_closed(store: Store) -> None:
    await store.open_window("asana", NOW + 1)
    assert await learn(store) is Learning.LEARNED
    assert (await store.learned())["asana"].closes_at_ms is None
    assert await learn(store, OTHER) is Learning.CLOSED
    assert await kept(store) == [SECRET]


async def test_a_window_ends_at_its_time_and_when_it_is_closed(store: Store) -> None:
    await store.open_window("asana", NOW)
    assert await learn(store) is Learning.CLOSED
    await store.open_window("asana", NOW + 1)
    assert (await store.learned())["asana"].closes_at_ms == NOW + 1
    await store.open_window("asana", None)
    assert await learn(store) is Learning.CLOSED
    assert await store.learned() == {}


async def test_of_two_at_once_one_is_taken(store: Store) -> None:
    await store.open_window("asana", NOW + 1)
    results = await asyncio.gather(learn(store, SECRET), learn(store, OTHER))
    assert sorted(results) == [Learning.CLOSED, Learning.LEARNED]
    assert len(await kept(store)) == 1


async def test_what_is_kept_already_is_known_with_the_window_closed_and_leaves_an_open_one_alone(store: Store) -> None:
    await store.open_window("asana", NOW + 1)
    await learn(store)
    assert await learn(store) is Learning.KNOWN
    await store.open_window("asana", NOW + 1)
    assert await learn(store) is Learning.KNOWN
    assert (await store.learned())["asana"].closes_at_ms == NOW + 1
    assert await kept(store) == [SECRET]


async def test_a_secret_is_added_beside_older_ones_up_to_the_bound(store: Store) -> None:
    for number in range(2):
        await store.open_window("asana", NOW + 1)
        assert await learn(store, f"{SECRET}-{number}", most=2) is Learning.LEARNED
    await store.open_window("asana", NOW + 1)
    assert await learn(store, OTHER, most=2) is Learning.FULL
    assert await kept(store) == [f"{SECRET}-1", f"{SECRET}-0"]
    assert (await store.learned())["asana"].closes_at_ms == NOW + 1


async def test_secrets_and_windows_survive(open_store: OpenStore) -> None:
    store = await open_store()
    await store.open_window("asana", NOW + 1)
    await learn(store)
    await store.open_window("notion", NOW + 2)
    before = await store.learned()
    await store.close()
    store = await open_store()
    assert await store.learned() == before
    assert await learn(store, source="notion") is Learning.LEARNED


async def test_a_secret_is_marked_when_it_is_shown_and_the_first_mark_stays(store: Store) -> None:
    assert await store.show_secret("asana", now_ms=NOW) is None
    for secret in (SECRET, OTHER):
        await store.open_window("asana", NOW + 1)
        await learn(store, secret)
    first = await store.show_secret("asana", now_ms=NOW)
    assert first is not None
    assert (first.value, first.shown_at_ms) == (OTHER, None)
    again = await store.show_secret("asana", now_ms=NOW + 9)
    assert again is not None
    assert again.shown_at_ms == NOW
    older = (await store.learned())["asana"].secrets[1]
    assert (older.value, older.shown_at_ms) == (SECRET, None)


async def test_secrets_are_retired_by_number_and_numbers_never_come_back(store: Store) -> None:
    numbers = []
    for secret in (SECRET, OTHER):
        await store.open_window("asana", NOW + 1)
        await learn(store, secret)
        numbers.append((await store.learned())["asana"].secrets[0].number)
    assert await store.retire_secrets("notion", numbers) == 0
    assert await store.retire_secrets("asana", [numbers[1], 999]) == 1
    assert await kept(store) == [SECRET]
    await store.open_window("asana", NOW + 1)
    await learn(store, OTHER)
    assert (await store.learned())["asana"].secrets[0].number > numbers[1]


async def test_no_repr_shows_a_secret(store: Store) -> None:
    await store.open_window("asana", NOW + 1)
    await learn(store)
    assert SECRET not in repr(await store.learned())

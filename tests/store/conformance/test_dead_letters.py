from dataclasses import replace

from bridge.model import DeadKind
from bridge.store.protocol import DeadLetterFilter, Store
from tests.store.examples import DEATH, NOW, bring, claim, claim_one, delivery, kill, plan

CONFIG = replace(DEATH, kind=DeadKind.CONFIG, fingerprint="config:rule", request=None, response=None, step=None)


async def bury(store: Store) -> list[str]:
    """Three dead deliveries, one minute apart; returns their ids, oldest first."""
    ids = []
    for number, death in enumerate([DEATH, CONFIG, DEATH]):
        await bring(store, f"m{number}", plan(f"rule-{number}", key=None))
        claimed = await claim_one(store)
        await kill(store, claimed, at_ms=NOW + number * 60_000, death=death)
        ids.append(claimed.delivery.id)
    return ids


async def test_a_dead_letter_tells_everything(store: Store) -> None:
    ids = await bury(store)
    letters = await store.dead_letters(DeadLetterFilter())
    assert [letter.delivery for letter in letters] == ids
    assert [letter.death for letter in letters] == [DEATH, CONFIG, DEATH]
    assert [letter.event.event_id for letter in letters] == ["m0", "m1", "m2"]
    assert [letter.at_ms - NOW for letter in letters] == [0, 60_000, 120_000]


async def test_dead_letters_are_found_by_what_they_are(store: Store) -> None:
    ids = await bury(store)

    async def found(where: DeadLetterFilter) -> list[str]:
        return [letter.delivery for letter in await store.dead_letters(where)]

    assert await found(DeadLetterFilter(kind=DeadKind.CONFIG)) == [ids[1]]
    assert await found(DeadLetterFilter(rule="rule-2")) == [ids[2]]
    assert await found(DeadLetterFilter(fingerprint=DEATH.fingerprint)) == [ids[0], ids[2]]
    assert await found(DeadLetterFilter(since_ms=NOW + 60_000)) == ids[1:]
    assert await found(DeadLetterFilter(until_ms=NOW + 60_000)) == ids[:1]
    assert await found(DeadLetterFilter(limit=2)) == ids[:2]
    assert await found(DeadLetterFilter(ids=[ids[2], ids[0]], kind=DeadKind.CONFIG)) == [ids[0], ids[2]]


async def test_an_exported_letter_is_not_exported_again(store: Store) -> None:
    ids = await bury(store)
    assert [letter.delivery for letter in await store.unexported_dead_letters(limit=2)] == ids[:2]
    await store.mark_exported(ids[:2])
    assert [letter.delivery for letter in await store.unexported_dead_letters(limit=9)] == ids[2:]


async def test_a_replay_exports_nothing_and_a_second_death_exports_again(store: Store) -> None:
    await bring(store, "m1", plan())
    claimed = await claim_one(store)
    await kill(store, claimed)
    await store.mark_exported([claimed.delivery.id])
    await store.replay(claimed.delivery.id, plan(), {}, now_ms=NOW)
    assert await store.unexported_dead_letters(limit=9) == []
    [again] = await claim(store)
    await kill(store, again, at_ms=NOW + 1)
    [letter] = await store.unexported_dead_letters(limit=9)
    assert (letter.delivery, letter.at_ms) == ((await delivery(store)).id, NOW + 1)


async def test_dead_letters_are_counted_by_what_they_are(store: Store) -> None:
    ids = await bury(store)
    assert await store.count_dead_letters(DeadLetterFilter(limit=1)) == 3
    assert await store.count_dead_letters(DeadLetterFilter(kind=DeadKind.CONFIG)) == 1
    assert await store.count_dead_letters(DeadLetterFilter(fingerprint=DEATH.fingerprint, until_ms=NOW + 1)) == 1
    assert await store.count_dead_letters(DeadLetterFilter(ids=[ids[0], "dlv_nobody"])) == 1


async def test_dead_letters_are_read_page_by_page_while_they_are_replayed(store: Store) -> None:
    for number in range(7):
        await bring(store, f"m{number}", plan(key=None))
    for claimed in await claim(store):
        await kill(store, claimed, at_ms=NOW + claimed.delivery.seq // 3)
    seen: list[str] = []
    after: tuple[int, str] | None = None
    while page := await store.dead_letters(DeadLetterFilter(limit=2, after=after)):
        seen += [letter.event.event_id for letter in page]
        after = (page[-1].at_ms, page[-1].delivery)
        for letter in page:
            await store.replay(letter.delivery, plan(key=None), {}, now_ms=NOW)
    assert seen == [f"m{number}" for number in range(7)]
    assert await store.count_dead_letters(DeadLetterFilter()) == 0

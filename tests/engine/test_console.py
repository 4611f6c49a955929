"""What a person may ask and decide."""

from typing import Any

import pytest

from bridge.engine.console import MAX_ROWS, Query
from bridge.errors import UsageError
from bridge.model import LinkWrite
from bridge.sandbox import FaultKind
from tests.engine.world import ORDER_RULE, World


async def refuse(world: World, *numbers: int) -> list[str]:
    world.fault(FaultKind.STATUS, status=422, times=len(numbers))
    for number in numbers:
        await world.order(number)
        await world.calm()
    letters: list[Any] = await world.console.dead_letters(Query())
    return [letter["delivery"] for letter in letters]


async def test_a_dry_run_says_what_a_replay_would_do_and_does_nothing(world: World) -> None:
    ids = await refuse(world, 1, 2)
    result = await world.console.replay(Query(), dry_run=True)
    assert result == {"ok": True, "dry_run": True, "replayed": ids, "refused": []}
    assert await world.states() == ["dead", "dead"]


async def test_only_what_is_chosen_is_replayed(world: World) -> None:
    first, second = await refuse(world, 1, 2)
    await world.console.replay(Query(ids=(second,)), dry_run=False)
    await world.settle()
    assert await world.states() == ["dead", "done"]
    assert (await world.console.replay(Query(fingerprint="another"), dry_run=False))["replayed"] == []
    assert (await world.console.replay(Query(rule="order-to-erp"), dry_run=False))["replayed"] == [first]


async def test_replays_of_one_customer_keep_their_order(world: World) -> None:
    await refuse(world, 1, 2, 3)
    await world.console.replay(Query(), dry_run=False)
    await world.settle()
    assert world.orders() == ["o1", "o2", "o3"]


async def test_a_replay_that_would_die_again_is_refused_and_the_others_go_on(world: World) -> None:
    ids = await refuse(world, 1, 2)
    world.rules = ORDER_RULE.replace("{{ body.customer }}", "{{ ['only o2'][0 if body.id == 'o2' else 5] }}")
    await world.reload()
    result: Any = await world.console.replay(Query(), dry_run=False)
    assert not result["ok"]
    assert result["replayed"] == ids[1:]
    assert [refused["delivery"] for refused in result["refused"]] == ids[:1]


async def test_a_replay_without_its_rule_is_refused(world: World) -> None:
    await refuse(world, 1)
    world.rules = ORDER_RULE.replace("orders/*", "orders/cancelled")
    await world.reload()
    result: Any = await world.console.replay(Query(), dry_run=False)
    assert "not configured, or does not match" in result["refused"][0]["message"]


async def test_a_replay_that_is_replayed_already_is_refused(world: World) -> None:
    [only] = await refuse(world, 1)
    world.fault(FaultKind.STATUS, status=500)
    await world.console.replay(Query(ids=(only,)), dry_run=False)
    with pytest.raises(UsageError):
        await world.console.replay(Query(ids=(only,)), dry_run=False)


async def test_a_replay_has_a_new_key_and_starts_its_patience_anew(world: World) -> None:
    world.fault(FaultKind.STATUS, status=500, times=3)
    world.fault(FaultKind.STATUS, status=422, times=1)
    await world.order(1)
    await world.settle()
    [letter] = await world.letters()
    await world.console.replay(Query(), dry_run=False)
    await world.settle()
    keys = [entry.headers["idempotency-key"] for entry in world.sandbox.journal.of("generic", "POST")]
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]
    shown: Any = await world.console.delivery(letter["delivery"])
    assert (shown["state"], shown["generation"], len(shown["tries"])) == ("done", 1, 5)


async def test_discarding_ends_dead_letters_with_a_reason(world: World) -> None:
    ids = await refuse(world, 1, 2)
    assert await world.console.discard(Query(), "not wanted") == {"ok": True, "discarded": ids}
    rows: list[Any] = await world.console.deliveries(Query())
    assert {(row["state"], row["reason"]) for row in rows} == {("skipped", "not wanted")}
    await world.assert_balanced()


@pytest.mark.parametrize("limit", [0, -1, MAX_ROWS + 1])
async def test_a_limit_out_of_range_is_refused(world: World, limit: int) -> None:
    with pytest.raises(UsageError):
        await world.console.events(Query(limit=limit))


async def test_what_does_not_exist_is_said(world: World) -> None:
    for question in (
        world.console.event("evt_x"),
        world.console.delivery("dlv_x"),
        world.console.retry("dlv_x"),
        world.console.skip("dlv_x", "why"),
        world.console.discard(Query(ids=("dlv_x",)), "why"),
        world.console.dead_letters(Query(kind="x")),
        world.console.deliveries(Query(state="x")),
    ):
        with pytest.raises(UsageError):
            await question


async def test_links_are_listed_by_name_and_key(world: World) -> None:
    await world.store.store.write_links([LinkWrite("ticket", "a", 7), LinkWrite("user", "a", "9")], now_ms=1)
    assert await world.console.links(Query(name="ticket")) == [{"name": "ticket", "key": "a", "value": 7}]
    assert len(await world.console.links(Query(key="a"))) == 2


async def test_the_status_shows_a_hold_and_the_age_of_the_oldest_work(world: World) -> None:
    world.fault(FaultKind.STATUS, status=429, retry_after=60)
    await world.order(1)
    await world.calm()
    world.clock.advance(5_000)
    status: Any = await world.console.status()
    assert status["oldest_open_age_s"] == 5
    assert status["destinations"]["erp"]["held_until"] == "2026-06-02T03:02:40.000Z"
    assert status["destinations"]["hubspot"]["held_until"] is None

"""Events that a person takes in once more, and repeats that a person lets in."""

from typing import Any

import pytest

from bridge.engine.console import Console
from bridge.engine.query import Query, WrongUse
from bridge.sandbox import FaultKind
from tests.engine.world import DAY_MS, ORDER_RULE, World

MINUTE_MS = 60_000


async def replay(world: World, *event_ids: str) -> Any:
    result = await world.console.replay_events(event_ids)
    await world.settle()
    return result


async def counts(world: World) -> dict[str, int]:
    await world.assert_balanced()
    assert await world.store.store.check_books() == []
    return dict((await world.store.store.books()).sources["orders"])


async def test_a_replayed_event_meets_the_rules_as_they_are_now_with_keys_of_its_own(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    world.rules = ORDER_RULE + ORDER_RULE.replace("order-to-erp", "second").replace("/orders", "/more")
    await world.reload()
    result = await replay(world, first.id)
    [row] = result["replayed"]
    assert (result["ok"], row["repeats"], row["source"], row["type"]) == (True, first.id, "orders", "placed")
    assert world.calls("POST", "/orders") == 2
    assert world.calls("POST", "/more") == 1
    keys = [entry.headers["idempotency-key"] for entry in world.sandbox.journal.of("generic", "POST")]
    assert len(set(keys)) == 3
    shown = await world.console.event(row["event"])
    assert (shown["repeats"], shown["event_id"], shown["body"]) == (
        first.id,
        "o1",
        (await world.console.event(first.id))["body"],
    )
    assert await world.states("order-to-erp") == ["done", "done"]
    assert await counts(world) == {"accepted": 2, "redelivered": 1}


async def test_it_keeps_its_place_in_the_lane_behind_what_came_before(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    world.fault(FaultKind.STATUS, status=503, times=1)
    await world.order(2)
    await world.calm()
    await replay(world, first.id)
    assert world.orders() == ["o1", "o2", "o1"]


async def test_several_are_taken_in_in_the_order_in_which_they_came(world: World) -> None:
    ids = [(await world.order(number)).id for number in range(1, 4)]
    await world.settle()
    result = await replay(world, ids[2], ids[0], ids[2], "evt_nobody", ids[1])
    assert [each["repeats"] for each in result["replayed"]] == [ids[2], ids[0], ids[1]]
    assert result["refused"] == [{"event": "evt_nobody", "message": "there is no event `evt_nobody`"}]
    assert world.orders() == ["o1", "o2", "o3", "o1", "o2", "o3"]


async def test_a_dead_event_that_is_replayed_leaves_the_dead_letter_to_its_own_fate(world: World) -> None:
    world.fault(FaultKind.STATUS, status=422, times=1)
    first = await world.order(1)
    await world.settle()
    assert (await world.order(1)).duplicate  # also after death
    await replay(world, first.id)
    assert await world.states() == ["dead", "done"]
    assert await counts(world) == {"accepted": 2, "redelivered": 1, "duplicates": 1}


async def test_the_next_repeat_of_the_sender_is_a_duplicate_of_the_new_event(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    result = await replay(world, first.id)
    again = await world.order(1)
    assert (again.duplicate, again.id) == (True, result["replayed"][0]["event"])


async def test_without_a_daemon_the_next_start_routes_it(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    await world.stop()
    await world.open()
    store: Any = world.store
    console = Console(store, world.engine.present, world.clock, changed=lambda _: None, runs=False)
    await console.replay_events([first.id])
    assert (await store.store.books()).unrouted == 1
    await world.engine.start()
    await world.settle()
    assert world.orders() == ["o1", "o1"]


async def test_an_event_whose_body_is_gone_says_what_to_do_instead(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    world.clock.advance(int(7.5 * DAY_MS))
    await world.engine._housekeeping.prune()
    [refused] = (await replay(world, first.id))["refused"]
    assert f"the body of `{first.id}` is gone: `store.retention` keeps it for 7d" in refused["message"]
    assert "events replay --next" in refused["message"]
    let: Any = await world.console.let_through([first.id])
    assert [each["event"] for each in let["waiting"]] == [first.id]
    assert not (await world.order(1)).duplicate


async def test_damaged_bytes_are_not_taken_in_again(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    sql = "UPDATE events SET content = x'7b7d'"
    await world.store.store._writer.run(lambda tx: tx.connection.execute(sql).rowcount)
    [refused] = (await replay(world, first.id))["refused"]
    assert "are damaged" in refused["message"]
    assert world.orders() == ["o1"]


async def test_the_senders_next_repeat_is_let_in_once(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    let: Any = await world.console.let_through([first.id])
    assert (let["ok"], let["not_needed"], let["refused"]) == (True, [], [])
    assert let["waiting"] == [{"event": first.id, "source": "orders", "event_id": "o1"}]
    world.clock.advance(15 * MINUTE_MS - 1)
    second = await world.order(1, note="as the sender has it now")
    assert (second.duplicate, second.repeats) == (False, first.id)
    third = await world.order(1)
    assert (third.duplicate, third.id) == (True, second.id)
    await world.settle()
    assert world.sandbox.generic.records[-1].body == {"order": "o1", "note": "as the sender has it now"}
    assert await counts(world) == {"accepted": 2, "redelivered": 1, "duplicates": 1, "differing": 1}


@pytest.mark.parametrize(("within", "minutes"), [("15m", 15), ("1m", 1), ("7d", 7 * 24 * 60)])
async def test_it_is_waited_for_no_longer_than_a_person_says(world: World, within: str, minutes: int) -> None:
    first = await world.order(1)
    await world.console.let_through([first.id], within)
    world.clock.advance(minutes * MINUTE_MS)
    assert (await world.order(1)).duplicate


async def test_what_is_not_remembered_any_more_needs_no_pass(world: World) -> None:
    world.fault(FaultKind.STATUS, status=422)
    first = await world.order(1)
    await world.settle()
    world.clock.advance(9 * DAY_MS)
    await world.engine._housekeeping.prune()  # the dead letter stays for 30 days, the identity for 8
    let: Any = await world.console.let_through([first.id, "evt_nobody"])
    assert (let["waiting"], [each["event"] for each in let["not_needed"]]) == ([], [first.id])
    assert let["refused"] == [{"event": "evt_nobody", "message": "there is no event `evt_nobody`"}]
    assert not (await world.order(1)).duplicate


@pytest.mark.parametrize("within", ["", "soon", "0s", "8d", "-1m"])
async def test_a_time_that_makes_no_sense_is_wrong_use(world: World, within: str) -> None:
    with pytest.raises(WrongUse):
        await world.console.let_through(["evt_1"], within)


@pytest.mark.parametrize("count", [0, 1001])
async def test_no_event_or_too_many_are_wrong_use(world: World, count: int) -> None:
    with pytest.raises(WrongUse, match="from 1 to 1000"):
        await world.console.replay_events([f"evt_{number}" for number in range(count)])


async def test_both_are_audited_without_a_word_that_nobody_knows(world: World) -> None:
    first = await world.order(1)
    await world.settle()
    await replay(world, first.id, "+918856879188")
    await world.console.let_through([first.id, "+918856879188"])
    later, earlier = await world.console.audit(Query())
    assert (earlier["action"], earlier["events"], earlier["count"], earlier["refused"]) == (
        "events.replay",
        [first.id],
        1,
        1,
    )
    assert (later["action"], later["events"], later["count"], later["refused"]) == (
        "events.let_through",
        [first.id],
        1,
        1,
    )

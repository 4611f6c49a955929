"""Replay: one, many, page by page, and what it would send."""

from typing import Any

import pytest

from bridge.engine import replay
from bridge.engine.console import Query, WrongUse
from bridge.errors import UsageError
from bridge.sandbox import FaultKind
from tests.engine.conftest import MakeWorld
from tests.engine.refusals import refuse
from tests.engine.world import ORDER_RULE, World

TWO_STEPS = (
    ORDER_RULE
    + """\
    - id: confirm
      use: erp.post
      with: {path: "/orders/{{ steps.post.id }}/confirm", json: {by: "bridge"}}
"""
)


async def again(world: World, query: Query = Query(), *, dry_run: bool = False, differences: int = 0) -> Any:  # noqa: B008 - frozen
    return await world.console.replay(query, dry_run=dry_run, differences=differences)


# --- which ones ------------------------------------------------------------------------------------------------------


async def test_a_dry_run_counts_by_rule_and_kind_and_does_nothing(world: World) -> None:
    ids = await refuse(world, 1, 2)
    assert await again(world, dry_run=True) == {
        "ok": True,
        "dry_run": True,
        "replayed": ids,
        "refused": [],
        "counts": [{"rule": "order-to-erp", "kind": "rejected", "count": 2}],
        "differences": [],
        "total": 2,
        "next": None,
    }
    assert await world.states() == ["dead", "dead"]


async def test_only_what_is_chosen_is_replayed(world: World) -> None:
    first, second = await refuse(world, 1, 2)
    await again(world, Query(ids=(second,)))
    await world.settle()
    assert await world.states() == ["dead", "done"]
    for none in (Query(fingerprint="another"), Query(kind="mapping"), Query(rule="other"), Query(until="1h")):
        assert (await again(world, none))["replayed"] == []
    assert (await again(world, Query(rule="order-to-erp", since="1h")))["replayed"] == [first]


async def test_a_span_of_time_can_be_chosen(world: World) -> None:
    [first] = await refuse(world, 1)
    world.clock.advance(2 * 3_600_000)
    _, second = await refuse(world, 2)
    assert (await again(world, Query(since="1h"), dry_run=True))["replayed"] == [second]
    assert (await again(world, Query(until="2026-06-02T04:00:00Z"), dry_run=True))["replayed"] == [first]
    with pytest.raises(WrongUse):
        await again(world, Query(since="yesterday"))


async def test_replays_of_one_customer_keep_their_order(world: World) -> None:
    await refuse(world, 1, 2, 3)
    await again(world)
    await world.settle()
    assert world.orders() == ["o1", "o2", "o3"]


async def test_many_go_page_by_page_and_what_dies_again_is_not_taken_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 2)
    ids = await refuse(world, 1, 2, 3, 4, 5)
    world.fault(FaultKind.STATUS, status=422, times=None)
    pages: list[list[str]] = []
    totals: list[int | None] = []
    query = Query(rule="order-to-erp")
    while True:
        await world.console.pause("erp", "so that time passes before they die again")
        page = await again(world, query)
        pages.append(page["replayed"])
        totals.append(page["total"])
        world.clock.advance(10)
        await world.console.resume("erp")
        await world.calm()
        if page["next"] is None:
            break
        query = Query(rule="order-to-erp", after=page["next"])
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert totals == [5, None, None]
    assert await world.states() == ["dead"] * 5
    await world.assert_balanced()


async def test_a_process_that_is_killed_after_a_replay_loses_and_doubles_nothing(world: World) -> None:
    await refuse(world, 1, 2, 3)
    await world.console.pause("erp", "so that the replays still wait when the process ends")
    await again(world, Query(kind="rejected"))
    await world.kill()
    await world.start()
    assert (await again(world))["replayed"] == []  # they are replayed already
    await world.console.resume("erp")
    await world.settle()
    assert world.orders() == ["o1", "o2", "o3"]
    await world.assert_balanced()


@pytest.mark.parametrize("after", ["", "1", "1_2", "1_2_", "x_2_dlv_a", "1_x_dlv_a", "-1_2_dlv_a", "1_2_" + "d" * 200])
async def test_a_cursor_of_nobody_is_wrong_use(world: World, after: str) -> None:
    with pytest.raises(WrongUse):
        await again(world, Query(after=after))


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_a_replay_that_would_die_again_is_refused_and_the_others_go_on(world: World) -> None:
    ids = await refuse(world, 1, 2)
    world.rules = ORDER_RULE.replace("{{ body.customer }}", "{{ ['only o2'][0 if body.id == 'o2' else 5] }}")
    await world.reload()
    result = await again(world)
    assert not result["ok"]
    assert result["replayed"] == ids[1:]
    assert [refused["delivery"] for refused in result["refused"]] == ids[:1]
    assert result["counts"] == [{"rule": "order-to-erp", "kind": "rejected", "count": 1}]


async def test_a_replay_without_its_rule_is_refused(world: World) -> None:
    await refuse(world, 1)
    world.rules = ORDER_RULE.replace("orders/*", "orders/cancelled")
    await world.reload()
    result = await again(world)
    assert "not configured, or does not match" in result["refused"][0]["message"]


async def test_a_replay_that_is_replayed_already_is_refused(world: World) -> None:
    [only] = await refuse(world, 1)
    world.fault(FaultKind.STATUS, status=500)
    await again(world, Query(ids=(only,)))
    with pytest.raises(UsageError):
        await again(world, Query(ids=(only,)))


async def test_a_replay_has_a_new_key_and_starts_its_patience_anew(world: World) -> None:
    world.fault(FaultKind.STATUS, status=500, times=3)
    world.fault(FaultKind.STATUS, status=422, times=1)
    await world.order(1)
    await world.settle()
    [letter] = await world.letters()
    await again(world)
    await world.settle()
    keys = [entry.headers["idempotency-key"] for entry in world.sandbox.journal.of("generic", "POST")]
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]
    shown: Any = await world.console.delivery(letter["delivery"])
    assert (shown["state"], shown["generation"], len(shown["tries"]), shown["replay"]) == ("done", 1, 5, True)


# --- the difference --------------------------------------------------------------------------------------------------


async def test_the_same_rule_would_send_the_same(world: World) -> None:
    await refuse(world, 1)
    [difference] = (await again(world, dry_run=True, differences=1))["differences"]
    assert (difference["diff"], difference["note"]) == ("", None)
    assert difference["old"] == difference["new"]
    assert difference["old_revision"] == difference["new_revision"]


async def test_the_difference_shows_what_the_mended_rule_would_send(world: World) -> None:
    ids = await refuse(world, 1, 2)
    world.rules = ORDER_RULE.replace("/orders,", "/v2/orders,")
    await world.reload()
    before = world.sandbox.journal.seen
    result = await again(world, dry_run=True, differences=1)
    [difference] = result["differences"]
    assert result["replayed"] == ids
    assert difference["delivery"] == ids[0]
    lines = difference["diff"].split("\n")
    assert '-  "url": "/orders"' in lines
    assert '+  "url": "/v2/orders"' in lines
    assert lines[0].startswith("--- sent (rule ")
    assert difference["old_revision"] != difference["new_revision"]
    assert world.sandbox.journal.seen == before
    assert await world.states() == ["dead", "dead"]


async def test_done_steps_stay_done_in_the_difference(make_world: MakeWorld) -> None:
    world = make_world(rules=TWO_STEPS)
    await world.start()
    world.fault(FaultKind.STATUS, status=422, path="*/confirm")
    await world.order(1)
    await world.settle()
    world.rules = TWO_STEPS.replace("by:", "confirmed_by:")
    await world.reload()
    [difference] = (await again(world, dry_run=True, differences=5))["differences"]
    assert (difference["step"], difference["note"]) == ("confirm", None)
    assert difference["new"]["url"] == difference["old"]["url"]
    assert difference["new"]["body"] == {"confirmed_by": "bridge"}


async def test_a_difference_without_a_request_says_why(world: World) -> None:
    await refuse(world, 1)
    for rules, expected in (
        (ORDER_RULE.replace("id: post", "id: put"), "the rule would end without this call"),
        (ORDER_RULE.replace("body.id", "body.idd"), "it would be dead again: "),
    ):
        world.rules = rules
        await world.reload()
        [difference] = (await again(world, dry_run=True, differences=1))["differences"]
        assert difference["new"] is None
        assert difference["note"].startswith(expected)
        assert '-  "url": "/orders"' in difference["diff"]


async def test_a_letter_that_never_sent_anything_shows_the_first_request(make_world: MakeWorld) -> None:
    world = make_world(rules=ORDER_RULE.replace("body.customer", "body.who"))
    await world.start()
    await world.order(1)
    await world.settle()
    world.rules = ORDER_RULE
    await world.reload()
    [difference] = (await again(world, dry_run=True, differences=1))["differences"]
    assert (difference["kind"], difference["step"], difference["old"]) == ("mapping", None, None)
    assert difference["new"]["body"] == {"order": "o1"}
    assert '+  "url": "/orders"' in difference["diff"]


# --- one event -------------------------------------------------------------------------------------------------------


async def test_rerun_starts_the_dead_deliveries_of_an_event(world: World) -> None:
    await refuse(world, 1)
    [event] = await world.console.events(Query())
    result: Any = await world.console.rerun(str(event["id"]))
    await world.settle()
    assert (result["ok"], len(result["replayed"]), result["left"]) == (True, 1, [])
    assert await world.states() == ["done"]


async def test_rerun_leaves_what_is_done_and_force_sends_it_once_more(world: World) -> None:
    accepted = await world.order(1)
    await world.settle()
    left: Any = await world.console.rerun(accepted.id)
    assert (left["replayed"], [each["state"] for each in left["left"]]) == ([], ["done"])
    await world.console.rerun(accepted.id, force=True)
    await world.settle()
    assert world.orders() == ["o1", "o1"]
    keys = [entry.headers["idempotency-key"] for entry in world.sandbox.journal.of("generic", "POST")]
    assert len(set(keys)) == 2
    await world.assert_balanced()


async def test_force_sends_nothing_that_the_rule_leaves_out_now(world: World) -> None:
    accepted = await world.order(1)
    await world.settle()
    world.rules = ORDER_RULE.replace("  key:", "  if: body.id == 'another'\n  key:")
    await world.reload()
    result: Any = await world.console.rerun(accepted.id, force=True)
    assert "nothing would be sent now" in result["refused"][0]["message"]
    assert await world.states() == ["done"]


async def test_rerun_of_one_rule_names_those_that_there_are(world: World) -> None:
    accepted = await world.order(1)
    await world.settle()
    result: Any = await world.console.rerun(accepted.id, rule="order-to-erp", force=True)
    assert len(result["replayed"]) == 1
    with pytest.raises(UsageError, match="`order-to-erp`"):
        await world.console.rerun(accepted.id, rule="order-to-erb")
    with pytest.raises(UsageError, match="there is no event"):
        await world.console.rerun("evt_none")


async def test_force_repeats_a_status_that_only_moves_forward(make_world: MakeWorld) -> None:
    forward = '  only_forward: {order: [placed, paid], by: "{{ body.id }}"}\n  steps:'
    world = make_world(rules=ORDER_RULE.replace("  steps:", forward))
    await world.start()
    accepted = await world.order(1)
    await world.settle()
    await world.console.rerun(accepted.id, force=True)
    await world.settle()
    assert world.orders() == ["o1", "o1"]
    assert await world.states() == ["done"]

"""What a person may ask and decide."""

from typing import Any

import pytest

from bridge.engine.console import MAX_ROWS, Query, WrongUse
from bridge.errors import UsageError
from bridge.model import LinkWrite
from bridge.sandbox import FaultKind
from tests.canaries import PHONE
from tests.engine.conftest import MakeWorld
from tests.engine.refusals import refuse
from tests.engine.world import ORDER_RULE, World


async def test_discarding_ends_dead_letters_with_a_reason(world: World) -> None:
    ids = await refuse(world, 1, 2)
    assert await world.console.discard(Query(), "not wanted") == {"ok": True, "discarded": ids, "refused": []}
    rows: list[Any] = await world.console.deliveries(Query())
    assert {(row["state"], row["reason"]) for row in rows} == {("skipped", "not wanted")}
    await world.assert_balanced()


LINK_RULE = ORDER_RULE.replace("  steps:", '  recall: {ticket: "{{ body.customer }}"}\n  steps:')


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


async def test_lists_say_when_rows_were_left_out(world: World) -> None:
    for number in range(3):
        await world.order(number)
    await world.settle()
    for ask in (world.console.events, world.console.deliveries):
        assert [(len(rows), rows.more) for rows in (await ask(Query(limit=2)), await ask(Query(limit=3)))] == [
            (2, True),
            (3, False),
        ]


async def test_the_status_tells_of_the_books_and_the_daemon(world: World) -> None:
    await world.order(1)
    await world.settle()
    status: Any = await world.console.status()
    assert status["daemon"] is True
    assert status["books"]["balanced"] is True
    assert status["books"]["differences"] == []


async def test_decisions_leave_an_audit_entry_with_who_and_how_many(world: World) -> None:
    first, second = await refuse(world, 1, 2)
    alice = world.console.acting_for("alice")
    await alice.replay(Query(ids=(first,)), dry_run=True)
    await alice.skip(first, "not wanted")
    await world.console.discard(Query(kind="rejected"), "old")
    await alice.pause("erp", "maintenance")
    await alice.resume("erp")
    entries: list[Any] = await world.console.audit(Query())
    assert [(entry["by"], entry["action"]) for entry in entries] == [
        ("alice", "resume"),
        ("alice", "pause"),
        ("admin API", "dead_letters.discard"),
        ("alice", "deliveries.skip"),
    ]
    assert (entries[2]["count"], entries[2]["kind"], entries[2]["reason"]) == (1, "rejected", "old")
    assert (entries[3]["delivery"], entries[3]["at"]) == (first, "2026-06-02T03:01:40.000Z")
    assert second not in str(entries)


async def test_links_are_set_and_forgotten_and_the_audit_holds_no_key(make_world: MakeWorld) -> None:
    world = make_world(rules=LINK_RULE)
    await world.start()
    console = world.console
    assert await console.set_link("ticket", PHONE, 77) == {"ok": True, "before": None}
    assert await console.set_link("ticket", PHONE, "78") == {"ok": True, "before": 77}
    assert await console.links(Query(name="ticket")) == [{"name": "ticket", "key": PHONE, "value": "78"}]
    assert await console.forget_link("ticket", PHONE) == {"ok": True, "before": "78"}
    assert await console.forget_link("ticket", PHONE) == {"ok": True, "before": None}
    entries: list[Any] = await console.audit(Query())
    assert [(entry["action"], entry["name"]) for entry in entries][-1] == ("links.set", "ticket")
    assert PHONE not in str(entries)


async def test_a_link_that_no_rule_knows_is_wrong_use(make_world: MakeWorld) -> None:
    world = make_world(rules=LINK_RULE)
    await world.start()
    with pytest.raises(WrongUse, match="did you mean `ticket`"):
        await world.console.set_link("tickets", "a", 1)

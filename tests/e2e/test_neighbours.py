"""Destinations, rules and configurations that must not stand in each other's way."""

from pathlib import Path
from typing import Any

import pytest

from bridge.engine.query import Query
from bridge.model import DeliveryState
from bridge.sandbox import FaultKind, FaultSpec, Match
from bridge.store.protocol import DeliveryFilter
from tests.e2e.virtual import HOUR_MS, MINUTE_MS, PREAMBLE, VirtualWorld

BOTH = """\
  - name: both
    on: orders/both
    key: "{{ body.customer }}"
    steps:
      - {id: one, use: a.post, with: {path: /one, json: {order: "{{ body.id }}"}}}
      - {id: two, use: b.post, with: {path: /two, json: {order: "{{ body.id }}"}}}
"""


def destination(name: str, more: str = "") -> str:
    return f"""\
  {name}: {{connector: http, base_url: "${{SANDBOX_GENERIC}}", auth: {{type: bearer, token: "${{ERP_TOKEN}}"}},{more}
      allow_private_addresses: true}}
"""


def one_step(rule: str, to: str, on: str = "orders/*", mode: str = "live") -> str:
    return f"""\
  - name: {rule}
    on: {on}
    mode: {mode}
    key: "{{{{ body.customer }}}}"
    steps:
      - {{id: one, use: {to}.post, with: {{path: /{rule}, json: {{order: "{{{{ body.id }}}}"}}}}}}
"""


def configuration(*destinations: str, rules: str) -> str:
    return PREAMBLE + "".join(destinations) + "rules:\n" + rules


def orders(count: int, kind: str = "placed", prefix: str = "o") -> list[dict[str, Any]]:
    return [{"kind": kind, "id": f"{prefix}{each}", "customer": f"{prefix}-c{each}"} for each in range(count)]


SLOW = " limits: {slow: {calls: 1, per: 10s}},"


async def test_deliveries_that_wait_at_a_slow_destination_take_no_place_at_a_fast_one(tmp_path: Path) -> None:
    rules = BOTH + one_step("only", "a", "orders/only")
    async with VirtualWorld(configuration(destination("a"), destination("b", SLOW), rules=rules), tmp_path) as world:
        await world.accept(*orders(400, "both"))
        await world.run_for(5_000)
        before_ms = world.clock.now_ms()

        await world.accept(*orders(20, "only", "p"))
        await world.quiet()

        assert await world.counts("only") == {"done": 20}
        assert world.clock.now_ms() == before_ms


async def test_a_kill_while_the_second_step_waits_forgets_no_answer_to_the_first(tmp_path: Path) -> None:
    async with VirtualWorld(
        configuration(destination("a", SLOW), rules=BOTH.replace("b.post", "a.post")), tmp_path
    ) as world:
        await world.accept(*orders(2, "both"))
        await world.run_for(25_000)
        running = await world.store.deliveries(DeliveryFilter(states=(DeliveryState.RUNNING,)))

        results = [delivery.progress["run"].get("results") for delivery in running]

        assert results
        assert all(results)


async def test_two_destinations_with_more_replays_than_their_share_leave_each_other_asleep(tmp_path: Path) -> None:
    rules = one_step("ra", "a") + one_step("rb", "b")
    async with VirtualWorld(configuration(destination("a"), destination("b"), rules=rules), tmp_path) as world:
        refusing = FaultSpec(fault=FaultKind.STATUS, status=400, match=Match(api="generic"), times=None)
        world.sandbox.faults.add(refusing)
        await world.accept(*orders(150))
        await world.until(world.settled)
        world.sandbox.faults.clear()
        world.sandbox.faults.add(
            FaultSpec(fault=FaultKind.SLOW, delay_ms=5_000, match=Match(api="generic"), times=None)
        )
        for rule in ("ra", "rb"):
            await world.console.replay(Query(rule=rule), dry_run=False)

        await world.until(world.settled)  # the time moves only when nobody is busy any more

        assert await world.counts("ra") == await world.counts("rb") == {"done": 150}


@pytest.mark.parametrize("records", [2, 3])
async def test_records_that_always_fail_reach_their_horizon_however_many_there_are(
    tmp_path: Path, records: int
) -> None:
    async with VirtualWorld(
        configuration(destination("a", " retry: {horizon: 2h},"), rules=one_step("r", "a")), tmp_path
    ) as world:
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=500, match=Match(api="generic"), times=None))
        await world.accept(*orders(records))

        await world.until(world.settled, at_most_ms=4 * HOUR_MS)

        assert await world.counts("r") == {"dead": records}


async def test_who_waits_for_a_limit_of_a_destination_that_is_gone_goes_where_the_rule_goes_now(
    tmp_path: Path,
) -> None:
    limited = destination("a", " limits: {some: {calls: 2, per: 600s, operations: [post]}},")
    async with VirtualWorld(configuration(limited, rules=one_step("r", "a")), tmp_path) as world:
        await world.accept(*orders(20))
        await world.run_for(5_000)
        assert await world.store.queues("a")

        world._text = configuration(destination("b"), rules=one_step("r", "b"))
        await world.restart()
        await world.until(world.settled, at_most_ms=HOUR_MS)

        assert await world.counts("r") == {"done": 20}


async def test_who_waits_for_a_limit_that_a_reload_removes_leaves_at_once(tmp_path: Path) -> None:
    limited = destination("a", " limits: {some: {calls: 2, per: 600s, operations: [post]}},")
    async with VirtualWorld(configuration(limited, rules=one_step("r", "a")), tmp_path) as world:
        await world.accept(*orders(20))
        await world.run_for(5_000)

        await world.reload(configuration(destination("a"), rules=one_step("r", "a")))
        await world.until(world.settled, at_most_ms=MINUTE_MS)

        assert await world.counts("r") == {"done": 20}


async def test_what_was_begun_in_earnest_is_finished_in_earnest(tmp_path: Path) -> None:
    rules = one_step("r", "a")
    async with VirtualWorld(configuration(destination("a"), rules=rules), tmp_path) as world:
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.HALF_BODY, match=Match(api="generic"), times=1))
        await world.accept(*orders(1))
        await world.run_for(1_000)

        await world.reload(configuration(destination("a"), rules=one_step("r", "a", mode="shadow")))
        await world.until(world.settled)

        [delivery] = await world.store.deliveries(DeliveryFilter())
        assert (str(delivery.state), delivery.reason) == ("done", None)
        assert len(world.sandbox.generic.records) == 1


async def test_an_hour_that_an_api_asked_for_is_kept_over_a_kill(tmp_path: Path) -> None:
    async with VirtualWorld(configuration(destination("a"), rules=one_step("r", "a")), tmp_path) as world:
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=3600, times=1))
        await world.accept(*orders(1))
        await world.run_for(2_000)

        notes: Any = await world.store.notes("outlet/a")

        assert notes["outlet/a"]["budgets"]["held_ms"] > 3_590_000

"""What a rule may ask for beyond its steps, each once from an accepted event to the API."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from bridge.model import DeliveryState, Outcome
from bridge.sandbox import FaultKind, FaultSpec
from tests.e2e.load import deliveries_of, failing, order, outcomes
from tests.e2e.virtual import MINUTE_MS, PREAMBLE, SECOND_MS, VirtualWorld

RULE = """\
rules:
  - name: order
    on: orders/*
    key: "{{ body.customer }}"
    MORE
    steps:
      - id: post
        use: erp.post
        STEP
        with: {path: /orders, json: {order: "{{ body.id }}"}}
"""


def rules(more: str = "", step: str = "") -> str:
    """The configuration with one rule; `more` are keys of the rule, `step` keys of its step."""
    return PREAMBLE + RULE.replace("MORE", more or "order: hold").replace("STEP", step or "remember: {}")


def sent(world: VirtualWorld) -> list[Any]:
    """What the API keeps, oldest first."""
    return [record.body["order"] for record in world.sandbox.generic.records]


# --- only_newer ------------------------------------------------------------------------------------------------------


async def test_an_update_older_than_the_last_one_applied_is_superseded(tmp_path: Path) -> None:
    newer = 'only_newer: {by: "{{ body.customer }}", time: "{{ body.at }}"}'
    async with VirtualWorld(rules(newer), tmp_path) as world:
        for number, at in enumerate(("2026-06-02T10:00:00Z", "2026-06-02T12:00:00Z", "2026-06-02T11:00:00Z")):
            await world.accept(order(number, at=at))
            await world.until(world.settled)
        await world.accept(order(3, "another", at="2026-06-02T09:00:00Z"))
        await world.accept(order(4, at="2026-06-02T12:00:00Z"))
        await world.until(world.settled)

        assert sent(world) == ["o0", "o1", "o3", "o4"]
        assert await world.counts("order") == {"done": 4, "superseded": 1}
        late = (await deliveries_of(world, "order"))[2]
        assert late.state is DeliveryState.SUPERSEDED
        assert late.reason


async def test_what_waits_behind_a_failing_newer_update_is_not_superseded_by_it(tmp_path: Path) -> None:
    newer = 'only_newer: {by: "{{ body.customer }}", time: "{{ body.at }}"}'
    async with VirtualWorld(rules(newer), tmp_path) as world:
        failing(world, 400, body_contains='"o0"')
        await world.accept(order(0, at="2026-06-02T12:00:00Z"), order(1, at="2026-06-02T11:00:00Z"))
        await world.until(world.settled)

        assert sent(world) == ["o1"]
        assert await world.counts("order") == {"done": 1, "dead": 1}


# --- for_each --------------------------------------------------------------------------------------------------------

LINES = (
    PREAMBLE
    + """\
rules:
  - name: lines
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - id: line
        for_each: "{{ body.lines }}"
        use: erp.post
        with: {path: /lines, json: {order: "{{ item.sku }}", number: "{{ index }}"}}
      - id: after
        use: erp.post
        with: {path: /after, json: {order: "{{ body.id }}", lines: "{{ steps.line['items'] | length }}"}}
"""
)


async def test_every_item_of_a_list_is_one_call_and_a_failure_goes_on_at_its_item(tmp_path: Path) -> None:
    async with VirtualWorld(LINES, tmp_path) as world:
        world.sandbox.faults.add(FaultSpec.model_validate({"fault": "status", "match": {"body_contains": "sku-2"}}))

        await world.accept(order(1, lines=[{"sku": f"sku-{number}"} for number in range(4)]))
        await world.until(world.settled)

        assert sent(world) == ["sku-0", "sku-1", "sku-2", "sku-3", "o1"]
        assert world.sandbox.generic.records[-1].body["lines"] == 4
        assert len(world.sandbox.journal) == 6
        assert await world.counts("lines") == {"done": 1}


async def test_a_restart_goes_on_after_the_items_that_are_done(tmp_path: Path) -> None:
    async with VirtualWorld(LINES, tmp_path) as world:
        failing(world, 503, body_contains="sku-2")
        await world.accept(order(1, lines=[{"sku": f"sku-{number}"} for number in range(4)]))
        await world.quiet()

        world.sandbox.faults.clear()
        await world.restart()
        await world.until(world.settled)

        assert sent(world) == ["sku-0", "sku-1", "sku-2", "sku-3", "o1"]
        assert world.sandbox.generic.repeats == 0


# --- mode: shadow ----------------------------------------------------------------------------------------------------


async def test_a_rule_in_shadow_renders_its_requests_and_sends_none(tmp_path: Path) -> None:
    async with VirtualWorld(rules("mode: shadow"), tmp_path) as world:
        await world.accept(order(1), order(2))
        await world.until(world.settled)

        assert len(world.sandbox.journal) == 0
        assert await world.counts("order") == {"done": 2}
        first, _ = await deliveries_of(world, "order")
        [attempt] = await world.store.attempts(first.id)
        assert attempt.code == "shadow"
        assert attempt.request["method"] == "POST"
        assert "o1" in str(attempt.request)


# --- retry and timeout -----------------------------------------------------------------------------------------------


async def test_a_rules_own_retry_wins_over_its_destinations(tmp_path: Path) -> None:
    async with VirtualWorld(rules("retry: {schedule: [60s], horizon: 10m}"), tmp_path) as world:
        begun_ms = world.clock.now_ms()
        failing(world, 500)

        await world.accept(order(1))
        await world.until(world.settled)

        at_ms = [entry.at_ms - begun_ms for entry in world.sandbox.journal]
        waits = [later - earlier for earlier, later in pairwise(at_ms)]
        assert all(30 * SECOND_MS <= wait <= 60 * SECOND_MS for wait in waits[:-1])  # the last one ends at the horizon
        assert at_ms[-1] == 10 * MINUTE_MS
        assert await world.counts("order") == {"dead": 1}


async def test_a_steps_own_timeout_wins_over_its_destinations(tmp_path: Path) -> None:
    async with VirtualWorld(rules(step="timeout: 2s"), tmp_path) as world:
        begun_ms = world.clock.now_ms()
        world.sandbox.faults.add(FaultSpec(fault=FaultKind.TIMEOUT, times=1))

        await world.accept(order(1))
        await world.until(world.settled)

        first, second = world.sandbox.journal
        assert first.at_ms == begun_ms
        assert 2 * SECOND_MS < second.at_ms - begun_ms <= 4 * SECOND_MS
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        [delivery] = await deliveries_of(world, "order")
        assert await outcomes(world, delivery.id) == [Outcome.RETRY_LATER, Outcome.SUCCEEDED]

"""Rules over accepted events: once each, in order, and a fault of ours stops nobody."""

from dataclasses import replace
from typing import Any

from bridge.engine.console import Query
from bridge.rules.match import RuleIndex
from bridge.store.protocol import DeadLetterFilter
from tests.engine.conftest import MakeWorld
from tests.engine.world import ORDER_RULE, World

PICKY = """\
- name: picky
  on: orders/*
  if: body.customer == "c1"
  steps: [{id: post, use: erp.post, with: {path: /picky, json: {order: "{{ body.id }}"}}}]
"""


async def test_an_event_that_no_rule_wants_is_unmatched(world: World) -> None:
    await world.aisoule("ping", {})
    await world.settle()
    books = await world.store.store.books()
    assert (books.accepted, books.routed, books.unrouted, books.unmatched) == (1, 0, 0, 1)


async def test_a_false_if_leaves_a_skipped_delivery_with_its_reason(make_world: MakeWorld) -> None:
    world = make_world(rules=PICKY)
    await world.start()
    await world.order(1)
    await world.order(2, customer="c2")
    await world.settle()
    assert await world.states("picky") == ["done", "skipped"]
    [skipped, _] = await world.console.deliveries(Query())
    assert "`if` is false" in str(skipped["reason"])


async def test_what_an_earlier_process_did_not_route_is_routed_at_the_start_in_order(make_world: MakeWorld) -> None:
    world = make_world()
    await world.open()
    for number in range(5):
        received = world.received("orders", {"kind": "placed", "id": f"o{number}", "customer": "c1"})
        await world.store.store.accept(received.events)
    await world.engine.start()
    await world.settle()
    assert world.orders() == [f"o{number}" for number in range(5)]


class Broken:
    """A template that makes our own code fail."""

    source = "broken"

    def evaluate(self, _scope: object) -> bool:
        raise RecursionError("a text that nobody may log")


async def test_a_fault_of_ours_is_one_dead_letter_and_stops_nobody(make_world: MakeWorld) -> None:
    world = make_world(rules=ORDER_RULE + PICKY)
    configuration = world.configuration()
    broken: Any = Broken()
    rules = RuleIndex(
        [replace(rule, condition=broken) if rule.name == "picky" else rule for rule in configuration.rules.rules]
    )
    await world.start(replace(configuration, rules=rules))
    await world.order(1)
    await world.order(2)
    await world.settle()
    assert world.orders() == ["o1", "o2"]
    assert await world.states("picky") == ["dead", "dead"]
    letters = await world.letters()
    assert {letter["kind"] for letter in letters} == {"poison"}
    assert "RecursionError" in letters[0]["message"]
    assert "nobody may log" not in str(letters)
    assert world.failures == []
    await world.assert_balanced()


async def test_a_fault_of_ours_in_a_step_is_a_dead_letter_too(make_world: MakeWorld) -> None:
    world = make_world()
    configuration = world.configuration()
    broken: Any = Broken()
    [rule] = configuration.rules.rules
    steps = [replace(step, condition=broken) for step in rule.steps]
    await world.start(replace(configuration, rules=RuleIndex([replace(rule, steps=steps)])))
    await world.order(1)
    await world.settle()
    [letter] = await world.store.store.dead_letters(DeadLetterFilter())
    assert str(letter.death.kind) == "poison"
    assert world.failures == []

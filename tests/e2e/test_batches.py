"""Calls that travel together: how few they are, and that a bad record never costs the others anything."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.model import DeliveryState
from bridge.sandbox import HubSpotLimits, JournalEntry
from bridge.store.protocol import DeadLetterFilter
from tests.e2e.load import deliveries_of, destined, failing, order
from tests.e2e.virtual import PREAMBLE, VirtualWorld

CONTACT_RULE = """\
rules:
  - name: contact
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - id: upsert
        use: hubspot.contacts.upsert
        with: {id_property: ID_PROPERTY, id: "{{ body.handle }}", properties: "{{ body.properties }}"}
"""
BY_HANDLE = PREAMBLE + CONTACT_RULE.replace("ID_PROPERTY", "whatsapp_id")
BY_EMAIL = PREAMBLE + CONTACT_RULE.replace("ID_PROPERTY", "email")


def contact(number: int, **properties: str) -> dict[str, Any]:
    """An event about one contact of its own."""
    return order(number, number, handle=f"p{number}@example.com", properties={"lastname": f"n{number}", **properties})


async def dead_reasons(world: VirtualWorld) -> dict[str, str]:
    """What each dead delivery died of, by its event."""
    letters = await world.store.dead_letters(DeadLetterFilter())
    return {letter.event.event_id: letter.death.message for letter in letters}


# --- few calls -------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
async def test_five_thousand_contacts_take_at_most_sixty_calls(tmp_path: Path) -> None:
    async with VirtualWorld(BY_HANDLE, tmp_path) as world:
        world.sandbox.hubspot.access.apply(HubSpotLimits(enforced=True))

        await world.accept(*(contact(number) for number in range(5_000)))
        await world.until(world.settled)

        assert len(world.sandbox.journal) <= 60
        assert await world.counts("contact") == {"done": 5_000}
        assert len(world.sandbox.hubspot.records_of("contacts")) == 5_000


# --- one bad record --------------------------------------------------------------------------------------------------


async def test_a_poison_record_in_a_batch_of_a_hundred_dies_alone_of_its_own_reason(tmp_path: Path) -> None:
    async with VirtualWorld(BY_HANDLE, tmp_path) as world:
        bad = contact(57, no_such_property="x")

        await world.accept(*(bad if number == 57 else contact(number) for number in range(100)))
        await world.until(world.settled)

        assert len(world.sandbox.journal) <= 8
        assert await world.counts("contact") == {"done": 99, "dead": 1}
        assert len(world.sandbox.hubspot.records_of("contacts")) == 99
        [(event_id, reason)] = (await dead_reasons(world)).items()
        assert event_id == "o57"
        assert "no_such_property" in reason


async def test_an_api_that_refuses_whole_requests_costs_the_others_a_few_calls_and_nothing_else(tmp_path: Path) -> None:
    async with VirtualWorld(BY_EMAIL, tmp_path) as world:
        bad = contact(57, no_such_property="x")

        await world.accept(*(bad if number == 57 else contact(number) for number in range(100)))
        await world.until(world.settled)

        assert len(world.sandbox.journal) <= 2 + 9 + 2  # the batches, ceil(log2 n) + 2 to find the bad one, and slack
        assert await world.counts("contact") == {"done": 99, "dead": 1}
        assert len(world.sandbox.hubspot.records_of("contacts")) == 99
        [(event_id, reason)] = (await dead_reasons(world)).items()
        assert event_id == "o57"
        assert "no_such_property" in reason


async def test_several_bad_records_are_told_apart_too(tmp_path: Path) -> None:
    async with VirtualWorld(BY_HANDLE, tmp_path) as world:
        for number in (11, 57, 93):
            failing(world, 400, body_contains=f"p{number}@")

        await world.accept(*(contact(number) for number in range(100)))
        await world.until(world.settled)

        assert await world.counts("contact") == {"done": 97, "dead": 3}
        assert set(await dead_reasons(world)) == {"o11", "o57", "o93"}
        assert len(world.sandbox.journal) < 50


async def test_batched_and_single_calls_end_alike(tmp_path: Path) -> None:
    ends: list[dict[str, DeliveryState]] = []
    for folder, how in (("batched", "on"), ("single", "off")):
        (tmp_path / folder).mkdir()
        rules = CONTACT_RULE.replace("ID_PROPERTY", "whatsapp_id")
        async with VirtualWorld(destined(hubspot=f"batch: {how}") + rules, tmp_path / folder) as world:
            await world.accept(*(contact(number, **({"bad": "x"} if number % 9 == 0 else {})) for number in range(60)))
            await world.until(world.settled)
            ends.append({each.event_id: each.state for each in await deliveries_of(world, "contact")})
            reasons = await dead_reasons(world)
            assert all("bad" in reason for reason in reasons.values())
            assert len(reasons) == 7
    assert [*ends[0].values()].count(DeliveryState.DONE) == 53
    assert sorted(ends[0].values()) == sorted(ends[1].values())


# --- work that the API does later ------------------------------------------------------------------------------------

TICKET_RULES = """\
rules:
  - name: open
    on: orders/opened
    steps:
      - id: ticket
        use: zendesk.tickets.create
        with: {subject: "{{ body.id }}", comment: {body: "{{ body.id }}"}}
  - name: raise
    on: orders/raised
    key: "{{ body.customer }}"
    steps:
      - {id: ticket, use: zendesk.tickets.update, with: {id: "{{ body.ticket }}", priority: high}}
"""


def jobs(world: VirtualWorld) -> list[JournalEntry]:
    """The requests that made Zendesk work on many tickets."""
    return [entry for entry in world.sandbox.journal if "_many" in entry.path]


def polls(world: VirtualWorld) -> list[JournalEntry]:
    return [entry for entry in world.sandbox.journal if "/job_statuses/" in entry.path]


def texts_in(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, str):
        yield value


async def raised(world: VirtualWorld, count: int) -> None:
    """Open tickets, then ask for a change of each of them; it has been accepted and not asked after when this ends."""
    await world.accept(*({"kind": "opened", "id": f"t{number}"} for number in range(count)))
    await world.until(world.settled)
    tickets = [ticket.id for ticket in world.sandbox.zendesk.tickets]
    assert len(tickets) == count
    await world.accept(*({"kind": "raised", "id": f"r{each}", "ticket": each, "customer": each} for each in tickets))
    await world.until(lambda: len(jobs(world)) > 0)
    assert polls(world) == []


async def test_the_handle_of_accepted_work_is_stored_before_anybody_asks_for_it(tmp_path: Path) -> None:
    async with VirtualWorld(PREAMBLE + TICKET_RULES, tmp_path) as world:
        await raised(world, 30)

        known = set(world.sandbox.zendesk._bulks._bulks)
        stored = [set(texts_in(each.progress)) & known for each in await deliveries_of(world, "raise")]
        assert all(stored)
        assert polls(world) == []
        await world.until(world.settled)
        assert await world.counts("raise") == {"done": 30}


async def test_a_restart_between_acceptance_and_the_question_asks_and_does_not_order_again(tmp_path: Path) -> None:
    async with VirtualWorld(PREAMBLE + TICKET_RULES, tmp_path) as world:
        await raised(world, 30)
        ordered = len(jobs(world))

        await world.restart()
        await world.until(world.settled)

        assert len(jobs(world)) == ordered
        assert len(polls(world)) >= 1
        assert await world.counts("raise") == {"done": 30}
        assert {ticket.values["priority"] for ticket in world.sandbox.zendesk.tickets} == {"high"}

"""The vendors' published limits, kept at full speed; limits that shrink without a word; limits over a restart."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.sandbox import HubSpotLimits, JournalEntry, ZendeskLimits
from tests.e2e.load import destined, is_in_order, messages, numbers_of, order, recipe, refusals, share_used, slow
from tests.e2e.virtual import MINUTE_MS, SECOND_MS, VirtualWorld

SIZES = [(1_000, 200), pytest.param(5_000, 1_000, marks=pytest.mark.full_size)]
"""Events and customers."""
HUBSPOT_RULE, ZENDESK_RULE = "whatsapp-message-to-hubspot", "whatsapp-message-to-zendesk"
BURST_MS = 10 * SECOND_MS


def entries(world: VirtualWorld) -> list[int]:
    """The messages in HubSpot's timeline, in the order in which they were written."""
    return numbers_of(
        record.properties["wa_message_id"] for record in world.sandbox.hubspot.records_of("communications")
    )


def comments(world: VirtualWorld) -> list[int]:
    """The messages in Zendesk's tickets, ticket by ticket in the order in which they were written."""
    return numbers_of(comment.body for ticket in world.sandbox.zendesk.tickets for comment in ticket.comments)


def ticket_updates(world: VirtualWorld) -> list[JournalEntry]:
    return [entry for entry in world.sandbox.journal if entry.method == "PUT" and "/tickets/" in entry.path]


# --- full speed ------------------------------------------------------------------------------------------------------

# Steady state of a limit: from the first to the last moment at which a call that it counts was waiting to leave. Calls
# leave as soon as they may, so here that is from the first such call to the last.


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("events", "customers"), SIZES)
async def test_hubspot_gets_thousands_of_messages_at_its_full_rate_and_refuses_none(
    events: int, customers: int, tmp_path: Path
) -> None:
    async with VirtualWorld(recipe("aisoule-to-hubspot", hubspot="batch: off"), tmp_path) as world:
        world.sandbox.hubspot.access.apply(HubSpotLimits(enforced=True))

        await world.accept(*messages(events, customers), source="aisoule")
        await world.until(world.settled)

        calls = world.sandbox.journal.of("hubspot")
        assert refusals(world) == 0
        assert share_used(calls, 100, BURST_MS) >= 0.95
        assert await world.counts(HUBSPOT_RULE) == {"done": events}
        assert len(entries(world)) == len(set(entries(world))) == events
        assert is_in_order(entries(world), customers)
        assert len(world.sandbox.hubspot.records_of("contacts")) == customers
        assert len(calls) == 3 * events + 3 * customers


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("events", "customers"), SIZES)
async def test_zendesk_gets_thousands_of_messages_at_its_full_rate_and_refuses_none(
    events: int, customers: int, tmp_path: Path
) -> None:
    async with VirtualWorld(recipe("aisoule-to-zendesk"), tmp_path) as world:
        world.sandbox.zendesk.access.apply(ZendeskLimits(enforced=True))

        await world.accept(*messages(events, customers), source="aisoule")
        await world.until(world.settled)

        assert refusals(world) == 0
        assert share_used(ticket_updates(world), 100, MINUTE_MS) >= 0.95
        assert await world.counts(ZENDESK_RULE) == {"done": events}
        assert len(comments(world)) == len(set(comments(world))) == events
        assert is_in_order(comments(world), customers)
        assert len(list(world.sandbox.zendesk.tickets)) == customers
        assert len(ticket_updates(world)) == events - customers


async def test_calls_that_take_time_cost_hubspots_rate_no_more_than_that_time(tmp_path: Path) -> None:
    async with VirtualWorld(recipe("aisoule-to-hubspot", hubspot="batch: off"), tmp_path) as world:
        world.sandbox.hubspot.access.apply(HubSpotLimits(enforced=True))
        slow(world, 250)

        await world.accept(*messages(600, 120), source="aisoule")
        await world.until(world.settled)

        assert refusals(world) == 0
        assert share_used(world.sandbox.journal.of("hubspot"), 100, BURST_MS) >= 0.95
        assert is_in_order(entries(world), 120)


# --- limits that shrink ----------------------------------------------------------------------------------------------


async def halve(world: VirtualWorld, shrink: Callable[[], None], *, after: int) -> float:
    """Deliver what was accepted, with lower limits from some call on; which part of the calls was refused."""
    await world.until(lambda: len(world.sandbox.journal) >= after)
    shrink()
    await world.until(world.settled)
    return refusals(world) / len(world.sandbox.journal)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("claimed", [0, 100], ids=["and told", "and denied"])
async def test_hubspots_limits_halved_in_the_middle_cost_few_refusals_and_nothing_else(
    claimed: int, tmp_path: Path
) -> None:
    async with VirtualWorld(recipe("aisoule-to-hubspot", hubspot="batch: off"), tmp_path) as world:
        access = world.sandbox.hubspot.access
        access.apply(HubSpotLimits(enforced=True))
        slow(world, 250)
        await world.accept(*messages(1_000, 200), source="aisoule")
        lower = HubSpotLimits(enforced=True, burst=50, daily=125_000, associations=50, claimed_burst=claimed)

        refused = await halve(world, lambda: access.change(lower), after=1_500)

        assert 0 < refused <= 0.02
        assert await world.counts(HUBSPOT_RULE) == {"done": 1_000}
        assert sorted(entries(world)) == list(range(1_000))
        assert is_in_order(entries(world), 200)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "claimed", [pytest.param(0, marks=pytest.mark.full_size, id="and told"), pytest.param(100, id="and denied")]
)
async def test_zendesks_limits_halved_in_the_middle_cost_few_refusals_and_nothing_else(
    claimed: int, tmp_path: Path
) -> None:
    async with VirtualWorld(recipe("aisoule-to-zendesk"), tmp_path) as world:
        access = world.sandbox.zendesk.access
        access.apply(ZendeskLimits(enforced=True))
        slow(world, 250)
        await world.accept(*messages(1_500, 150), source="aisoule")
        lower = ZendeskLimits(
            enforced=True, account_per_minute=200, ticket_updates_per_minute=50, claimed_ticket_updates=claimed
        )

        refused = await halve(world, lambda: access.change(lower), after=800)

        assert 0 < refused <= 0.02
        assert await world.counts(ZENDESK_RULE) == {"done": 1_500}
        assert sorted(comments(world)) == list(range(1_500))
        assert is_in_order(comments(world), 150)


# --- over a restart --------------------------------------------------------------------------------------------------

CONTACT_RULE = """\
rules:
  - name: contact
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - id: upsert
        use: hubspot.contacts.upsert
        with: {id_property: whatsapp_id, id: "{{ body.customer }}", properties: {lastname: "{{ body.id }}"}}
"""


async def spent(world: VirtualWorld, calls: int) -> None:
    """Make so many calls, and let the second pass after which they are surely noted."""
    world.sandbox.hubspot.access.apply(HubSpotLimits(enforced=True))
    await world.accept(*(order(number, number) for number in range(calls)))
    await world.until(world.settled)
    assert len(world.sandbox.journal) == calls


async def rest_arrives(world: VirtualWorld, begun_ms: int) -> None:
    """Accept and deliver 50 more: 10 fit into what is left of the window, the others wait for the next."""
    await world.accept(*(order(number, number) for number in range(90, 140)))
    await world.quiet()
    assert len(world.sandbox.journal) == 100
    await world.until(world.settled)
    later = [entry.at_ms - begun_ms for entry in list(world.sandbox.journal)[100:]]
    assert BURST_MS <= min(later) <= max(later) <= BURST_MS + 2 * SECOND_MS
    assert refusals(world) == 0
    assert await world.counts("contact") == {"done": 140}


async def test_a_restart_remembers_what_is_spent_and_spends_the_rest(tmp_path: Path) -> None:
    async with VirtualWorld(destined(hubspot="batch: off") + CONTACT_RULE, tmp_path) as world:
        begun_ms = world.clock.now_ms()
        await spent(world, 90)

        await world.restart()

        await rest_arrives(world, begun_ms)


async def test_a_crash_remembers_what_was_spent_up_to_the_second_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with VirtualWorld(destined(hubspot="batch: off") + CONTACT_RULE, tmp_path) as world:
        begun_ms = world.clock.now_ms()
        await spent(world, 90)
        await world.run_for(SECOND_MS)

        await crash(world, monkeypatch)

        await rest_arrives(world, begun_ms)


async def test_a_crash_in_the_very_second_of_the_calls_costs_a_few_refusals_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with VirtualWorld(destined(hubspot="batch: off") + CONTACT_RULE, tmp_path) as world:
        await spent(world, 90)

        await crash(world, monkeypatch)
        await world.accept(*(order(number, number) for number in range(90, 140)))
        await world.until(world.settled)

        assert refusals(world) <= 16  # those that left together before the first answer told how much is spent
        assert await world.counts("contact") == {"done": 140}


async def crash(world: VirtualWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start again without the last things that a process in good order writes at its end."""

    async def nothing() -> None:
        return None

    monkeypatch.setattr(world.engine._keeper, "last_save", nothing)
    await world.restart()

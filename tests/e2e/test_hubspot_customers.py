"""Many customers write, and get receipts, through the shipped recipe: what is in HubSpot then, and what it cost."""

from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import pytest

from bridge.connectors.library import shipped
from bridge.sandbox import HubSpotLimits, JournalEntry
from tests.connectors.catalog.requests import strange
from tests.e2e.load import messages, numbers_of, recipe, refusals
from tests.e2e.sender import receipt
from tests.e2e.virtual import MINUTE_MS, VirtualWorld

MESSAGES_EACH = 3
STATUSES = ["sent", "delivered", "read"]
BURST, BURST_MS = 100, 10_000
ROUNDS = [["delivered", "sent"], ["read", "delivered"], ["sent"]]
"""Receipts for each message as they arrive, a while between the rounds: some late, the last one much too late."""
ALLOWED = 1.1
"""So many calls for each one that must be."""
WRITTEN = 2
"""The rounds that bring news."""


def receipts(customers: int, status: str) -> list[bytes]:
    """One for each message of each customer."""
    count = customers * MESSAGES_EACH
    return [receipt(f"9198{number % customers:08d}", f"m{number}", status) for number in range(count)]


def lower_bound(customers: int) -> int:
    """The least number of requests: each kind of call in requests as full as the connector makes them.

    The recipe asks for a contact, a ticket and an association for each customer, and for an entry, its two associations
    and its receipts for each message.
    """
    count = customers * MESSAGES_EACH
    wanted = {
        "contacts.upsert": [customers],
        "tickets.upsert": [customers],
        "communications.upsert": [count],
        "associations.create": [customers, count, count],  # of three pairs of kinds, each with a path of its own
        "communications.update": [count] * WRITTEN,
    }
    return sum(ceil(each / _most(name)) for name, numbers in wanted.items() for each in numbers)


def _most(name: str) -> int:
    batch = shipped("hubspot").operations[name].batch
    assert batch is not None
    return batch.max


def fullest_window(calls: Sequence[JournalEntry]) -> int:
    """The most calls in any ten seconds."""
    times = [entry.at_ms for entry in calls]
    return max(sum(begin <= at < begin + BURST_MS for at in times) for begin in sorted(set(times)))


def status_writes(calls: Sequence[JournalEntry]) -> dict[str, list[int]]:
    """Of each entry, the statuses that were written, as places in `STATUSES`."""
    written: dict[str, list[int]] = defaultdict(list)
    for call in calls:
        items = call.body["inputs"] if call.path.endswith("/communications/batch/update") else []
        if call.method == "PATCH" and "/communications/" in call.path:
            items = [{"id": call.path.rpartition("/")[2], **call.body}]
        for item in items:
            written[item["id"]].append(STATUSES.index(item["properties"]["wa_status"]))
    return written


@pytest.mark.timeout(600)
@pytest.mark.parametrize("customers", [100, pytest.param(1_000, marks=pytest.mark.full_size)])
async def test_customers_are_one_contact_and_one_ticket_each_in_about_the_least_number_of_calls(
    customers: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = customers * MESSAGES_EACH
    async with VirtualWorld(recipe("aisoule-to-hubspot"), tmp_path) as world:
        world.sandbox.hubspot.access.apply(HubSpotLimits(enforced=True))

        await world.accept(*messages(count, customers), source="aisoule")
        await world.until(world.settled)
        for arriving in ROUNDS:
            for status in arriving:
                await world.accept(*receipts(customers, status), source="aisoule")
            await world.run_for(MINUTE_MS)
            await world.until(world.settled)

        hubspot, calls = world.sandbox.hubspot, world.sandbox.journal.of("hubspot")
        contacts, tickets, entries = map(hubspot.records_of, ("contacts", "tickets", "communications"))
        assert (len(contacts), len(tickets), len(entries)) == (customers, customers, count)
        assert sorted(numbers_of(each.properties["wa_message_id"] for each in entries)) == list(range(count))
        assert {each.properties["wa_status"] for each in entries} == {"read"}
        for entry in entries:
            linked = hubspot.records.associations.all_of(entry.node)
            assert (len(linked["contacts"]), len(linked["tickets"])) == (1, 1)
            [ticket] = linked["tickets"]
            assert hubspot.records.associations.all_of(("tickets", ticket))["contacts"] == linked["contacts"]

        assert set(map(tuple, status_writes(calls).values())) == {(1, 2)}  # each step once, and never backwards
        assert refusals(world) == 0
        assert fullest_window(calls) <= BURST
        assert strange(calls) == []
        least = lower_bound(customers)
        with capsys.disabled():
            print(f"\n{customers} customers, {count} messages: {len(calls)} calls, lower bound {least}")  # noqa: T201 - said
        assert least <= len(calls) <= ALLOWED * least

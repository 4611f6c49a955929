from typing import Any

import aiohttp
import pytest

from tests.canaries import CUSTOMER_NAME, EMOJI_TEXT, PHONE_E164, TEXT
from tests.config.conftest import Body, MakeStage, Stage, incoming, receipt, received

AGENT = aiohttp.encode_basic_auth("agent@example.com/token", "sandbox-api-token")
STATUS_FIELD = 360_000_000_001


def customers(stage: Stage) -> list[str]:
    return [user["external_id"] for user in stage.zendesk("users") if user["external_id"]]


async def close_ticket(stage: Stage, number: int) -> None:
    """As Zendesk's own automation does some days after a ticket is solved."""
    [ticket] = [each for each in stage.sandbox.zendesk.tickets if each.id == number]
    ticket.values["status"] = "closed"


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (received("m1", TEXT), received("m2", EMOJI_TEXT), PHONE_E164),
        (incoming("m1", TEXT, name=CUSTOMER_NAME), incoming("m2", EMOJI_TEXT, name=CUSTOMER_NAME), CUSTOMER_NAME),
        (incoming("m1", TEXT), received("m2", EMOJI_TEXT), PHONE_E164),  # the same handset in both dialects
    ],
)
async def test_two_messages_make_one_user_and_one_ticket_with_two_comments_in_order(
    stage: Stage, first: Body, second: Body, name: str
) -> None:
    books = await stage.delivered(first, second)

    assert books["whatsapp-message-to-zendesk"] == {"done": 2}
    assert customers(stage) == [f"whatsapp:{PHONE_E164}"]
    [ticket] = stage.zendesk("tickets")
    assert ticket["subject"] == f"WhatsApp from {name}"
    assert ticket["tags"] == ["whatsapp"]
    assert stage.comments() == [[(TEXT, True), (EMOJI_TEXT, True)]]
    assert {comment["author_id"] for comment in ticket["comments"]} == {ticket["requester_id"]}


async def test_a_known_customer_costs_one_call(stage: Stage) -> None:
    await stage.delivered(received("m1"))
    before = stage.sandbox.journal.seen
    await stage.delivered(received("m2"))
    calls = [entry for entry in stage.sandbox.journal.of("zendesk") if entry.seq > before]

    assert [(entry.method, entry.path) for entry in calls] == [("PUT", "/api/v2/tickets/1")]


async def test_receipts_find_the_ticket_of_their_message_and_cost_one_update(make_stage: MakeStage) -> None:
    stage: Stage = await make_stage(WHATSAPP_RECEIPT_WINDOW="400ms")
    await stage.delivered(received("m1"))
    before = stage.sandbox.journal.seen
    books = await stage.delivered(receipt("sent", "m1"), receipt("read", "m1"), receipt("delivered", "m1"))
    calls = [entry for entry in stage.sandbox.journal.of("zendesk") if entry.seq > before]

    assert books["whatsapp-receipt-to-zendesk"] == {"done": 1, "superseded": 2}
    [call] = calls
    assert call.body["ticket"]["custom_fields"] == [{"id": STATUS_FIELD, "value": "read"}]
    books = await stage.delivered(receipt("delivered", "m1"))
    assert books["whatsapp-receipt-to-zendesk"] == {"done": 1, "superseded": 2}  # a duplicate, stored once


async def test_a_status_never_goes_backwards(stage: Stage) -> None:
    await stage.delivered(received("m1"))
    await stage.delivered(receipt("read", "m1"))
    books = await stage.delivered(receipt("sent", "m1"))

    assert books["whatsapp-receipt-to-zendesk"] == {"done": 1, "superseded": 1}


async def test_without_a_status_field_receipts_cost_nothing(make_stage: MakeStage) -> None:
    stage: Stage = await make_stage(ZENDESK_STATUS_FIELD_ID="")
    await stage.delivered(received("m1"))
    before = len(stage.sandbox.journal.of("zendesk"))
    books = await stage.delivered(receipt("read", "m1"))

    assert books["whatsapp-receipt-to-zendesk"] == {"skipped": 1}
    assert len(stage.sandbox.journal.of("zendesk")) == before


@pytest.mark.parametrize(
    ("more", "reason"),
    [({}, "no reason given"), ({"error": "Invalid number"}, "Invalid number"), ({"error": None}, "no reason given")],
)
async def test_a_failed_message_leaves_an_internal_note(stage: Stage, more: dict[str, Any], reason: str) -> None:
    await stage.delivered(received("m1"))
    await stage.delivered(receipt("failed", "m9", **more))

    assert stage.comments() == [[("Hello", True), (f"A WhatsApp message could not be delivered ({reason}).", False)]]


async def test_a_failure_for_a_customer_without_a_ticket_costs_nothing(stage: Stage) -> None:
    books = await stage.delivered(receipt("failed", "m9"))

    assert books["whatsapp-failure-to-zendesk"] == {"done": 1}
    assert stage.zendesk("tickets") == []


async def test_a_closed_ticket_is_followed_by_a_new_one(stage: Stage) -> None:
    await stage.delivered(received("m1", "first"))
    await close_ticket(stage, 1)
    books = await stage.delivered(received("m2", "second"), received("m3", "third"))

    assert books["whatsapp-message-to-zendesk"] == {"done": 3}
    assert stage.comments() == [[("first", True)], [("second", True), ("third", True)]]
    assert len(customers(stage)) == 1


async def test_a_deleted_ticket_is_followed_by_a_new_one(stage: Stage) -> None:
    await stage.delivered(received("m1", "first"))
    url = f"{stage.urls.zendesk}/api/v2/tickets/1.json"
    await stage.delete(url, Authorization=AGENT)
    books = await stage.delivered(received("m2", "second"))

    assert books["whatsapp-message-to-zendesk"] == {"done": 2}
    assert stage.comments()[-1] == [("second", True)]


async def test_a_deleted_user_is_made_anew(stage: Stage) -> None:
    await stage.delivered(received("m1", "first"))
    old = next(user for user in stage.sandbox.zendesk.users if user.external_id)
    del stage.sandbox.zendesk.users._users[old.id]
    books = await stage.delivered(received("m2", "second"), received("m3", "third"))

    assert books["whatsapp-message-to-zendesk"] == {"done": 3}
    [new] = [user for user in stage.zendesk("users") if user["external_id"]]
    assert new["id"] != old.id
    assert stage.comments()[-1] == [("second", True), ("third", True)]
    assert stage.zendesk("tickets")[-1]["requester_id"] == new["id"]


async def test_a_media_message_without_text_says_what_it_is(stage: Stage) -> None:
    await stage.delivered(
        received("m1", None, type="image", media_url="https://cdn.example.com/1.jpg"),
        received("m2", None, type="audio"),
    )

    assert stage.comments() == [[("[image] https://cdn.example.com/1.jpg", True), ("[audio] no text", True)]]


async def test_a_long_text_is_cut_at_zendesks_limit_with_a_mark(stage: Stage) -> None:
    await stage.delivered(received("m1", "é" * 70_000))

    [[(body, _)]] = stage.comments()
    assert 65_000 < len(body.encode()) <= 65_536
    assert body.endswith("[cut: longer than the 64 kB that Zendesk takes]")


async def test_what_is_no_message_is_kept_and_costs_nothing(stage: Stage) -> None:
    await stage.delivered({"event": "ping"}, {"event": "contact.created", "data": {"message_id": "c1"}})

    assert stage.sandbox.journal.seen == 0
    books = await stage.daemon.store.books()
    assert (books.accepted, books.unmatched) == (2, 2)

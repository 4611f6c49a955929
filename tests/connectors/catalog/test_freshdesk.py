"""Freshdesk: a 409 that names the contact makes an upsert; looks before a repeat and their limits."""

from typing import Any

import pytest

from bridge.connectors.library import shipped
from bridge.rules.actions import Died, Finished, GoOn, Wait
from tests.connectors.builders import call_of, operation
from tests.connectors.catalog.driving import driven
from tests.rules.builders import LOST, answer, sent_json

CONTACT = (
    "{id: c, use: desk.contacts.create, with: {unique_external_id: 'whatsapp:1', name: Asha, mobile: '+918856879188'}}"
)
NOTE = "{id: n, use: desk.tickets.note, with: {id: 7001, body: 'Hello & more'}}"
TICKET = "{id: t, use: desk.tickets.create, with: {email: a@example.com, subject: WhatsApp, body: Hello}}"
THERE = answer(
    409,
    {
        "description": "Validation failed",
        "errors": [{"field": "unique_external_id", "additional_info": {"user_id": 43001}, "code": "duplicate_value"}],
    },
)
NOTE_OF_OURS = {"id": 9101, "body_text": "Hello & more", "private": True, "created_at": "2026-06-02T03:01:41Z"}


def entries(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "body_text": "x", "private": True, "created_at": "2026-06-02T03:01:41Z"} for n in range(count)]


@pytest.mark.parametrize("lost_before", [False, True])
def test_a_contact_that_is_there_already_is_updated(*, lost_before: bool) -> None:
    driver = driven("freshdesk", CONTACT)
    if lost_before:
        assert isinstance(driver.send(LOST)[1], Wait)
    first, reaction = driver.send(THERE)
    assert first.request.method == "POST"
    assert isinstance(reaction, GoOn)
    update, _ = driver.send(answer(200, {"id": 43001}))
    assert (update.request.method, update.request.url) == ("PUT", "/contacts/43001")
    assert sent_json(update)["mobile"] == "+918856879188"
    assert isinstance(driver.action(), Finished)


def test_a_409_that_names_nobody_is_for_a_person() -> None:
    driver = driven("freshdesk", CONTACT)
    _, reaction = driver.send(answer(409, {"errors": [{"field": "mobile", "code": "duplicate_value"}]}))
    assert isinstance(reaction, Died)
    assert "merge the two" in reaction.death.mend


def test_a_note_whose_answer_was_lost_is_looked_for_and_written_when_it_is_not_there() -> None:
    driver = driven("freshdesk", NOTE)
    assert isinstance(driver.send(LOST)[1], Wait)
    look, reaction = driver.send(answer(200, {"id": 7001, "conversations": entries(3)}))
    assert look.request.url == "/tickets/7001?include=conversations"
    assert isinstance(reaction, GoOn)
    again, _ = driver.send(answer(201, {"id": 9105}))
    assert again.request.method == "POST"


def test_a_ticket_with_ten_entries_is_read_in_full() -> None:
    driver = driven("freshdesk", NOTE)
    driver.send(LOST)
    driver.send(answer(200, {"id": 7001, "conversations": entries(10)}))
    full, reaction = driver.send(answer(200, [*entries(40), NOTE_OF_OURS]))
    assert full.request.url == "/tickets/7001/conversations?per_page=100"
    assert isinstance(reaction, GoOn)
    assert isinstance(driver.action(), Finished)


def test_a_ticket_with_more_entries_than_one_page_proves_nothing() -> None:
    driver = driven("freshdesk", NOTE)
    driver.send(LOST)
    driver.send(answer(200, {"id": 7001, "conversations": entries(10)}))
    _, reaction = driver.send(answer(200, entries(100)))
    assert isinstance(reaction, Wait)
    assert reaction.verdict.code == "unreadable_probe"
    assert driver.peek().request.method == "GET"


def test_a_look_for_a_ticket_asks_for_the_one_requester_that_the_step_knows() -> None:
    driver = driven("freshdesk", TICKET)
    driver.send(LOST)
    look = driver.peek()
    assert look.request.url == "/tickets?email=a%40example.com&order_by=created_at&order_type=desc&per_page=100"


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"body": "<b>\n&"}, "&lt;b&gt;<br>&amp;"),
        ({"html_body": "<b>x</b>", "body": "plain"}, "<b>x</b>"),
        ({}, "(no text)"),
        ({"body": None, "html_body": ""}, "(no text)"),
    ],
)
def test_a_customers_text_is_no_html_to_freshdesk(params: dict[str, Any], description: str) -> None:
    create = operation("freshdesk", "tickets.create")
    request = create.request.build(call_of(create, {"requester_id": 1, "subject": "s", **params}))
    assert f'"description":"{description}"'.encode() in request.body


def test_only_creates_and_updates_are_charged_to_their_own_limits() -> None:
    limits = {limit.name: limit for limit in shipped("freshdesk").limits}
    assert limits["ticket_creates"].applies_to("tickets.create", "POST")
    assert not limits["ticket_creates"].applies_to("tickets.create", "GET")  # its look
    assert limits["ticket_updates"].applies_to("tickets.update", "PUT")
    assert not limits["ticket_updates"].applies_to("tickets.note", "POST")
    assert limits["account"].covers_all

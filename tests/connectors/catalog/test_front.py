"""Front: contacts by their handle, imports that are safe to repeat, pages on another host."""

from typing import Any

import pytest

from bridge.connectors.library import shipped
from bridge.model import DeadKind
from bridge.rules.actions import Died, Finished, GoOn, Wait
from tests.connectors.builders import call_of, operation
from tests.connectors.catalog.driving import driven
from tests.rules.builders import LOST, answer, sent_json

CONTACT = "{id: c, use: desk.contacts.create, with: {handle: '+918856879188', source: phone, name: Asha}}"
REPLY = "{id: r, use: desk.messages.reply, with: {id: cnv_1, body: Hello}}"
COMMENT = "{id: n, use: desk.comments.create, with: {id: cnv_1, body: Hello}}"
IMPORT = (
    "{id: m, use: desk.messages.import, with: {inbox_id: inb_1, sender: {handle: '+918856879188'}, to: ['+1555'], "
    "body: Hello, created_at: 1780369300}}"
)


@pytest.mark.parametrize(
    "refusal",
    [
        answer(409, {"_error": {"status": 409, "title": "Conflict", "message": "no"}}),
        answer(400, {"_error": {"status": 400, "title": "Bad request", "message": "Handle already in use"}}),
    ],
)
def test_a_contact_that_has_the_handle_is_updated_by_it(refusal: Any) -> None:
    driver = driven("front", CONTACT)
    _, reaction = driver.send(refusal)
    assert isinstance(reaction, GoOn)
    update, _ = driver.send(answer(204))
    assert (update.request.method, update.request.url) == ("PATCH", "/contacts/alt%3Aphone%3A%2B918856879188")
    assert sent_json(update) == {"name": "Asha"}
    assert isinstance(driver.action(), Finished)


def test_a_contact_whose_answer_was_lost_is_looked_for_by_its_handle() -> None:
    driver = driven("front", CONTACT)
    driver.send(LOST)
    driver.send(answer(200, {"id": "crd_1"}))
    assert driver.peek().request.url == "/contacts/crd_1"


def test_an_import_is_sent_again_with_the_same_external_id() -> None:
    driver = driven("front", IMPORT)
    first, reaction = driver.send(LOST)
    assert isinstance(reaction, Wait)
    second, _ = driver.send(answer(202, {"status": "accepted", "message_uid": "u1"}))
    assert second.request == first.request
    assert sent_json(first)["external_id"]


def test_an_answer_to_the_customer_is_never_sent_twice() -> None:
    _, reaction = driven("front", REPLY).send(LOST)
    assert isinstance(reaction, Died)
    assert reaction.death.kind is DeadKind.UNANSWERED


def test_the_next_page_is_asked_at_our_own_address() -> None:
    driver = driven("front", COMMENT)
    driver.send(LOST)
    page = {
        "_results": [],
        "_pagination": {"next": "https://acme.api.frontapp.com/conversations/cnv_1/comments?page_token=t"},
    }
    driver.send(answer(200, page))
    assert driver.peek().request.url == "/conversations/cnv_1/comments?page_token=t"


def test_a_conversation_has_a_window_of_its_own() -> None:
    limits = {limit.name: limit for limit in shipped("front").limits}
    update = operation("front", "conversations.update")
    assert limits["one_conversation"].key_of(call_of(update)) == "cnv_yo1kg5q"
    assert not limits["one_conversation"].applies_to("messages.import")
    assert limits["company"].covers_all

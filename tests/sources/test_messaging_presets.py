"""One rule serves every sender of messages: all speak of a message and its receipts in the same words."""

import pytest

from bridge.sources.schema import Expected
from tests.sources.builders import preset

SENDERS = [
    "360dialog",
    "aisensy",
    "aisoule",
    "gupshup",
    "gupshup-v3",
    "interakt",
    "messagebird",
    "plivo",
    "sinch",
    "telnyx",
    "twilio",
    "twilio-json",
    "vonage",
    "wati",
    "whatsapp-cloud",
]
RECEIPTS = {"message.sent", "message.delivered", "message.read", "message.failed"}
FIELDS = {"customer", "direction", "message_id", "text"}
NO_CUSTOMER_IN_RECEIPTS = {"wati"}
"""Their receipts name the message alone."""
each_sender = pytest.mark.parametrize("name", SENDERS)


def events(name: str) -> list[Expected]:
    return [event for sample in preset(name).samples for event in sample.events if event.type.startswith("message.")]


@each_sender
def test_it_knows_a_message_and_all_its_receipts_by_our_words(name: str) -> None:
    known = preset(name)
    assert RECEIPTS - {"message.read"} | {"message.received"} <= set(known.event_types)
    assert set(known.fields) >= FIELDS
    assert {event.type for event in events(name)} >= {"message.received"}
    assert {event.type for event in events(name)} & RECEIPTS


@each_sender
def test_a_message_is_another_event_at_each_stage_of_its_way(name: str) -> None:
    for event in events(name):
        assert event.id == f"{event.type}:{event.fields['message_id']}"


@each_sender
def test_who_wrote_says_which_way_a_message_went(name: str) -> None:
    for event in events(name):
        assert event.fields["direction"] == ("inbound" if event.type == "message.received" else "outbound")
        assert event.fields.get("customer") or (name in NO_CUSTOMER_IN_RECEIPTS and event.type in RECEIPTS)
        if event.type in RECEIPTS:
            assert event.fields["status"]


@each_sender
def test_the_text_of_a_message_is_under_one_name(name: str) -> None:
    received = [event for event in events(name) if event.type == "message.received"]
    assert all(event.fields["text"] for event in received)

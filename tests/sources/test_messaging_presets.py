"""One rule serves every sender of messages: all speak of a message and its receipts in the same words."""

import json
from dataclasses import replace

import pytest

from bridge.sources.schema import Expected
from tests.sources.builders import accepted, preset
from tests.sources.senders import receive, signed, source_of

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


def meta_batch(count: int) -> bytes:
    """A request of WhatsApp's with messages and receipts in turn, in several entries."""
    values = [
        {"messages": [{"from": "918856879188", "id": f"wamid.{n}", "type": "text", "text": {"body": "hello"}}]}
        if n % 2
        else {"statuses": [{"id": f"wamid.{n}", "status": "read", "recipient_id": "918856879188"}]}
        for n in range(count)
    ]
    entries = [{"id": "1", "changes": [{"field": "messages", "value": value}]} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def test_a_batch_of_a_thousand_is_a_thousand_events_that_a_retry_does_not_double() -> None:
    source = source_of("whatsapp-cloud")
    ids = []
    for count in (1_000, 1_001):
        request = signed(source, meta_batch(count))
        answer = receive(source, replace(request, headers=[*request.headers, ("Content-Type", "application/json")]))
        ids.append([event.event_id for event in accepted(answer)])
    first, again = ids
    assert len(set(first)) == len(first) == 1_000
    assert again == [*first, "message.read:wamid.1000"]

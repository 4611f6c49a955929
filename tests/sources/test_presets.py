"""Every preset's own samples must become what the preset says; and AISoule's dialects in detail."""

import hashlib
import re

import pytest

from bridge.model import rfc3339
from bridge.sources import SampleEvent, Source, SourceConfig, preset_names
from tests.canaries import AISOULE_SECRET, CUSTOMER_NAME, PHONE, PHONE_E164, TEXT
from tests.sources.builders import accepted, aisoule, encoded, fields_of, only_event, preset, send

SAMPLES = [(name, sample) for name in preset_names() for sample in preset(name).samples]
RECEIPTS = ["message.sent", "message.delivered", "message.read", "message.failed"]


@pytest.mark.parametrize(("name", "sample"), SAMPLES, ids=[f"{name}-{sample.name}" for name, sample in SAMPLES])
def test_each_sample_becomes_what_its_preset_promises(name: str, sample: SampleEvent) -> None:
    source = Source.compile(name, SourceConfig.model_validate({"preset": name, "secret": AISOULE_SECRET}), preset(name))
    events = accepted(send(source, encoded(sample.body), header=sample.header))
    assert len(events) == len(sample.events)
    for event, expected in zip(events, sample.events, strict=True):
        by_body = f"body:{hashlib.sha256(event.content).hexdigest()}"
        assert event.event_id == (by_body if expected.id == "body" else expected.id)
        assert (event.type, event.raw_type) == (expected.type, expected.raw_type)
        assert (None if event.time_ms is None else rfc3339(event.time_ms)) == expected.time
        assert fields_of(source, event) == expected.fields


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_tells_a_person_what_they_need(name: str) -> None:
    known = preset(name)
    assert known.facts
    assert known.setup
    assert {expected.type for sample in known.samples for expected in sample.events} <= set(known.event_types)
    assert set(known.types.values()) <= set(known.event_types)


@pytest.mark.parametrize("name", preset_names())
def test_no_preset_claims_a_path_on_the_machine_it_was_written_on(name: str) -> None:
    assert not re.search(r"/(?:home|Users|work)/", preset(name).model_dump_json())


def message(event: str, **data: object) -> dict[str, object]:
    return {"event": event, "timestamp": "2026-05-29T10:30:00Z", "data": {"message_id": "wamid.1"} | data}


@pytest.mark.parametrize("header", ["X-AISoule-Signature", "X-Webhook-Signature"])
def test_the_shape_of_the_body_picks_the_dialect_whatever_header_signed_it(header: str) -> None:
    source = aisoule()
    first = only_event(source, message("message.received", sender=PHONE, body=TEXT), header=header)
    second = only_event(source, message("message.incoming", **{"from": PHONE_E164, "text": TEXT}), header=header)
    assert first.type == second.type == "message.received"
    assert (fields_of(source, first)["customer"], fields_of(source, first)["text"]) == (PHONE, TEXT)
    assert (fields_of(source, second)["customer"], fields_of(source, second)["text"]) == (PHONE_E164, TEXT)


def test_one_message_id_is_a_different_event_at_each_stage_and_the_same_at_each_retry() -> None:
    source = aisoule()
    events = [only_event(source, message(kind)) for kind in ("message.received", "message.incoming", *RECEIPTS)]
    assert [event.event_id for event in events] == [
        "message.received:wamid.1",
        "message.received:wamid.1",
        *(f"{kind}:wamid.1" for kind in RECEIPTS),
    ]


@pytest.mark.parametrize("kind", RECEIPTS)
def test_receipts_of_the_developer_dialect_name_the_recipient_as_customer(kind: str) -> None:
    source = aisoule()
    fields = fields_of(source, only_event(source, message(kind, sender="15550199999", recipient=PHONE)))
    assert (fields["customer"], fields["business"], fields["direction"]) == (PHONE, "15550199999", "outbound")
    assert fields["status"] == kind.removeprefix("message.")


@pytest.mark.parametrize(
    ("data", "customer", "business"),
    [
        ({"to": PHONE_E164, "from": "+15550199999"}, PHONE_E164, "+15550199999"),
        ({"to": PHONE_E164}, PHONE_E164, None),
        ({"from": PHONE_E164}, PHONE_E164, None),
        ({"to": None, "from": PHONE_E164}, PHONE_E164, None),
        ({"sender": "15550199999"}, None, "15550199999"),
    ],
)
def test_unpublished_receipts_prefer_to_over_from(
    data: dict[str, object], customer: str | None, business: str | None
) -> None:
    source = aisoule()
    fields = fields_of(source, only_event(source, message("message.delivered", **data)))
    assert (fields.get("customer"), fields.get("business")) == (customer, business)


def test_the_shortest_published_message_has_just_the_fields_it_can_have() -> None:
    source = aisoule()
    body = {
        "event": "message.received",
        "timestamp": 1_780_369_298,
        "data": {"message_id": "m", "sender": PHONE, "type": "text", "body": TEXT},
    }
    assert fields_of(source, only_event(source, body)) == {
        "direction": "inbound",
        "customer": PHONE,
        "message_id": "m",
        "kind": "text",
        "text": TEXT,
    }


def test_null_and_empty_values_are_lacking() -> None:
    source = aisoule()
    data = {"from": PHONE_E164, "contact_name": None, "text": "", "type": "image", "media_url": "https://m/1"}
    assert fields_of(source, only_event(source, message("message.incoming", **data))) == {
        "direction": "inbound",
        "customer": PHONE_E164,
        "message_id": "wamid.1",
        "kind": "image",
        "media_url": "https://m/1",
    }


@pytest.mark.parametrize("error", ["billing", {"code": 7, "message": "billing"}])
def test_a_failure_says_why_in_either_form(error: object) -> None:
    source = aisoule()
    fields = fields_of(source, only_event(source, message("message.failed", recipient=PHONE, error=error)))
    assert (fields["error"], fields["status"]) == ("billing", "failed")


def test_a_text_inside_an_object_is_found() -> None:
    source = aisoule()
    event = only_event(source, message("message.incoming", text={"body": TEXT}, contact_name=CUSTOMER_NAME))
    assert (fields_of(source, event)["text"], fields_of(source, event)["name"]) == (TEXT, CUSTOMER_NAME)


@pytest.mark.parametrize(
    "kind", ["ping", "contact.created", "contact.updated", "campaign.completed", "transfer.created"]
)
def test_events_without_a_message_are_known_by_their_bytes(kind: str) -> None:
    source = aisoule()
    first, again = (only_event(source, {"event": kind, "data": {"n": 1}}) for _ in range(2))
    other = only_event(source, {"event": kind, "data": {"n": 2}})
    assert first.type == kind
    assert first.event_id == again.event_id != other.event_id
    assert fields_of(source, first) == {}


@pytest.mark.parametrize("data", [None, [], "text", 5, {"message_id": None}, {"message_id": ""}])
def test_odd_data_is_kept_rather_than_refused(data: object) -> None:
    source = aisoule()
    event = only_event(source, {"event": "message.received", "data": data})
    assert event.event_id.startswith("body:")
    assert fields_of(source, event) == {"direction": "inbound"}

"""Every preset's own samples must become what the preset says; and AISoule's dialects in detail."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bridge.model import NewEvent, rfc3339
from bridge.sources import (
    Received,
    Refused,
    SampleEvent,
    Source,
    load_preset,
    preset_names,
    shipped_heads,
)
from bridge.sources.schema import Expected
from bridge.sources.scheme import alternatives
from tests.canaries import CUSTOMER_NAME, PHONE, PHONE_E164, TEXT
from tests.sources.builders import NOW_MS, accepted, aisoule, fields_of, only_event, preset, refused
from tests.sources.senders import KEY, presented, receive, signed, source_of

each_preset = pytest.mark.parametrize("name", preset_names())
RECEIPTS = ["message.sent", "message.delivered", "message.read", "message.failed"]


@each_preset
def test_its_samples_become_what_it_promises(name: str) -> None:
    source = source_of(name)
    assert preset(name).samples
    for sample in preset(name).samples:
        events = accepted(receive(source, presented(source, sample)))
        assert [promised(each) for each in sample.events] == [found(source, event) for event in events], sample.name


def promised(event: Expected) -> tuple[str, str, str, str | None, Mapping[str, object]]:
    return event.type, event.raw_type, event.id, event.time, event.fields


def found(source: Source, event: NewEvent) -> tuple[str, str, str, str | None, Mapping[str, object]]:
    by_body = f"body:{hashlib.sha256(event.content).hexdigest()}"
    event_id = "body" if event.event_id == by_body else event.event_id
    time = None if event.time_ms is None else rfc3339(event.time_ms)
    return event.type, event.raw_type, event_id, time, fields_of(source, event)


@each_preset
def test_its_samples_are_refused_when_a_byte_of_them_is_changed(name: str) -> None:
    source = source_of(name)
    for sample in preset(name).samples:
        request = presented(source, sample)
        answer = receive(source, replace(request, body=request.body + b" "))
        if proves_body(source, sample):
            assert refused(answer).status == 401
        else:  # a word proves who sent it, not what
            assert isinstance(answer, Received)


def proves_body(source: Source, sample: SampleEvent) -> bool:
    """Whether the proof of a sample was made from its body."""
    first, *others = alternatives(source.verification)
    named = [each for each in (first, *others) if each.signature.place.name == sample.header]
    block = (named or [first])[0]
    return getattr(block, "covers_body", False) or "{crc32}" in getattr(block, "message", "")


@each_preset
def test_its_samples_are_refused_without_any_part_of_their_proof(name: str) -> None:
    source = source_of(name)
    for sample in preset(name).samples:
        request = presented(source, sample)
        headers = list(request.headers)
        in_headers = headers.index(("Content-Type", sample.content_type))
        assert in_headers or request.query or request.body != sample.content
        lacking = [replace(request, headers=headers[:place] + headers[place + 1 :]) for place in range(in_headers)]
        lacking += [replace(request, query=[])] if request.query else []
        lacking += [replace(request, body=sample.content)] if request.body != sample.content else []
        for some in lacking:
            assert refused(receive(source, some)).status == 401


def made(key: str, message: bytes) -> bytes:
    return hmac.new(key.encode(), message, "sha256").digest()


def signed_by_hand(name: str, body: bytes, at_ms: int = NOW_MS) -> list[tuple[str, str]]:
    """The headers of a sender, from the recipe on its own pages rather than from `sign`."""
    key, seconds, moment = KEY, str(at_ms // 1000), rfc3339(at_ms)
    match name:
        case "github":
            return [("X-Hub-Signature-256", f"sha256={made(key, body).hex()}"), ("X-GitHub-Event", "ping")]
        case "stripe":
            return [("Stripe-Signature", f"t={seconds},v1={made(key, f'{seconds}.'.encode() + body).hex()},v0=00")]
        case "zendesk":
            signature = base64.b64encode(made(key, moment.encode() + body)).decode()
            return [("X-Zendesk-Webhook-Signature", signature), ("X-Zendesk-Webhook-Signature-Timestamp", moment)]
        case "hubspot":
            address = b"POST" + b"https://bridge.example.com/hooks/hubspot"
            signature = base64.b64encode(made(key, address + body + str(at_ms).encode())).decode()
            return [("X-HubSpot-Signature-v3", signature), ("X-HubSpot-Request-Timestamp", str(at_ms))]
        case _:
            return [("X-Form-Signature", f"sha256={made(key, body).hex()}")]


BY_HAND = {
    "github": b'{"zen":"a"}',
    "stripe": b'{"id":"evt_1","type":"charge.failed"}',
    "zendesk": b'{"type":"zen:event-type:ticket.created","id":"e1"}',
    "hubspot": b'[{"subscriptionType":"contact.creation","subscriptionId":1,"eventId":2,"occurredAt":3}]',
    "form": b'{"email":"a@b.example"}',
}


def answer_of(name: str, headers: list[tuple[str, str]], *, now_ms: int = NOW_MS) -> Received | Refused:
    headers = [("Content-Type", "application/json"), *headers]
    return source_of(name).receive(headers=headers, query=[], body=BY_HAND[name], now_ms=now_ms)


@pytest.mark.parametrize("name", BY_HAND)
def test_what_the_vendors_recipe_makes_is_believed(name: str) -> None:
    assert len(accepted(answer_of(name, signed_by_hand(name, BY_HAND[name])))) == 1


@pytest.mark.parametrize("name", BY_HAND)
def test_a_signature_or_time_that_is_missing_or_comes_twice_is_refused(name: str) -> None:
    headers = signed_by_hand(name, BY_HAND[name])
    for place, (header, value) in enumerate(headers):
        if header == "X-GitHub-Event":
            continue
        assert refused(answer_of(name, headers[:place] + headers[place + 1 :])).status == 401
        assert refused(answer_of(name, [*headers, (header, value)])).status == 401


@pytest.mark.parametrize(("name", "past_s"), [("stripe", 300), ("zendesk", 3600), ("hubspot", 300)])
def test_a_request_that_is_too_old_or_ahead_of_time_is_refused(name: str, past_s: int) -> None:
    headers = signed_by_hand(name, BY_HAND[name])
    assert isinstance(answer_of(name, headers, now_ms=NOW_MS + past_s * 1000), Received)
    assert refused(answer_of(name, headers, now_ms=NOW_MS + past_s * 1000 + 1000)).code == "timestamp_outside"
    assert refused(answer_of(name, headers, now_ms=NOW_MS - 301_000)).code == "timestamp_outside"


def test_the_id_that_an_admin_writes_into_a_triggers_body_does_not_make_two_events_one() -> None:
    source = source_of("zendesk")
    first, second = (only_event(source, {"id": 7, "status": status}) for status in ("open", "solved"))
    assert first.event_id != second.event_id


SAME_ID = {"mid": "m_1"}


@pytest.mark.parametrize(
    ("name", "bodies"),
    [
        ("mailersend", [{"type": f"activity.{what}", "data": {"id": "a1"}} for what in ("opened", "opened_unique")]),
        (
            "gupshup",
            [{"type": "template-event", "payload": {"id": "t1", "status": what}} for what in ("rejected", "approved")],
        ),
        (
            "interakt",
            [
                {"type": "message_api_clicked", "data": {"message": {"id": "m1", "message": what}}}
                for what in ("Yes", "No")
            ],
        ),
        *(
            (name, [{"entry": [{"messaging": [{"message": SAME_ID | more}]}]} for more in ({}, {"is_deleted": True})])
            for name in ("instagram", "messenger")
        ),
    ],
)
def test_what_happens_to_one_thing_after_another_are_events_of_their_own(
    name: str, bodies: list[dict[str, object]]
) -> None:
    source = source_of(name)
    assert len({only_event(source, body).event_id for body in bodies}) == len(bodies)


def test_two_kinds_of_events_that_one_click_makes_with_one_body_are_two() -> None:
    source = source_of("helpscout")
    body = json.dumps({"id": 1, "status": "closed", "userUpdatedAt": "2026-06-02T03:01:38Z"}).encode()
    ids = set()
    for kind in ("convo.assigned", "convo.status", "convo.status"):
        request = signed(source, body)
        headers = [*request.headers, ("Content-Type", "application/json"), ("X-HelpScout-Event", kind)]
        ids |= {event.event_id for event in accepted(receive(source, replace(request, headers=headers)))}
    assert len(ids) == 2


@pytest.mark.parametrize("token", ["?token", "Authorization", "X-Form-Token"])
def test_a_form_may_prove_itself_by_a_word(token: str) -> None:
    source = source_of("form")
    header = ("Authorization", f"Bearer {KEY}") if token == "Authorization" else (token, KEY)
    headers = [("Content-Type", "application/json"), *([] if token == "?token" else [header])]
    query = [("token", KEY), ("form", "footer")] if token == "?token" else []
    (event,) = accepted(source.receive(headers=headers, query=query, body=b'{"email":"a@b.example"}', now_ms=NOW_MS))
    assert KEY not in repr((event.headers, event.query, event.content))
    assert event.type == "submitted"


@each_preset
def test_it_tells_a_person_what_they_need(name: str) -> None:
    known = preset(name)
    written = load_preset(name).written
    assert {"name", "title", "doc", "group", "setup", "event_types", "sender", "facts", "samples"} <= written.keys()
    assert {"waits", "retries", "gives_up", "success"} <= known.sender.model_fields_set
    assert all("events" in sample.model_fields_set for sample in known.samples)
    assert known.facts
    assert known.setup
    assert known.group != "other", "say with which others it is listed: `group: …`"
    if known.event_types:  # else the types are whatever the sender's users make them
        assert {expected.type for sample in known.samples for expected in sample.events} <= set(known.event_types)
        assert set(known.types.values()) <= set(known.event_types)


@each_preset
def test_the_sample_that_its_steps_send_is_one_of_its_own(name: str) -> None:
    samples = {sample.name for sample in preset(name).samples}
    for source, sample in re.findall(r"crm-bridge\s+send\s+(\S+)\s+--sample\s+([^\s`]+)", preset(name).setup):
        assert source == name
        assert sample in samples


def test_what_a_list_reads_of_the_files_is_what_is_in_them() -> None:
    for name, head in shipped_heads().items():
        whole = load_preset(name).written
        assert {**head, "samples": whole["samples"]} == whole


@each_preset
def test_it_does_not_name_a_path_on_the_machine_it_was_written_on(name: str) -> None:
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

"""Shops, mail services and help desks whose proof is no hash of the body in a header, each made by hand."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.sources import Received, Refused, Reply, SignedRequest, meet
from bridge.sources.media_types import FORM, JSON
from tests.sources.builders import JSON_TYPE, NOW_MS, accepted, preset, refused
from tests.sources.key_pairs import ec_key
from tests.sources.senders import KEY, presented, receive, source_of, transmitted

SECONDS = NOW_MS // 1000
FORM_TYPE = ("Content-Type", FORM)
Pairs = Sequence[tuple[str, str]]


def answer(
    name: str, body: bytes, *, headers: Pairs = (JSON_TYPE,), query: Pairs = (), now_ms: int = NOW_MS
) -> Received | Refused:
    return source_of(name).receive(headers=headers, query=query, body=body, now_ms=now_ms)


def mac(text: str, key: bytes = KEY.encode()) -> bytes:
    return hmac.new(key, text.encode(), "sha256").digest()


# --- a word in the address -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["activecampaign", "gumroad", "mailchimp", "sendgrid-inbound"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ([("token", KEY)], 200),
        ([("other", "x"), ("token", KEY)], 200),
        ([], 401),
        ([("token", "")], 401),
        ([("token", KEY[:-1])], 401),
        ([("token", KEY + "0")], 401),
        ([("token", KEY.upper())], 401),
        ([("token", "ä")], 401),
        ([("token", KEY), ("token", KEY)], 401),
    ],
)
def test_a_sender_that_signs_nothing_shows_the_word_in_the_address_once(name: str, query: Pairs, status: int) -> None:
    sample = preset(name).samples[0]
    got = answer(name, sample.content, headers=[("Content-Type", sample.content_type)], query=query)
    assert (got.status if isinstance(got, Refused) else 200) == status
    if isinstance(got, Received):
        assert KEY not in repr([(event.query, event.headers) for event in got.events])


# --- a signature inside the body ---------------------------------------------------------------------------------


def mailgun(signature: Mapping[str, str], **event: object) -> bytes:
    data = {"event": "delivered", "id": "e1", "timestamp": 1_780_369_298.5, "recipient": "asha@example.com"} | event
    return json.dumps({"signature": signature, "event-data": data}).encode()


def mailgun_inbound(signature: Mapping[str, str]) -> bytes:
    return urlencode({"recipient": "help@mg.example", "sender": "asha@example.com", **signature}).encode()


BY_TOKEN: dict[str, tuple[Callable[[Mapping[str, str]], bytes], Pairs]] = {
    "mailgun": (mailgun, (JSON_TYPE,)),
    "mailgun-inbound": (mailgun_inbound, (FORM_TYPE,)),
}
each_by_token = pytest.mark.parametrize("name", BY_TOKEN)


def by_token(name: str, changes: Mapping[str, str | None] | None = None, *, now_ms: int = NOW_MS) -> Received | Refused:
    write, headers = BY_TOKEN[name]
    time, token = str(SECONDS), "a" * 50
    given = {"timestamp": time, "token": token, "signature": mac(time + token).hex(), **(changes or {})}
    body = write({key: value for key, value in given.items() if value is not None})
    return answer(name, body, headers=headers, now_ms=now_ms)


@each_by_token
def test_mailguns_signature_of_time_and_token_is_believed_and_its_token_is_taken_once(name: str) -> None:
    got = by_token(name)
    assert len(accepted(got)) == 1
    assert isinstance(got, Received)
    assert got.replay_id == "a" * 50
    assert got.replay_keep_s == 10 * 3600


@each_by_token
@pytest.mark.parametrize(
    "changes",
    [
        {"token": "b" * 50},
        {"timestamp": str(SECONDS - 1)},
        {"signature": mac(str(SECONDS) + "b" * 50).hex()},
        {"signature": mac(str(SECONDS) + "a" * 50).hex().upper()},
        {"signature": ""},
        {"signature": None},
        {"token": None},
        {"timestamp": None},
    ],
)
def test_any_other_part_of_mailguns_signature_is_not(name: str, changes: dict[str, str | None]) -> None:
    assert refused(by_token(name, changes)).status == 401


@each_by_token
def test_mailguns_signature_is_good_for_as_long_as_mailgun_repeats(name: str) -> None:
    assert isinstance(by_token(name, now_ms=NOW_MS + 9 * 3_600_000), Received)
    assert refused(by_token(name, now_ms=NOW_MS + 9 * 3_600_000 + 1000)).code == "timestamp_outside"
    assert refused(by_token(name, now_ms=NOW_MS - 301_000)).code == "timestamp_outside"


def adyen(*, original: str | None = None, **changes: object) -> dict[str, object]:
    """One notification, signed over its fields; `changes` come after that."""
    signed = [
        "PSP1",
        original or "",
        "Acme",
        "order-1",
        "1700",
        "EUR",
        "REFUND" if original else "AUTHORISATION",
        "true",
    ]
    item: dict[str, object] = {
        "pspReference": "PSP1",
        "merchantAccountCode": "Acme",
        "merchantReference": "order-1",
        "amount": {"value": 1700, "currency": "EUR"},
        "eventCode": signed[6],
        "success": "true",
        "additionalData": {"hmacSignature": base64.b64encode(mac(":".join(signed), bytes.fromhex(KEY))).decode()},
    }
    return {"NotificationRequestItem": item | ({"originalReference": original} if original else {}) | changes}


def adyens(*items: Mapping[str, object]) -> bytes:
    return json.dumps({"live": "false", "notificationItems": items}).encode()


@pytest.mark.parametrize("original", [None, "PSP0"])
def test_adyens_eight_fields_are_signed_with_or_without_an_original_reference(original: str | None) -> None:
    (event,) = accepted(answer("adyen", adyens(adyen(original=original))))
    assert event.type == ("REFUND" if original else "AUTHORISATION")


@pytest.mark.parametrize(
    "change",
    [
        {"pspReference": "PSP2"},
        {"merchantAccountCode": "Other"},
        {"merchantReference": "order-2"},
        {"amount": {"value": 1, "currency": "EUR"}},
        {"amount": {"value": 1700, "currency": "USD"}},
        {"eventCode": "CHARGEBACK"},
        {"success": "false"},
        {"originalReference": "PSP9"},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
    ],
)
def test_no_signed_field_of_adyens_can_be_another(change: dict[str, object]) -> None:
    assert refused(answer("adyen", adyens(adyen(original="PSP0", **change)))).status == 401


def test_a_second_notification_of_adyens_that_nobody_has_verified_refuses_the_whole_request() -> None:
    assert refused(answer("adyen", adyens(adyen(), adyen(eventCode="REFUND")))).status == 400


# --- public keys ---------------------------------------------------------------------------------------------------


def sendgrid(body: bytes, *, time: str = str(SECONDS), signed: bytes | None = None) -> Pairs:
    text = time.encode() + (body if signed is None else signed)
    signature = base64.b64encode(ec_key().sign(text, ec.ECDSA(hashes.SHA256()))).decode()
    return [
        ("X-Twilio-Email-Event-Webhook-Timestamp", time),
        ("X-Twilio-Email-Event-Webhook-Signature", signature),
        JSON_TYPE,
    ]


def test_sendgrids_signature_covers_the_last_line_end() -> None:
    body = b'[{"event":"open","email":"a@b.example","timestamp":1780369298,"sg_event_id":"e1"}]\r\n'
    assert len(accepted(answer("sendgrid", body, headers=sendgrid(body)))) == 1
    assert refused(answer("sendgrid", body, headers=sendgrid(body, signed=body.rstrip()))).status == 401
    assert refused(answer("sendgrid", body.rstrip(), headers=sendgrid(body))).status == 401


@pytest.mark.parametrize("place", [0, 1])
def test_each_header_of_sendgrids_proof_is_needed_and_comes_once(place: int) -> None:
    body = b'[{"event":"open","sg_event_id":"e1"}]'
    headers = list(sendgrid(body))
    assert refused(answer("sendgrid", body, headers=headers[:place] + headers[place + 1 :])).status == 401
    assert refused(answer("sendgrid", body, headers=[*headers, headers[place]])).status == 401
    assert refused(answer("sendgrid", body, headers=sendgrid(body), now_ms=NOW_MS + 90_001_000)).status == 401


def paypal(body: bytes, *, webhook_id: str | None = None, **changes: str) -> Received | Refused:
    given = dict(transmitted(body, webhook_id or "${PAYPAL_WEBHOOK_ID}"))
    given |= {f"PAYPAL-{name.replace('_', '-').upper()}": value for name, value in changes.items()}
    return receive(source_of("paypal"), SignedRequest([JSON_TYPE, *given.items()], [], body))


def test_paypals_signature_is_of_id_time_webhook_and_checksum() -> None:
    body = b'{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'
    got = paypal(body)
    assert isinstance(got, Received)
    assert got.replay_id == "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
    assert refused(paypal(body, webhook_id="another webhook's")).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"transmission_id": "69cd13f0-d67a-11e5-baa3-778b53f4ae56"},
        {"transmission_time": "2026-06-02T03:01:41Z"},
        {"transmission_sig": "AAAA"},
        {"auth_algo": "SHA1withRSA"},
        {"cert_url": "https://api.paypal.com.example.com/certs/1"},
        {"cert_url": "http://api.paypal.com/v1/notifications/certs/CERT-1"},
    ],
)
def test_nothing_of_paypals_transmission_can_be_another(changes: dict[str, str]) -> None:
    assert refused(paypal(b'{"id":"WH-1","event_type":"A"}', **changes)).status == 401


@pytest.mark.parametrize("host", ["www.paypal.com", "anything.paypal.com", "api.paypal.com.example.com", "paypal.com"])
def test_a_certificate_of_paypals_is_on_the_hosts_of_its_api_only(host: str) -> None:
    url = f"https://{host}/v1/notifications/certs/CERT-1"
    assert refused(paypal(b'{"id":"WH-1","event_type":"A"}', cert_url=url)).code == "certificate_refused"


# --- handshakes ----------------------------------------------------------------------------------------------------


def met(name: str, method: str, body: bytes = b"", *, headers: Pairs = ()) -> object:
    return meet(source_of(name), headers=headers, query=[], body=body, now_ms=NOW_MS, method=method)


@pytest.mark.parametrize(
    ("name", "method", "headers", "body"),
    [
        ("woocommerce", "POST", [FORM_TYPE], b"webhook_id=12"),
        ("mailchimp", "GET", [], b""),
        ("mandrill", "HEAD", [], b""),
        ("mandrill", "POST", [FORM_TYPE, ("X-Mandrill-Signature", "AAAA")], b"mandrill_events=%5B%5D"),
        ("mailersend", "POST", [JSON_TYPE, ("Signature", "00")], b'{"type":"webhook.test","data":{}}'),
    ],
)
def test_a_sender_that_looks_whether_the_address_is_there_finds_it(
    name: str, method: str, headers: Pairs, body: bytes
) -> None:
    reply = met(name, method, body, headers=headers)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.event) == (200, False)


@pytest.mark.parametrize("name", ["woocommerce", "mandrill", "mailersend"])
def test_a_look_at_the_address_swallows_no_event_and_lets_none_in(name: str) -> None:
    sample = preset(name).samples[0]
    request = presented(source_of(name), sample)
    assert isinstance(met(name, "POST", request.body, headers=request.headers), Received)
    unsigned = met(name, "POST", request.body, headers=[("Content-Type", sample.content_type)])
    assert isinstance(unsigned, Refused)
    assert unsigned.status == 401


# --- what is one event, and what are two -----------------------------------------------------------------------------


def ids(name: str, body: object, headers: Pairs = ()) -> list[str]:
    source = source_of(name)
    sample = preset(name).samples[0]
    text = urlencode(body) if sample.form is not None and isinstance(body, dict) else json.dumps(body)
    changed = sample.model_copy(
        update={"body": None, "form": None, "text": text, "media_type": FORM if sample.form is not None else JSON}
        | ({"headers": {**sample.headers, **dict(headers)}} if headers else {})
    )
    return [event.event_id for event in accepted(receive(source, presented(source, changed)))]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("woocommerce", {"id": 1, "date_modified_gmt": "2026-06-02T03:01:38"}, {"id": 2}),
        ("gumroad", {"resource_name": "refund", "sale_id": "s", "a": "1"}, {"resource_name": "refund", "sale_id": "s"}),
        ("gumroad", {"sale_id": "s"}, {"resource_name": "refund", "sale_id": "s"}),
        (
            "postmark",
            {"RecordType": "Open", "MessageID": "m", "ReceivedAt": "2026-06-02T03:01:38Z"},
            {"RecordType": "Open", "MessageID": "m", "ReceivedAt": "2026-06-02T03:01:39Z"},
        ),
        (
            "lemon-squeezy",
            {"meta": {"event_name": "a"}, "data": {"id": "1", "attributes": {"updated_at": "2026-06-02T03:01:38Z"}}},
            {"meta": {"event_name": "a"}, "data": {"id": "1", "attributes": {"updated_at": "2026-06-02T03:01:39Z"}}},
        ),
        (
            "pipedrive",
            {"meta": {"object": "deal", "id": 7, "action": "updated", "timestamp": 1}},
            {"meta": {"object": "deal", "id": 7, "action": "updated", "timestamp": 2}},
        ),
        (
            "freshdesk",
            {"ticket_id": "7", "status": "Open", "updated_at": "now"},
            {"ticket_id": "7", "status": "Closed", "updated_at": "now"},
        ),
        (
            "bigcommerce",
            {"scope": "store/order/updated", "hash": "h", "created_at": 1, "data": {"id": 1}},
            {"scope": "store/order/updated", "hash": "h", "created_at": 2, "data": {"id": 1}},
        ),
    ],
)
def test_what_differs_in_kind_or_time_is_another_event_and_the_same_again_is_not(
    name: str, first: dict[str, object], second: dict[str, object]
) -> None:
    assert ids(name, first) == ids(name, first)
    assert ids(name, first) != ids(name, second)


def test_each_event_of_an_attio_batch_has_an_id_that_a_retry_keeps() -> None:
    events = [{"event_type": "record.updated", "id": {"record_id": each}} for each in ("a", "b")]
    first = ids("attio", {"events": events})
    assert len(set(first)) == 2
    assert ids("attio", {"events": events}) == first
    assert not set(ids("attio", {"events": events}, [("Idempotency-Key", "another")])) & set(first)


def test_a_mail_that_comes_in_is_the_same_to_rules_whoever_took_it() -> None:
    names = ["mailgun-inbound", "mandrill", "postmark", "sendgrid-inbound"]
    found = {
        name: [each for sample in preset(name).samples for each in sample.events if each.type == "mail.received"]
        for name in names
    }
    for name, (event,) in found.items():
        assert {"email", "name", "to", "title", "text", "message_id"} <= set(event.fields), name
        assert (event.fields["email"], event.fields["text"]) == ("asha@example.com", "Where is my order?")

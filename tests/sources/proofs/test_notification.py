import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.sources import Reason, parse_verification
from tests.sources.builders import NOW_MS
from tests.sources.key_pairs import certificate, ec_key, rsa_key
from tests.sources.proofs.requests import judged

SNS: Mapping[str, object] = {"type": "sns"}
URL = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"
TOPIC = "arn:aws:sns:us-west-2:123456789012:MyTopic"
PLAIN = [("Content-Type", "text/plain; charset=UTF-8"), ("x-amz-sns-message-type", "Notification")]


def notified(version: str = "1", key_bits: int = 2048, **changed: object) -> bytes:
    """A body as SNS sends it, signed the way its documentation tells, with a key of ours."""
    fields: dict[str, object] = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": '{"order": 7, "note": "Grüße"}\nsecond line',
        "Timestamp": "2026-06-02T03:01:40.655Z",
        **changed,
    }
    order = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{fields[name]}\n" for name in order if name in fields).encode()
    hash_ = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - Amazon's version 1
    signature = base64.b64encode(rsa_key(key_bits).sign(text, padding.PKCS1v15(), hash_)).decode()
    rest = {"SignatureVersion": version, "Signature": signature, "SigningCertURL": URL}
    return json.dumps({**fields, **rest, "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?x"}).encode()


def checked(body: bytes, block: Mapping[str, object] = SNS, pem: bytes | None = None, now_ms: int = NOW_MS) -> Reason:
    certificates = {URL: certificate(rsa_key()) if pem is None else pem}
    verdict = judged(block, PLAIN, body, certificates=certificates, now_ms=now_ms)
    assert verdict.ok is (verdict.reason is Reason.VERIFIED)
    return verdict.reason


CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336",
    "Token": "2336",
}


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    "changed", [{}, {"Subject": "Hello"}, CONFIRMATION, {**CONFIRMATION, "Type": "UnsubscribeConfirmation"}]
)
def test_what_sns_signs_is_believed(version: str, changed: dict[str, object]) -> None:
    assert checked(notified(version, 2048, **changed)) is Reason.VERIFIED


def test_the_certificate_is_asked_for_first() -> None:
    verdict = judged(SNS, PLAIN, notified())
    assert (verdict.ok, verdict.reason, verdict.certificate_url) == (False, Reason.CERTIFICATE_UNKNOWN, URL)


@pytest.mark.parametrize(
    ("seconds", "block", "reason"),
    [
        (10 * 365 * 86_400, SNS, Reason.VERIFIED),
        (7_200, {"past_s": 7_200}, Reason.VERIFIED),
        (-10 * 365 * 86_400, {"past_s": 7_200}, Reason.VERIFIED),  # Amazon signed it, so Amazon's clock is right
        (7_201, {"past_s": 7_200}, Reason.TIMESTAMP_OUTSIDE),
    ],
)
def test_with_a_limit_no_old_notification_is_believed(
    seconds: int, block: Mapping[str, object], reason: Reason
) -> None:
    body = notified(Timestamp="2026-06-02T03:01:40.000Z")
    published_ms = round(datetime.fromisoformat(json.loads(body)["Timestamp"]).timestamp() * 1000)
    forever = certificate(rsa_key(), begins=timedelta(-20 * 365), ends=timedelta(20 * 365))
    assert checked(body, {**SNS, **block}, forever, published_ms + seconds * 1000) is reason


def test_a_time_that_is_none_is_refused_before_a_certificate_is_asked_for() -> None:
    verdict = judged({**SNS, "past_s": 7_200}, PLAIN, notified(Timestamp="yesterday"))
    assert (verdict.reason, verdict.certificate_url) == (Reason.TIMESTAMP_MALFORMED, None)


def test_a_limit_below_the_time_for_which_sns_repeats_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="3600"):
        parse_verification({**SNS, "past_s": 3_599})


def test_any_change_is_refused() -> None:
    body = notified(Subject="Hello")
    value = json.loads(body)
    for name in ("Message", "MessageId", "Subject", "Timestamp", "TopicArn"):
        assert checked(json.dumps({**value, name: value[name] + "x"}).encode()) is Reason.SIGNATURE_MISMATCH
    del value["Subject"]
    assert checked(json.dumps(value).encode()) is Reason.SIGNATURE_MISMATCH
    assert checked(notified(key_bits=2049)) is Reason.SIGNATURE_MISMATCH
    assert checked(body.replace(b'"1"', b'"2"')) is Reason.SIGNATURE_MISMATCH


def test_the_same_values_written_otherwise_are_the_same_to_sns() -> None:
    value = json.loads(notified())
    assert checked(json.dumps(value, indent=2, ensure_ascii=False).encode()) is Reason.VERIFIED


def test_a_key_that_comes_twice_is_refused() -> None:
    body = notified()
    twice = body[:-1] + b', "Message": "another"}'
    assert checked(twice) is Reason.SIGNED_BODY_UNREADABLE


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.SIGNED_BODY_UNREADABLE),
        (b"{", Reason.SIGNED_BODY_UNREADABLE),
        (b"[]", Reason.SIGNATURE_MALFORMED),
        (b"{}", Reason.SIGNATURE_MISSING),
        (b"\xff", Reason.SIGNED_BODY_UNREADABLE),
    ],
)
def test_a_body_that_is_not_from_sns(body: bytes, reason: Reason) -> None:
    assert checked(body) is reason


def test_a_certificate_elsewhere_is_not_asked_for() -> None:
    evil = notified().replace(b"sns.us-west-2.amazonaws.com/Simple", b"sns.us-west-2.amazonaws.com.evil.example/Simple")
    verdict = judged(SNS, PLAIN, evil)
    assert (verdict.reason, verdict.certificate_url) == (Reason.SIGNATURE_MALFORMED, None)


def test_only_topics_that_are_named_are_ours() -> None:
    for topics in ([TOPIC], ["arn:aws:sns:eu-west-1:1:x", "arn:aws:sns:us-west-2:123456789012:*"]):
        assert checked(notified(), {**SNS, "topics": topics}) is Reason.VERIFIED
    for topics in (["arn:aws:sns:us-west-2:999999999999:MyTopic"], [TOPIC.lower()], [TOPIC[:-1]]):
        assert checked(notified(), {**SNS, "topics": topics}) is Reason.TOPIC_UNKNOWN
    with pytest.raises(ValidationError, match="this is no topic"):
        parse_verification({**SNS, "topics": ["MyTopic"]})


def test_a_certificate_of_another_kind_or_out_of_its_time_is_refused() -> None:
    old = certificate(rsa_key(), begins=timedelta(days=-9), ends=timedelta(days=-1))
    for pem in (old, certificate(ec_key()), certificate(rsa_key(1024)), b"junk"):
        assert checked(notified(), pem=pem) is Reason.CERTIFICATE_INVALID
    assert checked(notified(), now_ms=NOW_MS + 31 * 86_400_000) is Reason.CERTIFICATE_INVALID


@given(signature=st.text(max_size=400) | st.binary(max_size=300).map(lambda raw: base64.b64encode(raw).decode()))
def test_no_signature_makes_it_raise(signature: str) -> None:
    body = json.dumps(json.loads(notified()) | {"Signature": signature}).encode()
    assert checked(body) is not Reason.VERIFIED

import base64
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey
from pydantic import ValidationError

from bridge.sources import Reason, parse_verification
from bridge.sources.proofs.signed import MAX_CANDIDATES
from tests.sources.builders import NOW_MS
from tests.sources.key_pairs import (
    base64_der,
    certificate,
    ec_key,
    ed25519_key,
    private_pem,
    public_pem,
    raw_of,
    rsa_key,
)
from tests.sources.proofs.requests import Headers, judged

Block = Mapping[str, object]
Signer = Callable[..., Headers]

BODY = b'{"id":7,"text":"\xc3\xbc"}'
NOW = str(NOW_MS // 1000)


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


DISCORD = {
    "type": "ed25519",
    "public_keys": [raw_of(ed25519_key()).hex()],
    "key": "hex",
    "signature": {"from": "header:X-Signature-Ed25519"},
    "timestamp": {"from": "header:X-Signature-Timestamp"},
    "message": "{timestamp}{body}",
}
TELNYX = {
    "type": "ed25519",
    "public_keys": encoded(raw_of(ed25519_key())),
    "key": "base64",
    "signature": {"from": "header:telnyx-signature-ed25519", "encoding": "base64"},
    "timestamp": {"from": "header:telnyx-timestamp"},
    "message": "{timestamp}|{body}",
}
STANDARD_WEBHOOKS = {
    "type": "ed25519",
    "public_keys": ["whpk_" + encoded(raw_of(ed25519_key()))],
    "key": "base64",
    "strip_prefix": "whpk_",
    "signature": {"from": "header:webhook-signature", "split": " ", "prefix": "v1a,", "encoding": "base64"},
    "timestamp": {"from": "header:webhook-timestamp"},
    "message": "{header:webhook-id}.{timestamp}.{body}",
    "replay": {"id": "header:webhook-id"},
}
SENDGRID = {
    "type": "ecdsa",
    "algorithm": "sha256",
    "public_keys": [base64_der(ec_key())],
    "key": "base64",
    "signature": {"from": "header:X-Twilio-Email-Event-Webhook-Signature", "encoding": "base64"},
    "timestamp": {"from": "header:X-Twilio-Email-Event-Webhook-Timestamp"},
    "message": "{timestamp}{body}",
}
FRESHCHAT = {
    "type": "rsa",
    "algorithm": "sha256",
    "public_keys": [public_pem(rsa_key())],
    "key": "pem",
    "signature": {"from": "header:X-Freshchat-Signature", "encoding": "base64"},
}
CERTIFICATE_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
PAYPAL = {
    "type": "rsa",
    "algorithm": "sha256",
    "certificate": {"from": "header:PAYPAL-CERT-URL", "hosts": ["*.paypal.com"]},
    "signature": {"from": "header:PAYPAL-TRANSMISSION-SIG", "encoding": "base64"},
    "timestamp": {"from": "header:PAYPAL-TRANSMISSION-TIME", "unit": "iso8601", "past_s": 3600, "future_s": 300},
    "message": "{header:PAYPAL-TRANSMISSION-ID}|{timestamp}|{config:webhook_id}|{crc32}",
    "config": {"webhook_id": "1JE4291016473214C"},
    "require": {"PAYPAL-AUTH-ALGO": "SHA256withRSA"},
    "replay": {"id": "header:PAYPAL-TRANSMISSION-ID", "keep_s": 300_000},
}


def nacl(message: bytes, seed: int = 1) -> bytes:
    return SigningKey(bytes([seed]) * 32).sign(message).signature


def discord(body: bytes = BODY, time: str = NOW, seed: int = 1) -> Headers:
    return [("X-Signature-Ed25519", nacl(time.encode() + body, seed).hex()), ("X-Signature-Timestamp", time)]


def telnyx(body: bytes = BODY, time: str = NOW, seed: int = 1) -> Headers:
    return [
        ("Telnyx-Signature-Ed25519", encoded(nacl(time.encode() + b"|" + body, seed))),
        ("Telnyx-Timestamp", time),
    ]


def standard_webhooks(body: bytes = BODY, time: str = NOW, seed: int = 1) -> Headers:
    signature = encoded(nacl(b"msg_1." + time.encode() + b"." + body, seed))
    value = f"v1,{encoded(bytes(32))} v1a,{signature}"
    return [("webhook-id", "msg_1"), ("webhook-timestamp", time), ("webhook-signature", value)]


def sendgrid(body: bytes = BODY, time: str = NOW, seed: int = 1) -> Headers:
    key = ec_key() if seed == 1 else ec.generate_private_key(ec.SECP256R1())
    signature = key.sign(time.encode() + body, ec.ECDSA(hashes.SHA256()))
    return [
        ("X-Twilio-Email-Event-Webhook-Signature", encoded(signature)),
        ("X-Twilio-Email-Event-Webhook-Timestamp", time),
    ]


def freshchat(body: bytes = BODY, time: str = "", seed: int = 1) -> Headers:
    del time
    key = rsa_key() if seed == 1 else rsa_key(2049)
    return [("X-Freshchat-Signature", encoded(key.sign(body, padding.PKCS1v15(), hashes.SHA256())))]


def paypal(body: bytes = BODY, time: str = "2026-06-02T03:01:40Z", url: str = CERTIFICATE_URL) -> Headers:
    text = f"69cd13f0|{time}|1JE4291016473214C|{zlib.crc32(body)}".encode()
    return [
        ("PAYPAL-TRANSMISSION-ID", "69cd13f0"),
        ("PAYPAL-TRANSMISSION-TIME", time),
        ("PAYPAL-TRANSMISSION-SIG", encoded(rsa_key().sign(text, padding.PKCS1v15(), hashes.SHA256()))),
        ("PAYPAL-CERT-URL", url),
        ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
    ]


SENDERS = [
    (DISCORD, discord),
    (TELNYX, telnyx),
    (STANDARD_WEBHOOKS, standard_webhooks),
    (SENDGRID, sendgrid),
    (FRESHCHAT, freshchat),
]
NAMES = ["discord", "telnyx", "standard-webhooks", "sendgrid", "freshchat"]
every_sender = pytest.mark.parametrize(("block", "signed"), SENDERS, ids=NAMES)


@every_sender
def test_what_the_sender_signed_is_believed(block: Block, signed: Signer) -> None:
    verdict = judged(block, signed(), BODY)
    assert (verdict.ok, verdict.secret_index, verdict.reason) == (True, 0, Reason.VERIFIED), verdict
    assert verdict.detail == "public key number 1 matched"


@every_sender
def test_anything_else_is_refused(block: Block, signed: Signer) -> None:
    assert judged(block, signed(), BODY + b"\r\n").reason is Reason.SIGNATURE_MISMATCH
    assert judged(block, signed(seed=2), BODY).reason is Reason.SIGNATURE_MISMATCH
    assert judged(block, [], BODY).reason is Reason.SIGNATURE_MISSING
    for name, value in signed():
        others = [pair for pair in signed() if pair[0] != name]
        assert not judged(block, others, BODY).ok
        assert not judged(block, [*others, (name, "")], BODY).ok
        assert not judged(block, [*others, (name, value[:-1])], BODY).ok
        assert not judged(block, [*others, (name, value + "é")], BODY).ok
        assert judged(block, [*others, (name, value), (name, value)], BODY).reason.endswith("_repeated")


@every_sender
def test_an_old_key_works_until_it_is_taken_out(block: Block, signed: Signer) -> None:
    others = {"ed25519": public_pem(ed25519_key(9)), "ecdsa": public_pem(ec_key2()), "rsa": public_pem(rsa_key(2049))}
    kept = block["public_keys"]
    mine = kept[0] if isinstance(kept, list) else kept
    old = others[str(block["type"])]
    assert judged({**block, "key": "text", "public_keys": [old, mine]}, signed(), BODY).secret_index == 1
    assert not judged({**block, "key": "text", "public_keys": [old]}, signed(), BODY).ok


def ec_key2() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(77, ec.SECP256R1())


@pytest.mark.parametrize(("block", "signed"), SENDERS[:4], ids=NAMES[:4])
@pytest.mark.parametrize("distance_s", [-301, 301])
def test_a_stale_or_a_future_time_is_refused_though_it_is_signed(block: Block, signed: Signer, distance_s: int) -> None:
    headers = signed(time=str(NOW_MS // 1000 + distance_s))
    assert judged(block, headers, BODY).reason is Reason.TIMESTAMP_OUTSIDE
    assert judged(block, headers, BODY, now_ms=NOW_MS + distance_s * 1000).ok


def test_a_body_with_line_ends_is_hashed_as_received() -> None:
    assert judged(SENDGRID, sendgrid(BODY + b"\r\n"), BODY + b"\r\n").ok


def test_the_id_that_was_signed_is_told_to_whoever_remembers_it() -> None:
    verdict = judged(STANDARD_WEBHOOKS, standard_webhooks(), BODY)
    assert (verdict.replay_id, verdict.replay_keep_s) == ("msg_1", 600)


def test_the_number_of_signatures_is_bounded() -> None:
    (_, good) = telnyx()[0]
    block = {**TELNYX, "signature": {"from": "header:telnyx-signature-ed25519", "split": " ", "encoding": "base64"}}
    wrong = encoded(bytes(64))
    time = ("telnyx-timestamp", NOW)
    few = " ".join([wrong] * (MAX_CANDIDATES - 1) + [good])
    assert judged(block, [("telnyx-signature-ed25519", few), time], BODY).ok
    many = " ".join([wrong] * MAX_CANDIDATES + [good])
    assert judged(block, [("telnyx-signature-ed25519", many), time], BODY).reason is Reason.SIGNATURE_MALFORMED


@pytest.mark.parametrize("curve", ["p384", "p521"])
def test_other_curves(curve: str) -> None:
    block = {**SENDGRID, "curve": curve, "algorithm": "sha512", "public_keys": public_pem(ec_key(curve)), "key": "pem"}
    signature = ec_key(curve).sign(NOW.encode() + BODY, ec.ECDSA(hashes.SHA512()))
    headers = [
        ("X-Twilio-Email-Event-Webhook-Signature", encoded(signature)),
        ("X-Twilio-Email-Event-Webhook-Timestamp", NOW),
    ]
    assert judged(block, headers, BODY).ok


def test_a_sender_of_old_may_sign_with_sha1_if_the_source_says_so() -> None:
    signature = encoded(rsa_key().sign(BODY, padding.PKCS1v15(), hashes.SHA1()))  # noqa: S303 - that is the point
    headers = [("X-Freshchat-Signature", signature)]
    assert judged({**FRESHCHAT, "algorithm": "sha1"}, headers, BODY).ok
    assert not judged(FRESHCHAT, headers, BODY).ok


def test_a_signature_with_another_padding_is_refused() -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    headers = [("X-Freshchat-Signature", encoded(rsa_key().sign(BODY, pss, hashes.SHA256())))]
    assert judged(FRESHCHAT, headers, BODY).reason is Reason.SIGNATURE_MISMATCH


def test_a_certificate_is_asked_for_and_then_verified_with() -> None:
    first = judged(PAYPAL, paypal(), BODY)
    assert (first.ok, first.reason, first.certificate_url) == (False, Reason.CERTIFICATE_UNKNOWN, CERTIFICATE_URL)
    second = judged(PAYPAL, paypal(), BODY, certificates={CERTIFICATE_URL: certificate(rsa_key())})
    assert (second.ok, second.secret_index, second.certificate_url) == (True, 0, None)
    assert second.detail == "the certificate matched"
    assert (second.replay_id, second.replay_keep_s) == ("69cd13f0", 300_000)
    other = judged(PAYPAL, paypal(), BODY, certificates={CERTIFICATE_URL: certificate(rsa_key(2049))})
    assert other.reason is Reason.SIGNATURE_MISMATCH
    changed = judged(PAYPAL, paypal(), BODY + b" ", certificates={CERTIFICATE_URL: certificate(rsa_key())})
    assert changed.reason is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    "url",
    [
        "https://paypal.com.evil.example/cert",
        "https://evil.example/api.paypal.com",
        "http://api.paypal.com/cert",
        "https://api.paypal.com:8443/cert",
        "https://api.paypal.com/cert?x=1",
        "https://evilpaypal.com/cert",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_elsewhere_is_neither_asked_for_nor_used(url: str) -> None:
    verdict = judged(PAYPAL, paypal(url=url), BODY, certificates={url: certificate(rsa_key())})
    assert (verdict.ok, verdict.reason, verdict.certificate_url) == (False, Reason.CERTIFICATE_REFUSED, None)
    assert "evil" not in verdict.detail


def test_nobody_is_made_to_fetch_a_certificate_for_a_request_that_is_refused_anyway() -> None:
    stale = judged(PAYPAL, paypal(time="2026-06-01T03:01:40Z"), BODY)
    assert (stale.reason, stale.certificate_url) == (Reason.TIMESTAMP_OUTSIDE, None)
    without = [pair for pair in paypal() if pair[0] != "PAYPAL-AUTH-ALGO"]
    assert judged(PAYPAL, without, BODY).reason is Reason.REQUIRED_HEADER


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"<html>",
        public_pem(rsa_key()).encode(),
        certificate(rsa_key(1024)),
        certificate(ec_key()),
        certificate(rsa_key(), begins=timedelta(days=-9), ends=timedelta(days=-1)),
        certificate(rsa_key(), begins=timedelta(days=1), ends=timedelta(days=9)),
    ],
)
def test_a_certificate_that_is_none_is_weak_or_is_out_of_its_time_is_refused(pem: bytes) -> None:
    verdict = judged(PAYPAL, paypal(), BODY, certificates={CERTIFICATE_URL: pem})
    assert (verdict.ok, verdict.reason, verdict.certificate_url) == (False, Reason.CERTIFICATE_INVALID, None)


@given(pem=st.binary(max_size=300))
def test_no_certificate_makes_it_raise(pem: bytes) -> None:
    body = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(pem) + b"-----END CERTIFICATE-----\n"
    for garbage in (pem, body):
        assert not judged(PAYPAL, paypal(), BODY, certificates={CERTIFICATE_URL: garbage}).ok


TEXT = st.text(max_size=200) | st.binary(max_size=100).map(encoded) | st.binary(max_size=100).map(bytes.hex)


@given(signature=TEXT, time=TEXT | st.just(NOW), body=st.binary(max_size=50))
@every_sender
def test_no_request_makes_it_raise(block: Block, signed: Signer, signature: str, time: str, body: bytes) -> None:
    scheme = parse_verification(block)
    (name, _), *others = sorted(
        signed(), key=lambda pair: "signature" not in pair[0].lower() or "time" in pair[0].lower()
    )
    headers = [(name, signature), *((other, time) for other, _ in others)]
    assert not judged(scheme, headers, body).ok


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({**DISCORD, "public_keys": ["00" * 31]}, "this public key cannot be read"),
        ({**DISCORD, "public_keys": [raw_of(ed25519_key()).hex(), "zz"]}, "public key number 2 cannot be read"),
        ({**DISCORD, "public_keys": [base64_der(ec_key())], "key": "base64"}, "this public key is EC P-256"),
        ({**DISCORD, "public_keys": ["00" * 32]}, "anybody can sign"),
        ({**SENDGRID, "public_keys": [base64_der(ec_key("p384"))]}, "this public key is EC P-384"),
        ({**SENDGRID, "public_keys": [base64_der(rsa_key())]}, "this public key is RSA"),
        ({**SENDGRID, "algorithm": "sha1"}, "sha256"),
        ({**FRESHCHAT, "public_keys": [public_pem(rsa_key(1024))]}, "has 1024 bits"),
        ({**FRESHCHAT, "public_keys": [private_pem(rsa_key())]}, "is a private one"),
        ({**PAYPAL, "public_keys": [public_pem(rsa_key())]}, "do not go together"),
        ({**PAYPAL, "certificate": {"from": "header:X", "hosts": ["*.com"]}}, "no host of certificates"),
        ({**PAYPAL, "certificate": {"from": "header:X", "hosts": []}}, "nobody's certificate is believed"),
        ({**PAYPAL, "certificate": {"from": "query:x", "hosts": ["a.com"]}}, "no place of a certificate"),
        ({**DISCORD, "message": "{body}"}, "the time is not signed"),
        ({**DISCORD, "timestamp": {"from": "claim:iat"}, "message": "{body}"}, "the time is not signed"),
    ],
)
def test_a_mistake_in_the_yaml_is_found_when_it_is_read(block: Mapping[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_verification(block)
    assert words in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)


def test_without_a_key_nobody_is_believed() -> None:
    assert judged({**DISCORD, "public_keys": []}, discord(), BODY).reason is Reason.NO_SECRET


def test_the_example_that_sendgrid_publishes_with_its_libraries() -> None:
    body = (
        b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
        b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
        b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
        b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
    )
    key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="  # noqa: E501
    signature = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
    headers = [
        ("X-Twilio-Email-Event-Webhook-Signature", signature),
        ("X-Twilio-Email-Event-Webhook-Timestamp", "1600112502"),
    ]
    block = {**SENDGRID, "public_keys": key}
    assert judged(block, headers, body, now_ms=1_600_112_503_000).ok
    assert judged(block, headers, body[:-2], now_ms=1_600_112_503_000).reason is Reason.SIGNATURE_MISMATCH

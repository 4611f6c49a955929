"""The senders of facts sources.md 2.4: public keys, JWTs, signatures inside the body, plain words."""

import json
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.sources.vectors.hashes_with_times import iso8601, seconds
from tests.sources.vectors.request import FORM, JSON, SECRET, Moment, Row, Sent, b64, joined, mac, sha256

RSA_KEYS = tuple(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def ed25519_of(secret: str) -> ed25519.Ed25519PrivateKey:
    """A key pair that belongs to a secret."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(sha256(secret))


@cache
def ec_of(secret: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(sha256(secret)) >> 1, ec.SECP256R1())


def rsa_of(secret: str) -> rsa.RSAPrivateKey:
    return RSA_KEYS[secret != SECRET]


def _raw(secret: str) -> bytes:
    return ed25519_of(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _der(secret: str) -> str:
    return b64(ec_of(secret).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _keys(of: Callable[[str], str]) -> Callable[[str], Mapping[str, object]]:
    return lambda secret: {"public_keys": [of(secret)]}


def _signed_by_rsa(secret: str, *parts: str | bytes) -> str:
    return b64(rsa_of(secret).sign(joined(*parts), padding.PKCS1v15(), hashes.SHA256()))


def _discord(body: bytes, secret: str, now: Moment) -> Sent:
    made = ed25519_of(secret).sign(joined(seconds(now), body))
    return Sent((("X-Signature-Ed25519", made.hex()), ("X-Signature-Timestamp", seconds(now))), body)


def _telnyx(body: bytes, secret: str, now: Moment) -> Sent:
    made = ed25519_of(secret).sign(joined(seconds(now), "|", body))
    return Sent((("telnyx-signature-ed25519", b64(made)), ("telnyx-timestamp", seconds(now))), body)


def _svix_v1a(body: bytes, secret: str, now: Moment) -> Sent:
    made = ed25519_of(secret).sign(joined("msg_1.", seconds(now), ".", body))
    return Sent(
        (
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", seconds(now)),
            ("webhook-signature", f"v1a,{b64(made)}"),
        ),
        body,
    )


def _sendgrid(body: bytes, secret: str, now: Moment) -> Sent:
    made = ec_of(secret).sign(joined(seconds(now), body), ec.ECDSA(hashes.SHA256()))
    name = "X-Twilio-Email-Event-Webhook"
    return Sent(((f"{name}-Signature", b64(made)), (f"{name}-Timestamp", seconds(now))), body)


def _freshchat(body: bytes, secret: str, _now: Moment) -> Sent:
    return Sent((("X-Freshchat-Signature", _signed_by_rsa(secret, body)),), body)


def _paypal(body: bytes, secret: str, now: Moment) -> Sent:
    id_, time, crc = "69cd13f0-d67a-11e5-baa3-778b53f4ae55", iso8601(now), str(zlib.crc32(body))
    return Sent(
        (
            ("PAYPAL-TRANSMISSION-ID", id_),
            ("PAYPAL-TRANSMISSION-TIME", time),
            ("PAYPAL-TRANSMISSION-SIG", _signed_by_rsa(secret, f"{id_}|{time}|1JE4291016473214C|{crc}")),
            ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
        ),
        body,
    )


def token(claims: Mapping[str, object], key: object, algorithm: str = "HS256", **header: object) -> str:
    """A JSON Web Token by PyJWT."""
    written = json.dumps(claims).encode()
    return jwt.PyJWS().encode(written, key, algorithm, headers=dict(header) or None)  # type: ignore[arg-type]


def whole(now: Moment) -> int:
    """The time in a token, a whole number."""
    assert not isinstance(now, str)
    return int(now)


def _livekit(body: bytes, secret: str, now: Moment) -> Sent:
    claims = {"iss": "API7Zn", "nbf": whole(now), "exp": whole(now) + 300, "sha256": b64(sha256(body))}
    return Sent((("Authorization", token(claims, secret)),), body)


def _vonage(body: bytes, secret: str, now: Moment) -> Sent:
    claims = {"iss": "Vonage", "iat": whole(now), "jti": "c5ba8f24", "payload_hash": sha256(body).hex()}
    return Sent((("Authorization", f"Bearer {token(claims, secret)}"),), body)


def _plaid(body: bytes, secret: str, now: Moment) -> Sent:
    claims = {"iat": whole(now), "request_body_sha256": sha256(body).hex()}
    return Sent((("Plaid-Verification", token(claims, ec_of(secret), "ES256", kid="bfbd5111")),), body)


def _wix(body: bytes, secret: str, now: Moment) -> Sent:
    claims = {"iat": whole(now), "exp": whole(now) + 60, "hash": sha256(body).hex()}
    return Sent((("X-Token", token(claims, rsa_of(secret), "RS256")),), body)


def mailgun(body: bytes, secret: str, now: Moment, word: str = "") -> Sent:
    """Mailgun's JSON: the signature stands in it, and leaves the event out. Each second has a word of its own."""
    word = word or sha256(seconds(now), secret).hex()[:50]
    made = mac(secret, seconds(now), word).hex()
    signature = {"timestamp": seconds(now), "token": word, "signature": made}
    return Sent((), json.dumps({"signature": signature, "event-data": body.decode()}).encode())


def _mailgun_form(body: bytes, secret: str, now: Moment) -> Sent:
    made = mac(secret, seconds(now), "f4a9d1c2").hex()
    fields = {"timestamp": seconds(now), "token": "f4a9d1c2", "signature": made, "subject": "Zoë"}
    return Sent((), urlencode(fields).encode() + b"&" + body)


def _adyen(body: bytes, secret: str, _now: Moment) -> Sent:
    fields = ("7914073381342284", "", "TestMerchant", "TestPayment-1407325143704", "1130", "EUR", "AUTHORISATION")
    made = b64(mac(bytes.fromhex(secret), ":".join((*fields, "true"))))
    item = {
        "pspReference": fields[0],
        "originalReference": fields[1],
        "merchantAccountCode": fields[2],
        "merchantReference": fields[3],
        "amount": {"value": 1130, "currency": fields[5]},
        "eventCode": fields[6],
        "success": "true",
        "additionalData": {"hmacSignature": made},
        "reason": body.decode(),
    }
    return Sent((), json.dumps({"notificationItems": [{"NotificationRequestItem": item}]}).encode())


def _dropbox_sign(body: bytes, secret: str, now: Moment) -> Sent:
    kind = "signature_request_sent"
    event = {"event_time": seconds(now), "event_type": kind, "event_hash": mac(secret, seconds(now), kind).hex()}
    return Sent((), urlencode({"json": json.dumps({"event": event, "more": body.decode()})}).encode())


def _word(header: str, prefix: str = "") -> Callable[[bytes, str, Moment], Sent]:
    return lambda body, secret, _now: Sent(((header, prefix + secret),), body)


def graph(body: bytes, *words: str | None) -> Sent:
    """Notifications of Microsoft Graph, each with its word or with none."""
    items = [
        {"resource": body.decode(), "changeType": "created"} | ({} if word is None else {"clientState": word})
        for word in words
    ]
    return Sent((), json.dumps({"value": items}).encode())


_ADYEN_ITEM = "json:notificationItems.0.NotificationRequestItem"
_PARAMETER = {"type": "token", "signature": {"from": "query:token"}}

ROWS = (
    Row(
        "discord",
        {
            "type": "ed25519",
            "key": "hex",
            "signature": {"from": "header:X-Signature-Ed25519", "encoding": "hex"},
            "timestamp": {"from": "header:X-Signature-Timestamp"},
            "message": "{timestamp}{body}",
        },
        _discord,
        credentials=_keys(lambda secret: _raw(secret).hex()),
        time="X-Signature-Timestamp",
    ),
    Row(
        "telnyx",
        {
            "type": "ed25519",
            "key": "base64",
            "signature": {"from": "header:telnyx-signature-ed25519", "encoding": "base64"},
            "timestamp": {"from": "header:telnyx-timestamp", "unit": "s", "past_s": 300, "future_s": 300},
            "message": "{timestamp}|{body}",
        },
        _telnyx,
        credentials=_keys(lambda secret: b64(_raw(secret))),
        time="telnyx-timestamp",
    ),
    Row(
        "standard webhooks of v1a",
        {
            "type": "ed25519",
            "key": "base64",
            "strip_prefix": "whpk_",
            "signature": {"from": "header:webhook-signature", "split": " ", "prefix": "v1a,", "encoding": "base64"},
            "timestamp": {"from": "header:webhook-timestamp"},
            "message": "{header:webhook-id}.{timestamp}.{body}",
        },
        _svix_v1a,
        credentials=_keys(lambda secret: f"whpk_{b64(_raw(secret))}"),
        time="webhook-timestamp",
    ),
    Row(
        "sendgrid",
        {
            "type": "ecdsa",
            "algorithm": "sha256",
            "key": "base64",
            "signature": {"from": "header:X-Twilio-Email-Event-Webhook-Signature", "encoding": "base64"},
            "timestamp": {"from": "header:X-Twilio-Email-Event-Webhook-Timestamp"},
            "message": "{timestamp}{body}",
        },
        _sendgrid,
        body=b'[{"email":"asha@example.com","event":"processed"}]\r\n',
        credentials=_keys(_der),
        time="X-Twilio-Email-Event-Webhook-Timestamp",
    ),
    Row(
        "freshchat",
        {
            "type": "rsa",
            "algorithm": "sha256",
            "signature": {"from": "header:X-Freshchat-Signature", "encoding": "base64"},
        },
        _freshchat,
        credentials=_keys(lambda secret: pem_of(rsa_of(secret))),
    ),
    Row(
        "paypal",
        {
            "type": "rsa",
            "signature": {"from": "header:PAYPAL-TRANSMISSION-SIG", "encoding": "base64"},
            "timestamp": {"from": "header:PAYPAL-TRANSMISSION-TIME", "unit": "iso8601", "past_s": 3600},
            "message": "{header:PAYPAL-TRANSMISSION-ID}|{timestamp}|{config:webhook_id}|{crc32}",
            "config": {"webhook_id": "1JE4291016473214C"},
            "require": {"PAYPAL-AUTH-ALGO": "SHA256withRSA"},
        },
        _paypal,
        credentials=_keys(lambda secret: pem_of(rsa_of(secret))),
        time="PAYPAL-TRANSMISSION-TIME",
    ),
    Row(
        "livekit",
        {
            "type": "jwt",
            "algorithms": ["HS256"],
            "issuer": "API7Zn",
            "signature": {"from": "header:Authorization"},
            "body_digest": {"from": "claim:sha256", "algorithm": "sha256", "encoding": "base64"},
        },
        _livekit,
    ),
    Row(
        "vonage",
        {
            "type": "jwt",
            "algorithm": "HS256",
            "signature": {"from": "header:Authorization", "prefix": "Bearer "},
            "body_digest": {"from": "claim:payload_hash", "algorithm": "sha256", "encoding": "hex"},
        },
        _vonage,
    ),
    Row(
        "plaid",
        {
            "type": "jwt",
            "algorithms": ["ES256"],
            "signature": {"from": "header:Plaid-Verification"},
            "timestamp": {"from": "claim:iat", "past_s": 300},
            "body_digest": {"from": "claim:request_body_sha256"},
        },
        _plaid,
        credentials=_keys(lambda secret: pem_of(ec_of(secret))),
    ),
    Row(
        "wix",
        {
            "type": "jwt",
            "algorithms": ["RS256"],
            "signature": {"from": "header:X-Token"},
            "body_digest": {"from": "claim:hash"},
        },
        _wix,
        credentials=_keys(lambda secret: pem_of(rsa_of(secret))),
    ),
    Row(
        "mailgun",
        {
            "type": "hmac",
            "signature": {"from": "json:signature.signature", "encoding": "hex"},
            "timestamp": {"from": "json:signature.timestamp"},
            "message": "{timestamp}{json:signature.token}",
            "replay": {"id": "json:signature.token", "keep_s": 600},
        },
        mailgun,
        body=b"opened",
        covers_body=False,
    ),
    Row(
        "mailgun inbound",
        {
            "type": "hmac",
            "signature": {"from": "form:signature", "encoding": "hex"},
            "timestamp": {"from": "form:timestamp"},
            "message": "{form:timestamp}{form:token}",
        },
        _mailgun_form,
        FORM,
        b"stripped-text=Hi",
        covers_body=False,
    ),
    Row(
        "adyen payments",
        {
            "type": "hmac",
            "key": "hex",
            "signature": {"from": f"{_ADYEN_ITEM}.additionalData.hmacSignature", "encoding": "base64"},
            "message": ":".join(
                f"{{{_ADYEN_ITEM}.{name}}}"
                for name in (
                    "pspReference",
                    "originalReference",
                    "merchantAccountCode",
                    "merchantReference",
                    "amount.value",
                    "amount.currency",
                    "eventCode",
                    "success",
                )
            ),
        },
        _adyen,
        body=b"1234:7777:12/2012",
        covers_body=False,
    ),
    Row(
        "dropbox sign",
        {
            "type": "hmac",
            "signature": {"from": "form_json:json:event.event_hash", "encoding": "hex"},
            "message": "{form_json:json:event.event_time}{form_json:json:event.event_type}",
        },
        _dropbox_sign,
        FORM,
        b"more",
        covers_body=False,
    ),
    Row(
        "gitlab's token",
        {"type": "token", "signature": {"from": "header:X-Gitlab-Token"}},
        _word("X-Gitlab-Token"),
        covers_body=False,
    ),
    Row(
        "telegram",
        {"type": "token", "signature": {"from": "header:X-Telegram-Bot-Api-Secret-Token"}},
        _word("X-Telegram-Bot-Api-Secret-Token"),
        covers_body=False,
    ),
    Row(
        "graph",
        {"type": "token", "each": "value", "signature": {"from": "json:clientState"}},
        lambda body, secret, _now: graph(body, secret, secret),
        body=b"me/messages",
        covers_body=False,
    ),
    Row(
        "google push",
        {"type": "token", "signature": {"from": "header:X-Goog-Channel-Token"}},
        _word("X-Goog-Channel-Token"),
        covers_body=False,
    ),
    Row(
        "postmark",
        {"type": "basic"},
        lambda body, secret, _now: Sent((("Authorization", f"Basic {b64(joined('postmark:', secret, ':ü'))}"),), body),
        credentials=lambda secret: {"secrets": [f"postmark:{secret}:ü"]},
        covers_body=False,
    ),
    Row(
        "freshdesk",
        {"type": "token", "signature": {"from": "header:Authorization", "prefix": "Bearer "}},
        _word("Authorization", "Bearer "),
        covers_body=False,
    ),
    Row(
        "auth0",
        {"type": "token", "signature": {"from": "header:Authorization"}},
        _word("Authorization"),
        covers_body=False,
    ),
    Row(
        "mailchimp",
        _PARAMETER,
        lambda body, secret, _now: Sent((), body, f"a=1&token={secret}"),
        FORM,
        b"type=subscribe&data%5Bemail%5D=asha%40example.com",
        covers_body=False,
    ),
    Row("wati", _PARAMETER, lambda body, secret, _now: Sent((), body, f"token={secret}"), JSON, covers_body=False),
)

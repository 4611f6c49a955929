"""The vendors that sign with a private key or send a JSON Web Token, and their libraries."""

import base64
import hashlib
from typing import Any

import discord_interactions
import jwt
import livekit.api
import messagebird.request_validator
import nacl.signing
import sendgrid
import vonage_jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.sources.referees.cases import Referee, Sent
from tests.sources.referees.keyed import BODY, JSON, NO_TIME, b64

SENDGRID = "X-Twilio-Email-Event-Webhook"
UP_TO_PADDING = "the library decodes base64 up to the first padding, and so sees one of the two"
NO_BODY = "the library looks at the token alone and leaves the body to its caller"


def key_pair(secret: str) -> nacl.signing.SigningKey:
    """An Ed25519 key for each secret."""
    return nacl.signing.SigningKey(hashlib.sha256(secret.encode()).digest())


def telnyx_signed(body: bytes, secret: str, now_ms: int) -> Sent:
    moment = str(now_ms // 1000)
    value = b64(key_pair(secret).sign(f"{moment}|".encode() + body).signature)
    return Sent((JSON, ("telnyx-signature-ed25519", value), ("telnyx-timestamp", moment)), body)


def telnyx_believes(sent: Sent, secret: str) -> None:
    text = f"{sent.header('telnyx-timestamp')}|".encode() + sent.body
    key_pair(secret).verify_key.verify(text, base64.b64decode(sent.header("telnyx-signature-ed25519"), validate=True))


def discord_signed(body: bytes, secret: str, now_ms: int) -> Sent:
    moment = str(now_ms // 1000)
    value = key_pair(secret).sign(moment.encode() + body).signature.hex()
    return Sent((JSON, ("X-Signature-Ed25519", value), ("X-Signature-Timestamp", moment)), body)


def discord_believes(sent: Sent, secret: str) -> bool:
    value, moment = sent.header("X-Signature-Ed25519"), sent.header("X-Signature-Timestamp")
    return bool(discord_interactions.verify_key(sent.body, value, moment, bytes(key_pair(secret).verify_key).hex()))


def curve_key(secret: str) -> ec.EllipticCurvePrivateKey:
    """A key on the curve P-256 for each secret."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(secret.encode()).digest()), ec.SECP256R1())


def curve_public(secret: str) -> str:
    """What SendGrid's settings show of it."""
    key = curve_key(secret).public_key()
    return b64(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def sendgrid_signed(body: bytes, secret: str, now_ms: int) -> Sent:
    moment = str(now_ms // 1000)
    value = ""
    while not value.endswith("="):  # where it ends, so that the library's reading of two of them is always the same
        value = b64(curve_key(secret).sign(moment.encode() + body, ec.ECDSA(hashes.SHA256())))
    return Sent((JSON, (f"{SENDGRID}-Signature", value), (f"{SENDGRID}-Timestamp", moment)), body)


def sendgrid_believes(sent: Sent, secret: str) -> bool:
    judge = sendgrid.EventWebhook(curve_public(secret))
    return bool(
        judge.verify_signature(
            sent.body.decode(), sent.header(f"{SENDGRID}-Signature"), sent.header(f"{SENDGRID}-Timestamp")
        )
    )


def token(header: str, claims: Any, prefix: str = "") -> Any:
    """The request of a vendor whose token holds the hash of the body."""

    def signed(body: bytes, secret: str, now_ms: int) -> Sent:
        made = jwt.encode(claims(body, now_ms // 1000), secret, algorithm="HS256")
        return Sent((JSON, (header, prefix + made)), body)

    return signed


def livekit_claims(body: bytes, now_s: int) -> dict[str, object]:
    return {"iss": "key_1", "nbf": now_s, "exp": now_s + 300, "sha256": b64(hashlib.sha256(body).digest())}


def livekit_believes(sent: Sent, secret: str) -> object:
    judge = livekit.api.WebhookReceiver(livekit.api.TokenVerifier("key_1", secret))
    return judge.receive(sent.body.decode(), sent.header("Authorization"))


ADDRESS = "https://bridge.example.com/hooks/messagebird"


def messagebird_claims(body: bytes, now_s: int) -> dict[str, object]:
    return {
        "iss": "MessageBird",
        "nbf": now_s,
        "exp": now_s + 60,
        "jti": "t1",
        "url_hash": hashlib.sha256(ADDRESS.encode()).hexdigest(),
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }


def messagebird_believes(sent: Sent, secret: str) -> object:
    judge = messagebird.request_validator.RequestValidator(secret)
    return judge.validate_signature(sent.header("MessageBird-Signature-JWT"), ADDRESS, sent.body)


def vonage_claims(body: bytes, now_s: int) -> dict[str, object]:
    return {"iss": "Vonage", "iat": now_s, "jti": "t1", "payload_hash": hashlib.sha256(body).hexdigest()}


UNKEYED = [
    Referee(
        "sendgrid",
        f"{SENDGRID}-Signature",
        b'[{"event": "delivered",  "name": "Asha Kulkarni", "sg_event_id": "e1"}]\r\n',
        sendgrid_signed,
        sendgrid_believes,
        key=curve_public,
        key_name="public_key",
        differs={"stale": NO_TIME, "future": NO_TIME, "twice": UP_TO_PADDING},
    ),
    Referee(
        "discord",
        "X-Signature-Ed25519",
        BODY,
        discord_signed,
        discord_believes,
        key=lambda secret: bytes(key_pair(secret).verify_key).hex(),
        key_name="public_key",
        differs={"stale": NO_TIME, "future": NO_TIME},
    ),
    Referee(
        "telnyx",
        "telnyx-signature-ed25519",
        BODY,
        telnyx_signed,
        telnyx_believes,
        key=lambda secret: b64(bytes(key_pair(secret).verify_key)),
        key_name="public_key",
        differs={"stale": NO_TIME, "future": NO_TIME},
    ),
    Referee(
        "livekit",
        "Authorization",
        b'{"event": "room_started",  "id": "EV_1", "room": {"name": "Asha Kulkarni"}, "createdAt": "1780369298"}',
        token("Authorization", livekit_claims),
        livekit_believes,
        limited=True,
    ),
    Referee(
        "messagebird",
        "MessageBird-Signature-JWT",
        BODY,
        token("MessageBird-Signature-JWT", messagebird_claims),
        messagebird_believes,
        limited=True,
    ),
    Referee(
        "vonage",
        "Authorization",
        BODY,
        token("Authorization", vonage_claims, "Bearer "),
        lambda sent, secret: vonage_jwt.verify_signature(sent.header("Authorization").removeprefix("Bearer "), secret),
        differs={"tampered": NO_BODY, "re-serialised": NO_BODY, "stale": "the library takes tokens of any age"},
    ),
]

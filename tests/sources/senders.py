"""A source for each preset, and its samples as the sender would present them."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding

from bridge.sources import Received, Refused, SampleEvent, SignedRequest, Source, SourceConfig, load_preset, sign
from bridge.sources.describe import entry
from bridge.sources.proofs.notification import SnsScheme
from bridge.sources.proofs.public_key import EcdsaScheme, Ed25519Scheme, RsaScheme
from bridge.sources.proofs.web_token import JwtScheme
from bridge.sources.scheme import alternatives
from tests.canaries import AISOULE_SECRET
from tests.sources.builders import NOW_MS, preset
from tests.sources.key_pairs import (
    AnyPrivate,
    certificate,
    der_of,
    ec_key,
    ed25519_key,
    private_pem,
    public_pem,
    raw_of,
    rsa_key,
)

SNS_CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"
PAYPAL_CERTIFICATE = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
KEY = hashlib.sha256(AISOULE_SECRET.encode()).hexdigest()
"""A secret that is text, hexadecimal digits and base64, whichever a sender's keys are written in."""


@cache
def source_of(name: str) -> Source:
    """The source that the preset's own set-up steps write into the configuration, with values for its variables."""
    (written,) = entry(load_preset(name).written).values()
    assert isinstance(written, dict)
    config = {key: filled(value) for key, value in written.items()}
    pair = key_pair_of(name)
    if pair is not None:
        config["public_key"] = public_half(*pair)
    source = Source.compile(name, SourceConfig.model_validate(config), preset(name))
    brings_secret = any(block.kind == "store_secret" for block in preset(name).handshake or ())
    return source.with_secrets([KEY]) if brings_secret else source


def filled(value: object) -> object:
    """What `${NAME}` stands for is the key."""
    if isinstance(value, list):
        return [filled(each) for each in value]
    return re.sub(r"\$\{\w+\}", KEY, value) if isinstance(value, str) else value


def key_pair_of(name: str) -> tuple[AnyPrivate, str] | None:
    """The key of a preset's sender and how its public half is written; None where it signs with a secret."""
    scheme = preset(name).verify
    assert scheme is not None
    block = alternatives(scheme)[0]
    match block:
        case Ed25519Scheme():
            return ed25519_key(), block.key
        case EcdsaScheme():
            return ec_key(block.curve), block.key
        case RsaScheme() if block.certificate is None:
            return rsa_key(), block.key
        case JwtScheme() if block.rests_on == "public_keys":
            return rsa_key() if "rsa" in block.kinds else ec_key(min(block.kinds)), block.key
        case _:
            return None


def public_half(key: AnyPrivate, form: str) -> str:
    """The public key, written the way that a preset reads it."""
    if form == "pem":
        return public_pem(key)
    raw = raw_of(key) if isinstance(key, ed25519.Ed25519PrivateKey) else der_of(key)
    return raw.hex() if form == "hex" else base64.b64encode(raw).decode()


def signed(
    source: Source, content: bytes, *, header: str | None = None, given: Mapping[str, str] | None = None
) -> SignedRequest:
    """A body that a preset's sender has signed."""
    if isinstance(source.verification, SnsScheme):
        return SignedRequest([], [], notified(content))
    if isinstance(source.verification, RsaScheme) and source.verification.certificate is not None:
        return SignedRequest(transmitted(content, source.verification.config["webhook_id"]), [], content)
    pair = None if source.preset is None else key_pair_of(source.preset)
    return sign(
        source.verification,
        content,
        now_ms=NOW_MS,
        header=header,
        given=given,
        private_key=None if pair is None else private_pem(pair[0]),
    )


def presented(source: Source, sample: SampleEvent) -> SignedRequest:
    """A sample that its sender has signed; the headers of the proof come first."""
    given = {**sample.headers, "Content-Type": sample.content_type}
    proof = signed(source, sample.content, header=sample.header, given=given)
    proven = {name.lower() for name, _ in proof.headers}
    others = [(name, value) for name, value in sample.headers.items() if name.lower() not in proven]
    return replace(proof, headers=[*proof.headers, ("Content-Type", sample.content_type), *others])


def notified(content: bytes) -> bytes:
    """A notification of SNS, signed the way Amazon's page tells, with a key of ours."""
    fields = json.loads(content)
    order = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{fields[name]}\n" for name in order if name in fields).encode()
    signature = rsa_key().sign(text, padding.PKCS1v15(), hashes.SHA256())
    return json.dumps({**fields, "Signature": base64.b64encode(signature).decode()}).encode()


def transmitted(content: bytes, webhook_id: str) -> list[tuple[str, str]]:
    """What PayPal sends with a body, signed the way its page tells, with a key of ours."""
    text = f"69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-06-02T03:01:40Z|{webhook_id}|{zlib.crc32(content)}"
    signature = rsa_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return [
        ("PAYPAL-TRANSMISSION-ID", "69cd13f0-d67a-11e5-baa3-778b53f4ae55"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-06-02T03:01:40Z"),
        ("PAYPAL-TRANSMISSION-SIG", base64.b64encode(signature).decode()),
        ("PAYPAL-CERT-URL", PAYPAL_CERTIFICATE),
        ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
    ]


def receive(source: Source, request: SignedRequest) -> Received | Refused:
    """What the source makes of a request."""
    return source.receive(
        headers=request.headers,
        query=request.query,
        body=request.body,
        now_ms=NOW_MS,
        raw_query=request.raw_query,
        certificates=dict.fromkeys((SNS_CERTIFICATE, PAYPAL_CERTIFICATE), certificate(rsa_key())),
    )

"""Amazon SNS: what it signs, and which hosts are its own.

The documentation ("Verifying the signatures of Amazon SNS messages") and Amazon's validators agree on the fields; each
stands as its name, a line feed, its value, a line feed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CERTIFICATE_FIELD = "SigningCertURL"
SIGNATURE_FIELD = "Signature"

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
ALWAYS_SIGNED = frozenset({"Message", "MessageId", "Timestamp", "TopicArn", "Type"})
"""The fields that every signature covers."""

_HASHES: Mapping[str, Literal["sha1", "sha256"]] = {"1": "sha1", "2": "sha256"}
# A region as Amazon writes them, `us-gov-west-1`. Looser patterns, Amazon's own among them, let in
# `sns.s3-us-west-2.amazonaws.com`, which is whatever the owner of a bucket called `sns` puts there.
_HOST = r"sns\.[a-z]{2}(?:-[a-z]+){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
_SNS_HOST = re.compile(_HOST, re.ASCII)
_CERTIFICATE = re.compile(rf"https://{_HOST}/[A-Za-z0-9_-]{{1,128}}\.pem", re.ASCII)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of a body from SNS that verification needs.

    Attributes:
        signed: the text that the signature is over.
        signature: as it stands in the body, base64.
        hash: what `SignatureVersion` names.
        certificate_url: where the signer's certificate is; a host of SNS.
        topic: the topic's ARN.
        id: `MessageId`.
    """

    signed: bytes
    signature: str
    hash: Literal["sha1", "sha256"]
    certificate_url: str
    topic: str
    id: str


class NoEnvelope(Exception):  # noqa: N818 - says what the body is not
    """The body is nothing that SNS sends. `lacking` tells a missing signature from one that is not as it must be."""

    def __init__(self, detail: str, *, lacking: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.lacking = lacking


def is_sns_host(host: str) -> bool:
    """Whether a host name, in lower case, is one of SNS itself."""
    return _SNS_HOST.fullmatch(host) is not None


def read_envelope(value: object) -> Envelope:
    """Take a body from SNS apart; `value` is its JSON.

    Raises:
        NoEnvelope: it is none.
    """
    if not isinstance(value, dict):
        raise NoEnvelope("the body is no JSON object")
    if SIGNATURE_FIELD not in value:
        raise NoEnvelope(f"the body has no `{SIGNATURE_FIELD}`", lacking=True)
    hash_ = _HASHES.get(_text(value, "SignatureVersion"))
    if hash_ is None:
        raise NoEnvelope("`SignatureVersion` is neither 1 nor 2")
    address = _text(value, CERTIFICATE_FIELD)
    if not _CERTIFICATE.fullmatch(address):
        raise NoEnvelope(f"`{CERTIFICATE_FIELD}` is no address of a certificate on a host of SNS")
    return Envelope(
        signed=signed_text(value),
        signature=_text(value, SIGNATURE_FIELD),
        hash=hash_,
        certificate_url=address,
        topic=_text(value, "TopicArn"),
        id=_text(value, "MessageId"),
    )


def signed_text(value: Mapping[str, object]) -> bytes:
    """What SNS signs of a body, by its `Type`.

    Of all fields only `Message` may hold line feeds; otherwise two bodies could have one text.

    Raises:
        NoEnvelope: an unknown type, a field that is missing, is no text or holds a line feed.
    """
    names = _SIGNED_FIELDS.get(_text(value, "Type"))
    if names is None:
        raise NoEnvelope("`Type` is none that SNS sends")
    lines: list[str] = []
    for name in names:
        if name == "Subject" and value.get(name) is None:
            continue
        text = _text(value, name)
        if name != "Message" and "\n" in text:
            raise NoEnvelope(f"`{name}` holds a line feed")
        lines += (name, text)
    return "".join(f"{line}\n" for line in lines).encode()


def _text(value: Mapping[str, object], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise NoEnvelope(f"`{name}` is missing or no text")
    return text

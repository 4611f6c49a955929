"""Amazon SNS: the signature, its version and the certificate's address stand in the JSON body.

A valid signature says that SNS sent the body, for some account of Amazon's: anybody can make a topic and subscribe our
address to it. `topics` says which ones are ours.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.diagnostics import problem
from bridge.sources.places import Place, SignaturePlace, TimestampPlace
from bridge.sources.presented import Presented
from bridge.sources.proofs.certificates import certified_key
from bridge.sources.proofs.encodings import KeyKind, decode
from bridge.sources.proofs.envelope import ALWAYS_SIGNED, SIGNATURE_FIELD, Envelope, NoEnvelope, read_envelope
from bridge.sources.proofs.proof import Proof, check_required, fits
from bridge.sources.proofs.window import age_of
from bridge.sources.strict_json import Unreadable
from bridge.sources.verdict import Reason, Unbelieved

_SIGNATURE = SignaturePlace.model_validate({"from": f"json:{SIGNATURE_FIELD}", "encoding": "base64"})
_RSA: frozenset[KeyKind] = frozenset({"rsa"})


def _topic(value: str) -> str:
    if not value.startswith("arn:aws") or ":sns:" not in value:
        raise problem(
            "this is no topic",
            help="write its ARN, `arn:aws:sns:us-east-1:123456789012:orders`; `*` stands for any text",
        )
    return value


class SnsScheme(Proof):
    """Amazon SNS, signature versions 1 and 2."""

    type: Literal["sns"]
    """A notification of Amazon SNS, verified with Amazon's certificate."""
    topics: Annotated[tuple[Annotated[str, AfterValidator(_topic)], ...], Field(max_length=100)] = ()
    """The ARNs of the topics that are ours; `*` stands for any text. Without them anybody's topic is believed."""
    past_s: Annotated[int, Field(ge=3_600)] | None = None
    """How many seconds ago it may have been published; SNS repeats for an hour at most. Without it: any number."""

    @property
    def signature(self) -> SignaturePlace:
        """Where it stands: always the same."""
        return _SIGNATURE

    @cached_property
    def timestamp(self) -> TimestampPlace | None:
        """Where the signed time stands, if there is a limit for it."""
        if self.past_s is None:
            return None
        place = {"from": "json:Timestamp", "unit": "iso8601", "past_s": self.past_s, "future_s": None}
        return TimestampPlace.model_validate(place)

    @property
    def rests_on(self) -> Literal["certificate"]:
        """What the operator must give: nothing."""
        return "certificate"

    def covers(self, place: Place) -> bool:
        """Whether what stands at a place cannot be changed without breaking the proof."""
        return place.kind == "json" and place.name in ALWAYS_SIGNED

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return "sns"


def matching(scheme: SnsScheme, request: Presented, now_ms: int) -> int:
    """Always 0: there is one key, Amazon's.

    Raises:
        Unbelieved: SNS did not sign this, or for another topic. A certificate is asked for only once all else is as it
            should be.
    """
    from bridge.sources.proofs.public_signatures import holds  # noqa: PLC0415 - loads slowly, and few sources need it

    check_required(scheme, request)
    envelope = _envelope(request)
    if scheme.topics and not _is_ours(envelope.topic, scheme.topics):
        raise Unbelieved(Reason.TOPIC_UNKNOWN, "the body's topic is none of `topics`")
    if scheme.timestamp is not None:
        age_of(scheme.timestamp, request.only(scheme.timestamp.place, "TIMESTAMP"), now_ms)
    signature = decode(envelope.signature, "base64") if envelope.signature.isascii() else None
    if signature is None:
        raise Unbelieved(Reason.SIGNATURE_MALFORMED, f"`{SIGNATURE_FIELD}` is not base64")
    key = certified_key(envelope.certificate_url, request.certificates, _RSA, now_ms)
    if not holds(key, signature, envelope.signed, envelope.hash):
        raise Unbelieved(Reason.SIGNATURE_MISMATCH, f"`{SIGNATURE_FIELD}` was not made from this body by SNS")
    return 0


def _envelope(request: Presented) -> Envelope:
    try:
        return read_envelope(request.json)
    except Unreadable as error:
        raise Unbelieved(Reason.SIGNED_BODY_UNREADABLE, f"the body cannot be read: {error.reason}") from None
    except NoEnvelope as error:
        reason = Reason.SIGNATURE_MISSING if error.lacking else Reason.SIGNATURE_MALFORMED
        raise Unbelieved(reason, error.detail) from None


def _is_ours(topic: str, topics: Sequence[str]) -> bool:
    return any(fits(topic, each) for each in topics)

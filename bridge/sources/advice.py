"""What a person whose request was not believed is told: what is the matter, and where to look for the mend."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.sources.answers import Refused
from bridge.sources.places import Place
from bridge.sources.proofs.signed import Signed
from bridge.sources.proofs.words import BasicScheme, TokenScheme
from bridge.sources.scheme import AnyScheme, alternatives
from bridge.sources.verdict import Reason, Verdict

_MALFORMED = "The signature is not written the way this source expects it."
_TIME = "The signed time is missing or unreadable."
_HEADER = "A header that is part of the signature is missing, repeated or unreadable."
_VALUE = "A value that is part of the signature is missing, repeated or unreadable."
_DIGEST = "The signed hash of the body is missing, repeated or unreadable."
_REPLAY_ID = "The request's own id is missing, repeated or unreadable."
_CERTIFICATE = "The address of the sender's certificate is missing, repeated, or not one that this source takes."

_MESSAGES: Mapping[Reason, str] = {
    Reason.NO_SECRET: "This source has no secret yet.",
    Reason.SIGNATURE_MISSING: "The request carries no signature.",
    Reason.SIGNATURE_REPEATED: _MALFORMED,
    Reason.SIGNATURE_MALFORMED: _MALFORMED,
    Reason.SIGNATURE_MISMATCH: "The signature was not made from this body with this source's secret.",
    Reason.TIMESTAMP_MISSING: _TIME,
    Reason.TIMESTAMP_REPEATED: _TIME,
    Reason.TIMESTAMP_MALFORMED: _TIME,
    Reason.TIMESTAMP_OUTSIDE: "The signed time is too far from the present.",
    Reason.HEADER_MISSING: _HEADER,
    Reason.HEADER_REPEATED: _HEADER,
    Reason.HEADER_MALFORMED: _HEADER,
    Reason.VALUE_MISSING: _VALUE,
    Reason.VALUE_REPEATED: _VALUE,
    Reason.VALUE_MALFORMED: _VALUE,
    Reason.SIGNED_BODY_UNREADABLE: "The signature needs a part of the body, and the body cannot be read.",
    Reason.DIGEST_MISSING: _DIGEST,
    Reason.DIGEST_REPEATED: _DIGEST,
    Reason.DIGEST_MALFORMED: _DIGEST,
    Reason.DIGEST_MISMATCH: "The signed hash is not that of this request.",
    Reason.REQUIRED_HEADER: "A header that this source demands is missing, repeated or another.",
    Reason.REPLAY_ID_MISSING: _REPLAY_ID,
    Reason.REPLAY_ID_REPEATED: _REPLAY_ID,
    Reason.REPLAY_ID_MALFORMED: _REPLAY_ID,
    Reason.TOKEN_INVALID: "The token is not one for this source.",
    Reason.CERTIFICATE_MISSING: _CERTIFICATE,
    Reason.CERTIFICATE_REPEATED: _CERTIFICATE,
    Reason.CERTIFICATE_MALFORMED: _CERTIFICATE,
    Reason.CERTIFICATE_REFUSED: _CERTIFICATE,
    Reason.CERTIFICATE_UNKNOWN: "The sender's certificate could not be had.",
    Reason.CERTIFICATE_INVALID: "The sender's certificate is not one that can be believed now.",
    Reason.TOPIC_UNKNOWN: "The notification is of a topic that this source does not take.",
}

_MESSAGES_OF_WORDS: Mapping[Reason, str] = {
    Reason.SIGNATURE_MISSING: "The request does not show the secret.",
    Reason.SIGNATURE_REPEATED: "The secret is not shown the way this source expects it.",
    Reason.SIGNATURE_MALFORMED: "The secret is not shown the way this source expects it.",
    Reason.SIGNATURE_MISMATCH: "What the request shows is not this source's secret.",
}
"""Where nothing is signed, and the secret itself stands in the request."""

_LOOK = (
    "The request is not made as `verify` of the source `{name}` in the bridge's configuration says; the bridge's log "
    "names the place. `crm-bridge capture {name}` shows what the sender really sends."
)
_HELPS: Mapping[Reason, str] = {
    Reason.NO_SECRET: "Run `crm-bridge open-window {name}` first, then set the webhook up at the sender again.",
    Reason.TIMESTAMP_OUTSIDE: "Set the clocks of both machines by the network; the bridge's log says by how much they "
    "differ. A request that was held back on the way, or is sent again as it was signed then, is too old, too.",
    Reason.TOPIC_UNKNOWN: "If the topic is yours, add its ARN to `verify.topics` of the source `{name}` in the "
    "bridge's configuration.",
    Reason.DIGEST_MISMATCH: "Look for a proxy on the way that changes the body. Where the address is hashed, "
    "`public_url:` of the source `{name}` must be what is entered at the sender. The bridge's log says which it is.",
    Reason.TOKEN_INVALID: "Compare the token's algorithm and claims with `verify` of the source `{name}` in the "
    "bridge's configuration; the bridge's log says which of them is wrong.",
}
"""What helps where there is something better to say than `_LOOK`."""
_OF_SECRET = frozenset(
    {
        Reason.SIGNATURE_MISSING,
        Reason.SIGNATURE_MISMATCH,
        Reason.CERTIFICATE_MISSING,
        Reason.CERTIFICATE_REPEATED,
        Reason.CERTIFICATE_MALFORMED,
        Reason.CERTIFICATE_REFUSED,
        Reason.CERTIFICATE_UNKNOWN,
        Reason.CERTIFICATE_INVALID,
    }
)
"""Where it is the secret or key that should be compared."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The words of one source for those whose request was not believed.

    Attributes:
        source: the source's name.
        compare: what to do where secret or key, or the address that is signed, may be another at the sender.
        shows_secret: whether the secret itself stands in every request, so that nothing is signed.
    """

    source: str
    compare: str
    shows_secret: bool = False

    def refusal(self, verdict: Verdict) -> Refused:
        """The 401 for a verdict that is not ok."""
        reason = verdict.reason
        message = _MESSAGES_OF_WORDS.get(reason) if self.shows_secret else None
        help_ = self.compare if reason in _OF_SECRET else _HELPS.get(reason, _LOOK).format(name=self.source)
        return Refused(
            401,
            str(reason),
            message or _MESSAGES[reason],
            help_,
            verdict.detail,
            verdict.scheme,
            certificate_url=verdict.certificate_url,
        )


def advice_of(name: str, verification: AnyScheme, sender: str) -> Advice:
    """The words of a source.

    Args:
        name: the source's name.
        verification: how it is verified.
        sender: what its sender is called, as the object of a sentence.
    """
    schemes = alternatives(verification)
    shows_secret = bool(schemes) and all(isinstance(scheme, TokenScheme | BasicScheme) for scheme in schemes)
    return Advice(name, _compare(name, verification, sender), shows_secret)


def _compare(name: str, verification: AnyScheme, sender: str) -> str:
    schemes = alternatives(verification)
    places = " or ".join(dict.fromkeys(_shown(scheme.signature.place) for scheme in schemes))
    where = f"{_signs(verification)} {places}"
    match schemes[0].rests_on if schemes else "secrets":
        case "public_keys":
            return (
                f"The public key of the source `{name}` in the bridge's configuration (`public_key:`) must be the one "
                f"in the webhook settings of {sender}, {where}. To try it out with a key pair of your own, "
                f"`crm-bridge send {name} EVENT.json --private-key FILE` signs a test event."
            )
        case "certificate":
            return (
                f"The source `{name}` takes what {sender} has signed with its own certificate, in {places}. To try it "
                "out, have an event sent from there."
            )
    return (
        f"The secret of the source `{name}` in the bridge's configuration (`secret:`) must be the one in the webhook "
        f"settings of {sender}, {where}. "
        f"To try it out, `crm-bridge send {name} EVENT.json` signs a test event with the configured secret."
    )


def _signs(verification: AnyScheme) -> str:
    """What the sender does with the secret or key, up to the place where the outcome stands."""
    signed = [scheme for scheme in alternatives(verification) if isinstance(scheme, Signed)]
    if not signed:
        return "in"
    if any(scheme.url is not None for scheme in signed):
        return (
            "which signs the address as it is entered there, too: `public_url:` must be the same to the letter, with "
            "scheme, host, port and path. The outcome stands in"
        )
    return "which signs the raw body and sends"


def _shown(place: Place) -> str:
    return f"`?{place.name}=…`" if place.kind == "query" else f"`{place.brief}`"

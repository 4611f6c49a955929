"""What a verifier says about a request."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Subject = Literal["SIGNATURE", "TIMESTAMP", "HEADER", "VALUE", "DIGEST", "REPLAY_ID", "CERTIFICATE"]
"""What a value of the request stands for; it picks the reason when the value is missing, repeated or malformed."""


class Reason(StrEnum):
    """Why a request was or was not believed; the code in answers, logs and metrics."""

    VERIFIED = "verified"
    NOT_CHECKED = "not_checked"
    NO_SECRET = "no_secret"  # noqa: S105 - a reason, not a password
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_REPEATED = "signature_repeated"
    SIGNATURE_MALFORMED = "signature_malformed"
    SIGNATURE_MISMATCH = "signature_mismatch"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIMESTAMP_REPEATED = "timestamp_repeated"
    TIMESTAMP_MALFORMED = "timestamp_malformed"
    TIMESTAMP_OUTSIDE = "timestamp_outside"
    HEADER_MISSING = "header_missing"
    HEADER_REPEATED = "header_repeated"
    HEADER_MALFORMED = "header_malformed"
    VALUE_MISSING = "value_missing"
    VALUE_REPEATED = "value_repeated"
    VALUE_MALFORMED = "value_malformed"
    SIGNED_BODY_UNREADABLE = "signed_body_unreadable"
    DIGEST_MISSING = "digest_missing"
    DIGEST_REPEATED = "digest_repeated"
    DIGEST_MALFORMED = "digest_malformed"
    DIGEST_MISMATCH = "digest_mismatch"
    REQUIRED_HEADER = "required_header"
    REPLAY_ID_MISSING = "replay_id_missing"
    REPLAY_ID_REPEATED = "replay_id_repeated"
    REPLAY_ID_MALFORMED = "replay_id_malformed"
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - as above
    CERTIFICATE_MISSING = "certificate_missing"
    CERTIFICATE_REPEATED = "certificate_repeated"
    CERTIFICATE_MALFORMED = "certificate_malformed"
    CERTIFICATE_REFUSED = "certificate_refused"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_INVALID = "certificate_invalid"
    TOPIC_UNKNOWN = "topic_unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of `verify`.

    Attributes:
        ok: whether the request is believed.
        secret_index: the position of the secret or public key that matched (the oldest one if several proofs did), so
            that an old one can be retired.
        reason: why.
        detail: for the log: the scheme, names from the configuration, a clock's difference and fixed words; never a
            value of the request, a secret or an expected signature.
        scheme: what was or should have been proven, `hmac sha256 of X-Hub-Signature-256`.
        replay_id: the signed identity of this request, which must not be taken twice, where the scheme has one.
        replay_keep_s: how many seconds that identity must be remembered.
        certificate_url: the certificate to fetch and to verify again with, where `reason` is `certificate_unknown`.
            Its host is one that the configuration allows.
    """

    ok: bool
    secret_index: int | None
    reason: Reason
    detail: str
    scheme: str = ""
    replay_id: str | None = None
    replay_keep_s: int | None = None
    certificate_url: str | None = None


class Unbelieved(Exception):  # noqa: N818 - control flow between the verifiers, never seen outside
    """The request is refused for this reason; `certificate_url` as in `Verdict`."""

    def __init__(self, reason: Reason, detail: str, *, certificate_url: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.certificate_url = certificate_url

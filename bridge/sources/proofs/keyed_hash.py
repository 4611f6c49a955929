"""HMAC: a keyed hash over the raw body, perhaps with a time, the address and headers around it."""

import hashlib
import hmac
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Self

from pydantic import ValidationInfo, model_validator

from bridge.diagnostics import problem
from bridge.sources.credentials import SHORTEST_SECRET_BYTES, SourceSecret, is_judged
from bridge.sources.places import Algorithm, Secrets
from bridge.sources.presented import Presented
from bridge.sources.proofs.encodings import KeyForm, decode_key
from bridge.sources.proofs.signed import Signed, messages, mismatch, read
from bridge.sources.verdict import Reason, Unbelieved


class SecretHash(Signed):
    """Base of the types that hash a text together with a secret."""

    algorithm: Algorithm = "sha256"
    """The hash."""
    secrets: Secrets = ()
    """One secret, or a list while rotating; the short form is the source's `secret`."""
    key: KeyForm = "text"
    """How the secret is written."""
    strip_prefix: str = ""
    """Removed from the secret before it is decoded, if it is there (`whsec_`)."""

    @model_validator(mode="after")
    def _has_keys(self, info: ValidationInfo) -> Self:
        check_lengths(self.keys, info)  # an undecodable secret is found at start, too, not with the first event
        return self

    @property
    def rests_on(self) -> Literal["secrets"]:
        """What the operator must give."""
        return "secrets"

    @cached_property
    def keys(self) -> tuple[bytes, ...]:
        """The decoded secrets, in the order written; none is empty."""
        return tuple(key_of(secret, self.key, self.strip_prefix) for secret in self.secrets)

    @cached_property
    def digest_size(self) -> int:
        """Bytes of a signature of this algorithm."""
        return hashlib.new(self.algorithm, usedforsecurity=False).digest_size


class HmacScheme(SecretHash):
    """A keyed hash over the raw body, perhaps with a time, the address and headers around it."""

    type: Literal["hmac"]
    """A keyed hash of the body."""

    @cached_property
    def title(self) -> str:
        """The scheme in a log."""
        return f"hmac {self.algorithm} of {self.signature.place.brief}"

    @cached_property
    def keyed(self) -> tuple[hmac.HMAC, ...]:
        """For each key the hash that has taken it in already; a copy of it goes on with what was signed."""
        return tuple(hmac.new(key, digestmod=self.algorithm) for key in self.keys)


def matching(scheme: HmacScheme, request: Presented, now_ms: int) -> int:
    """The position of the secret that made one of the given signatures.

    Raises:
        Unbelieved: none did.
    """
    if not scheme.secrets:
        raise Unbelieved(Reason.NO_SECRET, "the source has no secret")
    given = read(scheme, request, now_ms, size=scheme.digest_size)
    signed = messages(scheme, request, given)
    for index, keyed in enumerate(scheme.keyed):
        if is_among([_hashed(keyed, each) for each in signed], given.candidates):
            return index
    raise mismatch(scheme, given)


def is_among(expected: Sequence[bytes], candidates: Sequence[bytes]) -> bool:
    """Whether a candidate is one of the expected signatures, in a time that does not depend on which."""
    return any([hmac.compare_digest(ours, theirs) for ours in expected for theirs in candidates])  # noqa: C419 - no early exit


def key_of(secret: SourceSecret, form: KeyForm, strip_prefix: str) -> bytes:
    """The bytes of a secret; a mistake is reported as `problem`."""
    key = decode_key(secret.get_secret_value().removeprefix(strip_prefix), form)
    if key is None:
        raise problem(f"a secret of this source is not {form}", code="BR304", help="check `key` and `strip_prefix`")
    return key


def check_lengths(keys: Sequence[bytes], info: ValidationInfo) -> None:
    """Refuse keys that can be guessed, and an empty one however it was given; a mistake is reported as `problem`."""
    shortest = SHORTEST_SECRET_BYTES if is_judged(info) else 1
    if any(len(key) < shortest for key in keys):
        raise problem(
            f"a secret of this source decodes to fewer than {shortest} bytes",
            code="BR304",
            help="set a longer one here and at the sender",
        )


def _hashed(keyed: hmac.HMAC, signed: bytes) -> bytes:
    """A copy goes on, which unlike `hmac.digest` keeps Python's lock over bytes that are hashed in a microsecond."""
    going_on = keyed.copy()
    going_on.update(signed)
    return going_on.digest()

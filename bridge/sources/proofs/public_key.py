"""Ed25519, ECDSA and RSA: the sender signs with a private key, and we know only its public half.

Verifying costs thirty to a hundred microseconds for each signature and key, fifty times as much as a hash: the bound on
signatures in one request is what keeps it at a few milliseconds.
"""

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bridge.diagnostics import problem
from bridge.sources.places import Algorithm, PublicKeys
from bridge.sources.presented import Presented
from bridge.sources.proofs.certificates import CertificatePlace, certified_key, named_certificate
from bridge.sources.proofs.encodings import KeyKind, PublicKeyForm
from bridge.sources.proofs.signed import Signed, messages, mismatch, read
from bridge.sources.verdict import Reason, Unbelieved

if TYPE_CHECKING:
    from bridge.sources.proofs.keys import PublicKey

_ED25519_BYTES = 64


class PublicKeyScheme(Signed):
    """Base of the types that verify with a public key."""

    key: PublicKeyForm = "text"
    """How a public key is written: `pem`, `base64`, `base64url` or `hex`; `text` takes what it looks like."""
    strip_prefix: Annotated[str, Field(max_length=32)] = ""
    """Removed from a public key before it is decoded, if it is there (`whpk_`)."""
    public_keys: PublicKeys = ()
    """One public key, or a list while rotating; the short form is the source's `public_key`."""
    certificate: CertificatePlace | None = None
    """The certificate that the request names, in place of `public_keys`."""

    kinds: ClassVar[frozenset[KeyKind]]
    """The kinds of keys that the type can use."""

    @field_validator("public_keys")
    @classmethod
    def _can_be_used(cls, texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Find a bad key at start, not with the first event."""
        if {"key", "strip_prefix"} <= info.data.keys():
            read_keys(texts, info.data["key"], info.data["strip_prefix"], cls.kinds)
        return texts

    @model_validator(mode="after")
    def _rests_on_one_thing(self) -> Self:
        if self.certificate is not None and self.public_keys:
            raise problem(
                "`certificate` and `public_keys` do not go together", help="leave out the one that the sender has not"
            )
        return self

    @property
    def rests_on(self) -> Literal["public_keys", "certificate"]:
        """What the operator must give; nothing where the request names a certificate."""
        return "public_keys" if self.certificate is None else "certificate"

    @property
    @abstractmethod
    def hash(self) -> Algorithm:
        """The hash that the signature is over."""

    @property
    def allowed(self) -> frozenset[KeyKind]:
        """The kinds of keys that this scheme can use."""
        return self.kinds

    @property
    def signature_bytes(self) -> int | None:
        """The length of a signature; None where it depends on the key."""
        return None

    @cached_property
    def keys(self) -> "tuple[PublicKey, ...]":
        """The public keys, in the order written."""
        return read_keys(self.public_keys, self.key, self.strip_prefix, self.allowed)


class Ed25519Scheme(PublicKeyScheme):
    """Ed25519 over the raw body, with whatever else the sender signs."""

    type: Literal["ed25519"]
    """A signature with Ed25519."""

    kinds = frozenset({"ed25519"})

    @property
    def hash(self) -> Algorithm:
        """Its own, always."""
        return "sha512"

    @property
    def signature_bytes(self) -> int:
        """Always the same."""
        return _ED25519_BYTES

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return f"ed25519 of {self.signature.place.brief}"


class EcdsaScheme(PublicKeyScheme):
    """ECDSA over the raw body, with whatever else the sender signs; a signature is DER."""

    type: Literal["ecdsa"]
    """A signature with ECDSA, written as DER."""
    algorithm: Literal["sha256", "sha384", "sha512"] = "sha256"
    """The hash."""
    curve: Annotated[Literal["p256", "p384", "p521"], Field(validate_default=True)] = "p256"
    """The curve of the keys."""

    kinds = frozenset({"p256", "p384", "p521"})

    @field_validator("curve")
    @classmethod
    def _is_that_of_the_keys(cls, curve: KeyKind, info: ValidationInfo) -> KeyKind:
        if {"key", "strip_prefix", "public_keys"} <= info.data.keys():
            read_keys(info.data["public_keys"], info.data["key"], info.data["strip_prefix"], frozenset({curve}))
        return curve

    @property
    def hash(self) -> Algorithm:
        """As configured."""
        return self.algorithm

    @property
    def allowed(self) -> frozenset[KeyKind]:
        """Keys on the configured curve."""
        return frozenset({self.curve})

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return f"ecdsa {self.curve} {self.algorithm} of {self.signature.place.brief}"


class RsaScheme(PublicKeyScheme):
    """RSA, PKCS #1 v1.5, over the raw body, with whatever else the sender signs."""

    type: Literal["rsa"]
    """A signature with RSA (PKCS #1 v1.5)."""
    algorithm: Algorithm = "sha256"
    """The hash."""

    kinds = frozenset({"rsa"})

    @property
    def hash(self) -> Algorithm:
        """As configured."""
        return self.algorithm

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return f"rsa {self.algorithm} of {self.signature.place.brief}"


def matching(scheme: PublicKeyScheme, request: Presented, now_ms: int) -> int:
    """The position of the public key whose owner made one of the given signatures.

    Raises:
        Unbelieved: none did. A certificate is asked for only once all else is as it should be.
    """
    if scheme.certificate is None and not scheme.public_keys:
        raise Unbelieved(Reason.NO_SECRET, "the source has no public key")
    from bridge.sources.proofs.public_signatures import holds  # noqa: PLC0415 - loads slowly, and few sources need it

    given = read(scheme, request, now_ms, size=scheme.signature_bytes)
    signed = messages(scheme, request, given)
    keys = scheme.keys
    if scheme.certificate is not None:
        address = named_certificate(scheme.certificate, request)
        keys = (certified_key(address, request.certificates, scheme.allowed, now_ms),)
    for index, key in enumerate(keys):
        if any(holds(key, signature, text, scheme.hash) for signature in given.candidates for text in signed):
            return index
    raise mismatch(scheme, given)


def read_keys(
    texts: tuple[str, ...], form: PublicKeyForm, strip_prefix: str, kinds: frozenset[KeyKind]
) -> "tuple[PublicKey, ...]":
    """The public keys of a scheme; a mistake is reported as `problem`."""
    if not texts:
        return ()
    from bridge.sources.proofs.keys import KeyUnusable, demand, read_public_key  # noqa: PLC0415 - as in `matching`

    keys: list[PublicKey] = []
    for number, text in enumerate(texts, 1):
        try:
            keys.append(read_public_key(text.strip().removeprefix(strip_prefix), form))
            demand(keys[-1], kinds)
        except KeyUnusable as error:
            which = "this public key" if len(texts) == 1 else f"public key number {number}"
            raise problem(f"{which} {error.reason}", code="BR306", help=error.mend) from None
    return tuple(keys)

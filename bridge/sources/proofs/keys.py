"""Keys and certificates of senders, read from what they publish; weak ones are refused.

Nothing here is trusted because it parses: a public key comes from the operator's configuration, a certificate from the
host that the scheme names. Import this module where a key is first needed: the library behind it loads slowly, and few
sources need it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_pem_x509_certificate

from bridge.sources.proofs.encodings import KeyForm, KeyKind, PublicKeyForm, decode_key

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey


FEWEST_RSA_BITS = 2048
MOST_RSA_BITS = 8192
MOST_CERTIFICATE_BYTES = 64 * 1024

_MOST_EXPONENT_BITS = 64  # 65537 is what everybody uses; a long exponent only makes verification slow
_RAW_ED25519_BYTES = 32
_CURVES: dict[str, KeyKind] = {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}
_NAMES: dict[KeyKind, str] = {
    "ed25519": "Ed25519",
    "p256": "EC P-256",
    "p384": "EC P-384",
    "p521": "EC P-521",
    "rsa": "RSA",
}
_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]{1,40})-----(?P<body>[^-]*)-----END (?P=label)-----")
_PRIME = 2**255 - 19
# Points whose order divides 8, by their y: with one of them as key a signature can be made up for any text. Those with
# y = 0 and 1 have a second spelling beyond the prime (RFC 8032, 5.1.3; RFC 7748, 7).
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDERS = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8, _PRIME, _PRIME + 1})


class KeyUnusable(Exception):  # noqa: N818 - says what is wrong
    """The key cannot be used. `reason` goes on after "this key …" or "the certificate …" and quotes none of it."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Certificate:
    """The part of an X.509 certificate that a signature is checked with; times in milliseconds since the epoch."""

    key: PublicKey
    from_ms: int
    until_ms: int

    def is_valid(self, now_ms: int) -> bool:
        """Whether `now_ms` is within its time."""
        return self.from_ms <= now_ms <= self.until_ms


def read_public_key(text: str, form: PublicKeyForm = "text") -> PublicKey:
    """A public key as a sender's settings show it.

    Args:
        text: the key.
        form: `pem` (a public key, or a certificate that holds one: it is a container, and its dates do not count),
            `base64`, `base64url` or `hex` of a DER SubjectPublicKeyInfo or of the 32 bytes of an Ed25519 key;
            `text` takes whichever of them it looks like.

    Raises:
        KeyUnusable: it is none, is of an unknown kind, or is weak.
    """
    if "PRIVATE KEY" in text:
        raise KeyUnusable("is a private one", "only its owner needs it; copy the public key from the sender's settings")
    if form == "pem" or (form == "text" and text.lstrip().startswith("-----BEGIN ")):
        return _accepted(_from_pem(text))
    raw = _decoded("".join(text.split()), form)
    return _accepted(None if raw is None else _from_bytes(raw))


def read_private_key(text: str) -> PrivateKey:
    """A private key in PEM form, to sign tests with.

    Raises:
        KeyUnusable: it is none, is encrypted, or is of an unknown kind.
    """
    try:
        key = load_pem_private_key(_lines(text).encode("ascii", "replace"), password=None)
    except TypeError:
        raise KeyUnusable("is encrypted with a password", "give one without, such as of a test sender") from None
    except Exception:  # noqa: BLE001 - the library's own errors are of many kinds, and their texts may quote the key
        raise KeyUnusable("is no private key in PEM form", "it begins with `-----BEGIN PRIVATE KEY-----`") from None
    if isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey):
        return key
    raise KeyUnusable("is neither Ed25519, EC nor RSA", "make one of the kind that the source names")


def kind_of(key: PublicKey | PrivateKey) -> KeyKind:
    """Which kind of key it is.

    Raises:
        KeyUnusable: a curve that no scheme here uses.
    """
    if isinstance(key, RSAPublicKey | RSAPrivateKey):
        return "rsa"
    if isinstance(key, Ed25519PublicKey | Ed25519PrivateKey):
        return "ed25519"
    kind = _CURVES.get(key.curve.name)
    if kind is None:
        raise KeyUnusable("is on a curve that is not used here", "P-256, P-384 and P-521 are")
    return kind


def demand(key: PublicKey | PrivateKey, kinds: frozenset[KeyKind]) -> None:
    """Refuse a key that the scheme cannot use.

    Raises:
        KeyUnusable: it is of another kind.
    """
    kind = kind_of(key)
    if kind not in kinds:
        wanted = " or ".join(_NAMES[each] for each in sorted(kinds))
        raise KeyUnusable(f"is {_NAMES[kind]}, not {wanted}", "copy the key that belongs to this scheme")


@lru_cache(maxsize=32)
def read_certificate(pem: bytes) -> Certificate:
    """The first certificate of a PEM text, which is the signer's own where a chain follows it.

    The same bytes are read once as long as they are among the last 32.

    Raises:
        KeyUnusable: it is none, or its key is weak or of an unknown kind.
    """
    if len(pem) > MOST_CERTIFICATE_BYTES:
        raise KeyUnusable("is too long", "the sender must serve a certificate there")
    try:
        certificate = load_pem_x509_certificate(pem)
        key = certificate.public_key()
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception:  # noqa: BLE001 - bytes from outside, and the library's errors are of many kinds
        key = None
        begins = ends = datetime.fromtimestamp(0, UTC)
    return Certificate(_accepted(key), int(begins.timestamp() * 1000), int(ends.timestamp() * 1000))


def _lines(text: str) -> str:
    """The PEM with real line ends: an environment variable often holds them as a backslash and an n."""
    return text.strip().replace("\\n", "\n")


def _from_pem(text: str) -> object:
    found = _PEM.match(_lines(text))
    if found is None:
        return None
    # Line ends that became blanks, as they do in a field for one line, are put back.
    body = "\n".join(found["body"].split())
    pem = f"-----BEGIN {found['label']}-----\n{body}\n-----END {found['label']}-----\n".encode("ascii", "replace")
    try:
        if pem.startswith(b"-----BEGIN CERTIFICATE"):
            return load_pem_x509_certificate(pem).public_key()
        return load_pem_public_key(pem)
    except Exception:  # noqa: BLE001 - as in read_private_key
        return None


def _from_bytes(raw: bytes) -> object:
    try:
        if len(raw) == _RAW_ED25519_BYTES:
            return Ed25519PublicKey.from_public_bytes(raw)
        return load_der_public_key(raw)
    except Exception:  # noqa: BLE001 - as in read_private_key
        return None


def _decoded(text: str, form: PublicKeyForm) -> bytes | None:
    forms: tuple[KeyForm, ...] = ("hex", "base64", "base64url")
    if form != "text":
        forms = tuple(each for each in forms if each == form)
    # No text that is hex is the base64 of a key as well: it would not begin as a key does, or not have 32 bytes.
    return next((raw for each in forms if (raw := decode_key(text, each)) is not None), None)


def _accepted(key: object) -> PublicKey:
    """The key, unless it is none of ours or a weak one."""
    if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey):
        raise KeyUnusable(
            "cannot be read",
            "copy it whole, as the sender's settings show it, and say in `key` how it is written: `pem`, `base64` or "
            "`hex`",
        )
    if isinstance(key, RSAPublicKey):
        _check_rsa(key)
    elif isinstance(key, Ed25519PublicKey):
        _check_ed25519(key)
    else:
        kind_of(key)
    return key


def _check_rsa(key: RSAPublicKey) -> None:
    if not FEWEST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
        raise KeyUnusable(
            f"has {key.key_size} bits",
            f"RSA keys of {FEWEST_RSA_BITS} to {MOST_RSA_BITS} bits are taken; shorter ones can be broken, longer "
            "ones cost too much time",
        )
    if key.public_numbers().e.bit_length() > _MOST_EXPONENT_BITS:
        raise KeyUnusable("has an exponent that is too long", "make one with the usual exponent, 65537")


def _check_ed25519(key: Ed25519PublicKey) -> None:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if int.from_bytes(raw, "little") & (2**255 - 1) in _SMALL_ORDERS:
        raise KeyUnusable(
            "is one of the few with which anybody can sign", "copy the real one from the sender's settings"
        )

"""Is this the owner of the private key who signed? And, for tests, the signature itself.

Import this module where it is first needed, for the reason that stands in `keys`.
"""

from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from bridge.sources.proofs.keys import PrivateKey, PublicKey

Hash = Literal["sha1", "sha256", "sha384", "sha512"]

_HASHES: dict[Hash, HashAlgorithm] = {
    "sha1": SHA1(),  # noqa: S303 - SNS and some older senders sign with it; the source names it, never the request
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}


def holds(key: PublicKey, signature: bytes, signed: bytes, algorithm: Hash) -> bool:
    """Whether `signature` is over `signed` by the key's owner.

    Ed25519 brings its own hash and ignores `algorithm`; an ECDSA signature is DER in its one spelling; RSA means
    PKCS #1 v1.5. No bytes make it raise.
    """
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        elif isinstance(key, EllipticCurvePublicKey):
            if not _is_strict_der(signature):
                return False
            key.verify(signature, signed, ECDSA(_HASHES[algorithm]))
        else:
            key.verify(signature, signed, PKCS1v15(), _HASHES[algorithm])
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def made(key: PrivateKey, signed: bytes, algorithm: Hash) -> bytes:
    """The signature that `holds` accepts with the key's public half."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(signed)
    if isinstance(key, EllipticCurvePrivateKey):
        return key.sign(signed, ECDSA(_HASHES[algorithm]))
    return key.sign(signed, PKCS1v15(), _HASHES[algorithm])


def _is_strict_der(signature: bytes) -> bool:
    try:
        first, second = decode_dss_signature(signature)
    except ValueError:
        return False
    return first > 0 < second and encode_dss_signature(first, second) == signature

"""Signatures and keys between text and bytes: every signature has one spelling that is taken."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Literal

from bridge.sources.places import Encoding

KeyForm = Literal["text", "base64", "base64url", "hex"]
PublicKeyForm = Literal["text", "pem", "base64", "base64url", "hex"]
KeyKind = Literal["ed25519", "p256", "p384", "p521", "rsa"]

_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)


def decode(text: str, encoding: Encoding) -> bytes | None:
    """The bytes of a signature, None unless `text` is their one accepted spelling.

    Hex is lower case. Base64 is padded and canonical; base64url may leave its padding out.
    """
    if encoding == "hex":
        return bytes.fromhex(text) if _HEX.fullmatch(text) else None
    altchars = b"-_" if encoding == "base64url" else b"+/"
    padded = text
    if encoding == "base64url" and "=" not in text:
        padded = text + "=" * (-len(text) % 4)
    try:
        raw = base64.b64decode(padded.encode("ascii"), altchars=altchars, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Re-encoding refuses other spellings: stray trailing bits, and `+/` where `-_` is asked for.
    return raw if base64.b64encode(raw, altchars=altchars).decode() == padded else None


def encode(raw: bytes, encoding: Encoding) -> str:
    """How a sender writes a signature."""
    if encoding == "hex":
        return raw.hex()
    altchars = b"-_" if encoding == "base64url" else b"+/"
    return base64.b64encode(raw, altchars=altchars).decode()


def decode_key(text: str, form: KeyForm) -> bytes | None:
    """The bytes of a secret or public key that a person has entered; None when it is not written in this form."""
    try:
        return _KEY_DECODERS[form](text)
    except (ValueError, binascii.Error):
        return None


def _decode_base64(text: str) -> bytes:
    return base64.b64decode(text.encode(), validate=True)


def _decode_base64url(text: str) -> bytes:
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    return base64.b64decode(padded.encode(), altchars=b"-_", validate=True)


_KEY_DECODERS: Mapping[KeyForm, Callable[[str], bytes]] = {
    "text": str.encode,
    "base64": _decode_base64,
    "base64url": _decode_base64url,
    "hex": bytes.fromhex,
}

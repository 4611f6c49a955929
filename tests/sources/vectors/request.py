"""A request as an outsider makes one, and the hashes that senders sign with."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

SECRET = "6b1f0a9c3d5e7f8091a2b3c4d5e6f708123456789abcdef0fedcba9876543210"
WRONG = "16f0a9b3c5d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071"
"""Secrets that are text, hexadecimal digits and base64, whichever the sender's keys are written in."""

NOW_S = 1_780_369_300

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

BODY = b'{ "kind": "paid",\n  "name": "Zo\xc3\xab \\u00e9\\/",  "total": 12.50, "list": [1,2 ] }'
"""JSON that no serializer writes again as it stands: blanks, an escape that need not be, a number with a zero."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sent:
    """A request: headers without the content type, the body's bytes, and the query as it stands in the address."""

    headers: Headers
    body: bytes = BODY
    raw_query: str = ""

    def value(self, name: str) -> str:
        """The value of a header that is there once."""
        (found,) = (value for each, value in self.headers if each.lower() == name.lower())
        return found

    def without(self, name: str) -> "Sent":
        """Without a header."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() != name.lower()))

    def having(self, *pairs: tuple[str, str]) -> "Sent":
        """With these headers in place of those of the same names."""
        left = self
        for name, _ in pairs:
            left = left.without(name)
        return replace(left, headers=(*left.headers, *pairs))


Moment = float | str
"""Unix seconds, or the very text that is put in the place of a time and signed with the rest."""

Signing = Callable[[bytes, str, Moment], Sent]
"""(body, secret, time) -> what the sender sends."""


@dataclass(frozen=True)
class Row:
    """One sender of the sheet.

    Attributes:
        name: the sender.
        verify: its block, `secrets` left out unless the row brings its own credentials.
        sent: how it signs.
        media_type: what its bodies are.
        body: one of them.
        credentials: the block's secrets or keys for the secret that the row signs with.
        time: the header with the signed time, where it is one.
        covers_body: whether another body breaks the proof.
    """

    name: str
    verify: Mapping[str, object]
    sent: Signing
    media_type: str = JSON
    body: bytes = BODY
    credentials: Callable[[str], Mapping[str, object]] = field(default=lambda secret: {"secrets": [secret]})
    time: str | None = None
    covers_body: bool = True

    def block(self, *secrets: str) -> dict[str, object]:
        """The whole block with the credentials that belong to these secrets."""
        given: dict[str, list[object]] = {}
        for secret in secrets or (SECRET,):
            for name, values in self.credentials(secret).items():
                assert isinstance(values, list)
                given.setdefault(name, []).extend(values)
        return {**self.verify, **given}

    @property
    def signature(self) -> Mapping[str, str]:
        """The block's `signature`, empty where alternatives have their own."""
        found = self.verify.get("signature", {})
        assert isinstance(found, Mapping)
        return found

    @property
    def header(self) -> str | None:
        """The header that the signature stands in, if it stands in one."""
        kind, _, name = self.signature.get("from", "").partition(":")
        return name if kind == "header" else None

    @property
    def limits(self) -> Mapping[str, object] | None:
        """The block's `timestamp`."""
        found = self.verify.get("timestamp")
        assert found is None or isinstance(found, Mapping)
        return found


def mac(secret: str | bytes, *parts: str | bytes, algorithm: str = "sha256") -> bytes:
    """HMAC of the parts, one after the other."""
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, joined(*parts), algorithm).digest()


def joined(*parts: str | bytes) -> bytes:
    """Text and bytes as bytes."""
    return b"".join(part.encode() if isinstance(part, str) else part for part in parts)


def b64(raw: bytes) -> str:
    """Base64 as most write it."""
    return base64.b64encode(raw).decode()


def b64url(raw: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sha256(*parts: str | bytes) -> bytes:
    """A plain hash of the parts."""
    return hashlib.sha256(joined(*parts)).digest()


WRITTEN: Mapping[str, Callable[[bytes], str]] = {"hex": bytes.hex, "base64": b64, "base64url": b64url}
KEYS: Mapping[str, Callable[[str], bytes]] = {"text": str.encode, "base64": base64.b64decode, "hex": bytes.fromhex}

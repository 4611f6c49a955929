"""How a source proves who sent a request, as the YAML says it. Checking it is `verify`, doing it is `sign`."""

import base64
import binascii
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, model_validator

from bridge.diagnostics import problem
from bridge.sources.credentials import SHORTEST_SECRET_BYTES
from bridge.sources.places import HEADER_NAME, Part, Secrets, SignaturePlace, SignedUrl, TimestampPlace
from bridge.sources.words import BasicScheme, TokenScheme

Algorithm = Literal["sha1", "sha256", "sha384", "sha512"]

_TOKEN = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Token:
    """A hole in the signed text. `header` is given for `kind` header only."""

    kind: Literal["body", "timestamp", "method", "url", "header"]
    header: str = ""


_PLAIN_TOKENS = {
    "body": Token("body"),
    "timestamp": Token("timestamp"),
    "method": Token("method"),
    "url": Token("url"),
}


class HmacScheme(Part):
    """A keyed hash over the raw body, perhaps with a time, the address and headers around it."""

    type: Literal["hmac"]
    """A keyed hash of the body."""
    algorithm: Algorithm = "sha256"
    """The hash."""
    secrets: Secrets = ()
    """One secret, or a list while rotating; the short form is the source's `secret`."""
    key: Literal["text", "base64", "base64url", "hex"] = "text"
    """How the secret is written."""
    strip_prefix: str = ""
    """Removed from the secret before it is decoded, if it is there (`whsec_`)."""
    signature: SignaturePlace
    """Where the signature stands."""
    timestamp: TimestampPlace | None = None
    """Where the signed time stands, if there is one."""
    url: SignedUrl | None = None
    """The address, where it is signed too."""
    message: str = "{body}"
    """What is hashed: text with `{body}`, `{timestamp}`, `{method}`, `{url}` and `{header:NAME}` in it."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        tokens = [part for part in self.parts if isinstance(part, Token)]
        kinds = Counter(token.kind for token in tokens)
        if kinds["body"] != 1:
            raise problem(
                "the signature does not cover the event",
                help="write `{body}` once in `message`; it stands for the bytes received",
            )
        if self.timestamp is None and kinds["timestamp"]:
            raise problem(
                "`message` holds `{timestamp}`", help="add `timestamp: {from: …}` to say where the time stands"
            )
        if self.timestamp is not None and not kinds["timestamp"]:
            raise problem(
                "the time is not signed, so it proves nothing",
                help="put `{timestamp}` in `message`, or drop `timestamp`",
            )
        if self.timestamp is not None and self.timestamp.in_signature and self.signature.field is None:
            raise problem(
                "a time `from: sig:…` needs named elements", help="add `signature.field` and `signature.split`"
            )
        if (self.url is None) is (kinds["url"] > 0):
            raise problem(
                "`url` and `{url}` in `message` go together",
                help="write `url: {public: https://…}` and `{url}` where the address is signed, or neither",
            )
        _ = self.keyed  # an undecodable secret is found at start, not with the first event
        return self

    @cached_property
    def parts(self) -> tuple[bytes | Token, ...]:
        """`message` taken apart: fixed bytes and holes, in order."""
        return tuple(_parts(self.message))

    @cached_property
    def keys(self) -> tuple[bytes, ...]:
        """The decoded secrets, in the order written; none is empty."""
        return tuple(self._key(secret.get_secret_value()) for secret in self.secrets)

    @cached_property
    def keyed(self) -> tuple[hmac.HMAC, ...]:
        """For each key the hash that has taken it in already; a copy of it goes on with what was signed."""
        return tuple(hmac.new(key, digestmod=self.algorithm) for key in self.keys)

    @cached_property
    def digest_size(self) -> int:
        """Bytes of a signature of this algorithm."""
        return hashlib.new(self.algorithm, usedforsecurity=False).digest_size

    def _key(self, secret: str) -> bytes:
        text = secret.removeprefix(self.strip_prefix)
        try:
            key = _KEY_DECODERS[self.key](text)
        except (ValueError, binascii.Error):
            key = None
        if key is None:
            raise problem(
                f"a secret of this source is not {self.key}", code="BR304", help="check `key` and `strip_prefix`"
            )
        if len(key) < SHORTEST_SECRET_BYTES:
            raise problem(
                f"a secret of this source decodes to fewer than {SHORTEST_SECRET_BYTES} bytes",
                code="BR304",
                help="set a longer one here and at the sender",
            )
        return key


Keyed = HmacScheme | TokenScheme | BasicScheme
"""Every scheme that rests on a secret."""


class EveryOf(Part):
    """Several dialects of one sender: at least one proof must be there, and each that is there must verify."""

    type: Literal["every_of"]
    """Several dialects of one sender."""
    of: Annotated[tuple[Annotated[Keyed, Field(discriminator="type")], ...], Field(min_length=1, max_length=8)]
    """The dialects."""

    @model_validator(mode="after")
    def _places_differ(self) -> Self:
        if len({scheme.signature.identity for scheme in self.of}) != len(self.of):
            raise problem("two alternatives of `every_of` read one place", help="give each a header of its own")
        return self


class NoVerification(Part):
    """Anybody who reaches the address is believed; it has to be written, and is warned about."""

    type: Literal["none"]
    """No verification: anybody is believed."""


AnyScheme = Keyed | EveryOf | NoVerification

Verification = Annotated[AnyScheme, Field(discriminator="type")]

_ADAPTER: TypeAdapter[AnyScheme] = TypeAdapter(Verification, config=ConfigDict(hide_input_in_errors=True))


def parse_verification(value: Mapping[str, object]) -> AnyScheme:
    """The scheme that a `verify:` block of a source describes.

    Raises:
        pydantic.ValidationError: the block is not one; no value appears in the error's text.
    """
    return _ADAPTER.validate_python(value)


def alternatives(scheme: AnyScheme) -> tuple[Keyed, ...]:
    """The schemes with a secret inside a scheme, in the order written."""
    if isinstance(scheme, NoVerification):
        return ()
    return scheme.of if isinstance(scheme, EveryOf) else (scheme,)


def _parts(message: str) -> list[bytes | Token]:
    parts: list[bytes | Token] = []
    end = 0
    for found in _TOKEN.finditer(message):
        _add_text(parts, message[end : found.start()])
        parts.append(_token(found.group(1)))
        end = found.end()
    _add_text(parts, message[end:])
    return parts


def _add_text(parts: list[bytes | Token], text: str) -> None:
    if "{" in text or "}" in text:
        raise problem("`message` has a brace without its partner")
    if text:
        parts.append(text.encode("utf-8", "replace"))


def _token(name: str) -> Token:
    plain = _PLAIN_TOKENS.get(name)
    if plain is not None:
        return plain
    kind, _, header = name.partition(":")
    if kind == "header" and HEADER_NAME.fullmatch(header):
        return Token("header", header)
    raise problem(
        "`message` has an unknown word in braces",
        help="it may hold `{body}`, `{timestamp}`, `{method}`, `{url}` and `{header:NAME}`",
    )


def _decode_base64(text: str) -> bytes:
    return base64.b64decode(text.encode(), validate=True)


def _decode_base64url(text: str) -> bytes:
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    return base64.b64decode(padded.encode(), altchars=b"-_", validate=True)


_KEY_DECODERS: Mapping[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "base64": _decode_base64,
    "base64url": _decode_base64url,
    "hex": bytes.fromhex,
}

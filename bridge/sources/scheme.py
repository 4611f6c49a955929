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

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from bridge.diagnostics import problem
from bridge.sources.credentials import SHORTEST_SECRET_BYTES, SourceSecret

Algorithm = Literal["sha1", "sha256", "sha384", "sha512"]
Encoding = Literal["hex", "base64", "base64url"]

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_ELEMENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TOKEN = re.compile(r"\{([^{}]*)\}")


class Part(BaseModel):
    """Base of all parts of a source's YAML: unknown keys refused, frozen, and no value ever shown in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


def one_or_many(value: object) -> object:
    """Let a single text stand for a list of one."""
    return (value,) if isinstance(value, str) else value


def _header_place(value: str) -> str:
    kind, _, name = value.partition(":")
    if kind != "header" or not _HEADER_NAME.fullmatch(name):
        raise problem("this is no place of a signature", help="name the header: `header:X-Thing-Signature`")
    return value


def _time_place(value: str) -> str:
    kind, _, name = value.partition(":")
    known = {"header": _HEADER_NAME, "sig": _ELEMENT_NAME}.get(kind)
    if known is None or not known.fullmatch(name):
        raise problem(
            "this is no place of a time", help="write `header:X-Thing-Timestamp`, or `sig:t` for `t=` beside `v1=`"
        )
    return value


def _element_name(value: str) -> str:
    if not _ELEMENT_NAME.fullmatch(value):
        raise problem("this is no name of an element", help="`field` is what stands before `=`, such as `v1`")
    return value


class SignaturePlace(Part):
    """Where the signature stands in the request and how it is written there."""

    from_: Annotated[str, AfterValidator(_header_place)] = Field(alias="from")
    """`header:NAME`."""
    split: Annotated[str, Field(min_length=1, max_length=4)] | None = None
    """What parts several elements of one value: `,` or a blank."""
    field: Annotated[str, AfterValidator(_element_name)] | None = None
    """Elements are `name=value`; only those with this name are signatures."""
    prefix: Annotated[str, Field(max_length=32)] = ""
    """Demanded before the value and removed; an element without it is no signature."""
    encoding: Encoding = "hex"

    @cached_property
    def header(self) -> str:
        """The header's name as written."""
        return self.from_.partition(":")[2]


class TimestampPlace(Part):
    """Where the signed time stands and how far it may be from ours; a limit of null means none."""

    from_: Annotated[str, AfterValidator(_time_place)] = Field(alias="from")
    """`header:NAME`, or `sig:NAME` for an element of the signature's own header."""
    unit: Literal["s", "ms", "iso8601"] = "s"
    past_s: Annotated[int, Field(ge=0)] | None = 300
    future_s: Annotated[int, Field(ge=0)] | None = 300

    @property
    def in_signature(self) -> bool:
        """Whether the time is an element of the signature's header."""
        return self.from_.startswith("sig:")

    @property
    def name(self) -> str:
        """The header's or the element's name as written."""
        return self.from_.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Token:
    """A hole in the signed text. `header` is given for `kind` header only."""

    kind: Literal["body", "timestamp", "header"]
    header: str = ""


class HmacScheme(Part):
    """A keyed hash over the raw body, perhaps with a time and headers around it.

    `secrets` may be empty in a preset only; a `Source` is never built without one.
    """

    type: Literal["hmac"]
    algorithm: Algorithm = "sha256"
    secrets: Annotated[tuple[SourceSecret, ...], BeforeValidator(one_or_many), Field(max_length=8)] = ()
    key: Literal["text", "base64", "base64url", "hex"] = "text"
    strip_prefix: str = ""
    """Removed from the secret before it is decoded, if it is there (`whsec_`)."""
    signature: SignaturePlace
    timestamp: TimestampPlace | None = None
    message: str = "{body}"
    """What is hashed: text with `{body}`, `{timestamp}` and `{header:NAME}` in it."""

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


class EveryOf(Part):
    """Several dialects of one sender: at least one header must be there, and each that is there must verify."""

    type: Literal["every_of"]
    of: Annotated[tuple[HmacScheme, ...], Field(min_length=1, max_length=8)]

    @model_validator(mode="after")
    def _headers_differ(self) -> Self:
        names = {scheme.signature.header.lower() for scheme in self.of}
        if len(names) != len(self.of):
            raise problem("two alternatives of `every_of` read one header", help="give each a header of its own")
        return self


class NoVerification(Part):
    """Anybody who reaches the address is believed; it has to be written, and is warned about."""

    type: Literal["none"]


Verification = Annotated[HmacScheme | EveryOf | NoVerification, Field(discriminator="type")]

_ADAPTER: TypeAdapter[HmacScheme | EveryOf | NoVerification] = TypeAdapter(
    Verification, config=ConfigDict(hide_input_in_errors=True)
)


def parse_verification(value: Mapping[str, object]) -> HmacScheme | EveryOf | NoVerification:
    """The scheme that a `verify:` block of a source describes.

    Raises:
        pydantic.ValidationError: the block is not one; no value appears in the error's text.
    """
    return _ADAPTER.validate_python(value)


def alternatives(scheme: HmacScheme | EveryOf | NoVerification) -> tuple[HmacScheme, ...]:
    """The keyed hashes inside a scheme, in the order written."""
    if isinstance(scheme, HmacScheme):
        return (scheme,)
    return scheme.of if isinstance(scheme, EveryOf) else ()


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
    if name == "body":
        return Token("body")
    if name == "timestamp":
        return Token("timestamp")
    kind, _, header = name.partition(":")
    if kind == "header" and _HEADER_NAME.fullmatch(header):
        return Token("header", header)
    raise problem(
        "`message` has an unknown word in braces", help="it may hold `{body}`, `{timestamp}` and `{header:NAME}`"
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

"""Senders that sign a text: what their schemes have in common, whatever the signature is made with.

The rules that no configuration can switch off (facts sources.md section 1, S3 to S7): what is signed is the bytes
received; a given signature has exactly one spelling; a repeated or non-ASCII header is a refusal, never an exception; a
clock value is ASCII digits, so that neither NaN nor `1e9` gets past the window.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, NamedTuple, Self

from pydantic import Field, model_validator

from bridge.diagnostics import problem
from bridge.sources.places import BodyDigest, Config, Place, SignaturePlace, SignedUrl, TimestampPlace
from bridge.sources.presented import Presented, ascii_of
from bridge.sources.proofs.encodings import decode
from bridge.sources.proofs.message import Filling, Token, TokenKind, compose, parse_message
from bridge.sources.proofs.proof import Proof, check_required
from bridge.sources.proofs.window import age_of, difference
from bridge.sources.verdict import Reason, Unbelieved

MAX_CANDIDATES = 20
"""More signatures in one request are refused before any is decoded (facts S6)."""

_LONGEST_SIGNATURE = 4_096
"""Letters; what stands in a body may be as long as the body."""
_COVERS: frozenset[TokenKind] = frozenset({"body", "form_sorted"})
"""The tokens of which each covers the whole body."""
_OF_BODY = frozenset({"json", "form", "form_json"})
"""The places in the body."""


class Signed(Proof):
    """Base of the types whose signature is over a text made of the request."""

    signature: SignaturePlace
    """Where the signature stands."""
    timestamp: TimestampPlace | None = None
    """Where the signed time stands, if there is one."""
    url: SignedUrl | None = None
    """The address, where it is signed too."""
    message: Annotated[str, Field(max_length=2_000)] = "{body}"
    """What is signed: text with `{body}`, `{timestamp}`, `{header:NAME}` and other words in braces."""
    body_digest: BodyDigest | None = None
    """A hash of the body in a signed place, where `message` leaves the body out."""
    config: Config = Field(default_factory=dict)
    """Texts for `{config:NAME}` of `message`; the short form is the source's `config`."""

    hashes_secret: ClassVar[bool] = False
    """Whether `{secret}` is part of the text, for want of a better way to use it."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        kinds = Counter(token.kind for token in self.tokens)
        if kinds["secret"] and not self.hashes_secret:
            raise problem(
                "`{secret}` is part of the text only where `type` is `hash`", help="leave `{secret}` out of `message`"
            )
        _check_cover(self, kinds)
        _check_time(self, kinds)
        if (self.url is None) is (kinds["url"] + kinds["path_query"] > 0):
            raise problem(
                "`url` and `{url}` in `message` go together",
                help="write `url: {public: https://…}` and `{url}` where the address is signed, or neither",
            )
        return self

    @cached_property
    def parts(self) -> tuple[bytes | Token, ...]:
        """`message` taken apart: fixed bytes and holes, in order."""
        return parse_message(self.message)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The holes of `message`, in order."""
        return tuple(part for part in self.parts if isinstance(part, Token))

    @property
    def config_names(self) -> tuple[str, ...]:
        """The names of `config` that `message` reads."""
        return tuple(dict.fromkeys(token.name for token in self.tokens if token.kind == "config"))

    @property
    def covers_body(self) -> bool:
        """Whether nothing in the body can be changed without breaking the proof."""
        return self.body_digest is not None or any(token.kind in _COVERS for token in self.tokens)

    def covers(self, place: Place) -> bool:
        """Whether what stands at a place cannot be changed without breaking the proof."""
        kinds = {token.kind for token in self.tokens}
        if place.kind in _OF_BODY and (
            "body" in kinds or self.body_digest is not None or (place.kind != "json" and "form_sorted" in kinds)
        ):
            return True
        if place.kind == "query" and not kinds.isdisjoint({"url", "path_query"}):
            return True
        return place.identity in {token.place.identity for token in self.tokens if token.place is not None}

    def filling(self, timestamp: str | None, secret: bytes = b"") -> Filling:
        """What fills the holes of `message` besides the request."""
        return Filling(timestamp or "", self.url, self.config, secret)


def _check_cover(scheme: Signed, kinds: Counter[TokenKind]) -> None:
    parts = [token for token in scheme.tokens if token.place is not None and token.place.kind in _OF_BODY]
    if kinds["body"] > 1 or not (parts or kinds["crc32"] or scheme.covers_body):
        raise problem(
            "the signature does not cover the event",
            help="write `{body}` once in `message`; it stands for the bytes received",
        )
    digest = scheme.body_digest
    if digest is None:
        return
    if digest.place.kind == "claim":
        raise problem("a `claim:` is part of a JWT", help="read the digest from `query:NAME` or `header:NAME`")
    if not scheme.covers(digest.place):
        raise problem(
            "the digest of the body is not signed, so it proves nothing",
            help="put `{url}`, `{query:NAME}` or `{header:NAME}` in `message`",
        )


def _check_time(scheme: Signed, kinds: Counter[TokenKind]) -> None:
    time = scheme.timestamp
    if time is None:
        if kinds["timestamp"]:
            raise problem(
                "`message` holds `{timestamp}`", help="add `timestamp: {from: …}` to say where the time stands"
            )
        return
    if time.place.kind == "sig" and scheme.signature.field is None:
        raise problem("a time `from: sig:…` needs named elements", help="add `signature.field` and `signature.split`")
    if not kinds["timestamp"] and not scheme.covers(time.place):
        raise problem(
            "the time is not signed, so it proves nothing", help="put `{timestamp}` in `message`, or drop `timestamp`"
        )


class Given(NamedTuple):
    """What a request brings along to be believed.

    Attributes:
        candidates: the signatures, decoded; at least one, at most `MAX_CANDIDATES`.
        timestamp: the signed time exactly as the sender wrote it.
        age_ms: how far it is behind our clock.
    """

    candidates: Sequence[bytes]
    timestamp: str | None = None
    age_ms: int | None = None

    @property
    def clock(self) -> str:
        """The difference of the clocks as an end for a sentence; empty where no time is signed."""
        return "" if self.age_ms is None else f"; its time is {difference(self.age_ms)}"


def read(scheme: Signed, request: Presented, now_ms: int, *, size: int | None = None) -> Given:
    """The signatures of a request, once all that can be checked without a key is checked.

    Args:
        scheme: what to look for.
        request: the request.
        now_ms: the present.
        size: how many bytes a signature has; None: any number.

    Raises:
        Unbelieved: there is none, or a time, header or digest that the scheme demands is not as it should be.
    """
    check_required(scheme, request)
    elements = _elements(scheme.signature, request)
    candidates = _candidates(scheme, elements, size)
    timestamp = age_ms = None
    if scheme.timestamp is not None:
        timestamp = _timestamp_text(scheme.timestamp, request, elements)
        age_ms = age_of(scheme.timestamp, timestamp, now_ms)
    if scheme.body_digest is not None:
        check_digest(scheme.body_digest, request.only(scheme.body_digest.place, "DIGEST"), request.body)
    return Given(candidates, timestamp, age_ms)


def messages(scheme: Signed, request: Presented, given: Given, secret: bytes = b"") -> Sequence[bytes]:
    """The texts that the sender may have signed: one, or up to three where the address may have a port or not.

    Raises:
        Unbelieved: something of the text is not in the request.
    """
    if scheme.message == "{body}":
        return (request.body,)
    return tuple(compose(scheme.parts, request, scheme.filling(given.timestamp, secret)))


def check_digest(digest: BodyDigest, text: str, body: bytes) -> None:
    """Compare a digest in the request with that of the body.

    Raises:
        Unbelieved: it is another, or not written as the scheme says.
    """
    value = decode(text, digest.encoding) if text.isascii() else None
    if value is None:
        raise Unbelieved(Reason.DIGEST_MALFORMED, f"{digest.place.shown} is no digest written as {digest.encoding}")
    if not hmac.compare_digest(value, hashlib.new(digest.algorithm, body, usedforsecurity=False).digest()):
        raise Unbelieved(Reason.DIGEST_MISMATCH, f"{digest.place.shown} is not the {digest.algorithm} of this body")


def mismatch(scheme: Signed, given: Given) -> Unbelieved:
    """The refusal of a request whose signatures are all wrong."""
    place = scheme.signature.place
    return Unbelieved(
        Reason.SIGNATURE_MISMATCH,
        f"`{place.brief}` was not made from this request with a known key{given.clock}{_address(scheme)}",
    )


def _address(scheme: Signed) -> str:
    """The address that was looked for as an end for a sentence; empty where none is signed."""
    if scheme.url is None or scheme.url.public is None:
        return ""
    address = scheme.url.public.partition("?")[0]
    return f"; the address is signed, too: is `{address}` what is entered at the sender?"


def _elements(place: SignaturePlace, request: Presented) -> Sequence[str]:
    """The elements of the signature's value, or of the values of all headers that its pattern means."""
    where = place.place
    if where.kind != "header_pattern":
        value = request.only(where, "SIGNATURE")
        return (value,) if place.split is None else value.split(place.split)
    values = [ascii_of(value, where, "SIGNATURE") for value in request.values(where)]
    if not values:
        raise Unbelieved(Reason.SIGNATURE_MISSING, f"the request lacks {where.shown}")
    if any(len(found) > 1 for name, found in request.headers.items() if where.fits(name)):
        raise Unbelieved(Reason.SIGNATURE_REPEATED, f"one of {where.shown} came twice")
    return values if place.split is None else [part for value in values for part in value.split(place.split)]


def _candidates(scheme: Signed, elements: Sequence[str], size: int | None) -> list[bytes]:
    """The signatures among the elements, decoded."""
    place = scheme.signature
    texts = elements if place.field is None else named(elements, place.field)
    texts = [text.removeprefix(place.prefix) for text in texts if text.startswith(place.prefix)]
    if len(texts) > MAX_CANDIDATES:
        raise Unbelieved(
            Reason.SIGNATURE_MALFORMED, f"`{place.place.brief}` holds more than {MAX_CANDIDATES} signatures"
        )
    candidates = [
        raw
        for text in texts
        if len(text) <= _LONGEST_SIGNATURE
        and (raw := decode(text, place.encoding)) is not None
        and (size is None or len(raw) == size)
    ]
    if not candidates:
        form = f"`{place.prefix}` and {place.encoding}" if place.prefix else place.encoding
        raise Unbelieved(
            Reason.SIGNATURE_MALFORMED,
            f"`{place.place.brief}` holds no signature of the right length written as {form}",
        )
    return candidates


def named(elements: Sequence[str], name: str) -> list[str]:
    """The values of the `name=value` elements with this name."""
    start = f"{name}="
    return [element.removeprefix(start) for element in elements if element.startswith(start)]


def _timestamp_text(place: TimestampPlace, request: Presented, elements: Sequence[str]) -> str:
    """The signed time exactly as the sender wrote it."""
    where = place.place
    if where.kind != "sig":
        return request.only(where, "TIMESTAMP")
    values = named(elements, where.name)
    if not values:
        raise Unbelieved(Reason.TIMESTAMP_MISSING, f"the signature has no element `{where.name}=`")
    if len(values) > 1:
        raise Unbelieved(Reason.TIMESTAMP_REPEATED, f"the signature has `{where.name}=` {len(values)} times")
    return values[0]

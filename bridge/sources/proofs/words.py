"""Senders that sign nothing and show a word instead: a token somewhere in the request, or a user and a password.

A word proves who sent the request and nothing about what is in it, and whoever sees it once can use it. Prefer a
signature wherever the sender has one.
"""

import hashlib
import hmac
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Self

from pydantic import model_validator

from bridge.diagnostics import problem
from bridge.sources.places import WHOLE_BODY, ListPath, Secrets, SignaturePlace
from bridge.sources.presented import Presented, ascii_of, inside, texts_at
from bridge.sources.proofs.encodings import decode, encode
from bridge.sources.proofs.proof import Proof, behind_prefix, check_one_word, check_required
from bridge.sources.proofs.signed import MAX_CANDIDATES
from bridge.sources.strict_json import Unreadable
from bridge.sources.verdict import Reason, Unbelieved

_AUTHORIZATION = SignaturePlace.model_validate({"from": "header:Authorization", "prefix": "Basic "})


class Word(Proof):
    """Base of the types that show a word."""

    secrets: Secrets = ()
    """One secret, or a list while rotating; the short form is the source's `secret`."""

    @property
    def rests_on(self) -> Literal["secrets"]:
        """What the operator must give."""
        return "secrets"

    @cached_property
    def hashes(self) -> tuple[bytes, ...]:
        """The secrets as what a given word is compared with.

        Hashes have one length, so that the time of the comparison does not tell how long the secret is.
        """
        return tuple(_hash(secret.get_secret_value().encode()) for secret in self.secrets)


class TokenScheme(Word):
    """The secret itself stands in the request."""

    type: Literal["token"]
    """A secret word that the sender sends along."""
    signature: SignaturePlace
    """Only `from` and `prefix` are read (`Bearer `)."""
    each: ListPath | None = None
    """A list in the body whose elements all must show the word; `from: json:PATH` then begins at each of them."""

    @model_validator(mode="after")
    def _is_one_word(self) -> Self:
        check_one_word(self.signature)
        if self.each is not None and self.signature.place.kind != "json":
            raise problem("`each` goes through a list in the body", help="write `from: json:PATH`, from an element on")
        return self

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return f"token in {self.signature.place.brief}" + (f" of each {self.each}" if self.each else "")


class BasicScheme(Word):
    """HTTP Basic authentication. A secret is the whole `user:password`; the password may hold colons."""

    type: Literal["basic"]
    """HTTP Basic: user and password."""

    @model_validator(mode="after")
    def _are_pairs(self) -> Self:
        if not all(":" in secret.get_secret_value() for secret in self.secrets):
            raise problem(
                "a secret of this source is no `user:password`", code="BR304", help="write both, with a colon between"
            )
        return self

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return "basic authentication"

    @property
    def signature(self) -> SignaturePlace:
        """Where it stands: always the same."""
        return _AUTHORIZATION


def matching(scheme: TokenScheme | BasicScheme, request: Presented, _now_ms: int) -> int:
    """The position of the secret that the request shows; the oldest one where each element shows its own.

    Raises:
        Unbelieved: it shows none.
    """
    if not scheme.secrets:
        raise Unbelieved(Reason.NO_SECRET, "the source has no secret")
    check_required(scheme, request)
    if isinstance(scheme, TokenScheme) and scheme.each is not None:
        return max(_matching(scheme, word) for word in _words(scheme, scheme.each, request))
    return _matching(scheme, request.only(scheme.signature.place, "SIGNATURE"))


def is_shown(scheme: TokenScheme, request: Presented) -> bool:
    """Whether there is a place for the word, whatever stands there."""
    if scheme.each is None:
        return request.has(scheme.signature.place)
    try:
        return bool(_elements(scheme.each, request))
    except Unbelieved:
        return False


def shown_word(scheme: TokenScheme | BasicScheme, secret_index: int) -> str:
    """What a sender with the secret writes at the scheme's place."""
    secret = scheme.secrets[secret_index].get_secret_value()
    word = secret if isinstance(scheme, TokenScheme) else encode(secret.encode(), "base64")
    return scheme.signature.prefix + word


def _matching(scheme: TokenScheme | BasicScheme, value: str) -> int:
    place = scheme.signature
    word = behind_prefix(place, value)
    given = word.encode() if isinstance(scheme, TokenScheme) else decode(word, "base64")
    if given is None:
        raise Unbelieved(Reason.SIGNATURE_MALFORMED, f"`{place.place.brief}` is not base64")
    digest = _hash(given)
    for index, expected in enumerate(scheme.hashes):
        if hmac.compare_digest(digest, expected):
            return index
    raise Unbelieved(Reason.SIGNATURE_MISMATCH, f"`{place.place.brief}` does not hold a known secret")


def _words(scheme: TokenScheme, each: str, request: Presented) -> Sequence[str]:
    """The different words that the elements of a list show; an empty list shows none and proves nothing."""
    place = scheme.signature.place
    items = _elements(each, request)
    words: dict[str, None] = {}
    for item in items:
        found = texts_at(item, place.path)
        if not found:
            raise Unbelieved(Reason.SIGNATURE_MISSING, f"an element of `{each}` lacks {place.shown}")
        words[ascii_of(found[0], place, "SIGNATURE")] = None
        if len(words) > MAX_CANDIDATES:
            raise Unbelieved(
                Reason.SIGNATURE_MALFORMED, f"the elements of `{each}` show more than {MAX_CANDIDATES} different words"
            )
    if not words:
        raise Unbelieved(Reason.SIGNATURE_MISSING, f"there is no element in `{each}`")
    return tuple(words)


def _elements(each: str, request: Presented) -> Sequence[object]:
    try:
        value = request.json if each == WHOLE_BODY else inside(request.json, each.split("."))
    except Unreadable as error:
        raise Unbelieved(Reason.SIGNED_BODY_UNREADABLE, f"the list `{each}` cannot be read: {error.reason}") from None
    if not isinstance(value, list):
        raise Unbelieved(Reason.SIGNATURE_MISSING, f"the body has no list `{each}`")
    return value


def _hash(word: bytes) -> bytes:
    return hashlib.sha256(word).digest()

"""Senders that sign nothing and show a word instead: a token in a header or the address, or a user and a password.

A word proves who sent the request and nothing about what is in it, and whoever sees it once can use it. Prefer a
signature wherever the sender has one.
"""

import hashlib
import hmac
from typing import Literal, Self

from pydantic import model_validator

from bridge.diagnostics import problem
from bridge.sources.places import Secrets, SignaturePlace
from bridge.sources.presented import Presented
from bridge.sources.proofs.encodings import decode, encode
from bridge.sources.proofs.proof import Proof, check_required
from bridge.sources.verdict import Reason, Unbelieved

_AUTHORIZATION = SignaturePlace.model_validate({"from": "header:Authorization", "prefix": "Basic "})


class TokenScheme(Proof):
    """The secret itself stands in the request."""

    type: Literal["token"]
    """A secret word that the sender sends along."""
    secrets: Secrets = ()
    """One secret, or a list while rotating; the short form is the source's `secret`."""
    signature: SignaturePlace
    """Only `from` and `prefix` are read (`Bearer `)."""

    @model_validator(mode="after")
    def _is_one_word(self) -> Self:
        place = self.signature
        if place.split is not None or place.field is not None or place.encoding != "hex":
            raise problem("a token is one word as it stands", help="of `signature` only `from` and `prefix` are read")
        return self

    @property
    def rests_on(self) -> Literal["secrets"]:
        """What the operator must give."""
        return "secrets"

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return f"token in {self.signature.place.brief}"


class BasicScheme(Proof):
    """HTTP Basic authentication. A secret is the whole `user:password`; the password may hold colons."""

    type: Literal["basic"]
    """HTTP Basic: user and password."""
    secrets: Secrets = ()
    """One secret, or a list while rotating; the short form is the source's `secret`."""

    @model_validator(mode="after")
    def _are_pairs(self) -> Self:
        if not all(":" in secret.get_secret_value() for secret in self.secrets):
            raise problem(
                "a secret of this source is no `user:password`", code="BR304", help="write both, with a colon between"
            )
        return self

    @property
    def rests_on(self) -> Literal["secrets"]:
        """What the operator must give."""
        return "secrets"

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return "basic authentication"

    @property
    def signature(self) -> SignaturePlace:
        """Where it stands: always the same."""
        return _AUTHORIZATION


def matching(scheme: TokenScheme | BasicScheme, request: Presented, _now_ms: int) -> int:
    """The position of the secret that the request shows.

    Raises:
        Unbelieved: it shows none.
    """
    if not scheme.secrets:
        raise Unbelieved(Reason.NO_SECRET, "the source has no secret")
    check_required(scheme, request)
    place = scheme.signature
    value = request.only(place.place, "SIGNATURE")
    if not value.startswith(place.prefix):
        raise Unbelieved(
            Reason.SIGNATURE_MALFORMED, f"`{place.place.brief}` does not begin with `{place.prefix.strip()}`"
        )
    word = value.removeprefix(place.prefix)
    given = word.encode() if isinstance(scheme, TokenScheme) else decode(word, "base64")
    if given is None:
        raise Unbelieved(Reason.SIGNATURE_MALFORMED, f"`{place.place.brief}` is not base64")
    # Hashes have one length, so that the time of the comparison does not tell how long the secret is.
    digest = hashlib.sha256(given).digest()
    for index, secret in enumerate(scheme.secrets):
        if hmac.compare_digest(digest, hashlib.sha256(secret.get_secret_value().encode()).digest()):
            return index
    raise Unbelieved(Reason.SIGNATURE_MISMATCH, f"`{place.place.brief}` does not hold a known secret")


def shown_word(scheme: TokenScheme | BasicScheme, secret_index: int) -> str:
    """What a sender with the secret writes at the scheme's place."""
    secret = scheme.secrets[secret_index].get_secret_value()
    word = secret if isinstance(scheme, TokenScheme) else encode(secret.encode(), "base64")
    return scheme.signature.prefix + word

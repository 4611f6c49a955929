"""A plain hash of a text that has the secret in it: what senders did before they knew of HMAC.

Whoever sees such a signature can make one for a longer text that begins with the same (all hashes taken here are of
that kind, and the secret stands in front), so prefer the sender's newer way where it has one.
"""

import hashlib
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bridge.diagnostics import problem
from bridge.sources.presented import Presented
from bridge.sources.proofs.keyed_hash import SecretHash, is_among
from bridge.sources.proofs.signed import messages, mismatch, read
from bridge.sources.verdict import Reason, Unbelieved


class HashScheme(SecretHash):
    """A plain hash of a text with the secret in it."""

    type: Literal["hash"]
    """A plain hash of a text that holds the secret."""
    message: Annotated[str, Field(max_length=2_000)] = "{secret}{body}"
    """What is hashed: as for `hmac`, and with `{secret}`."""

    hashes_secret: ClassVar[bool] = True

    @model_validator(mode="after")
    def _has_the_secret(self) -> Self:
        if not any(token.kind == "secret" for token in self.tokens):
            raise problem(
                "a hash without the secret can be made by anybody",
                help="put `{secret}` in `message`, or write `type: hmac` if the hash is keyed",
            )
        return self

    @cached_property
    def title(self) -> str:
        """The scheme in a log."""
        return f"hash {self.algorithm} of {self.signature.place.brief}"


def matching(scheme: HashScheme, request: Presented, now_ms: int) -> int:
    """The position of the secret that was hashed for one of the given signatures.

    Raises:
        Unbelieved: none was.
    """
    if not scheme.secrets:
        raise Unbelieved(Reason.NO_SECRET, "the source has no secret")
    given = read(scheme, request, now_ms, size=scheme.digest_size)
    for index, key in enumerate(scheme.keys):
        texts = messages(scheme, request, given, key)
        if is_among([digest(scheme, each) for each in texts], given.candidates):
            return index
    raise mismatch(scheme, given)


def digest(scheme: HashScheme, text: bytes) -> bytes:
    """The hash of a text."""
    return hashlib.new(scheme.algorithm, text, usedforsecurity=False).digest()

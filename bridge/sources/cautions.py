"""What a scheme leaves open: allowed, because senders do it so, and worth saying at every start."""

import re
from collections.abc import Iterator, Sequence

from pydantic import SecretStr

from bridge.sources.handshake_answers import Handshakes
from bridge.sources.learned import secret_count, secrets_of
from bridge.sources.problems import SourceWarning
from bridge.sources.proofs.notification import SnsScheme
from bridge.sources.proofs.proof import Proof
from bridge.sources.proofs.signed import Signed
from bridge.sources.proofs.web_token import JwtScheme
from bridge.sources.scheme import AnyScheme, NoVerification, alternatives

_ACCOUNT = re.compile(r"arn:[^:*]*:sns:[^:]*:[0-9]{12}:")


def cautions(name: str, verification: AnyScheme) -> Iterator[SourceWarning]:
    """What to say at every start about how a source verifies, each thing once."""
    if isinstance(verification, NoVerification):
        yield SourceWarning(
            ("verify",),
            f"the source `{name}` believes anybody who reaches its address",
            "keep it on a loopback address, or describe the sender's signature under `verify`",
        )
    found = [caution for block in alternatives(verification) for caution in _of(name, block)]
    copied = [caution for block in alternatives(verification) for caution in _copied(name, "secret", secrets_of(block))]
    yield from dict.fromkeys((*found, *copied))


def _copied(name: str, key: str, words: Sequence[SecretStr]) -> Iterator[SourceWarning]:
    """Secrets that were copied with more than themselves: no sender's has a blank or a line break at an end."""
    for index, word in enumerate(words):
        value = word.get_secret_value()
        if value != value.strip():
            yield SourceWarning(
                (key, index),
                f"a `{key}` of the source `{name}` begins or ends with a blank or a line break",
                "it counts as a part of it: copy the word again, without",
                "BR304",
            )


def _of(name: str, block: Proof) -> Iterator[SourceWarning]:
    if isinstance(block, Signed):
        yield from _of_signed(name, block)
    elif isinstance(block, JwtScheme):
        yield from _of_token(name, block)
    elif isinstance(block, SnsScheme) and not block.topics:
        yield SourceWarning(
            ("verify", "topics"),
            f"the source `{name}` takes notifications of every topic of Amazon SNS, whoever it belongs to",
            "name yours in `verify.topics`, by their ARNs; only their subscriptions are confirmed",
        )
    elif isinstance(block, SnsScheme) and not all(map(_ACCOUNT.search, block.topics)):
        yield SourceWarning(
            ("verify", "topics"),
            f"the source `{name}` takes notifications of topics of every account that are called like yours",
            "write the twelve digits of your account in each of `verify.topics`",
        )
    if isinstance(block, Signed | JwtScheme | SnsScheme) and block.replay and not block.covers(block.replay.place):
        yield SourceWarning(
            ("verify", "replay"),
            f"the source `{name}` tells repeats by an id that is not signed: a copied request can be given a new one",
            _SIGN_ID if isinstance(block, Signed) else "take an id that is signed, such as `claim:jti` of a JWT",
        )


def _of_signed(name: str, block: Signed) -> Iterator[SourceWarning]:
    time = block.timestamp
    if time is not None and (time.past_s is None or time.future_s is None):
        yield SourceWarning(
            ("verify", "timestamp"),
            f"the source `{name}` takes signed times of any age",
            "set `past_s` and `future_s`, unless the sender repeats old requests unchanged",
        )
    if not block.covers_body:
        yield SourceWarning(("verify", "message"), f"the signature of the source `{name}` {_gap(block)}", _REST)


def _of_token(name: str, block: JwtScheme) -> Iterator[SourceWarning]:
    if not block.covers_body:
        yield SourceWarning(
            ("verify", "body_digest"),
            f"the source `{name}` takes any body with a token that is good, for the token does not speak of the body",
            "add `body_digest: {from: claim:…}` if the sender's tokens hold a hash of it",
        )
    time = block.timestamp
    if "exp" not in block.required and (time is None or time.past_s is None):
        yield SourceWarning(
            ("verify", "require_claims"),
            f"the source `{name}` takes tokens of any age",
            "require `exp`, or give `timestamp: {from: claim:iat}` where the sender's tokens do not expire",
        )


_SIGN_ID = "put the id in `message`, if the sender signs it"
_REST = "that is how this sender signs: let no rule rest on the other parts of the body alone"


def _gap(block: Signed) -> str:
    if any(token.kind == "crc32" for token in block.tokens):
        return "covers a checksum of the body, for which another body can be made"
    return "covers a part of the body only"


def handshake_cautions(name: str, scheme: AnyScheme, handshakes: Handshakes) -> Iterator[SourceWarning]:
    """What the sender cannot do yet, because something is still to be given."""
    if handshakes.learns and not secret_count(scheme):
        yield SourceWarning(
            (),
            f"the configuration holds no secret of the source `{name}`: its sender brings one",
            f"until it has, every request is refused; open the door for it with `crm-bridge open-window {name}`",
        )
    if handshakes.shows_a_token and not handshakes.verify_tokens:
        yield SourceWarning(
            (),
            f"the sender of `{name}` cannot check the address: it shows a word that the configuration does not hold",
            "choose a word, enter it at the sender, and give it as `verify_token`",
        )
    yield from _copied(name, "verify_token", handshakes.verify_tokens)

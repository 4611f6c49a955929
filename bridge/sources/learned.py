"""Secrets that are not in the configuration, because the sender brings them; and the keys of a handshake's HMAC."""

from collections.abc import Sequence

from pydantic import ValidationError

from bridge.sources.credentials import SourceSecret
from bridge.sources.proofs.keyed_hash import HmacScheme
from bridge.sources.proofs.plain_hash import HashScheme
from bridge.sources.proofs.web_token import JwtScheme
from bridge.sources.proofs.words import BasicScheme, TokenScheme
from bridge.sources.scheme import AnyOf, AnyScheme, Block, EveryOf, alternatives


def takes_secret(scheme: AnyScheme, secret: str) -> bool:
    """Whether a secret that a sender brings is one of the scheme's form: long enough, decodable, no placeholder."""
    try:
        return with_secrets(scheme, [secret]) is not scheme
    except ValidationError:
        return False


def with_secrets(scheme: AnyScheme, secrets: Sequence[str]) -> AnyScheme:
    """The scheme with further secrets behind its own, in each of its alternatives that rests on secrets.

    Raises:
        ValidationError: one of them is not of the scheme's form, or they are too many.
    """
    if not secrets or not any(_rests_on_secrets(block) for block in alternatives(scheme)):
        return scheme
    blocks = tuple(_with(block, secrets) for block in alternatives(scheme))
    match scheme:
        case AnyOf():
            return AnyOf(any_of=blocks)
        case EveryOf():
            return EveryOf(every_of=blocks)
        case _:
            return blocks[0]


def _with(block: Block, secrets: Sequence[str]) -> Block:
    if not _rests_on_secrets(block):
        return block
    own = [secret.get_secret_value() for secret in secrets_of(block)]
    return type(block).model_validate({**block.model_dump(by_alias=True), "secrets": [*own, *secrets]})


def _rests_on_secrets(block: Block) -> bool:
    return block.rests_on == "secrets"


def secrets_of(block: Block) -> tuple[SourceSecret, ...]:
    """The secrets of one way to prove a sender; none where it rests on something else."""
    match block:
        case HmacScheme() | HashScheme() | JwtScheme() | TokenScheme() | BasicScheme():
            return block.secrets
        case _:
            return ()


def secret_count(scheme: AnyScheme) -> int:
    """How many secrets a scheme has, at most in one of its alternatives."""
    return max((len(secrets_of(block)) for block in alternatives(scheme)), default=0)


def keys_of(scheme: AnyScheme, secret_index: int | None = None) -> tuple[bytes, ...]:
    """The keys of a scheme's secrets, the one that verified a request first; none for a scheme without secrets."""
    for block in alternatives(scheme):
        if secrets := secrets_of(block):
            keys = block.keys if isinstance(block, HmacScheme) else tuple(map(_word, secrets))
            first = keys[secret_index : secret_index + 1] if secret_index is not None else ()
            return (*first, *keys)
    return ()


def _word(secret: SourceSecret) -> bytes:
    return secret.get_secret_value().encode()

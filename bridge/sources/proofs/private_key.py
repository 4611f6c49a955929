"""The sender's half of the proofs that rest on a key pair, and of tokens: for `crm-bridge send` and tests."""

from typing import TYPE_CHECKING

from bridge.errors import UsageError
from bridge.sources.proofs.encodings import KeyKind
from bridge.sources.proofs.public_key import PublicKeyScheme
from bridge.sources.proofs.web_token import JwtScheme, issued

if TYPE_CHECKING:
    from bridge.sources.proofs.keys import PrivateKey


class OnlyTheSender(UsageError):  # noqa: N818 - says what is wrong
    """Nobody but the sender, who has the private key, can sign this."""


class SecretNeeded(OnlyTheSender):
    """The sender brings its secret, and the configuration holds none beside it."""


class PrivateKeyNeeded(OnlyTheSender):
    """Signing needs a private key that was not given, or another one."""


def made_signature(scheme: PublicKeyScheme, text: bytes, private_key: str | None) -> bytes:
    """The signature over a text.

    Args:
        scheme: what verifies it.
        text: what is signed.
        private_key: PEM.

    Raises:
        PrivateKeyNeeded: it is missing, or not of the scheme's kind.
        OnlyTheSender: a certificate of the vendor's verifies it.
    """
    from bridge.sources.proofs.public_signatures import made  # noqa: PLC0415 - loads slowly, and few sources need it

    if scheme.certificate is not None:
        raise OnlyTheSender("nobody but the owner of the certificate can sign this: let the sender send its own test")
    return made(_private(private_key, scheme.allowed), text, scheme.hash)


def made_token(
    scheme: JwtScheme, body: bytes, raw_query: str, now_ms: int, *, secret_index: int, private_key: str | None
) -> str:
    """A token that makes a request acceptable, signed with the first of the scheme's algorithms.

    Raises:
        PrivateKeyNeeded: `private_key` is missing or of another kind, where the scheme rests on public keys.
    """
    from bridge.sources.proofs.json_web_token import write_token  # noqa: PLC0415 - as above

    key: bytes | PrivateKey
    key = scheme.secret_keys[secret_index] if scheme.rests_on == "secrets" else _private(private_key, scheme.kinds)
    return write_token(issued(scheme, body, raw_query, now_ms), key, scheme.allowed[0])


def _private(text: str | None, kinds: frozenset[KeyKind]) -> "PrivateKey":
    from bridge.sources.proofs.keys import KeyUnusable, demand, read_private_key  # noqa: PLC0415 - as above

    if text is None:
        raise PrivateKeyNeeded("this source verifies with a public key, and to sign its private half is needed")
    try:
        key = read_private_key(text)
        demand(key, kinds)
    except KeyUnusable as error:
        raise PrivateKeyNeeded(f"the private key {error.reason}: {error.mend}") from None
    return key

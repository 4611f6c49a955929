"""A JWT signed with a private key: who we are, said so that only we could have said it (RFC 7523)."""

from collections.abc import Mapping


class KeyUnusable(Exception):  # noqa: N818 - says what is wrong
    """The private key cannot sign. The text says why, and never holds a part of the key."""


def sign(claims: Mapping[str, str], key: str, *, algorithm: str, now_ms: int, lasts_ms: int) -> str:
    """The signed token, good from now on for `lasts_ms`.

    Raises:
        KeyUnusable: `key` is no private key for the algorithm.
    """
    import jwt  # noqa: PLC0415 - cryptography takes longer to load than the rest of a command, and few need it

    check_key(key)
    now_s = now_ms // 1000
    times = {"iat": now_s, "exp": now_s + lasts_ms // 1000}
    try:
        return jwt.encode({**claims, **times}, key, algorithm=algorithm, headers={"typ": "JWT"})
    except (jwt.PyJWTError, TypeError, ValueError):
        raise KeyUnusable("it cannot sign") from None


def check_key(key: str) -> None:
    """Whether the text is an RSA private key that can be used without a password.

    Raises:
        KeyUnusable: it is not.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

    try:
        loaded = load_pem_private_key(key.encode(), password=None)
    except TypeError:
        raise KeyUnusable("it is encrypted with a password") from None
    except Exception:  # noqa: BLE001 - the library's own errors are of many kinds, and their texts may quote the key
        raise KeyUnusable("it is no private key in PEM form") from None
    if not isinstance(loaded, RSAPrivateKey):
        raise KeyUnusable("it is no RSA key")

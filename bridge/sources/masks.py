"""What may be shown of a raw request: everything but the proofs, of which the form stays visible.

`sha256=<64 hex>` tells a person how a sender signs, and nobody anything else.
"""

import re
from collections.abc import Container, Iterable

from bridge.sources.wire import clean, is_credential

_TOKEN = re.compile(r"[^\s,;]+|[\s,;]+")
_NAMED = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.-]{0,15})=(?P<value>.+)", re.DOTALL)
_SCHEMES = frozenset({"bearer", "basic", "token", "hmac", "digest"})
_KINDS = (
    ("digits", re.compile(r"[0-9]+", re.ASCII)),
    ("hex", re.compile(r"[0-9a-f]+", re.ASCII)),
    ("HEX", re.compile(r"[0-9A-F]+", re.ASCII)),
    ("base64", re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)),
    ("base64url", re.compile(r"[A-Za-z0-9_-]+={0,2}", re.ASCII)),
)
_DIGEST = re.compile(
    r"(?:[A-Za-z0-9_.-]{1,16}=)?(?:[0-9A-Fa-f]{40,}|(?=.*[0-9])(?=.*[A-Z])[A-Za-z0-9+/_-]{27,}={0,2})", re.ASCII
)
_JWT_PARTS = 3
_MAX_SHOWN = 200
_SHORT = frozenset({"sig", "sign", "hash", "hmac", "mac", "key", "code", "pin", "otp", "clientstate"})
"""What parameters and keys of a body are called that hold a proof, besides those whose names say so at length."""


def shape_of(value: str) -> str:
    """The form of a proof: `t=<10 digits>,v1=<64 hex>`. Names of elements stay, no value does."""
    tokens = _TOKEN.findall(value)
    if len(tokens) > _MAX_SHOWN:
        return f"<{len(value)} characters>"
    shown = [token if token.strip(" \t,;") == "" else _element(token) for token in tokens]
    if tokens and tokens[0].lower() in _SCHEMES and len(tokens) > 1:
        shown[0] = tokens[0]
    return clean("".join(shown))


def _element(token: str) -> str:
    named = _NAMED.fullmatch(token)
    if named is not None and named["value"].strip("="):
        return f"{named['name']}={_kind(named['value'])}"
    return _kind(token)


def _kind(value: str) -> str:
    if value.count(".") == _JWT_PARTS - 1 and value.startswith("ey"):
        return "<a JWT>"
    kind = next((name for name, form in _KINDS if form.fullmatch(value)), "characters")
    return f"<{len(value)} {kind}>"


def masked_pairs(pairs: Iterable[tuple[str, str]], proofs: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Headers or query parameters; of those that prove somebody's identity only the form.

    Args:
        pairs: names and values as received.
        proofs: names to mask besides those that look like credentials, in any case.
    """
    known = {name.lower() for name in proofs}
    return [(clean(name), _shown(name, value, known)) for name, value in pairs]


def _shown(name: str, value: str, known: Container[str]) -> str:
    if is_masked(name, known) or looks_like_a_proof(value):
        return shape_of(value)
    return clean(value)[:_MAX_SHOWN]


def masked_value(value: object, known: Container[str] = frozenset()) -> object:
    """A body, read as JSON: the values of keys that are called like credentials, or are `known`, are not shown."""
    if isinstance(value, dict):
        return {key: _masked_member(key, item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_value(item, known) for item in value]
    return value


def _masked_member(key: str, value: object, known: Container[str]) -> object:
    if not is_masked(key, known):
        return masked_value(value, known)
    if isinstance(value, str):
        return shape_of(value)
    return masked_value(value, known) if isinstance(value, dict | list) else "<not shown>"


def looks_like_a_proof(value: str) -> bool:
    """Whether a value is a hash or a key by its look, whatever it is called."""
    return _DIGEST.fullmatch(value) is not None


def is_masked(name: str, known: Container[str] = frozenset()) -> bool:
    """Whether what is called so proves somebody's identity; `known` names, in lower case, do besides."""
    lower = name.lower()
    return lower in known or lower in _SHORT or is_credential(lower.replace("_", "-"))

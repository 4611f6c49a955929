"""JSON Web Tokens: who signed one, and whether it is meant for us and for now (RFC 7519, RFC 8725).

The signature is PyJWT's business; the claims are judged here, because its clock is the system's and ours is given.
Import this module where it is first needed, for the reason that stands in `keys`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jwt import PyJWS
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidAlgorithmError, InvalidSignatureError, PyJWTError

from bridge.sources.proofs.encodings import KeyKind
from bridge.sources.proofs.keys import PrivateKey, PublicKey
from bridge.sources.proofs.window import difference
from bridge.sources.strict_json import Unreadable, dump_json, parse_json
from bridge.sources.verdict import Reason, Unbelieved

MOST_TOKEN_CHARACTERS = 8192

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class _KeyedHash(HMACAlgorithm):
    """HS256 and its kin with keys of 16 bytes and more, as for every secret here; the library warns below 32."""

    def check_key_length(self, key: bytes) -> None:
        """Nothing: it was looked at when the configuration was read."""


_KEYED: Mapping[str, HMACAlgorithm] = {
    "HS256": _KeyedHash(HMACAlgorithm.SHA256),
    "HS384": _KeyedHash(HMACAlgorithm.SHA384),
    "HS512": _KeyedHash(HMACAlgorithm.SHA512),
}
_KINDS: Mapping[str, KeyKind] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "rsa"),
    "ES256": "p256",
    "ES384": "p384",
    "ES512": "p521",
    "EdDSA": "ed25519",
}
_JWS = PyJWS(algorithms=list(_KINDS))
for _name, _algorithm in _KEYED.items():
    _JWS.register_algorithm(_name, _algorithm)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be; all of it from the configuration.

    Attributes:
        algorithms: the names that its header may have.
        issuers: one of these must be `iss`; empty: not looked at.
        audiences: one of these must be in `aud`; empty: a token that names an audience is not for us.
        required: claims that must be there.
        leeway_s: how far the sender's clock may be from ours, in seconds.
        limited: a claim whose own limits somebody else looks at, so that the leeway does not count for it.
    """

    algorithms: tuple[str, ...]
    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    required: tuple[str, ...] = ("exp",)
    leeway_s: int = 60
    limited: str | None = None


def read_token(
    token: str, keys: Sequence[bytes | PublicKey], rules: TokenRules, *, now_ms: int
) -> tuple[int, Mapping[str, object]]:
    """Verify a token.

    Args:
        token: in compact form.
        keys: those that may have signed it, each of the kind that the algorithms need.
        rules: what it must be.
        now_ms: the present, milliseconds since the Unix epoch.

    Returns:
        The position of the key that signed it, and its claims.

    Raises:
        Unbelieved: it is not as it must be. No token makes this raise anything else; no text of it is in the detail.
    """
    index, payload = _signed(token, keys, rules)
    claims = _claims(payload)
    _check_times(claims, rules, now_ms)
    _check_parties(claims, rules)
    return index, claims


def _signed(token: str, keys: Sequence[bytes | PublicKey], rules: TokenRules) -> tuple[int, bytes]:
    """The position of the signing key, and the bytes of the claims."""
    if len(token) > MOST_TOKEN_CHARACTERS or not _TOKEN.fullmatch(token):
        raise Unbelieved(Reason.SIGNATURE_MALFORMED, "the token is no JWT in compact form")
    for index, key in enumerate(keys):
        try:
            payload: bytes = _JWS.decode_complete(token, key, algorithms=rules.algorithms)["payload"]
        except InvalidSignatureError:
            continue
        except InvalidAlgorithmError:
            names = ", ".join(rules.algorithms)
            raise Unbelieved(Reason.TOKEN_INVALID, f"the token is signed in another way than {names}") from None
        except (PyJWTError, ValueError, RecursionError):  # the last two from the JSON of the header, in old releases
            raise Unbelieved(Reason.SIGNATURE_MALFORMED, "the token is no JWT that can be read") from None
        return index, payload
    raise Unbelieved(Reason.SIGNATURE_MISMATCH, "the token was not signed with a known key")


def _claims(payload: bytes) -> Mapping[str, object]:
    try:
        claims = parse_json(payload)
    except Unreadable:
        raise Unbelieved(Reason.TOKEN_INVALID, "the token's claims are not JSON") from None
    if not isinstance(claims, dict):
        raise Unbelieved(Reason.TOKEN_INVALID, "the token's claims are no JSON object")
    return claims


def _check_times(claims: Mapping[str, object], rules: TokenRules, now_ms: int) -> None:
    for name in rules.required:
        if claims.get(name) is None:
            raise Unbelieved(Reason.TOKEN_INVALID, f"the token lacks the claim `{name}`")
    early, late = now_ms / 1000 - rules.leeway_s, now_ms / 1000 + rules.leeway_s
    names = ("exp", "nbf", "iat")
    expires, begins, issued = (None if name == rules.limited else _seconds(claims, name) for name in names)
    if expires is not None and not early < expires:
        raise _outside("the token has expired: its `exp`", expires, now_ms)
    if begins is not None and not begins <= late:
        raise _outside("the token is not valid yet: its `nbf`", begins, now_ms)
    if issued is not None and not issued <= late:
        raise _outside("the token was issued in the future: its `iat`", issued, now_ms)


def _outside(what: str, moment_s: float, now_ms: int) -> Unbelieved:
    off = difference(now_ms - int(moment_s * 1000))
    return Unbelieved(Reason.TIMESTAMP_OUTSIDE, f"{what} is {off}; is a clock wrong?")


def _seconds(claims: Mapping[str, object], name: str) -> float | int | None:
    """A time of the claims in Unix seconds; None where it has none."""
    value = claims.get(name)
    if name not in claims:
        return None
    # `bool` is an `int` to Python, and a number of more than 16 digits is no time.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**16:
        raise Unbelieved(Reason.TIMESTAMP_MALFORMED, f"the token's `{name}` is no time in seconds")
    return value


def _check_parties(claims: Mapping[str, object], rules: TokenRules) -> None:
    if rules.issuers and claims.get("iss") not in rules.issuers:
        raise Unbelieved(Reason.TOKEN_INVALID, "the token's `iss` is not the `issuer` of the source")
    audience = claims.get("aud")
    if audience is None and not rules.audiences:
        return
    named = audience if isinstance(audience, list) else [audience]
    if not any(each in rules.audiences for each in named):
        raise Unbelieved(Reason.TOKEN_INVALID, "the token's `aud` is not the `audience` of the source")


def write_token(claims: Mapping[str, object], key: bytes | PrivateKey, algorithm: str) -> str:
    """A signed token, as a sender makes one; the key is of the kind that the algorithm needs."""
    return _JWS.encode(dump_json(dict(claims)), key, algorithm)

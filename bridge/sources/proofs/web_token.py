"""JSON Web Tokens in a header: the sender signs claims, and among them, it is to be hoped, a hash of the body."""

import hashlib
import hmac
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from bridge.diagnostics import problem
from bridge.sources.places import (
    BodyDigest,
    Place,
    PublicKeys,
    Secrets,
    SignaturePlace,
    SignedUrl,
    TimestampPlace,
    one_or_many,
)
from bridge.sources.presented import Presented, ascii_of
from bridge.sources.proofs.encodings import KeyKind, PublicKeyForm, decode, encode
from bridge.sources.proofs.keyed_hash import check_lengths, key_of
from bridge.sources.proofs.message import signed_addresses
from bridge.sources.proofs.proof import Proof, behind_prefix, check_one_word, check_required, shortened_id
from bridge.sources.proofs.public_key import read_keys
from bridge.sources.proofs.signed import check_digest
from bridge.sources.proofs.window import age_of, written
from bridge.sources.verdict import Reason, Subject, Unbelieved

if TYPE_CHECKING:
    from bridge.sources.proofs.json_web_token import TokenRules
    from bridge.sources.proofs.keys import PublicKey

JwtAlgorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""`none` is not among them, and never will be."""

_KINDS: Mapping[str, KeyKind] = {"ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed25519"}
_Name = Annotated[str, Field(min_length=1, max_length=256)]
_Names = Annotated[tuple[_Name, ...], BeforeValidator(one_or_many), Field(max_length=8)]
Claims = Mapping[str, object]

_LASTS_S = 60


class JwtScheme(Proof):
    """A JSON Web Token, signed with a secret (`HS…`) or a private key (all others)."""

    type: Literal["jwt"]
    """A JSON Web Token."""
    algorithms: Annotated[tuple[JwtAlgorithm, ...], BeforeValidator(one_or_many), Field(max_length=6)] = ()
    """The algorithms that are taken; the token's own word for it is never believed."""
    algorithm: JwtAlgorithm | None = None
    """Short for `algorithms` with one in it."""
    signature: SignaturePlace
    """Where the token stands; only `from` and `prefix` are read (`Bearer `)."""
    secrets: Secrets = ()
    """For `HS…`: one secret, or a list while rotating; the short form is the source's `secret`."""
    public_keys: PublicKeys = ()
    """For all others: one public key, or a list while rotating; the short form is the source's `public_key`."""
    key: PublicKeyForm = "text"
    """How the secret or the public key is written."""
    strip_prefix: Annotated[str, Field(max_length=32)] = ""
    """Removed from the secret or public key before it is decoded, if it is there."""
    issuer: _Names = ()
    """`iss` must be this, or one of these."""
    audience: _Names = ()
    """`aud` must be, or hold, this or one of these; a token that names an audience is refused where there is none."""
    leeway_s: Annotated[int, Field(ge=0, le=3600)] = 60
    """How many seconds the sender's clock may differ when `exp`, `nbf` and `iat` are looked at."""
    require_claims: Annotated[tuple[_Name, ...], Field(max_length=16)] | None = None
    """Claims that must be there; unless said `exp`, or none where `timestamp` or `body_digest` is given."""
    timestamp: TimestampPlace | None = None
    """`from: claim:iat`: the limits of its age, for senders whose tokens do not expire."""
    url: SignedUrl | None = None
    """The address, for `url_digest`."""
    body_digest: BodyDigest | None = None
    """`from: claim:NAME`: the claim that holds a hash of the body."""
    url_digest: BodyDigest | None = None
    """`from: claim:NAME`: the claim that holds a hash of the address."""

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Self:
        _check_algorithms(self)
        check_one_word(self.signature)
        for part in (self.body_digest, self.url_digest, self.timestamp):
            if part is not None and part.place.kind != "claim":
                raise problem("of a JWT only claims are signed", help="write `from: claim:NAME`")
        if (self.url is None) is (self.url_digest is not None):
            raise problem(
                "`url` and `url_digest` go together",
                help="write `url: {public: https://…}` and `url_digest: {from: claim:…}`, or neither",
            )
        _ = self.keys  # a bad one is found at start
        if self.rests_on == "secrets":
            check_lengths(self.secret_keys, info)
        return self

    @property
    def rests_on(self) -> Literal["secrets", "public_keys"]:
        """What the operator must give."""
        return "secrets" if self.allowed[0].startswith("HS") else "public_keys"

    @property
    def title(self) -> str:
        """The scheme in a log."""
        return f"jwt {' or '.join(self.allowed)} in {self.signature.place.brief}"

    @property
    def covers_body(self) -> bool:
        """Whether the body cannot be changed without breaking the proof."""
        return self.body_digest is not None

    def covers(self, place: Place) -> bool:
        """Whether what stands at a place cannot be changed without breaking the proof."""
        match place.kind:
            case "claim":
                return True
            case "json" | "form" | "form_json":
                return self.covers_body
            case "query":
                return self.url_digest is not None
            case _:
                return False

    @property
    def allowed(self) -> tuple[str, ...]:
        """The algorithms, however they are written."""
        return self.algorithms if self.algorithm is None else (self.algorithm,)

    @property
    def required(self) -> tuple[str, ...]:
        """The claims that must be there: bound neither to a body nor to a time, a token would be good for ever."""
        if self.require_claims is not None:
            return self.require_claims
        return () if self.timestamp is not None or self.body_digest is not None else ("exp",)

    @cached_property
    def rules(self) -> "TokenRules":
        """What a token must be."""
        from bridge.sources.proofs.json_web_token import TokenRules  # noqa: PLC0415 - loads slowly, few sources need it

        limited = None if self.timestamp is None else self.timestamp.place.name
        return TokenRules(self.allowed, self.issuer, self.audience, self.required, self.leeway_s, limited)

    @property
    def kinds(self) -> frozenset[KeyKind]:
        """The kind of public key that the algorithms need."""
        return frozenset(_KINDS.get(name, "rsa") for name in self.allowed)

    @cached_property
    def keys(self) -> "tuple[bytes | PublicKey, ...]":
        """The secrets or public keys, in the order written."""
        if self.rests_on == "secrets":
            return self.secret_keys
        return read_keys(self.public_keys, self.key, self.strip_prefix, self.kinds)

    @cached_property
    def secret_keys(self) -> tuple[bytes, ...]:
        """The decoded secrets, in the order written."""
        if self.key == "pem":
            raise problem("a secret is not PEM", help="`key` is `text`, `base64`, `base64url` or `hex` for `HS…`")
        return tuple(key_of(secret, self.key, self.strip_prefix) for secret in self.secrets)


def _check_algorithms(scheme: JwtScheme) -> None:
    if bool(scheme.algorithms) is (scheme.algorithm is not None):
        names = ", ".join(get_args(JwtAlgorithm))
        raise problem(
            "a JWT needs `algorithms`, or one `algorithm`", help=f"write those that the sender uses, of {names}"
        )
    if len({_KINDS.get(name, name[:1]) for name in (each.replace("PS", "RS") for each in scheme.allowed)}) > 1:
        raise problem(
            "these algorithms need different kinds of keys",
            help="name those of one kind, such as HS256 and HS512; describe another kind under `any_of`",
        )
    other = "public_keys" if scheme.rests_on == "secrets" else "secrets"
    if scheme.public_keys if other == "public_keys" else scheme.secrets:
        raise problem(f"`{other}` is not what {scheme.allowed[0]} is verified with", help=f"give `{scheme.rests_on}`")


def matching(scheme: JwtScheme, request: Presented, now_ms: int) -> tuple[int, Claims]:
    """The position of the secret or key that signed the token, and what it claims.

    Raises:
        Unbelieved: the token, or what it says of this request, is not as it must be.
    """
    if not scheme.keys:
        raise Unbelieved(Reason.NO_SECRET, f"the source has no {scheme.rests_on.rstrip('s').replace('_', ' ')}")
    from bridge.sources.proofs.json_web_token import read_token  # noqa: PLC0415 - as above

    check_required(scheme, request)
    token = behind_prefix(scheme.signature, request.only(scheme.signature.place, "SIGNATURE"))
    index, claims = read_token(token, scheme.keys, scheme.rules, now_ms=now_ms)
    if scheme.timestamp is not None:
        age_of(scheme.timestamp, claimed(claims, scheme.timestamp.place, "TIMESTAMP"), now_ms)
    if scheme.body_digest is not None:
        check_digest(scheme.body_digest, claimed(claims, scheme.body_digest.place, "DIGEST"), request.body)
    if scheme.url_digest is not None:
        _check_address(scheme, scheme.url_digest, claims, request)
    return index, claims


def claimed_id(claims: Claims, place: Place) -> str:
    """The claim that must not come twice.

    Raises:
        Unbelieved: the token lacks it.
    """
    return shortened_id(claimed(claims, place, "REPLAY_ID"), place)


def claimed(claims: Claims, place: Place, subject: Subject) -> str:
    """A claim that is a text or a number, as text; of a broken number the whole part."""
    value = claims.get(place.name)
    if value is None:
        raise Unbelieved(Reason[f"{subject}_MISSING"], f"the token lacks {place.shown}")
    if isinstance(value, str):
        return ascii_of(value, place, subject)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unbelieved(Reason[f"{subject}_MALFORMED"], f"{place.shown} is neither text nor a number")
    return str(int(value))


def _check_address(scheme: JwtScheme, digest: BodyDigest, claims: Claims, request: Presented) -> None:
    text = claimed(claims, digest.place, "DIGEST")
    value = decode(text, digest.encoding)
    if value is None:
        raise Unbelieved(Reason.DIGEST_MALFORMED, f"{digest.place.shown} is no digest written as {digest.encoding}")
    for address in signed_addresses(scheme.url, request.raw_query):
        if hmac.compare_digest(value, hashlib.new(digest.algorithm, address, usedforsecurity=False).digest()):
            return
    raise Unbelieved(
        Reason.DIGEST_MISMATCH,
        f"{digest.place.shown} is not the {digest.algorithm} of the public address; is `public_url` what is entered at "
        "the sender?",
    )


def issued(scheme: JwtScheme, body: bytes, raw_query: str, now_ms: int) -> dict[str, object]:
    """The claims that make a request acceptable: good for a minute, with an id of their own."""
    now_s = now_ms // 1000
    own_id = f"crm-bridge-{hashlib.sha256(body + str(now_ms).encode()).hexdigest()[:24]}"
    claims: dict[str, object] = dict.fromkeys(scheme.required, own_id)
    claims |= {"iat": now_s, "nbf": now_s, "exp": now_s + _LASTS_S, "jti": own_id}
    claims |= {"iss": scheme.issuer[0]} if scheme.issuer else {}
    claims |= {"aud": scheme.audience[0]} if scheme.audience else {}
    if scheme.replay is not None and scheme.replay.place.kind == "claim":
        claims[scheme.replay.place.name] = own_id
    if scheme.timestamp is not None:
        time = written(scheme.timestamp, now_ms)
        claims[scheme.timestamp.place.name] = time if scheme.timestamp.unit == "iso8601" else int(time)
    if scheme.body_digest is not None:
        claims[scheme.body_digest.place.name] = _digest(scheme.body_digest, body)
    if scheme.url_digest is not None:
        claims[scheme.url_digest.place.name] = _digest(
            scheme.url_digest, next(iter(signed_addresses(scheme.url, raw_query)))
        )
    return claims


def _digest(digest: BodyDigest, data: bytes) -> str:
    return encode(hashlib.new(digest.algorithm, data, usedforsecurity=False).digest(), digest.encoding)

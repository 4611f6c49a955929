"""How a source proves who sent a request, as the YAML says it. Checking it is `verify`, doing it is `sign`."""

from collections.abc import Container, Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from bridge.diagnostics import problem, suggest
from bridge.sources.credentials import AS_GIVEN
from bridge.sources.places import Part, SignedUrl
from bridge.sources.proofs.keyed_hash import HmacScheme
from bridge.sources.proofs.notification import SnsScheme
from bridge.sources.proofs.plain_hash import HashScheme
from bridge.sources.proofs.public_key import EcdsaScheme, Ed25519Scheme, RsaScheme
from bridge.sources.proofs.signed import Signed
from bridge.sources.proofs.web_token import JwtScheme
from bridge.sources.proofs.words import BasicScheme, TokenScheme

PublicKeyBlock = Ed25519Scheme | EcdsaScheme | RsaScheme
Block = HmacScheme | HashScheme | PublicKeyBlock | JwtScheme | SnsScheme | TokenScheme | BasicScheme
"""Every way to prove a sender; each has `signature`, `title`, `rests_on`, `require` and `replay`."""

_BLOCKS: Mapping[str, type[Block]] = {
    "hmac": HmacScheme,
    "hash": HashScheme,
    "ed25519": Ed25519Scheme,
    "ecdsa": EcdsaScheme,
    "rsa": RsaScheme,
    "jwt": JwtScheme,
    "sns": SnsScheme,
    "token": TokenScheme,
    "basic": BasicScheme,
}
_COMBINED = ("any_of", "every_of")

_MOST_ALTERNATIVES = 8
_Alternatives = Annotated[
    tuple[Annotated[Block, Field(discriminator="type")], ...],
    # that there is one is checked by `spread`: a list of wrong ones alone would be called empty here
    Field(max_length=_MOST_ALTERNATIVES, json_schema_extra={"minItems": 1}),
]


class AnyOf(Part):
    """Several ways of one sender, of which one is enough; other keys beside them are what all have in common."""

    any_of: _Alternatives
    """The ways; what they have in common may stand beside `any_of`."""

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, value: object) -> object:
        return spread(value, "any_of")


class EveryOf(Part):
    """Several dialects of one sender: at least one proof must be there, and each that is there must verify."""

    every_of: _Alternatives
    """The dialects; what they have in common may stand beside `every_of`."""

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, value: object) -> object:
        return spread(value, "every_of")

    @model_validator(mode="after")
    def _places_differ(self) -> "EveryOf":
        if len({scheme.signature.place.identity for scheme in self.every_of}) != len(self.every_of):
            raise problem("two alternatives of `every_of` read one place", help="give each a header of its own")
        return self


class NoVerification(Part):
    """Anybody who reaches the address is believed; it has to be written, and is warned about."""

    type: Literal["none"]
    """No verification: anybody is believed."""


Combined = AnyOf | EveryOf
Proven = Block | Combined
"""Every scheme that checks something."""
AnyScheme = Proven | NoVerification


def _shape(value: object) -> str:
    """Which member of `Verification` a value is meant to be."""
    keys: Container[object] = value if isinstance(value, Mapping) else vars(value) if isinstance(value, Part) else ()
    return next((f"with {name}" for name in _COMBINED if name in keys), "alone")


Verification = Annotated[
    Annotated[Annotated[Block | NoVerification, Field(discriminator="type")], Tag("alone")]
    | Annotated[AnyOf, Tag("with any_of")]
    | Annotated[EveryOf, Tag("with every_of")],
    Discriminator(_shape),
]

_ADAPTER: TypeAdapter[AnyScheme] = TypeAdapter(
    Verification, config=ConfigDict(hide_input_in_errors=True, defer_build=True)
)


def parse_verification(value: Mapping[str, object]) -> AnyScheme:
    """The scheme that a `verify:` block of a source describes.

    Its secrets are taken as given unless they are empty or do not decode, so that a vendor's published example can be
    verified; whether a secret is good enough to be used is asked where a configuration is read.

    Raises:
        pydantic.ValidationError: the block is not one; no value appears in the error's text.
    """
    return _ADAPTER.validate_python(value, context=AS_GIVEN)


def alternatives(scheme: AnyScheme) -> tuple[Block, ...]:
    """The proofs inside a scheme, in the order written."""
    match scheme:
        case NoVerification():
            return ()
        case AnyOf():
            return scheme.any_of
        case EveryOf():
            return scheme.every_of
        case _:
            return (scheme,)


def credentials(block: Block) -> tuple[object, ...]:
    """The secrets or public keys that a proof rests on, in the order written; none where the request names them."""
    match block:
        case JwtScheme():
            return block.secrets or block.public_keys
        case Ed25519Scheme() | EcdsaScheme() | RsaScheme():
            return block.public_keys
        case SnsScheme():
            return ()
        case _:
            return block.secrets


def signed_url(block: Block) -> SignedUrl | None:
    """The address, where the sender signs it."""
    return block.url if isinstance(block, Signed | JwtScheme) else None


def spread(value: object, name: str) -> object:
    """A combining block with the keys beside `name` laid into each of its alternatives; an alternative's own win.

    A key that only some of the alternatives know is laid into those; one that none knows is refused.
    """
    if not isinstance(value, Mapping):
        return value
    shared = {key: given for key, given in value.items() if key != name}
    items = value[name]
    if any(other in shared for other in _COMBINED):
        raise problem("`any_of` and `every_of` do not go together", help="write one of them")
    if not isinstance(items, list | tuple):
        return {name: items}
    if not items:
        raise problem(f"`{name}` holds no alternative", help="write `- {type: hmac, signature: {…}}` below it")
    known = {key for item in items for key in _known(item, shared)}
    for key in shared:
        if key not in known:
            near = suggest(str(key), known)
            help_ = f"did you mean `{near}`?" if near else f"what stands beside `{name}` is what they have in common"
            raise problem(f"no alternative of `{name}` has a key `{str(key)[:64]}`", code="BR102", help=help_)
    return {name: [_completed(item, shared) for item in items]}


def _completed(item: object, shared: Mapping[str, object]) -> object:
    """An alternative with the shared keys that its type knows and that it does not have itself.

    Where both have a `signature`, or another block of keys, the same holds for the keys in it.
    """
    if not isinstance(item, Mapping):
        return item
    completed = {key: given for key, given in shared.items() if key in _known(item, shared)}
    for key, own in item.items():
        given = completed.get(key)
        completed[key] = {**given, **own} if isinstance(given, Mapping) and isinstance(own, Mapping) else own
    return completed


def _known(item: object, shared: Mapping[str, object]) -> frozenset[str]:
    """The keys that an alternative's type knows."""
    type_ = item.get("type", shared.get("type")) if isinstance(item, Mapping) else None
    block = _BLOCKS.get(type_) if isinstance(type_, str) else None
    fields = {} if block is None else block.model_fields
    return frozenset({"type"}.union(field.alias or key for key, field in fields.items()))

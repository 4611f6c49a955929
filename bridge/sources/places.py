"""Where in a request the proof of its sender stands, as the YAML says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv6Address
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bridge.diagnostics import problem
from bridge.sources.credentials import SourceSecret

Encoding = Literal["hex", "base64", "base64url"]
Algorithm = Literal["sha1", "sha256", "sha384", "sha512"]
PlaceKind = Literal["header", "header_pattern", "query", "json", "form", "form_json", "sig", "claim"]

WHOLE_BODY = "[]"
"""A list's path where the body itself is the list."""

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_PUBLIC_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9._-]{1,253}|\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\])(?::[0-9]{1,5})?/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,1000}"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1000})?"
)
_ELEMENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FIELD = r"[^{}:\s\0-\x1f]{1,128}"
_PATH = r"[^{}.:\s\0-\x1f]{1,128}(?:\.[^{}.:\s\0-\x1f]{1,128}){0,15}"
_FORMS: Mapping[PlaceKind, re.Pattern[str]] = {
    "header": HEADER_NAME,
    "header_pattern": re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{0,64}\*[A-Za-z0-9._-]{0,64}"),
    "query": _ELEMENT_NAME,
    "json": re.compile(_PATH),
    "form": re.compile(_FIELD),
    "form_json": re.compile(f"{_FIELD}:{_PATH}"),
    "sig": _ELEMENT_NAME,
    "claim": _ELEMENT_NAME,
}
_EXAMPLES: Mapping[PlaceKind, str] = {
    "header": "`header:X-Thing-Signature`",
    "header_pattern": "`header_pattern:X-Thing-Signature-*`",
    "query": "`query:sig` for `?sig=…`",
    "json": "`json:signature.value`",
    "form": "`form:signature`",
    "form_json": "`form_json:payload:signature` for JSON in the form field `payload`",
    "sig": "`sig:t` for `t=` beside `v1=`",
    "claim": "`claim:jti`",
}
_SHOWN: Mapping[PlaceKind, str] = {
    "header": "the header",
    "header_pattern": "the header",
    "query": "the query parameter",
    "json": "the body's",
    "form": "the form field",
    "form_json": "the form field's JSON",
    "sig": "the signature's element",
    "claim": "the claim",
}


class Part(BaseModel):
    """Base of all parts of a source's YAML: unknown keys refused, frozen, and no value ever shown in an error."""

    # defer_build: a part is compiled with what it is a part of, and by itself only when somebody asks for it
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True, defer_build=True
    )


def one_or_many(value: object) -> object:
    """Let a single text stand for a list of one."""
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a request.

    Attributes:
        kind: what part of the request it is in.
        name: the header, pattern, query parameter, form field, element or claim as written; for `json` the whole path.
        path: keys and positions inside JSON, for `json` and `form_json` only.
    """

    kind: PlaceKind
    name: str
    path: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The place in words for a log: ``the header `X-Thing` ``."""
        return f"{_SHOWN[self.kind]} `{self.brief}`"

    @property
    def brief(self) -> str:
        """The place as people name it: the header's name alone, `?sig=` for the query, otherwise as in the YAML."""
        if self.kind in {"header", "header_pattern", "sig"}:
            return self.name
        if self.kind == "query":
            return f"?{self.name}="
        return ":".join((self.kind, self.name, *([".".join(self.path)] if self.kind == "form_json" else [])))

    @property
    def identity(self) -> "Place":
        """Equal for two spellings of one place: the case of a header does not count."""
        if self.kind in {"header", "header_pattern"}:
            return Place(self.kind, self.name.lower())
        return self

    def fits(self, header: str) -> bool:
        """Whether a header's lower-case name is the one, or one of those, that this place means."""
        if self.kind == "header_pattern":
            start, _, end = self.name.lower().partition("*")
            return len(header) >= len(start) + len(end) and header.startswith(start) and header.endswith(end)
        return self.kind == "header" and header == self.name.lower()


@lru_cache(maxsize=512)
def parse_place(text: str) -> Place | None:
    """The place that `KIND:NAME` means; None when it means none."""
    kind, _, name = text.partition(":")
    for known in get_args(PlaceKind):
        if kind == known and _FORMS[known].fullmatch(name):
            if known == "json":
                return Place(known, name, tuple(name.split(".")))
            if known == "form_json":
                field, _, path = name.partition(":")
                return Place(known, field, tuple(path.split(".")))
            return Place(known, name)
    return None


def _place(noun: str, *kinds: PlaceKind) -> AfterValidator:
    """Takes `KIND:NAME` of one of these kinds, whose name has the form of its kind."""
    help_ = f"write {', '.join(_EXAMPLES[kind] for kind in kinds[:-1])} or {_EXAMPLES[kinds[-1]]}"

    def check(value: str) -> str:
        place = parse_place(value)
        if place is None or place.kind not in kinds:
            raise problem(f"this is no place of {noun}", help=help_)
        return value

    return AfterValidator(check)


def _list_path(value: str) -> str:
    if value != WHOLE_BODY and not _FORMS["json"].fullmatch(value):
        raise problem("this is no way to a list", help="write `value`, `data.items`, or `[]` for the whole body")
    return value


ListPath = Annotated[str, AfterValidator(_list_path)]
"""A list in a JSON body: keys parted by points, or `WHOLE_BODY`."""


def known_place(text: str) -> Place:
    """The place that a text means which its validator has taken already."""
    place = parse_place(text)
    if place is None:
        raise AssertionError(text)
    return place


_SignaturePlace = Annotated[
    str, _place("a signature", "header", "header_pattern", "query", "json", "form", "form_json")
]
_TimePlace = Annotated[str, _place("a time", "header", "sig", "query", "json", "form", "form_json", "claim")]
CertificateAddressPlace = Annotated[str, _place("a certificate's address", "header", "json")]
_DigestPlace = Annotated[str, _place("a digest", "query", "header", "claim")]
_IdPlace = Annotated[str, _place("an id", "header", "json", "form", "form_json", "query", "claim")]


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _public_address(value: str) -> str:
    found = _PUBLIC_ADDRESS.fullmatch(value)
    if found is None or not _is_ipv6(found["ipv6"] or "::"):
        raise problem(
            "this is no public address",
            note=_not_public(value),
            help="write what is entered at the sender, `https://bridge.example.com/hooks/NAME`",
        )
    return value


def _not_public(value: str) -> str:
    """What is wrong with the address, where it is one of the usual mistakes."""
    if value != value.strip():
        return "it begins or ends with a blank or a line break"
    scheme, found, rest = value.partition("://")
    if not found or scheme not in {"http", "https"}:
        return "it does not begin with `https://`"
    if "/" not in rest:
        return "it has no path behind the host"
    if "#" in rest:
        return "no sender sends what stands behind `#`"
    return ""


PublicAddress = Annotated[str, AfterValidator(_public_address)]
"""The address that senders call, as it is entered there; never read from forwarded headers, which anybody can set.

The query of a request takes the place of the one that was entered."""


def _element_name(value: str) -> str:
    if not _ELEMENT_NAME.fullmatch(value):
        raise problem("this is no name of an element", help="`field` is what stands before `=`, such as `v1`")
    return value


class SignaturePlace(Part):
    """Where the signature stands in the request and how it is written there."""

    from_: _SignaturePlace = Field(alias="from")
    """`header:NAME`, `header_pattern:NAME-*`, `query:NAME`, `json:PATH`, `form:FIELD` or `form_json:FIELD:PATH`."""
    split: Annotated[str, Field(min_length=1, max_length=4)] | None = None
    """What parts several elements of one value: `,` or a blank."""
    field: Annotated[str, AfterValidator(_element_name)] | None = None
    """Elements are `name=value`; only those with this name are signatures."""
    prefix: Annotated[str, Field(max_length=32)] = ""
    """Demanded before the value and removed; an element without it is no signature."""
    encoding: Encoding = "hex"
    """How the signature is written."""

    @cached_property
    def place(self) -> Place:
        """The place that `from` means."""
        return known_place(self.from_)


class TimestampPlace(Part):
    """Where the signed time stands and how far it may be from ours; a limit of null means none."""

    from_: _TimePlace = Field(alias="from")
    """`header:NAME`, `sig:NAME` for an element of the signature's own value, or a place as of a signature; for a JWT
    `claim:iat`."""
    unit: Literal["s", "ms", "iso8601"] = "s"
    """How the time is written: Unix seconds, Unix milliseconds, or ISO 8601 text."""
    past_s: Annotated[int, Field(ge=0)] | None = 300
    """How many seconds it may be behind our clock; null: any number."""
    future_s: Annotated[int, Field(ge=0)] | None = 300
    """How many seconds it may be ahead of our clock; null: any number."""

    @cached_property
    def place(self) -> Place:
        """The place that `from` means."""
        return known_place(self.from_)


class SignedUrl(Part):
    """The address, where it is part of the signed text."""

    public: PublicAddress | None = None
    """As entered at the sender; a preset leaves it to the source's `public_url`."""
    ports: Literal["as_is", "any"] = "as_is"
    """`any`: signed with or without its port, as some senders do."""
    decode: Literal["none", "hubspot"] = "none"
    """`hubspot`: twelve escapes are signed as the characters they stand for, all others as they are."""


class BodyDigest(Part):
    """A hash of the body that stands in the signed part of the request, where the signature itself leaves it out."""

    from_: _DigestPlace = Field(alias="from")
    """`query:NAME`, `header:NAME` or, for a JWT, `claim:NAME`."""
    algorithm: Algorithm = "sha256"
    """The hash."""
    encoding: Encoding = "hex"
    """How the digest is written."""

    @cached_property
    def place(self) -> Place:
        """The place that `from` means."""
        return known_place(self.from_)


class Replay(Part):
    """The identity of a request that must not be taken twice, once its signature holds."""

    id: _IdPlace
    """`header:NAME`, `json:PATH`, `form:FIELD`, `query:NAME` or, for a JWT, `claim:jti`."""
    keep_s: Annotated[int, Field(ge=1, le=31 * 86_400)] = 600
    """How many seconds it is remembered."""

    @cached_property
    def place(self) -> Place:
        """The place that `id` means."""
        return known_place(self.id)


Secrets = Annotated[tuple[SourceSecret, ...], BeforeValidator(one_or_many), Field(max_length=8)]
"""May be empty in a preset only; a `Source` is never built without one."""

PublicKeys = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=8_192)], ...], BeforeValidator(one_or_many), Field(max_length=8)
]
"""As the sender shows them; they are no secrets. May be empty in a preset only."""

Config = dict[
    Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")],
    Annotated[str, Field(min_length=1, max_length=1_000)],
]
"""name -> text for `{config:NAME}` of `message`."""

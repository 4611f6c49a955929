"""Where in a request the proof of its sender stands, as the YAML says it."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bridge.diagnostics import problem
from bridge.sources.credentials import SourceSecret

Encoding = Literal["hex", "base64", "base64url"]

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_PUBLIC_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,1000}")
_ELEMENT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Part(BaseModel):
    """Base of all parts of a source's YAML: unknown keys refused, frozen, and no value ever shown in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


def one_or_many(value: object) -> object:
    """Let a single text stand for a list of one."""
    return (value,) if isinstance(value, str) else value


def _place(kinds: Mapping[str, re.Pattern[str]], noun: str, help_: str) -> AfterValidator:
    """Takes `KIND:NAME` whose name has the form of its kind."""

    def check(value: str) -> str:
        kind, _, name = value.partition(":")
        form = kinds.get(kind)
        if form is None or not form.fullmatch(name):
            raise problem(f"this is no place of {noun}", help=help_)
        return value

    return AfterValidator(check)


_SignaturePlace = Annotated[
    str,
    _place(
        {"header": HEADER_NAME, "query": _ELEMENT_NAME},
        "a signature",
        "write `header:X-Thing-Signature`, or `query:sig` for `?sig=…`",
    ),
]
_TimePlace = Annotated[
    str,
    _place(
        {"header": HEADER_NAME, "sig": _ELEMENT_NAME},
        "a time",
        "write `header:X-Thing-Timestamp`, or `sig:t` for `t=` beside `v1=`",
    ),
]


def _public_address(value: str) -> str:
    if not _PUBLIC_ADDRESS.fullmatch(value):
        raise problem(
            "this is no public address",
            help="write what is entered at the sender, `https://bridge.example.com/hooks/NAME`, without `?…`: the "
            "query of each request is added",
        )
    return value


PublicAddress = Annotated[str, AfterValidator(_public_address)]
"""The address that senders call, as it is entered there; never read from forwarded headers, which anybody can set."""


def _element_name(value: str) -> str:
    if not _ELEMENT_NAME.fullmatch(value):
        raise problem("this is no name of an element", help="`field` is what stands before `=`, such as `v1`")
    return value


class SignaturePlace(Part):
    """Where the signature stands in the request and how it is written there."""

    from_: _SignaturePlace = Field(alias="from")
    """`header:NAME` or `query:NAME`."""
    split: Annotated[str, Field(min_length=1, max_length=4)] | None = None
    """What parts several elements of one value: `,` or a blank."""
    field: Annotated[str, AfterValidator(_element_name)] | None = None
    """Elements are `name=value`; only those with this name are signatures."""
    prefix: Annotated[str, Field(max_length=32)] = ""
    """Demanded before the value and removed; an element without it is no signature."""
    encoding: Encoding = "hex"
    """How the signature is written."""

    @cached_property
    def name(self) -> str:
        """The header's or the query parameter's name as written."""
        return self.from_.partition(":")[2]

    @cached_property
    def in_query(self) -> bool:
        """Whether it is a query parameter."""
        return self.from_.startswith("query:")

    @cached_property
    def identity(self) -> str:
        """The place so that two spellings of one are equal: the case of a header does not count."""
        return self.from_ if self.in_query else self.from_.lower()


class TimestampPlace(Part):
    """Where the signed time stands and how far it may be from ours; a limit of null means none."""

    from_: _TimePlace = Field(alias="from")
    """`header:NAME`, or `sig:NAME` for an element of the signature's own header."""
    unit: Literal["s", "ms", "iso8601"] = "s"
    """How the time is written: Unix seconds, Unix milliseconds, or ISO 8601 text."""
    past_s: Annotated[int, Field(ge=0)] | None = 300
    """How many seconds it may be behind our clock; null: any number."""
    future_s: Annotated[int, Field(ge=0)] | None = 300
    """How many seconds it may be ahead of our clock; null: any number."""

    @property
    def in_signature(self) -> bool:
        """Whether the time is an element of the signature's header."""
        return self.from_.startswith("sig:")

    @property
    def name(self) -> str:
        """The header's or the element's name as written."""
        return self.from_.partition(":")[2]


class SignedUrl(Part):
    """The address, where it is part of the signed text."""

    public: PublicAddress | None = None
    """As entered at the sender; a preset leaves it to the source's `public_url`."""
    decode: Literal["none", "hubspot"] = "none"
    """`hubspot`: twelve escapes are signed as the characters they stand for, all others as they are."""


Secrets = Annotated[tuple[SourceSecret, ...], BeforeValidator(one_or_many), Field(max_length=8)]
"""May be empty in a preset only; a `Source` is never built without one."""

"""What a sender asks of an address before, or beside, its events: the YAML of the `handshake:` blocks.

Six kinds of answer cover all senders, and SNS's `confirm` (facts sources.md section 4). What is answered to a request
is said by `handshake_answers`. Echoes exist only for sources that declare them: on every address they would be a gift
to whoever wants a page of his own words under our name.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from bridge.diagnostics import Flag, problem
from bridge.sources.places import HEADER_NAME, Part, one_or_many

PRESENT = "*"
"""In `when`: the name must be there, whatever its value."""
MAX_BLOCKS = 8
NO_CONTENT = 204

_PARAMETER = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
_JSON_PATH = re.compile(r"[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64}){0,7}")
_ANSWER_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_POST = frozenset({"POST"})
_NAMES: Mapping[str, re.Pattern[str]] = {"header": HEADER_NAME, "query": _PARAMETER, "json": _JSON_PATH}


def _named(form: re.Pattern[str], message: str, help_: str) -> AfterValidator:
    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise problem(message, help=help_)
        return value

    return AfterValidator(check)


def _place_of(*kinds: str) -> AfterValidator:
    def check(value: str) -> str:
        kind, _, name = value.partition(":")
        if kind not in kinds or not _NAMES[kind].fullmatch(name):
            examples = {
                "header": "`header:X-Hook-Secret`",
                "query": "`query:crc_token`",
                "json": "`json:payload.token`",
            }
            raise problem(
                "this is no place in a request", help="write " + " or ".join(examples[each] for each in kinds)
            )
        return value

    return AfterValidator(check)


Parameter = Annotated[str, _named(_PARAMETER, "this is no query parameter", "write its name alone: `hub.challenge`")]
HeaderName = Annotated[str, _named(HEADER_NAME, "this is no header", "write its name alone: `Validation-Token`")]
JsonPath = Annotated[str, _named(_JSON_PATH, "this is no way into the body", "write `challenge` or `payload.token`")]
AnswerKey = Annotated[str, _named(_ANSWER_KEY, "this is no key of an answer", "write letters, digits, `_`, `-`, `.`")]
Method = Literal["GET", "HEAD", "POST"]
Methods = Annotated[tuple[Method, ...], BeforeValidator(one_or_many), Field(min_length=1, max_length=3)]
Wanted = StrictBool | StrictInt | StrictStr

VerifyTokens = Annotated[
    tuple[Annotated[SecretStr, Field(min_length=1, max_length=256)], ...],
    BeforeValidator(one_or_many),
    Field(max_length=8),
]
"""Words that the operator chose and entered at the sender, which shows one when it looks at the address."""


class When(Part):
    """What a request must have for a block to be meant; all of it. `"*"` stands for any value."""

    query: dict[Parameter, str] = Field(default_factory=dict)
    """Query parameters and their values."""
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    """Headers and their values."""
    json_: dict[JsonPath, Wanted] = Field(default_factory=dict, alias="json")
    """Places in the body and the text, whole number or true/false there; the fields of a form count as its texts."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is demanded."""
        return not (self.query or self.headers or self.json_)


class ShownToken(Part):
    """Where the sender shows the word that the operator chose (`verify_token`)."""

    from_: Annotated[str, _place_of("query", "header")] = Field(alias="from")
    """`query:NAME` or `header:NAME`."""


class _Block(Part):
    """What all kinds have."""

    when: When = When()
    """For which requests; without it, for those that have what is asked for."""
    event: Flag = False
    """Whether the request is an event besides: it is verified and stored, and then answered like this."""
    signed: Flag | None = None
    """Whether the request must be signed as an event is."""

    @property
    def methods(self) -> frozenset[str]:
        """Which requests may be meant."""
        return _POST

    @model_validator(mode="after")
    def _is_an_event_by_its_method(self) -> Self:
        if self.event and "POST" not in self.methods:
            raise problem("events come with POST only", help="leave `event` out, or add `POST` to `method`")
        return self

    @property
    def is_signed(self) -> bool:
        """`signed`, or what is usual for the kind."""
        return self._usually_signed if self.signed is None else self.signed

    @property
    def _usually_signed(self) -> bool:
        return False


class EchoQuery(_Block):
    """A query parameter comes back as plain text."""

    kind: Literal["echo_query"]
    """A query parameter comes back as plain text."""
    method: Literal["GET", "POST"] = "GET"
    """The request's method."""
    parameter: Parameter
    """Which one."""
    token: ShownToken | None = None
    """Where the sender shows the source's `verify_token`; another word is refused with 403."""

    @property
    def methods(self) -> frozenset[str]:
        """Which requests may be meant."""
        return frozenset({self.method})


class EchoJson(_Block):
    """A text of the JSON body comes back, as plain text or as the same JSON."""

    kind: Literal["echo_json"]
    """A text of the JSON body comes back."""
    field: JsonPath
    """Where it stands."""
    as_: Literal["text", "json"] = Field(default="text", alias="as")
    """`text`: alone; `json`: as an object with the field's name."""

    @property
    def _usually_signed(self) -> bool:
        return True


class EchoHeader(_Block):
    """A header comes back: as the same header, or in a body."""

    kind: Literal["echo_header"]
    """A header comes back."""
    method: Methods = ("POST",)
    """The request's method, or several."""
    header: HeaderName
    """Which one."""
    as_: Literal["header", "text", "json"] = Field(default="header", alias="as")
    """`header`: the same one; `text`: as the body; `json`: as an object."""
    field: AnswerKey | None = None
    """With `as: json`: the key it gets."""

    @property
    def methods(self) -> frozenset[str]:
        """Which requests may be meant."""
        return frozenset(self.method)

    @model_validator(mode="after")
    def _has_a_key_for_json(self) -> Self:
        if (self.field is not None) is not (self.as_ == "json"):
            raise problem("`as: json` and `field` go together", help="write both: `as: json, field: verification`")
        return self


class HmacJson(_Block):
    """A value of the request comes back as JSON, with its HMAC under the source's secret.

    Whoever may ask for the HMAC of any text could have events signed; so the value must be a plain token, which
    can never be a JSON object or a form of several fields (`handshake_reading.TOKEN`).
    """

    kind: Literal["hmac_json"]
    """A value of the request comes back as JSON, with its HMAC."""
    method: Literal["GET", "POST"] = "POST"
    """The request's method."""
    value: Annotated[str, _place_of("json", "query", "header")]
    """`json:PATH`, `query:NAME` or `header:NAME`."""
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    """The hash."""
    encoding: Literal["hex", "base64", "base64url"] = "hex"
    """How the HMAC is written."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_=.-]{0,16}$")] = ""
    """Written before the HMAC: `sha256=`."""
    answer: Annotated[dict[AnswerKey, Literal["value", "hmac"]], Field(min_length=1, max_length=4)]
    """The keys of the answer, each with the `value` or its `hmac`."""

    @property
    def methods(self) -> frozenset[str]:
        """Which requests may be meant."""
        return frozenset({self.method})

    @property
    def _usually_signed(self) -> bool:
        return self.method == "POST"


class FixedReply(_Block):
    """Always the same answer."""

    kind: Literal["reply"]
    """Always the same answer."""
    method: Methods = ("POST",)
    """The request's method, or several."""
    status: Literal[200, 204] = 200
    """The answer's status."""
    json_: dict[AnswerKey, Wanted] | None = Field(default=None, alias="json")
    """The answer's body as JSON; without it and `text` the body is empty."""
    text: Annotated[str, Field(pattern=r"^[ -~]{1,1024}$")] | None = None
    """The answer's body as plain text, in place of `json`."""

    @property
    def methods(self) -> frozenset[str]:
        """Which requests may be meant."""
        return frozenset(self.method)

    @property
    def _usually_signed(self) -> bool:
        return "POST" in self.method

    @model_validator(mode="after")
    def _has_room_for_its_body(self) -> Self:
        if self.json_ is not None and self.text is not None:
            raise problem("an answer has one body", help="write `json` or `text`")
        if self.status == NO_CONTENT and (self.json_ is not None or self.text is not None):
            raise problem("an answer with status 204 has no body", help="leave it out, or write `status: 200`")
        if "POST" in self.method and self.when.is_empty and not self.event:
            raise problem(
                "this would answer every event, and none would be stored",
                help="say `when` it is meant: `when: {json: {type: 1}}`",
            )
        return self


class StoreSecret(_Block):
    """The sender brings the secret with which it will sign. It is kept while a window is open (`open-window`)."""

    kind: Literal["store_secret"]
    """The sender brings the secret with which it will sign."""
    from_: Annotated[str, _place_of("header", "json")] = Field(alias="from")
    """`header:NAME` or `json:PATH`."""
    echo: Flag = False
    """Whether it comes back where it stood."""
    event: Literal[False] = False
    """No: nothing is stored but the secret."""
    signed: Literal[False] | None = None
    """No: the secret is not known yet."""


class Confirm(_Block):
    """AWS SNS asks to be called back at an address of its own; once, after its signature was verified."""

    kind: Literal["confirm"]
    """AWS SNS asks to be called back."""
    when: When = When(json={"Type": "SubscriptionConfirmation"})
    """For which requests."""
    event: Literal[False] = False
    """No: it is about the subscription."""
    signed: Literal[True] | None = None
    """Yes, always."""

    @property
    def _usually_signed(self) -> bool:
        return True


Block = EchoQuery | EchoJson | EchoHeader | HmacJson | FixedReply | StoreSecret | Confirm

HandshakeBlocks = Annotated[
    tuple[Annotated[Block, Field(discriminator="kind")], ...], Field(min_length=1, max_length=MAX_BLOCKS)
]
"""All that a source does at its sender's wish; the first block that is meant is answered."""

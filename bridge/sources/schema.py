"""What the YAML of a source, and of a source preset, may say.

Every text that holds `{{ }}` is a template of `bridge.expressions`. A preset is a source's YAML without secrets,
plus what a person wants to know about the sender; `Source.compile` lays the operator's words over the preset's.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from bridge.diagnostics import problem, quoted_list, suggest
from bridge.sources.bodies import OF_FIELD, PLAIN_KINDS, BodyForm
from bridge.sources.dressing import encode_form
from bridge.sources.handshake import NO_CONTENT, HandshakeBlocks, VerifyTokens
from bridge.sources.media_types import FORM, JSON
from bridge.sources.places import Config, Part, PublicAddress, PublicKeys, Secrets, one_or_many
from bridge.sources.scheme import AnyScheme, Block, NoVerification, Verification, alternatives, credentials, signed_url
from bridge.sources.splitting import is_path
from bridge.sources.strict_json import dump_json
from bridge.units import DurationMs, SizeBytes

BODY_HASH = "body"
"""`id: body` in place of a template: the hash of the event's bytes is its identity."""

_ANSWER = re.compile(r"[ -~]{1,1024}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_RESERVED_PATHS = frozenset({"/healthz", "/readyz"})


def _http_path(value: str) -> str:
    if not _PATH.fullmatch(value) or value in _RESERVED_PATHS:
        raise problem(
            "this path cannot be served",
            help="write one like `/webhook`: letters, digits, `-`, `_`, `.`, `~`; `/healthz` and `/readyz` are taken",
        )
    return value


def _answer_text(value: str) -> str:
    if not _ANSWER.fullmatch(value):
        raise problem(
            "this cannot be the text of an answer",
            help="write 1 to 1024 printable ASCII characters on one line, `&#228;` for an ä in XML",
        )
    return value


def _preset_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise problem(
            "this cannot be the name of a preset",
            note="without `name` it is the file's name without `.yaml`",
            help="take up to 64 lower-case letters, digits, `-` and `_`, for the file's name, too",
        )
    return value


def _split_path(value: str) -> str:
    if not is_path(value):
        raise problem(
            "this is no way to a list in the body",
            help="write `orders`, `data.items`, `entry[].changes[]`, or `[]` for a body that is a list; `?` at the end "
            "of one that may be left out",
        )
    return value


def _body_form(value: str) -> str:
    if BodyForm.parse(value) is None:
        near = suggest(value, (*PLAIN_KINDS, "form_json"))
        raise problem(
            "a body cannot be written like this",
            help=f"did you mean `{'form_json(FIELD)' if near == 'form_json' else near}`?"
            if near
            else f"write {quoted_list(PLAIN_KINDS)}, or `form_json(payload)` for JSON in a form's field",
        )
    return value


BodyFormName = Annotated[
    str,
    AfterValidator(_body_form),
    WithJsonSchema({"anyOf": [{"enum": [*PLAIN_KINDS]}, {"type": "string", "pattern": f"^{OF_FIELD}$"}]}),
]
"""How a body is written, as `bridge.sources.bodies.BodyForm` understands it."""

Group = Literal[
    "messaging",
    "support",
    "shops",
    "email",
    "forms",
    "code",
    "operations",
    "identity",
    "files",
    "automation",
    "other",
]
"""The shelf of `crm-bridge sources` on which a preset stands."""

SplitPath = Annotated[str, AfterValidator(_split_path)]

EventType = Annotated[str, Field(min_length=1, max_length=128)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class EventTemplates(Part):
    """How one item becomes an event; a preset's words stay where the operator gives none."""

    type: str | None = None
    """Template in scope of `body`, `parent`, `parents`, `headers`, `query`."""
    id: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Template(s), tried in order until one is not `omit`; a last `body` stands for the hash of the bytes."""
    time: str | None = None
    """Template for Unix seconds, Unix milliseconds or ISO 8601 text."""

    @field_validator("id")
    @classmethod
    def _ends_with_body(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        if BODY_HASH in templates[:-1]:
            raise problem("`body` always gives an id, so nothing after it is tried", help="put `body` last")
        return templates


class AnswerText(Part):
    """What a stored event is answered with, for a sender that reads the answer."""

    text: Annotated[
        str,
        AfterValidator(_answer_text),
        WithJsonSchema({"type": "string", "pattern": f"^{_ANSWER.pattern}$"}),
    ]
    """The whole body, fixed."""
    type: Literal["text/plain", "text/xml"] = "text/plain"
    """Its Content-Type."""


class Shape(Part):
    """The keys that a source and a preset have in common."""

    verify: Verification | None = None
    """How a request proves who sent it."""
    body: (
        Annotated[tuple[BodyFormName, ...], BeforeValidator(one_or_many), Field(min_length=1, max_length=8)] | None
    ) = None
    """The forms that are taken, told apart by the request's Content-Type; `json` unless said."""
    split: Annotated[tuple[SplitPath, ...], BeforeValidator(one_or_many), Field(min_length=1, max_length=8)] | None = (
        None
    )
    """The list(s) in the body whose items are events of their own; the whole is their `parent`."""
    event: EventTemplates = EventTemplates()
    """How one item becomes an event: its type, id and time."""
    fields: dict[FieldName, object] = Field(default_factory=dict)
    """name -> template, computed in the order written; a later one may read `fields` of earlier ones."""
    types: dict[str, EventType] = Field(default_factory=dict)
    """The sender's word for a type -> ours."""
    max_body: SizeBytes | None = None
    """A larger body is answered 413; default: `server.max_body`."""
    dedupe: DurationMs | None = None
    """How long the same event id is a duplicate; 8 days unless said."""
    answer_status: Literal[200, 204] | None = None
    """What a stored event is answered with; 204 only for senders that ask for it."""
    answer_body: Literal["json", "empty"] | AnswerText | None = None
    """`json` unless said. `empty`: no answer of this source has a body. A text: it is answered to a stored event."""
    handshake: HandshakeBlocks | None = None
    """What the sender asks of the address before, or beside, its events."""

    @model_validator(mode="after")
    def _answers_fit(self) -> Self:
        if self.answer_status == NO_CONTENT and isinstance(self.answer_body, AnswerText):
            raise problem("an answer with status 204 has no body", help="leave out `answer_status`, or the text")
        return self


class RequestLimit(Part):
    """How fast a source may send; a request over it is answered 429."""

    rate: Annotated[int, Field(ge=1, le=1_000_000)]
    """Proven requests a second in the long run."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """So many at once; twice the rate unless said."""

    @property
    def at_once(self) -> int:
        """The burst, said or not."""
        return 2 * self.rate if self.burst is None else self.burst


class SourceConfig(Shape):
    """One entry of `sources:` in the configuration."""

    preset: str | None = None
    """The sender's own words for all of this; `crm-bridge sources` lists them."""
    secret: Secrets = ()
    """Short for `verify.secrets`: one secret, or a list while rotating."""
    public_key: PublicKeys = ()
    """Short for `verify.public_keys`: one public key of the sender, or a list while the sender changes it."""
    config: Config = Field(default_factory=dict)
    """Short for `verify.config`: name -> text that the sender signs without sending it, such as a webhook's id."""
    verify_token: VerifyTokens = ()
    """The word that you entered at a sender that shows one when it looks at the address: one, or a list."""
    public_url: PublicAddress | None = None
    """Short for `verify.url.public`: the address entered at a sender that signs it."""
    path: Annotated[str, AfterValidator(_http_path)] | None = None
    """Served at this path instead of `/hooks/NAME`."""
    limit: RequestLimit | None = None
    """How fast it may send, instead of `server.source_rate`."""


class Fact(Part):
    """Where a statement of a preset comes from.

    Marks: L vendor's library, D vendor's page, C several public receivers agree, K common knowledge.
    """

    says: str
    """The statement."""
    mark: Literal["L", "D", "C", "K"]
    """How sure it is: L vendor's library, D vendor's page, C several receivers agree, K common knowledge."""
    source: str
    """Where it stands."""
    seen: str
    """When it was read."""


class SenderHabits(Part):
    """How the sender behaves, in words for a person."""

    waits: str = "not said"
    """How long the sender waits for an answer."""
    retries: str = "not said"
    """When it sends again."""
    gives_up: str = "not said"
    """When it stops."""
    success: str = "not said"
    """Which answers it takes for success."""
    repeats_for: DurationMs | None = None
    """How long it may send the same event again, by itself or by a person's button; null: nobody knows."""


class Expected(Part):
    """What a sample must become; `fields` are compared whole."""

    type: EventType
    """The event's type, in our words."""
    raw_type: EventType
    """The sender's own word for it."""
    id: str
    """The event's identity, or `body` for the hash of the bytes."""
    time: str | None = None
    """The event's time, RFC 3339."""
    fields: dict[str, object] = Field(default_factory=dict)
    """What `fields` must be, compared whole."""


class SampleEvent(Part):
    """A request body as the sender publishes it; `send`, `demo`, docs and the tests of presets use it."""

    name: str
    """The sample's name."""
    doc: str
    """What it shows."""
    header: str | None = None
    """The signature header that goes with it, where the sender has several."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of the request that say something about the event."""
    body: object = None
    """The request's body, JSON."""
    form: str | dict[str, object] | None = None
    """The body as form fields, in place of JSON; or name -> text, and anything else is written as JSON."""
    text: str | None = None
    """The body as it stands, in place of JSON."""
    media_type: str | None = None
    """The Content-Type that goes with `text`."""
    events: tuple[Expected, ...] = ()
    """The events that it must become; an operator's own may leave it out."""

    @property
    def content(self) -> bytes:
        """The bytes that are sent."""
        if self.text is not None:
            return self.text.encode()
        if isinstance(self.form, dict):
            return encode_form(self.form)
        return dump_json(self.body) if self.form is None else self.form.encode()

    @property
    def content_type(self) -> str:
        """The media type that goes with the bytes."""
        return self.media_type or (JSON if self.form is None else FORM)


class Preset(Shape):
    """A file of `bridge/sources/presets` or of the operator's `config/sources`.

    What is there for people may be left out of an operator's own; tests hold the shipped ones to all of it.
    """

    name: Annotated[
        str, AfterValidator(_preset_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})
    ] = ""
    """What `preset:` says: the file's name without `.yaml`, and that is what it is where it is left out."""
    title: str = ""
    """The sender's name, for people; `name` where it is left out."""
    group: Group = "other"
    """With which other presets `crm-bridge sources` lists it."""
    doc: str = ""
    """What it is."""
    setup: str = ""
    """How to connect the sender, step by step; `{url}` is not replaced, the text says where it is found."""
    event_types: dict[EventType, str] = Field(default_factory=dict)
    """Our word for each type it sends -> what happened; without any, a rule may wait for every type."""
    sender: SenderHabits = SenderHabits()
    """How the sender behaves."""
    facts: tuple[Fact, ...] = ()
    """Where the statements of this file come from."""
    samples: tuple[SampleEvent, ...] = ()
    """Bodies as the sender publishes them."""

    @field_validator("verify")
    @classmethod
    def _leaves_trust_to_the_operator(cls, scheme: AnyScheme | None) -> AnyScheme | None:
        if isinstance(scheme, NoVerification):
            raise problem(
                "a preset cannot switch verification off",
                help="leave `verify` out; the operator writes `verify: {type: none}` where it is wanted",
            )
        if scheme is not None and any(credentials(part) for part in alternatives(scheme)):
            raise problem("a preset holds no secrets", code="BR302", help="`secret` belongs to the source")
        if scheme is not None and any(_knows_its_address(part) for part in alternatives(scheme)):
            raise problem("a preset holds no address", help="`public_url` belongs to the source")
        return scheme


def _knows_its_address(block: Block) -> bool:
    url = signed_url(block)
    return url is not None and url.public is not None

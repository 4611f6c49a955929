"""What a file of rule tests may say in YAML. Names and meanings are design.md section 5 and docs/testing-rules.md."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from bridge.connectors.wire import as_text
from bridge.diagnostics import Flag, problem, suggest
from bridge.model import DeadKind
from bridge.rules.schema import Shape
from bridge.units import DurationMs

OUTCOMES = (
    "done",
    "skipped",
    "superseded",
    "retrying",
    "waiting",
    "paused",
    "dead",
    *(f"dead:{kind}" for kind in DeadKind),
    "unmatched",
    "duplicate",
    "refused",
)
"""What may become of an event with one rule by the end of its test. See docs/testing-rules.md for each."""
LOST, TIMEOUT, REFUSED, EXPIRED = "lost", "timeout", "refused", "expired"
MAX_TIMES = 1_000


def _known_outcome(value: str) -> str:
    if value in OUTCOMES:
        return value
    near = suggest(value, OUTCOMES)
    help_ = f"did you mean `{near}`?" if near else f"it may be {', '.join(OUTCOMES)}"
    raise problem("there is no such outcome", code="BR209", label="unknown outcome", help=help_)


def _moment(value: object) -> object:
    if not isinstance(value, str):
        raise problem("a moment is text such as `2026-06-02T03:01:38Z`", help="write it in RFC 3339, with the zone")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise problem("this is no moment", help="write it like `2026-06-02T03:01:38Z`") from None
    if moment.tzinfo is None:
        raise problem("the time zone is missing", help=f"write `{value}Z` for UTC")
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def _outcomes(value: object) -> object:
    return {"": value} if isinstance(value, str) else value


def _as_sent(value: object) -> object:
    """`Retry-After: 30` is text on the wire, however YAML reads it."""
    return as_text(value) if isinstance(value, bool | int | float) else value


WireText = Annotated[str, BeforeValidator(_as_sent, json_schema_input_type=str | float | bool)]
OutcomeWord = Annotated[str, AfterValidator(_known_outcome), WithJsonSchema({"enum": [*OUTCOMES]})]
Moment = Annotated[int, BeforeValidator(_moment, json_schema_input_type=str)]
"""RFC 3339 text in YAML, milliseconds since 1970 here."""
Outcomes = Annotated[
    dict[str, OutcomeWord],
    BeforeValidator(_outcomes, json_schema_input_type=dict[str, OutcomeWord] | OutcomeWord),
    Field(min_length=1),
]
"""One word for every rule (under the name ""), or rule -> word."""


class EventShape(Shape):
    """One request of a sender: what it posts, without its signature, which the runner makes."""

    source: str
    """The source that receives it."""
    body: object = None
    """The request's body."""
    file: str | None = None
    """Or a file with the body, relative to the test file."""
    headers: dict[str, WireText] = Field(default_factory=dict)
    """Further headers of the request."""
    query: dict[str, WireText] = Field(default_factory=dict)
    """The request's query."""
    received_at: Moment | None = None
    """When it is received, RFC 3339."""

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if ("body" in self.model_fields_set) == (self.file is not None):
            raise problem("an event has either a `body` or a `file`", help="`file:` is relative to the test file")
        return self


class ExpectShape(Shape):
    """One request as it should be: the parts that are given, nothing about the others unless `exact`."""

    method: str | None = None
    """The HTTP method."""
    path: str | None = None
    """The path, without the query."""
    query: dict[str, object] | None = None
    """name -> value in the query."""
    headers: dict[str, object] | None = None
    """name -> value of a header."""
    json_: object = Field(default=None, alias="json")
    """The JSON body, or a part of it."""
    form: dict[str, object] | None = None
    """The form body, or a part of it."""
    text: object = None
    """The text body."""
    fetch: object = None
    """The address of the file elsewhere that is passed on."""
    exact: Flag = False
    """`true`: the parts that are given are the whole of it."""

    @model_validator(mode="after")
    def _one_kind_of_body(self) -> Self:
        if len(self.bodies) > 1:
            raise problem("a request has one body: `json`, `form`, `text` or `fetch`", help="keep one of them")
        if self.path is not None and "?" in self.path:
            raise problem("`path` is without the query", help="put what follows the `?` under `query`")
        return self

    @property
    def bodies(self) -> dict[str, object]:
        """The kinds of body that are spoken of, at most one."""
        given = {"json": self.json_, "form": self.form, "text": self.text, "fetch": self.fetch}
        return {kind: value for kind, value in given.items() if {"json": "json_"}.get(kind, kind) in self.given}

    @property
    def given(self) -> set[str]:
        """The keys that the file gives."""
        return set(self.model_fields_set)


class AnswerShape(Shape):
    """What the API answers."""

    status: int = Field(default=200, ge=100, le=599)
    """The HTTP status."""
    json_: object = Field(default=None, alias="json")
    """The JSON body."""
    text: str | None = None
    """Or a text body."""
    headers: dict[str, WireText] = Field(default_factory=dict)
    """Headers of the answer."""

    @model_validator(mode="after")
    def _one_kind_of_body(self) -> Self:
        if self.text is not None and "json_" in self.model_fields_set:
            raise problem("an answer has one body: `json` or `text`", help="keep one of them")
        return self


class ExchangeShape(Shape):
    """One request and its answer. Without `answer` it is the operation's own sample answer."""

    expect: ExpectShape
    """The request as it should be."""
    answer: AnswerShape | Literal["lost", "timeout", "refused", "expired"] | None = None
    """The answer; `lost`, `timeout`, `refused` or `expired` (of a file) without one. Left out: the sample answer."""
    waits: DurationMs | None = None
    """How long after the one before, in virtual time."""
    times: int = Field(default=1, ge=1, le=MAX_TIMES)
    """So many times the same."""


class TurnShape(Shape):
    """One event, or only time that passes, and what is sent then."""

    event: EventShape | None = None
    """What a sender posts."""
    after: DurationMs | None = None
    """So much virtual time after what came before."""
    at: Moment | None = None
    """At this moment, RFC 3339."""
    exchanges: tuple[ExchangeShape, ...] = ()
    """The requests and answers, in order."""
    outcome: Outcomes | None = None
    """What becomes of the event, or rule -> what becomes of it."""
    reason: str | None = None
    """The reason that is kept, or a part of it."""
    mend: str | None = None
    """The mend that is told, or a part of it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        received = self.event.received_at if self.event is not None else None
        if sum(moment is not None for moment in (self.after, self.at, received)) > 1:
            raise problem("`after`, `at` and the event's `received_at` say the same", help="keep one of them")
        if self.event is None and (self.outcome is not None or self.reason is not None or self.mend is not None):
            raise problem("an `outcome` is that of an event", help="put it beside the event that it is about")
        return self


class RuleTestShape(TurnShape):
    """One test: a single event, or several in `events`."""

    name: str = Field(min_length=1, max_length=200)
    """What it shows; unique in its file."""
    rule: str | None = None
    """Only this rule takes part."""
    rules: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Only these rules take part."""
    cases: tuple[dict[str, object], ...] | None = Field(default=None, min_length=1)
    """The test is run once for each; `$case.NAME` stands for its values."""
    links: dict[str, dict[str, object]] = Field(default_factory=dict)
    """link name -> key -> value: what the bridge remembers before."""
    links_after: dict[str, dict[str, object]] = Field(default_factory=dict)
    """link name -> key -> value: what it must remember afterwards."""
    events: tuple[TurnShape, ...] | None = Field(default=None, min_length=1)
    """Several events, one after another."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.rule is not None and self.rules is not None:
            raise problem("`rule` and `rules` say the same", help="keep one of them")
        if self.events is None and self.event is None:
            raise problem(
                "a test needs an `event`", help="write `event: {source: …, body: {…}}`, or several in `events`"
            )
        single = {"event", "after", "at", "exchanges", "outcome", "reason", "mend"} & self.model_fields_set
        if self.events is not None and single:
            raise problem(f"`{min(single)}` stands beside `events`", help="put it inside one of the `events`")
        return self


class RuleTestsFileShape(Shape):
    """A file of rule tests. `environment` are variables for the configuration that its tests run with."""

    tests: list[object]
    """The tests."""
    environment: dict[str, WireText] = Field(default_factory=dict)
    """Variables for the configuration that the tests run with."""

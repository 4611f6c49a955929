"""What a connector file may say about traffic: how many calls an API takes, and which calls may share a request."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from bridge.connectors.parts import Fileless, Method, Part, Status, Switch
from bridge.units import DurationMs

MAX_CALLS = 10_000_000
MAX_BATCH = 10_000

Calls = Annotated[int, Field(ge=1, le=MAX_CALLS)]
Period = Annotated[DurationMs, Field(ge=1)]


class LimitHeaders(Part):
    """The names of the headers that tell how a limit stands, each with one number.

    `resets` counts whole seconds from now until the window is empty again; a Unix time is understood too.
    """

    limit: str | None = None
    """The header with the number of calls in the window."""
    remaining: str | None = None
    """The header with the number of calls that are left."""
    resets: str | None = None
    """The header with the seconds until the window is empty again, or a Unix time."""


class Limit(Part):
    """At most `calls` requests in any window of the length `per`.

    `operations` and `except` are patterns over operation names (`*` matches dots too), `methods` the HTTP methods
    that count (default: all), so that reading a ticket is not charged as changing it.
    """

    doc: str
    """What it counts, and on which plan."""
    calls: Calls
    """So many requests…"""
    per: Period
    """…in any span of this length."""
    operations: tuple[str, ...] = ("*",)
    """Which operations count; `*` stands for anything, dots too."""
    except_: tuple[str, ...] = Field(default=(), alias="except")
    """But not these operations."""
    methods: tuple[Method, ...] = ()
    """Only requests with these HTTP methods count; left out: all."""
    key: str | None = None
    """A template on `params` and `settings`: each of its values has a window of its own."""
    headers: LimitHeaders | None = None
    """The names of answer headers with one number each."""
    header: str | None = None
    """One header that holds it all: `total=100; remaining=99; resets=41`, or what is used and the total, `18/5000`."""
    refused: str | None = None
    """An expression on an answer (`status`, `headers`, `body`, `text`): this refusal is about this limit."""
    hold: Period | None = None
    """How long a refusal without a time of its own holds the limit; without it, one window."""

    @model_validator(mode="after")
    def _told_in_one_way(self) -> Self:
        if self.headers is not None and self.header is not None:
            raise ValueError("a limit is told by `headers` (one number each) or by `header` (one for all), not by both")
        return self


class ItemAnswer(Part):
    """What the single form's answer would have been for one call; templates on `item`, `body` and the call's names."""

    status: int | str = 200
    """The status, a number or a template."""
    json_: object = Field(default=None, alias="json")
    """The body: any value, with templates in it."""


class Results(Part):
    """A list in a batch's answer, each of whose items speaks of one call, or of several that share a fate.

    `key` gives, under the names of the batch's `match`, how an item names its call; the first that does counts. A
    key that is a list names several calls. `place` is the item's place in the list, for an API that keeps the order
    and names nobody.
    """

    list_: str = Field(alias="list")
    """An expression on the answer: the list whose items speak of calls."""
    when: str | None = None
    """An expression on each `item`: only these."""
    key: dict[str, str] = Field(min_length=1)
    """Under the names of `match`: expressions that name the call."""
    answer: ItemAnswer
    """What the single call's answer would have been."""


class Job(Part):
    """An API that only promises: its answer names a job, whose status is asked for until it is done.

    `id` is an expression on the first answer. `poll` sees `job` (that id), `done` and `failed` are conditions on the
    poll's answer. `failure` is what each call is told that a failed job does not speak of.
    """

    id: str
    """An expression on the first answer: the job's id."""
    poll: Fileless
    """How to ask; the request sees `job`."""
    done: str
    """An expression on the poll's answer: it is done."""
    failed: str
    """An expression on the poll's answer: it failed."""
    failure: ItemAnswer
    """What a call is told that a failed job does not speak of."""


class Batch(Part):
    """How several calls of an operation travel in one request, and how its answer is taken apart again.

    The request's JSON body is `request.json` (a mapping, or absent) plus the list under the name `items`. `together`
    says which calls may share a request (those of equal text; besides, their URLs must be equal), `unique` which
    must not: two calls of equal text.
    """

    max: int = Field(ge=2, le=MAX_BATCH)
    """At most so many calls in one request."""
    at_least: int = Field(default=2, ge=1)
    """Fewer calls than this leave one by one."""
    default: Switch = True
    """`off`: a destination must switch it on."""
    request: Fileless
    """The request; the list is added to its `json`."""
    items: str
    """The name of the list in the request's body."""
    item: dict[str, object] | str
    """One call's part of the list, or a template that gives it; names: `params`, `settings`, `key`, `since`."""
    together: str | None = None
    """Only calls for which this template gives equal text share a request."""
    unique: str | None = None
    """Two calls for which this template gives equal text never share a request."""
    status: tuple[Status, ...] = ("200", "201", "207")
    """The statuses whose body speaks of single calls."""
    match: dict[str, str] = Field(min_length=1)
    """How an answer may name a call: templates on the call's names and `index`, its place in the request."""
    results: tuple[Results, ...] = Field(min_length=1)
    """Lists in the answer that speak of single calls."""
    job: Job | None = None
    """An API that answers with a job first."""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        unknown = sorted({name for row in self.results for name in row.key} - self.match.keys())
        if unknown:
            raise ValueError(f"`match` does not say what `{unknown[0]}` is, which a `key` of the results gives")
        if self.at_least > self.max:
            raise ValueError("`at_least` is more than `max`")
        if self.request.json_ is not None and not isinstance(self.request.json_, dict):
            raise ValueError("the `json` of a batch is a mapping, to which `items` is added")
        return self

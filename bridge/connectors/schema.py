"""What a connector file may say; one file describes one API.

Every text that holds `{{ }}` is a template of `bridge.expressions`. Names in scope: `params` (what the rule's
`with` gave), `settings` (the destination's keys), `key` (the idempotency key), `since` (when the step was first
tried, RFC 3339 UTC); in conditions on an answer also `status`, `headers` (lower case), `body`, `item`,
and `text` where the body is no JSON.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from bridge.connectors.looks import Live
from bridge.connectors.parts import Fileless, Part, Request, Status
from bridge.connectors.traffic import Batch, Limit
from bridge.diagnostics import Flag
from bridge.model import Outcome
from bridge.units import DurationMs


def _not_success(outcome: Outcome) -> Outcome:
    if outcome is Outcome.SUCCEEDED:
        raise ValueError("`succeeded` is no error: say what success looks like under `success`")
    return outcome


Clear = Literal["json_null", "empty_text", "refuse"]
"""How an API is told to clear a field that a rule gives as null; `refuse`: there is nothing to clear."""


class Setting(Part):
    """One key that a destination of this connector may or must give."""

    type: Literal["text", "secret", "integer", "boolean", "auth", "ids"] = "text"
    """What it is; a `secret` never reaches a log or a stored request. `ids` maps names of your own to whole numbers."""
    doc: str
    """Shown by `check` when it is missing."""
    required: Flag = False
    """`true`: a destination must give it."""
    default: str | int | bool | None = None
    """What it is otherwise."""
    pattern: str | None = None
    """A regular expression that the whole value must match; for values that go into a host name."""


class Assertion(Part):
    """A JWT that is signed anew for each question to the token endpoint: a private key instead of a shared secret.

    `key` and `claims` are templates on `settings`; the times (`iat`, `exp`) are added.
    """

    field: str = "assertion"
    """Among what is posted, the name it goes under."""
    algorithm: Literal["RS256"] = "RS256"
    """How it is signed."""
    key: str
    """The private key in PEM form, without a password; a template on `settings`."""
    claims: dict[str, str]
    """What it says: name -> template on `settings`."""
    lasts: DurationMs = 3 * 60_000
    """How long it is good."""


class Auth(Part):
    """One way to prove who we are; the first one whose `needs` are all given is taken.

    `oauth` posts `fields` to `path` (a template on `settings`) and expects `access_token` and `expires_in` (seconds).
    `given` takes the destination's own `auth:` block.
    """

    mode: Literal["bearer", "basic", "header", "oauth", "given", "none"]
    """How the proof is sent; `oauth` fetches a token first, `given` is the destination's own `auth:` block."""
    needs: tuple[str, ...] = ()
    """The settings without which this way cannot be used."""
    token: str | None = None
    """`bearer`: the token, a template on `settings`."""
    username: str | None = None
    """`basic`, and `oauth` where the endpoint wants it: the user, a template on `settings`."""
    password: str | None = None
    """`basic`: the password, a template on `settings`."""
    header: str | None = None
    """`header`: the header's name; `bearer` and `oauth`: where it is not `Authorization`."""
    scheme: str = "Bearer"
    """`bearer` and `oauth`: the word before the token."""
    value: str | None = None
    """`header`: its value, a template on `settings`."""
    path: str | None = None
    """`oauth`: the token endpoint, below `base_url`, or a whole address where it is on another host; no secret may be
    in it."""
    body: Literal["json", "form"] = "json"
    """`oauth`: how `fields` are posted."""
    fields: dict[str, str] = Field(default_factory=dict)
    """`oauth`: what is posted: name -> template on `settings`; empty values are left out. With `username` and
    `password` the endpoint is told those as Basic."""
    assertion: Assertion | None = None
    """`oauth`: a JWT signed with a private key that is posted, too."""
    lifetime: DurationMs | None = None
    """`oauth`: how long a token is used if the answer does not say."""
    rotates: str | None = None
    """The setting that holds a refresh token which the endpoint's answer (`refresh_token`) may replace: from then on
    the old one may be void."""
    warning: str | None = None
    """Shown by `check` when a destination uses this mode."""

    @model_validator(mode="after")
    def _asks_an_endpoint(self) -> Self:
        if self.mode == "oauth" and not self.path:
            raise ValueError("an `oauth` mode needs the `path` of its token endpoint")
        if self.mode != "oauth" and (self.assertion is not None or self.lifetime is not None):
            raise ValueError("`assertion` and `lifetime` belong to an `oauth` mode")
        return self

    @model_validator(mode="after")
    def _rotates_what_it_needs(self) -> Self:
        if self.rotates is not None and (self.mode != "oauth" or self.rotates not in self.needs):
            raise ValueError("`rotates` names one of the `needs` of an `oauth` mode")
        return self


class Parameter(Part):
    """One name that a step's `with` may give.

    `id` takes text or a whole number; `path` is text whose template parts are percent-encoded; `wire` says
    how the value is sent.
    """

    type: Literal["text", "integer", "number", "boolean", "id", "mapping", "list", "path", "any"] = "any"
    """What the value is."""
    doc: str
    """What it means; shown when it is missing or wrong."""
    required: Flag = False
    """`true`: the call needs it."""
    wire: Literal["as_is", "text", "integer", "texts"] = "as_is"
    """`text`: numbers become text. `integer`: digits become a number. `texts`: a mapping whose values become
    text, whose lists are joined with `;` (HubSpot's way to choose several)."""
    clear: Clear | None = None
    """How null clears it, where that differs from the connector's `clear`; `refuse`: null is no value for it."""
    one_of: tuple[str, ...] = ()
    """The only values that it may have."""
    max_bytes: int | None = None
    """The vendor cuts or refuses longer UTF-8 text; we refuse it first, so that nothing is cut silently."""
    cut: str | None = None
    """What is longer than `max_bytes` is not refused but cut, and ends with this mark."""
    fields: "dict[str, Parameter]" = Field(default_factory=dict)
    """What a mapping may hold, where the connector knows; empty: anything."""
    one_needed: tuple[str, ...] = ()
    """Of these `fields` at least one must be there and say something."""

    @model_validator(mode="after")
    def _cuts_at_a_limit(self) -> Self:
        if self.cut is not None and (self.max_bytes is None or len(self.cut.encode()) > self.max_bytes):
            raise ValueError("`cut` needs a `max_bytes` with room for the mark")
        return self


class Success(Part):
    """Success is a claim about content: one of these statuses, and `when` holds, and `id` is there."""

    status: tuple[Status, ...] = ("2xx",)
    """The statuses that may mean success, such as `200`, `2xx` or `200-203`."""
    when: str | None = None
    """An expression on the answer that must hold."""
    id: str | None = None
    """An expression for the record's id, which must be there."""
    id_optional: Flag = False
    """The id may be missing (the generic connector); then it is null."""
    body: Literal["json", "any"] = "json"
    """`any`: whatever is not HTML, empty included."""


class ErrorRow(Part):
    """One row of the error table: the first whose `status` and `when` fit gives the outcome."""

    status: tuple[Status, ...] | Status
    """The statuses that it is about, such as `404`, `5xx` or `500-503`."""
    when: str | None = None
    """An expression on the answer that must hold."""
    outcome: Annotated[
        Outcome,
        AfterValidator(_not_success),
        WithJsonSchema({"enum": [str(each) for each in Outcome if each is not Outcome.SUCCEEDED]}),
    ]
    """What such an answer means."""
    code: str | None = None
    """A short word for lists and logs; a template on the answer, e.g. `{{ body.category }}`."""
    advice: str | None = None
    """What a person can do about it: the dead letter's `mend`."""
    wait: DurationMs | None = None
    """At least this long before the next try."""


class Idempotency(Part):
    """The header that makes a repeat harmless, and for how long the vendor remembers it."""

    header: str
    """The header's name; its value is the step's idempotency key."""
    lasts: DurationMs | None = None
    """For how long the vendor remembers a key; left out: for ever."""


class Probe(Part):
    """A look before a repeat: if an item of the answer matches, our earlier call had arrived.

    `items` is an expression for the list in the answer, `match` one for each `item`, `id` gives the result and
    `body` what the step's answer would have been. A 404 says that nothing is there. Where the operation also has a
    `conflict`, the record that is found may be an older one of somebody else's: it is updated as after a 409.
    """

    request: Fileless
    """How to look."""
    items: str
    """An expression for the list of records in the answer."""
    match: str
    """An expression on each `item`: is it our call's?"""
    id: str
    """An expression on the `item` that matched: the record's id."""
    body: str | None = None
    """An expression for what the call's own answer would have been."""
    nothing: tuple[Status, ...] = ()
    """Statuses that, without a body, say that nothing is there, as a 404 does."""
    next: str | None = None
    """An expression for the next page's full address, null at the end. At most ten pages are read."""


class Conflict(Part):
    """What to do with a 409 that names the record: call `use` with the same parameters plus `id`."""

    id: str
    """An expression for the existing record's id in the 409."""
    use: str
    """The operation to call instead; it takes an `id`."""


class Sample(Part):
    """Parameters and a recorded-shape answer; `explain`, the docs and the contract tests use them."""

    params: dict[str, object]
    """A step's `with`."""
    status: int = 200
    """The answer's status."""
    json_: object = Field(default=None, alias="json")
    """The answer's body."""
    text: str | None = None
    """The body of an API that does not answer JSON."""
    headers: dict[str, str] = Field(default_factory=dict)
    """The answer's headers (lower case), of an API that gives the id there."""


class Operation(Part):
    """A named thing the API can do, and how it is safe to repeat after "sent but no answer".

    `key`: the idempotency header; `upsert`: the same request has the same effect; `probe`: look first;
    `unsafe`: a lost answer is a person's decision.
    """

    doc: str
    """What it does, for people."""
    repeat: Literal["key", "upsert", "probe", "unsafe"]
    """How it is safe to send again after "sent, no answer"."""
    params: dict[str, Parameter] = Field(default_factory=dict)
    """What a step's `with` may give."""
    one_needed: tuple[str, ...] = ()
    """Of these parameters at least one must be there and say something."""
    request: Request
    """The HTTP request; templates on `params`, `settings`, `key`, `since`."""
    success: Success = Success()
    """What success looks like."""
    errors: tuple[ErrorRow, ...] = ()
    """What other answers mean; rows that come before those of the file."""
    idempotency: Idempotency | None = None
    """The header that makes a repeat harmless."""
    probe: Probe | None = None
    """The look before a repeat."""
    conflict: Conflict | None = None
    """What a 409 that names the record becomes."""
    batch: Batch | None = None
    """Only for calls that may be repeated: a lost answer is then a lost answer for a hundred of them."""
    sample: Sample
    """An example; `explain`, `connectors` and tests use it."""
    free_form: Flag = False
    """The `http` connector: method, path and body come from the rule itself."""
    scopes: tuple[str | tuple[str, ...], ...] = ()
    """What the credentials must be allowed, all of it; where several are given in one place, one of those is enough."""
    sources: tuple[str, ...] = ()
    """Where the statements about it come from."""

    @model_validator(mode="after")
    def _can_repeat_as_it_says(self) -> Self:
        """What `repeat` promises needs the means."""
        if self.repeat == "key" and self.idempotency is None:
            raise ValueError("`repeat: key` needs `idempotency`")
        if self.repeat == "probe" and self.probe is None:
            raise ValueError("`repeat: probe` needs a `probe`")
        if self.idempotency is not None and self.idempotency.lasts is not None and self.probe is None:
            raise ValueError("a key that the API forgets (`lasts`) needs a `probe` for later repeats")
        if self.batch is not None and self.repeat != "upsert" and self.probe is None:
            raise ValueError("a `batch` carries no idempotency header: it needs an upsert or a `probe`")
        if self.batch is not None and self.request.fetch is not None:
            raise ValueError("an operation that fetches a file has no `batch`: several files share no body")
        if self.batch is not None and self.free_form:
            raise ValueError("a free-form operation has no `batch`")
        return self


class Fact(Part):
    """Where a statement of this file comes from: `O` vendor, `T` third party, `M` memory; and its date."""

    says: str
    """The statement."""
    mark: Literal["O", "T", "L", "D", "C", "M", "K"]
    """How sure it is: O vendor, L library, D docs, C several agree, T third party, K common knowledge, M memory."""
    source: str
    """Where it stands."""
    seen: str
    """When it was read."""


class Connector(Part):
    """A connector file."""

    name: str
    """What `connector:` says: the file's name without `.yaml`."""
    title: str
    """The API's name, for people."""
    doc: str
    """What to know before using it."""
    settings: dict[str, Setting] = Field(default_factory=dict)
    """The keys that a destination may give, besides those that all have."""
    base_url: str | None = None
    """The API's address, a template on `settings`; left out: a destination must give it."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with each request: name -> template."""
    auth: tuple[Auth, ...] = ()
    """Ways to prove who we are; the first whose `needs` are all given is taken."""
    clear: Clear = "json_null"
    """What a null in a step's `with` becomes, also inside mappings: JSON's null, or an empty text."""
    message: tuple[str, ...] = ()
    """Expressions for the vendor's own error text; the first that exists is kept with the attempt."""
    retry_after: tuple[str, ...] = ()
    """Expressions for the seconds (or the HTTP date) after which to come again, where a body says it and no header."""
    limits: dict[str, Limit] = Field(default_factory=dict)
    """name -> how many calls the API takes."""
    errors: tuple[ErrorRow, ...] = ()
    """What an answer that is no success means, for all operations; the first row that fits counts."""
    operations: dict[str, Operation]
    """name -> a call that the API takes."""
    live: Live | None = None
    """What `check --live` can ask of an account."""
    facts: tuple[Fact, ...] = ()
    """Where the statements of this file come from."""

    @model_validator(mode="after")
    def _conflicts_lead_somewhere(self) -> Self:
        """A conflict becomes one call of an operation that takes the record's `id`, and ends there."""
        for name, operation in self.operations.items():
            if operation.conflict is None:
                continue
            update = self.operations.get(operation.conflict.use)
            if update is None or "id" not in update.params or update.conflict is not None:
                raise ValueError(
                    f"the `conflict` of `{name}` must `use` an operation of this file that takes an `id` "
                    "and has no `conflict` of its own"
                )
        return self

    @model_validator(mode="after")
    def _claims_name_settings_of_ids(self) -> Self:
        for claim in self.live.claims if self.live is not None else ():
            if claim.setting is not None:
                setting = self.settings.get(claim.setting)
                if setting is None or setting.type != "ids":
                    raise ValueError(f"a claim about `{claim.at}` needs a setting `{claim.setting}` of type `ids`")
        return self

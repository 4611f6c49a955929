"""What a rule may say in YAML. Names and meanings are design.md section 5."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from bridge.connectors.destination import SHORTEST_WAIT_MS
from bridge.diagnostics import Flag, problem
from bridge.diagnostics.flag import from_variable
from bridge.model import Order, Outcome
from bridge.rules.rule import Mode
from bridge.units import DurationMs

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
STEP_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,49}$"


class Shape(BaseModel):
    """Base of what is read from YAML: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _condition(value: object) -> object:
    """`if: true` is YAML's way to write a condition that always holds."""
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value


def _known_outcomes(value: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    if Outcome.SUCCEEDED in value:
        raise ValueError("`succeeded` needs no catching")
    return value


def _switched(value: object) -> object:
    """`only_newer: true` is the whole of it with what is usual; `false` is none of it."""
    switched = from_variable(value)
    if isinstance(switched, str):
        raise problem(
            "`only_newer` must be `true`, `false` or a mapping", label="this is text", help="write `only_newer: true`"
        )
    return {True: {}, False: None}.get(switched, switched) if isinstance(switched, bool) else switched


Caught = Annotated[Outcome, WithJsonSchema({"enum": [str(each) for each in Outcome if each is not Outcome.SUCCEEDED]})]
Patterns = Annotated[
    tuple[str, ...], BeforeValidator(_one_or_many, json_schema_input_type=str | tuple[str, ...]), Field(min_length=1)
]
Condition = Annotated[str, BeforeValidator(_condition, json_schema_input_type=str | bool)]


class CoalesceShape(Shape):
    """`coalesce`: a fixed window from the first delivery waiting."""

    within: DurationMs
    """How long to wait for more, counted from the first one."""
    by: str | None = None
    """What belongs together, a template; default: the rule's `key`."""


class ForwardShape(Shape):
    """`only_forward`: statuses in the order in which they may follow each other."""

    order: tuple[str, ...] = Field(min_length=1)
    """Event types, from the first to the furthest."""
    by: str
    """Whose status it is, a template, for instance the message's id."""


class NewerShape(Shape):
    """`only_newer`: events of one `by` that are older than the newest one done are dropped."""

    by: str | None = None
    """What must not go back in time, a template; default: the rule's `key`."""
    time: str = "{{ event.time }}"
    """How new the event is, a template."""


class RuleRetryShape(Shape):
    """`retry` of a rule: what it leaves out is as the step's destination says."""

    schedule: tuple[Annotated[DurationMs, Field(ge=SHORTEST_WAIT_MS)], ...] | None = Field(default=None, min_length=1)
    """The waits after each failure; the last one is repeated."""
    horizon: DurationMs | None = None
    """How long after the first failure to give up."""


class StepShape(Shape):
    """One step of a rule."""

    id: str = Field(pattern=STEP_PATTERN, json_schema_extra={"patternErrorMessage": "expected letters, digits and `_`"})
    """The step's name; later steps read `steps.ID.id`, `.status`, `.body`, `.error`, `.skipped`."""
    use: str
    """What is called: `destination.operation`, for instance `zendesk.tickets.comment`."""
    with_: dict[str, object] = Field(default_factory=dict, alias="with")
    """The operation's parameters; every text may be a template."""
    for_each: str | None = None
    """A list, for instance `"{{ body.items }}"`: one call for each item; `item` and `index` are in scope."""
    if_: Condition | None = Field(default=None, alias="if")
    """An expression; when it is false the step is skipped and its `id` is null."""
    timeout: Annotated[DurationMs, Field(ge=1)] | None = None
    """How long one request may take; default: the destination's `timeout`."""
    catch: Annotated[tuple[Caught, ...], AfterValidator(_known_outcomes)] = ()
    """Outcomes that do not fail the rule; see `steps.ID.error`."""
    remember: dict[str, str] = Field(default_factory=dict)
    """link name -> key, a template: remember the id that the step gave."""


class RuleShape(Shape):
    """One rule."""

    name: str = Field(
        pattern=NAME_PATTERN, json_schema_extra={"patternErrorMessage": "expected letters, digits, `-`, `_` and `.`"}
    )
    """Unique; shown everywhere. Deliveries are kept under it, so rename with care."""
    on: Patterns
    """Which events: `source/type`, or a list; `*` stands for any characters."""
    enabled: Flag = True
    """`false` takes the rule out of use."""
    if_: Condition | None = Field(default=None, alias="if")
    """An expression; when it is false the delivery ends as `skipped`, with the reason."""
    key: str | None = None
    """The lane, a template: deliveries with the same key and destination run one after another."""
    vars: dict[str, object] = Field(default_factory=dict)
    """name -> value or template, computed once and used as `vars.name`."""
    recall: dict[str, str] = Field(default_factory=dict)
    """link name -> key, a template: what the bridge remembers, as `links.name`."""
    order: Order = Order.HOLD
    """`hold`: a delivery that fails holds its lane, at most `order_hold`; `strict`: until it ends; `none`: no lane."""
    order_hold: DurationMs = 900_000
    """How long its own failures may hold up the others."""
    coalesce: CoalesceShape | None = None
    """Of all deliveries with the same `by` within the window only the last is carried out."""
    only_forward: ForwardShape | None = None
    """A status that is not ahead of the last one written ends as `superseded`."""
    only_newer: Annotated[
        NewerShape | None, BeforeValidator(_switched, json_schema_input_type=NewerShape | bool | None)
    ] = None
    """An older event does not overwrite what a newer one wrote; `true` compares `event.time` by `key`."""
    mode: Mode = Mode.LIVE
    """`live`, or `shadow`: everything is worked out and kept to read, and nothing is sent."""
    retry: RuleRetryShape | None = None
    """The waits after each failure, and when to give up; what is left out is as at the destination."""
    steps: tuple[StepShape, ...] = Field(min_length=1)
    """The calls, in order."""

"""What a rule may say in YAML. Names and meanings are design.md section 5."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bridge.connectors.destination import SHORTEST_WAIT_MS
from bridge.model import Order, Outcome
from bridge.rules.rule import Mode
from bridge.units import DurationMs

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
STEP_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,49}$"


class Shape(BaseModel):
    """Base of what is read from YAML: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


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
    return {True: {}, False: None}.get(value, value) if isinstance(value, bool) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Condition = Annotated[str, BeforeValidator(_condition)]


class CoalesceShape(Shape):
    """`coalesce`: a fixed window from the first delivery waiting."""

    within: DurationMs
    by: str | None = None


class ForwardShape(Shape):
    """`only_forward`: statuses in the order in which they may follow each other."""

    order: tuple[str, ...] = Field(min_length=1)
    by: str


class NewerShape(Shape):
    """`only_newer`: events of one `by` that are older than the newest one done are dropped."""

    by: str | None = None
    time: str = "{{ event.time }}"


class RuleRetryShape(Shape):
    """`retry` of a rule: what it leaves out is as the step's destination says."""

    schedule: tuple[Annotated[DurationMs, Field(ge=SHORTEST_WAIT_MS)], ...] | None = Field(default=None, min_length=1)
    horizon: DurationMs | None = None


class StepShape(Shape):
    """One step of a rule."""

    id: str = Field(pattern=STEP_PATTERN)
    use: str
    with_: dict[str, object] = Field(default_factory=dict, alias="with")
    for_each: str | None = None
    if_: Condition | None = Field(default=None, alias="if")
    timeout: Annotated[DurationMs, Field(ge=1)] | None = None
    catch: Annotated[tuple[Outcome, ...], AfterValidator(_known_outcomes)] = ()
    remember: dict[str, str] = Field(default_factory=dict)


class RuleShape(Shape):
    """One rule."""

    name: str = Field(pattern=NAME_PATTERN)
    on: Patterns
    enabled: bool = True
    if_: Condition | None = Field(default=None, alias="if")
    key: str | None = None
    vars: dict[str, object] = Field(default_factory=dict)
    recall: dict[str, str] = Field(default_factory=dict)
    order: Order = Order.HOLD
    order_hold: DurationMs = 900_000
    coalesce: CoalesceShape | None = None
    only_forward: ForwardShape | None = None
    only_newer: Annotated[NewerShape | None, BeforeValidator(_switched)] = None
    mode: Mode = Mode.LIVE
    retry: RuleRetryShape | None = None
    steps: tuple[StepShape, ...] = Field(min_length=1)

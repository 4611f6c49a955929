"""What a destination changes about its connector's traffic: limits, batches, the share of replays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from bridge.connectors.library import CompiledConnector
from bridge.connectors.limits import CompiledLimit
from bridge.connectors.parts import Method, Part, Switch
from bridge.connectors.traffic import Calls, Limit, Period
from bridge.diagnostics import quoted_list, suggest
from bridge.expressions import TemplateRefused

_PERCENT = re.compile(r"(?P<number>[0-9]{1,3})[ ]?%", re.ASCII)
HUNDRED = 100
DEFAULT_REPLAY_SHARE = 20


class LimitChange(Part):
    """The keys of a limit that a destination may set; those that are absent stay as the connector has them."""

    calls: Calls | None = None
    """So many requests…"""
    per: Period | None = None
    """…in any span of this length."""
    operations: tuple[str, ...] | None = None
    """Which operations count; `*` stands for anything."""
    except_: tuple[str, ...] | None = Field(default=None, alias="except")
    """But not these operations."""
    methods: tuple[Method, ...] | None = None
    """Only requests with these HTTP methods count."""
    key: str | None = None
    """A template on `params` and `settings`: each of its values has a window of its own."""
    hold: Period | None = None
    """How long a refusal without a time of its own holds the limit."""


def _change(value: object) -> object:
    """`off` (or false) removes a limit, which is None from here on."""
    if value is False or value == "off":
        return None
    if not isinstance(value, Mapping | LimitChange):
        raise ValueError("a limit is `off`, or what to change about it, such as `{calls: 190, per: 10s}`")  # noqa: TRY004 - pydantic reports only ValueError
    return value


def _switches(value: object) -> object:
    """`on` and `off` are for all operations."""
    if isinstance(value, bool) or value in ("on", "off"):
        return {"*": value}
    if not isinstance(value, Mapping):
        raise ValueError("write `on`, `off`, or operations with `on` or `off`, such as `{contacts.upsert: off}`")  # noqa: TRY004 - as above
    return value


def _percent(value: object) -> int:
    """`20%`, from 1 to 100."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"`{value}` of what? write `{value}%`")  # noqa: TRY004 - as above
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not 1 <= int(found["number"]) <= HUNDRED:
        raise ValueError("write a share from `1%` to `100%`")
    return int(found["number"])


LimitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
LimitChanges = dict[
    LimitName,
    Annotated[LimitChange | None, BeforeValidator(_change, json_schema_input_type=LimitChange | Literal["off", False])],
]
BatchSwitches = Annotated[
    dict[str, Switch], BeforeValidator(_switches, json_schema_input_type=dict[str, Switch] | Switch)
]
Percent = Annotated[
    int,
    BeforeValidator(_percent),
    PlainSerializer("{}%".format, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,3} ?%$", "examples": ["20%"]}),
]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with an override; `at` is the path below the destination."""

    code: str
    message: str
    at: tuple[str, ...]
    helps: tuple[str, ...] = ()
    on_key: bool = False


def final_limits(
    connector: CompiledConnector, changes: Mapping[str, LimitChange | None]
) -> tuple[tuple[CompiledLimit, ...], list[Mistake]]:
    """The connector's limits as a destination changes them, then those that it adds, and what is wrong with that."""
    limits = {limit.name: limit for limit in connector.limits}
    mistakes: list[Mistake] = []
    for name, change in changes.items():
        known = limits.get(name)
        mistake = _check(connector, name, known, change)
        if mistake is not None:
            mistakes.append(mistake)
        elif change is None:
            del limits[name]
        else:
            _put(limits, connector, name, change, mistakes)
    return tuple(limits.values()), mistakes


def check_switches(connector: CompiledConnector, switches: Mapping[str, bool]) -> list[Mistake]:
    """The switches that no operation with a batch form hears."""
    capable = [name for name, operation in connector.connector.operations.items() if operation.batch is not None]
    mistakes = []
    for pattern in switches:
        if pattern == "*" or any(fnmatchcase(name, pattern) for name in capable):
            continue
        without = any(fnmatchcase(name, pattern) for name in connector.operations)
        words = "has no batch form" if without else "is no operation of this connector"
        nearest = suggest(pattern, capable)
        helps = (f"did you mean `{nearest}`?",) if nearest else (f"with a batch form: {quoted_list(capable)}",)
        mistakes.append(
            Mistake("BR104", f"`{pattern}` {words}", ("batch", pattern), helps if capable else (), on_key=True)
        )
    return mistakes


def switched_on(switches: Mapping[str, bool], operation_name: str, *, default: bool) -> bool:
    """What the switches say about an operation: the most exact pattern counts."""
    fitting = [pattern for pattern in switches if fnmatchcase(operation_name, pattern)]
    return switches[max(fitting, key=len)] if fitting else default


def _check(
    connector: CompiledConnector, name: str, known: CompiledLimit | None, change: LimitChange | None
) -> Mistake | None:
    names = [limit.name for limit in connector.limits]
    nearest = suggest(name, names)
    helps = (f"did you mean `{nearest}`?",) if nearest else (f"limits: {quoted_list(names)}",) if names else ()
    if known is None and change is None:
        return Mistake("BR104", f"there is no limit `{name}` to switch off", ("limits", name), helps, on_key=True)
    if change is None:
        return None
    if known is None and (change.calls is None or change.per is None):
        what = "calls" if change.calls is None else "per"
        return Mistake("BR101", f"the new limit `{name}` needs `{what}`", ("limits", name), helps, on_key=True)
    if known is None and nearest:
        words = f"`{name}` would be a new limit beside `{nearest}`"
        new = "if it is meant to be new, choose a name that is not so near to another"
        return Mistake("BR104", words, ("limits", name), (f"did you mean `{nearest}`?", new), on_key=True)
    deaf = [
        pattern
        for pattern in change.operations or ()
        if not any(fnmatchcase(operation, pattern) for operation in connector.operations)
    ]
    if deaf:
        nearest = suggest(deaf[0], list(connector.operations))
        helps = (f"did you mean `{nearest}`?",) if nearest else ()
        return Mistake("BR104", f"`{deaf[0]}` fits no operation", ("limits", name, "operations"), helps)
    return None


def _put(
    limits: dict[str, CompiledLimit],
    connector: CompiledConnector,
    name: str,
    change: LimitChange,
    mistakes: list[Mistake],
) -> None:
    given = {field: value for field in LimitChange.model_fields if (value := getattr(change, field)) is not None}
    # both are validated already, and once more would take their milliseconds for numbers without a unit
    base = limits[name].limit if name in limits else Limit.model_construct(doc="set by the operator")
    limit = base.model_copy(update=given)
    try:
        limits[name] = CompiledLimit.of(name, limit, connector.operations, fixed=change.calls is not None)
    except TemplateRefused as refused:
        mistakes.extend(
            Mistake("BR121", problem.message, ("limits", name, "key"), (problem.help,) if problem.help else ())
            for problem in refused.problems
        )

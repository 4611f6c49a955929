"""Rules of which one delivery alone needs more calls than a limit of its destination lets through in its window."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from bridge.connectors.limits import CompiledLimit
from bridge.expressions import RenderError
from bridge.rules.problem import Path, Problem
from bridge.rules.rule import Mode, Rule, Step
from bridge.rules.schema import RuleShape, StepShape
from bridge.units import format_duration

_ALL = b""


@dataclass(frozen=True, slots=True)
class _Calls:
    """How many calls a step surely makes, whatever the event says."""

    index: int
    count: int


def over_budget(shape: RuleShape, rule: Rule, limits: Mapping[str, Sequence[CompiledLimit]]) -> Iterator[Problem]:
    """The limits that every delivery of the rule must wait for in its midst.

    Only calls that are made whatever the event says are counted: steps without `if`, lists that stand in the rule.

    Args:
        shape: the rule as written.
        rule: the same, compiled.
        limits: destination -> its limits as it uses them.
    """
    if rule.mode is not Mode.LIVE:
        return
    certain = [_Calls(index, count) for index, step in enumerate(rule.steps) if (count := _certain_calls(step))]
    for destination in rule.destinations:
        for limit in limits.get(destination, ()):
            covered = [each for each in certain if _counts(limit, rule.steps[each.index], destination)]
            for group in _windows(limit, shape, covered).values():
                yield from _problem(shape, rule, destination, limit, group)


def _certain_calls(step: Step) -> int:
    try:
        if step.condition is not None and not (step.condition.constant and step.condition.evaluate({})):
            return 0
        if step.each is None:
            return 1
        items = step.each.render({}) if step.each.constant else []
    except RenderError:
        return 0  # reported elsewhere
    return len(items) if isinstance(items, list) else 0


def _counts(limit: CompiledLimit, step: Step, destination: str) -> bool:
    operation = step.operation
    return step.destination == destination and limit.applies_to(operation.name, operation.operation.request.method)


def _windows(limit: CompiledLimit, shape: RuleShape, calls: Sequence[_Calls]) -> Mapping[bytes, list[_Calls]]:
    """The calls that one window counts: all of them, or those with the same key."""
    windows: dict[bytes, list[_Calls]] = {}
    for each in calls:
        window = _window(limit, shape.steps[each.index])
        if window is not None:
            windows.setdefault(window, []).append(each)
    return windows


def _window(limit: CompiledLimit, step: StepShape) -> bytes | None:
    """What tells the windows of a limit apart, None when the calls may be counted in any of them.

    Templates are deterministic, so that equal texts give one key within a delivery, unless they look at the item.
    """
    if limit.key is None:
        return _ALL
    names = sorted({read[1] for read in limit.key.reads if read[0] == "params" and len(read) > 1})
    given = {name: step.with_[name] for name in names if name in step.with_}
    if not given or len(given) < len(names):
        return None
    written = orjson.dumps(given)
    return None if step.for_each is not None and (b"item" in written or b"index" in written) else written


def _problem(
    shape: RuleShape, rule: Rule, destination: str, limit: CompiledLimit, group: Sequence[_Calls]
) -> Iterator[Problem]:
    needed = sum(each.count for each in group)
    if needed <= limit.calls:
        return
    made = 0
    for each in group:
        made += each.count
        if made > limit.calls:
            break
    step = shape.steps[each.index]
    path: Path = ("steps", each.index, "for_each" if step.for_each is not None else "use")
    which = f"`{destination}` with one key" if limit.keyed else f"`{destination}`"
    lets = f"its limit `{limit.name}` lets {limit.calls} through in {format_duration(limit.per_ms)}"
    yield Problem(
        "BR413",
        f"one delivery of rule `{rule.name}` needs {needed} calls of {which}; {lets}",
        path,
        label=f"call {limit.calls + 1} waits here",
        notes=("every delivery waits here, and holds its lane meanwhile",),
        helps=(
            "make fewer calls for one event (`split` at the source makes events of a list)",
            f"if the account allows more, raise `destinations.{destination}.limits.{limit.name}.calls`",
        ),
    )

"""Which value of a request comes from which place of the rule: for `explain` and for the rule tests' differences.

A connector's template may put a parameter anywhere, so this is found out and not declared: the request is built once
more for each value of the step's `with`, with that value changed, and what then differs comes from there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bridge.connectors.opened import PartPath, leaves, open_request
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.rules.actions import Send
from bridge.rules.problem import Path
from bridge.rules.rule import Rule

Origins = Mapping[PartPath, tuple[Path, ...]]
"""Part of the request -> places inside the rule, such as `("steps", 1, "with", "phone")`."""

_NEVER_FROM_THE_RULE = {("method",)}


def origins(rule: Rule, send: Send) -> Origins:
    """For each part of the request the values in the step's `with` that it depends on.

    Parts that the connector makes by itself are not in the result. A probe or a poll has no parts of the rule's.

    Args:
        rule: the rule that is carried out.
        send: what its run said to send.
    """
    call = send.call
    if call is None:
        return {}
    before = open_request(send.operation.request.build(call)).parts()
    at: Path = ("steps", rule.steps.index(send.step), "with")
    given = send.step.given.keys | set(send.step.paths)  # the id of a record found instead is not among them
    found: dict[PartPath, list[Path]] = {}
    for where, value in leaves(call.params):
        if not where or where[0] not in given:
            continue
        for part in _changed(send, where, value, before):
            found.setdefault(part, []).append((*at, *where))
    return {part: tuple(places) for part, places in found.items()}


def _changed(send: Send, where: PartPath, value: object, before: Mapping[PartPath, object]) -> set[PartPath]:
    """The parts that differ when the value at `where` is another one."""
    call = send.call
    if call is None:
        return set()
    for other in _others(value):
        params = _with(call.params, where, other)
        if not isinstance(params, Mapping):
            return set()
        try:
            after = open_request(send.operation.request.build(replace(call, params=params))).parts()
        except (RenderError, ParameterRefused):
            continue  # the connector takes no such value here; the next one is of another kind
        return {part for part in before if after.get(part, before) != before[part]} - _NEVER_FROM_THE_RULE
    return set()


def _others(value: object) -> Iterator[object]:
    """Values to put in the place of one, the likeliest to be taken first."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str):
        yield f"{value}1"  # digits stay digits, and a name stays a name
    yield from ("1", 1, {"1": "1"}, ["1"])


def _with(value: object, where: PartPath, other: object) -> object:
    """A copy with the value at `where` replaced."""
    if not where:
        return other
    first, rest = where[0], where[1:]
    if isinstance(value, Mapping):
        return {key: _with(item, rest, other) if str(key) == first else item for key, item in value.items()}
    if isinstance(value, list):
        return [_with(item, rest, other) if index == first else item for index, item in enumerate(value)]
    return value

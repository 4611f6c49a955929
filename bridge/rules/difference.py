"""How two requests differ, and what two sets of rules make differently of one event."""

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import orjson

from bridge.connectors.opened import PartPath
from bridge.rules.explain import ExplainedRequest, Explanation, Fit

Shown = Mapping[str, object]
"""A request as people see it: what `OutboundRequest.shown` gives."""


class Kind(StrEnum):
    """What became of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class PartChange:
    """One value of a request, or of what a delivery waits for. `old` and `new` are null where it is not there."""

    part: PartPath
    kind: Kind
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class RequestChange:
    """A request of a step that is sent only by one set of rules, or otherwise."""

    step: str
    operation: str
    kind: Kind
    parts: Sequence[PartChange]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What would change for an event about one rule.

    `kind`: the rule is there only once (`added`, `removed`), or it does something else. `before` and `after` say in
    words what it does with the event. `waits` are changes of its lane and windows.
    """

    rule: str
    kind: Kind
    before: str
    after: str
    waits: Sequence[PartChange]
    requests: Sequence[RequestChange]


def unified(old: Shown | None, new: Shown | None, old_name: str, new_name: str) -> str:
    """Both requests as JSON, as a unified difference; empty when they are equal."""
    return "\n".join(difflib.unified_diff(_pretty(old), _pretty(new), old_name, new_name, lineterm=""))


def compare(before: Sequence[Explanation], after: Sequence[Explanation]) -> list[RuleChange]:
    """What the second set of rules would do otherwise with the event that both were asked about.

    A rule that does nothing with the event, before and after, is not in it, whatever it says.
    """
    old, new = ({each.rule.name: each for each in explanations} for explanations in (before, after))
    found = [_compared(name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
    return [change for change in found if change is not None]


def _compared(rule: str, old: Explanation | None, new: Explanation | None) -> RuleChange | None:
    if not ((old and old.matched) or (new and new.matched)):
        return None
    waits = _changes(_waits(old), _waits(new)) if old and new and old.matched and new.matched else ()
    requests = _requests(old.requests if old else (), new.requests if new else ())
    before, after = _ending(old), _ending(new)
    if before == after and not waits and not requests:
        return None
    kind = Kind.ADDED if old is None else Kind.REMOVED if new is None else Kind.CHANGED
    return RuleChange(rule, kind, before, after, waits, requests)


def _ending(explanation: Explanation | None) -> str:
    """What the rule does with the event, in one line."""
    if explanation is None:
        return "there is no such rule"
    if not explanation.matched:
        why = "its `on` covers other events" if explanation.fit is Fit.OTHER_EVENTS else "its `if` is false"
        return f"does not match: {why}"
    ending = explanation.reason.partition("\n")[0]
    return "matches" if ending == "done" else f"matches; {ending}"


def _requests(old: Sequence[ExplainedRequest], new: Sequence[ExplainedRequest]) -> tuple[RequestChange, ...]:
    before, after = _by_step(old), _by_step(new)
    changes = []
    for place in dict.fromkeys([*before, *after]):
        was, now = before.get(place), after.get(place)
        parts = _changes(was.parts if was else {}, now.parts if now else {})
        kind = Kind.ADDED if was is None else Kind.REMOVED if now is None else Kind.CHANGED
        one = now or was
        if one is not None and (parts or kind is not Kind.CHANGED):
            changes.append(RequestChange(place[0], one.operation, kind, parts))
    return tuple(changes)


def _by_step(requests: Sequence[ExplainedRequest]) -> dict[tuple[str, int], ExplainedRequest]:
    """Each request by its step, and which of the step's requests it is: `for_each` makes several."""
    counts: dict[str, int] = defaultdict(int)
    found = {}
    for request in requests:
        found[request.step, counts[request.step]] = request
        counts[request.step] += 1
    return found


def _waits(explanation: Explanation) -> dict[PartPath, object]:
    plan = explanation.plan
    if plan is None:
        return {}
    marks = {"coalesce": plan.coalesce, "only_forward": plan.forward, "only_newer": plan.newer}
    waits: dict[PartPath, object] = {("key",): plan.key, ("lanes",): list(plan.lanes), ("order",): str(plan.order)}
    for name, mark in marks.items():
        if mark is not None:
            waits |= {(name, field): value for field, value in asdict(mark).items()}
    return waits


def _changes(old: Mapping[PartPath, object], new: Mapping[PartPath, object]) -> tuple[PartChange, ...]:
    changes = []
    for part in dict.fromkeys([*old, *new]):
        was, now = old.get(part), new.get(part)
        kind = Kind.ADDED if part not in old else Kind.REMOVED if part not in new else Kind.CHANGED
        if kind is not Kind.CHANGED or was != now or type(was) is not type(now):
            changes.append(PartChange(part, kind, was, now))
    return tuple(changes)


def _pretty(request: Shown | None) -> list[str]:
    if request is None:
        return []
    return orjson.dumps(request, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode().split("\n")

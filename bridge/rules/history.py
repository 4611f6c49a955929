"""What a rule would have made of past events: how many it matches, and what it looks up that none of them has."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.expressions import RenderError
from bridge.expressions.lookups import Lookup, lookups
from bridge.expressions.paths import is_field_name, nearest, spelled
from bridge.model import DeliveryState
from bridge.rules.match import pattern_regex
from bridge.rules.plan import plan, with_variables
from bridge.rules.problem import Path
from bridge.rules.rule import Rule, Step
from bridge.rules.schema import RuleShape
from bridge.rules.texts import Text, texts

Scope = Mapping[str, object]

MAX_PATHS: Final = 500
"""How many keys of one event are looked at for one of a similar name."""
_ROOTS: Final = frozenset({"body", "parent", "parents", "fields", "headers", "query"})


@dataclass(frozen=True, slots=True)
class Tally:
    """How many past events a rule's `on` covers, for how many it would run, and how many of those are dead at once.

    A delivery is dead at once when its `if`, `key` or `recall` cannot be made.
    """

    covered: int
    matched: int
    dead: int


@dataclass(frozen=True, slots=True)
class NeverThere:
    """A look-up that found nothing in any of `checked` events. `similar`: a path that `occurs` of them have."""

    path: Path
    lookup: Lookup
    checked: int
    similar: str | None
    occurs: int


def covered(rule: Rule, scopes: Iterable[Scope]) -> list[Scope]:
    """The events that the rule's `on` covers."""
    patterns = [pattern_regex(pattern) for pattern in rule.patterns]
    return [scope for scope in scopes if any(pattern.fullmatch(_source_and_type(scope)) for pattern in patterns)]


def tally(rule: Rule, events: Sequence[Scope]) -> Tally:
    """What the rule makes of the events that its `on` covers."""
    planned = [plan(rule, scope) for scope in events]
    matched = [delivery for delivery in planned if delivery.state is not DeliveryState.SKIPPED]
    return Tally(len(events), len(matched), sum(delivery.death is not None for delivery in matched))


def never_there(shape: RuleShape, rule: Rule, events: Sequence[Scope]) -> Iterator[NeverThere]:
    """What the rule looks up that none of the events has for which it would look.

    What a template does without is told only when a path of a similar name occurs: then it is probably misspelled.

    Args:
        shape: the rule as written.
        rule: the same, compiled.
        events: those that its `on` covers.
    """
    matching = [scope for scope in events if _holds(rule, scope)]
    for text in texts(shape):
        concerned = _concerned(rule, text, events, matching)
        for lookup in _unique(lookups(text.source, bare=text.bare)):
            if not concerned or lookup.path[0] not in _ROOTS or any(lookup.finds(scope) for scope in concerned):
                continue
            similar, occurs = _similar(lookup.path, concerned)
            if similar is not None or not lookup.guarded:
                yield NeverThere(text.path, lookup, len(concerned), similar, occurs)


def _unique(found: Iterable[Lookup]) -> list[Lookup]:
    """Each path of a text once, where it stands first."""
    return list({each.path: each for each in reversed(tuple(found))}.values())[::-1]


def _concerned(rule: Rule, text: Text, events: Sequence[Scope], matching: Sequence[Scope]) -> Sequence[Scope]:
    """The events for which a text may be rendered."""
    if text.path[0] in {"if", "vars"}:
        return events
    if text.step is None or text.path[2] in {"if", "for_each"}:
        return matching
    step = rule.steps[text.step]
    return [scope for scope in matching if _may_run(rule, step, scope)]


def _may_run(rule: Rule, step: Step, scope: Scope) -> bool:
    """Whether the step's `if` may be true; one that looks at more than the event may always be."""
    if step.condition is None or not {read[0] for read in step.condition.reads} <= {*_ROOTS, "event", "vars"}:
        return True
    try:
        return step.condition.evaluate(with_variables(rule, scope))
    except RenderError:
        return False


def _holds(rule: Rule, scope: Scope) -> bool:
    try:
        return rule.condition is None or rule.condition.evaluate(with_variables(rule, scope))
    except RenderError:
        return False


def _source_and_type(scope: Scope) -> str:
    event = scope["event"]
    return f"{event['source']}/{event['type']}" if isinstance(event, Mapping) else ""


# --- a path of a similar name ------------------------------------------------------------------------------------


def _similar(path: Path, scopes: Sequence[Scope]) -> tuple[str | None, int]:
    """A path that occurs and was probably meant, and in how many events; only keys that look like names of fields."""
    for length in range(len(path) - 1, 0, -1):
        keys = Counter(key for scope in scopes for key in _keys(_at(scope, path[:length])))
        if keys:
            wanted = path[length]
            found = nearest(wanted, [key for key in keys if key != wanted]) if isinstance(wanted, str) else None
            if found is not None:
                whole = (*path[:length], found, *path[length + 1 :])
                occurs = sum(_at(scope, whole) is not None for scope in scopes)
                return (spelled(whole), occurs) if occurs else (spelled(whole[: length + 1]), keys[found])
            break
    return _elsewhere(path, scopes)


def _elsewhere(path: Path, scopes: Sequence[Scope]) -> tuple[str | None, int]:
    """A path with the same last key in another place below the same root."""
    places = Counter(
        found
        for scope in scopes
        for found in {*_paths(scope.get(str(path[0])), (path[0],))}
        if found[-1] == path[-1] and found != path
    )
    return (spelled(places.most_common(1)[0][0]), places.most_common(1)[0][1]) if places else (None, 0)


def _paths(value: object, path: Path) -> Iterator[Path]:
    """The paths of a value in breadth, through objects only, whose keys all look like names of fields."""
    level = [(path, value)]
    count = 0
    while level and count < MAX_PATHS:
        deeper: list[tuple[Path, object]] = []
        for at, inner in level:
            for key in _keys(inner):
                count += 1
                yield (*at, key)
                deeper.append(((*at, key), _at(inner, (key,))))
        level = deeper


def _keys(value: object) -> list[str]:
    """The keys of an object that may be shown: others can be a customer's number."""
    return [key for key in value if is_field_name(key)] if isinstance(value, Mapping) else []


def _at(value: object, path: Path) -> object:
    """What lies at a path, None when nothing does."""
    for step in path:
        try:
            value = value[step]  # type: ignore[index]  # whatever cannot be indexed has nothing there
        except (LookupError, TypeError, RenderError):
            return None
    return value

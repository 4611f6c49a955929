"""Two rules that write the same record twice. Every rule that matches runs, so none hides another by its order."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson

from bridge.expressions.demands import conflict, demands_of
from bridge.rules.match import pattern_regex
from bridge.rules.rule import Mode, Rule, Step
from bridge.rules.schema import RuleShape, StepShape

READS = frozenset({"GET", "HEAD"})
MOST_COMPARED = 30
"""Of more rules that make one call, only those with equal conditions are told: comparing takes each pair of them."""
_OF_EVENT = frozenset({"body", "parent", "parents", "fields", "event", "headers", "query", "item", "index"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule in use, as written and compiled."""

    shape: RuleShape
    rule: Rule


@dataclass(frozen=True, slots=True)
class Double:
    """For every event of `first`, `second` makes the same call too; positions are those of the candidates.

    `whole`: the rules are the same but for their names. `is_upsert`: the second call changes nothing.
    """

    first: int
    second: int
    step_of_first: int
    step_of_second: int
    whole: bool
    is_upsert: bool


def doubles(candidates: Sequence[Candidate]) -> Iterator[Double]:
    """Each rule that another one makes superfluous in part, once, with the first such call.

    Repeated upserts alone are not told: rules that do different things often begin with the same upsert.
    """
    told: dict[int, int] = {}
    for group in _same_calls(candidates):
        for position, step in group:
            others = ((each, its) for each, its in group if each != position and told.get(each) != position)
            found = (_double(candidates, position, *other, step, deep=len(group) <= MOST_COMPARED) for other in others)
            double = next((each for each in found if each is not None), None) if position not in told else None
            if double is not None:
                told[position] = double.first if double.second == position else double.second
                yield double


def _same_calls(candidates: Sequence[Candidate]) -> Iterator[list[tuple[int, int]]]:
    """(rule, step) of each call that is written out more than once, letter by letter."""
    groups: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for position, candidate in enumerate(candidates):
        if candidate.rule.mode is not Mode.LIVE:
            continue
        for index, step in enumerate(candidate.shape.steps):
            if candidate.rule.steps[index].operation.operation.request.method not in READS:
                call = [step.use, step.with_, step.for_each]
                groups[orjson.dumps(call, option=orjson.OPT_SORT_KEYS)].append((position, index))
    return (group for group in groups.values() if len(group) > 1)


def _double(
    candidates: Sequence[Candidate], position: int, other: int, its_step: int, step: int, *, deep: bool
) -> Double | None:
    """What the other rule does twice; of two that say the same the later one is told of, against the earlier."""
    mine, its = candidates[position], candidates[other]
    if not _covers(its, mine, deep=deep) or not _runs_too(mine, its, step, its_step):
        return None
    whole = _says(mine) == _says(its)
    is_upsert = mine.rule.steps[step].operation.operation.repeat == "upsert"
    if (is_upsert and not whole) or (whole and other > position):
        return None
    if whole:
        return Double(other, position, its_step, step, whole, is_upsert)
    return Double(position, other, step, its_step, whole, is_upsert)


def _says(candidate: Candidate) -> dict[str, object]:
    return candidate.shape.model_dump(exclude={"name"})


def _covers(outer: Candidate, inner: Candidate, *, deep: bool) -> bool:
    """Whether `outer` carries out a delivery for every event for which `inner` does.

    `deep`: conditions that are not written alike are compared, too.
    """
    if not deep and not _implied(outer.shape, inner.shape, deep=False):
        return False
    windows = ("coalesce", "only_forward", "only_newer")
    if any(getattr(outer.shape, name) not in {None, getattr(inner.shape, name)} for name in windows):
        return False
    # A `*` of the inner pattern can only be matched by a `*` of the outer one, which then matches all it stands for.
    patterns = [_regex(pattern) for pattern in outer.shape.on]
    if not all(any(pattern.fullmatch(each) for pattern in patterns) for each in inner.shape.on):
        return False
    return _implied(outer.shape, inner.shape, deep=deep)


_regex = lru_cache(maxsize=1024)(pattern_regex)


def _implied(outer: RuleShape, inner: RuleShape, *, deep: bool) -> bool:
    if outer.if_ is None:
        return True
    if inner.if_ is None or outer.vars != inner.vars:
        return False
    if outer.if_.strip() == inner.if_.strip():
        return True
    if not deep:
        return False
    holds, fails = demands_of(inner.if_, "if"), demands_of(outer.if_, "if", wanted=False)
    return holds is not None and fails is not None and conflict([holds, fails]) is not None


def _runs_too(one: Candidate, other: Candidate, index: int, other_index: int) -> bool:
    """Whether the other step runs, with the same parameters, whenever this one does."""
    mine, theirs = one.shape.steps[index], other.shape.steps[other_index]
    if theirs.if_ not in {None, mine.if_}:
        return False
    known = set(_OF_EVENT)
    if one.shape.vars == other.shape.vars:
        known.add("vars")
    if one.shape.recall == other.shape.recall:
        known.add("links")
    if _before(one, index) == _before(other, other_index):
        known.add("steps")
    return _roots(one.rule.steps[index]) <= known


def _before(candidate: Candidate, index: int) -> tuple[StepShape, ...]:
    return candidate.shape.steps[:index]


def _roots(step: Step) -> set[str]:
    """The names that a step's call depends on."""
    templates = [*step.paths.values(), *(each for each in (step.each, step.condition) if each is not None)]
    reads = step.given.reads.union(*(template.reads for template in templates))
    return {read[0] for read in reads}

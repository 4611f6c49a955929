"""Rules that can never match and steps that can never run, as far as that is certain."""

from collections.abc import Collection, Iterator, Sequence

from bridge.expressions import RenderError, Template
from bridge.expressions.demands import Alternatives, Conflict, conflict, demands_of, fact
from bridge.rules.match import pattern_regex
from bridge.rules.problem import Path, Problem
from bridge.rules.rule import Rule
from bridge.rules.schema import RuleShape, StepShape

RULE_IF = "the rule's `if`"
STEP_IF = "the step's `if`"
ON = "the rule's `on`"


def unreachable(shape: RuleShape, rule: Rule, sources: Collection[str]) -> Iterator[Problem]:
    """What of a rule nothing can ever reach. A rule that never matches is one problem, whatever its steps say.

    Args:
        shape: the rule as written.
        rule: the same, compiled.
        sources: the names of all configured sources.
    """
    known = [*_from_on(shape, sources)]
    own = _demands(shape.if_, RULE_IF)
    found = _constant(rule.condition) or conflict([*own, *known])
    if found is not None:
        yield _never_matches(shape, found)
        return
    for index, step in enumerate(shape.steps):
        results = [each for before in shape.steps[:index] for each in _from_results(before)]
        yield from _step(rule, index, step, [*own, *known, *results])


def _step(rule: Rule, index: int, step: StepShape, known: Sequence[Alternatives]) -> Iterator[Problem]:
    path: Path = ("steps", index)
    compiled = rule.steps[index]
    found = _constant(compiled.condition) or conflict([*_demands(step.if_, STEP_IF), *known])
    if found is not None:
        yield _never_runs(step, (*path, "if"), found)
    elif compiled.each is not None and compiled.each.constant and compiled.each.render({}) == []:
        yield Problem(
            "BR411",
            f"step `{step.id}` never runs",
            (*path, "for_each"),
            label="this list is always empty",
            helps=('take the step out, or read the list from the event: `for_each: "{{ body.items }}"`',),
        )


def _demands(source: str | None, origin: str) -> list[Alternatives]:
    found = demands_of(source, origin) if source is not None else None
    return [found] if found is not None else []


def _constant(condition: Template | None) -> Conflict | None:
    """A condition that looks nothing up, and is not true."""
    if condition is None or not condition.constant:
        return None
    try:
        return None if condition.evaluate({}) else Conflict()
    except RenderError:
        return Conflict()  # then every delivery is dead before its first step


def _from_on(shape: RuleShape, sources: Collection[str]) -> Iterator[Alternatives]:
    """What `on` says about `event.source` and `event.type`."""
    patterns = [pattern_regex(pattern) for pattern in shape.on]
    parts = [pattern.partition("/") for pattern in shape.on]
    covered = [source for source in sources if any(pattern_regex(name).fullmatch(source) for name, _, _ in parts)]
    if not covered:
        return  # reported as an unknown source
    yield fact(("event", "source"), ON, allowed=covered)
    types = [type_ for _, _, type_ in parts]
    if not any("*" in pattern for pattern in shape.on):
        yield fact(("event", "type"), ON, allowed=types)
        return

    def fits(type_: str) -> bool:
        return any(pattern.fullmatch(f"{source}/{type_}") for pattern in patterns for source in covered)

    yield fact(("event", "type"), ON, fits=fits)


def _from_results(step: StepShape) -> Iterator[Alternatives]:
    """What a step that is behind us surely says."""
    if step.for_each is not None:
        return
    if not step.catch:
        yield fact(("steps", step.id, "error"), f"step `{step.id}`, which catches nothing,", allowed=[None])
    if step.if_ is None:
        yield fact(("steps", step.id, "skipped"), f"step `{step.id}`, which has no `if`,", allowed=[False])


def _never_matches(shape: RuleShape, found: Conflict) -> Problem:
    message, label, notes = _words(f"rule `{shape.name}` can never match", found, RULE_IF)
    offset, length = _place(found, RULE_IF, shape.if_)
    help_ = "correct the `if`, or take the rule out of use with `enabled: false`"
    return Problem("BR410", message, ("if",), label, (help_,), notes, offset, length)


def _never_runs(step: StepShape, path: Path, found: Conflict) -> Problem:
    message, label, notes = _words(f"step `{step.id}` never runs", found, STEP_IF)
    offset, length = _place(found, STEP_IF, step.if_)
    return Problem("BR411", message, path, label, (_mend(found),), notes, offset, length)


def _words(headline: str, found: Conflict, own: str) -> tuple[str, str, tuple[str, ...]]:
    """(message, label, notes) of a conflict. No literal is shown: it may be a variable's value."""
    if not found.demands:
        return headline, "is never true", ()
    name = f"`{found.name}`" if found.name else "one value"
    others = list(dict.fromkeys(each.origin for each in found.demands if each.origin != own))
    if not others:
        return f"{headline}: its `if` asks for two things of {name} that exclude each other", "never true", ()
    verb = "settles" if len(others) == 1 else "settle"
    note = f"{' and '.join(others)} {verb} {name} otherwise"
    return f"{headline}: {name} is never what its `if` asks for", "never true here", (note,)


def _mend(found: Conflict) -> str:
    if any(demand.path is not None and demand.path[0] == "steps" for demand in found.demands):
        return "add `catch` to the earlier step if its failure shall not end the rule, or correct the `if`"
    return "correct the `if`, or take the step out"


def _place(found: Conflict, origin: str, source: str | None) -> tuple[int | None, int]:
    """Where in a text the last demand of a conflict stands."""
    mine = [demand for demand in found.demands if demand.origin == origin and demand.offset is not None]
    if not mine or source is None:
        return None, 1
    last = max(mine, key=lambda demand: demand.offset or 0)
    length = len(last.name) if last.name and source.startswith(last.name, last.offset or 0) else 1
    return last.offset, length

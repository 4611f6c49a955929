"""What of the rules no test has run: rules, steps, and conditions that gave the same in all tests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.rules.rule import Rule
from bridge.rules.testing.results import RulePath, Seen


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is not covered. `never` is what a condition never was; empty for rules and steps."""

    kind: Literal["rule", "step", "condition"]
    rule: str
    step: str | None
    path: RulePath
    never: Literal["", "true", "false"] = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many steps of all rules made a request in some test, and what is missing. Conditions are not counted."""

    steps: int
    called: int
    gaps: Sequence[Gap]

    @property
    def percent(self) -> float:
        """Of the steps; 100 when there are none."""
        return 100.0 if self.steps == 0 else 100 * self.called / self.steps


def coverage(rules: Mapping[str, Rule], seen: Iterable[Seen]) -> Coverage:
    """What the tests have covered of these rules."""
    all_seen = list(seen)
    met = frozenset[str]().union(*(each.rules for each in all_seen))
    called = frozenset[tuple[str, str]]().union(*(each.called for each in all_seen))
    conditions = frozenset[tuple[str, str | None, bool]]().union(*(each.conditions for each in all_seen))
    gaps = [gap for rule in rules.values() for gap in _gaps(rule, met, called, conditions)]
    steps = [(rule.name, step.id) for rule in rules.values() for step in rule.steps]
    return Coverage(len(steps), sum(step in called for step in steps), gaps)


def _gaps(
    rule: Rule,
    met: frozenset[str],
    called: frozenset[tuple[str, str]],
    conditions: frozenset[tuple[str, str | None, bool]],
) -> Iterable[Gap]:
    if rule.name not in met:
        yield Gap("rule", rule.name, None, ("name",))
        return
    if rule.condition is not None:
        yield from _one_sided(rule, None, ("if",), conditions)
    for index, step in enumerate(rule.steps):
        if (rule.name, step.id) not in called:
            yield Gap("step", rule.name, step.id, ("steps", index, "id"))
        elif step.condition is not None:
            yield from _one_sided(rule, step.id, ("steps", index, "if"), conditions)


def _one_sided(
    rule: Rule, step: str | None, path: RulePath, conditions: frozenset[tuple[str, str | None, bool]]
) -> Iterable[Gap]:
    was = {given for name, id_, given in conditions if (name, id_) == (rule.name, step)}
    if was == {True}:
        yield Gap("condition", rule.name, step, path, "false")
    elif was == {False}:
        yield Gap("condition", rule.name, step, path, "true")

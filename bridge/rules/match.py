"""Which rules an event concerns: `on` patterns and the first comparisons of each `if`, indexed.

The cost of finding the rules whose condition has to be evaluated does not grow with the number of rules.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.expressions import Clause, Key
from bridge.model import NewDelivery
from bridge.rules.plan import skipped
from bridge.rules.rule import Rule

CACHED_TYPES = 4096

Scope = Mapping[str, object]


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """`source/type` where `*` stands for any characters, dots and slashes included; case counts.

    The text before the first `/` is the source. Runs of `*` are folded, so that matching stays linear enough.
    """
    folded = re.sub(r"\*+", "*", pattern)
    return re.compile(".*".join(re.escape(part) for part in folded.split("*")), re.DOTALL)


@dataclass(slots=True)
class _Branch:
    """Rules whose conditions compare the same path next: which of them go on for which value."""

    clause: Clause
    by_key: dict[Key, "_Node"] = field(default_factory=dict)
    all: list[int] = field(default_factory=list)
    """Every rule below; when the path is missing, each of them tells for itself that this is an error."""


@dataclass(slots=True)
class _Node:
    """Rules for which all comparisons on the way here hold. `here` have no further one to look at."""

    here: list[int] = field(default_factory=list)
    branches: dict[tuple[str | int, ...], _Branch] = field(default_factory=dict)

    def add(self, position: int, clauses: Sequence[Clause]) -> None:
        if not clauses:
            self.here.append(position)
            return
        first = clauses[0]
        branch = self.branches.setdefault(first.path, _Branch(first))
        branch.all.append(position)
        for key in first.keys:
            branch.by_key.setdefault(key, _Node()).add(position, clauses[1:])

    def find(self, scope: Scope) -> Iterator[int]:
        yield from self.here
        for branch in self.branches.values():
            key = branch.clause.key(scope)
            if key is None:
                yield from branch.all
            elif (below := branch.by_key.get(key)) is not None:
                yield from below.find(scope)


class _Candidates:
    """The rules of one kind of event. Those that its first comparisons exclude are skipped without being evaluated."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._root = _Node()
        self._skipped = [skipped(rule) for rule in rules]
        for position, rule in enumerate(rules):
            self._root.add(position, rule.clauses)

    def find(self, scope: Scope) -> list[int]:
        """The positions of the rules whose `if` has to be evaluated, in order."""
        return sorted(self._root.find(scope))

    def plans(self, scope: Scope, plan: Callable[[Rule], NewDelivery]) -> list[NewDelivery]:
        """The delivery of each rule, in order."""
        deliveries = self._skipped.copy()
        for position in self.find(scope):
            deliveries[position] = plan(self.rules[position])
        return deliveries


class RuleIndex:
    """The rules of one configuration, asked by source and type. Remembers the answer for types it has seen."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, [pattern_regex(pattern) for pattern in rule.patterns]) for rule in rules]
        self._by_name = {rule.name: rule for rule in rules}
        self._seen: dict[tuple[str, str], _Candidates] = {}
        self._shared: dict[tuple[int, ...], _Candidates] = {}

    def rules_for(self, source: str, type_: str) -> tuple[Rule, ...]:
        """The rules whose `on` covers the event, in the order of the configuration."""
        return self._of(source, type_).rules

    def plans(self, source: str, type_: str, scope: Scope, plan: Callable[[Rule], NewDelivery]) -> list[NewDelivery]:
        """What every rule whose `on` covers the event makes of it, in the order of the configuration.

        Args:
            source: the event's source.
            type_: its type.
            scope: its names.
            plan: makes the delivery of a rule; not asked for rules that are skipped because of a first comparison
                in their `if`.
        """
        return self._of(source, type_).plans(scope, plan)

    def _of(self, source: str, type_: str) -> _Candidates:
        found = self._seen.get((source, type_))
        if found is None:
            name = f"{source}/{type_}"
            covering = tuple(
                position
                for position, (_, patterns) in enumerate(self._rules)
                if any(pattern.fullmatch(name) for pattern in patterns)
            )
            if len(self._seen) >= CACHED_TYPES:  # a sender that makes up types must not fill our memory
                self._seen.clear()
                self._shared.clear()
            found = self._shared.get(covering)
            if found is None:
                found = self._shared[covering] = _Candidates([self._rules[position][0] for position in covering])
            self._seen[source, type_] = found
        return found

    def by_name(self, name: str) -> Rule | None:
        """The rule of this name, or None when the configuration has it no more."""
        return self._by_name.get(name)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, in the order of the configuration."""
        return tuple(rule for rule, _ in self._rules)

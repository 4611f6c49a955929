"""Which rules an event concerns: `on` patterns, indexed so that the cost does not grow with the number of rules."""

import re
from collections.abc import Sequence

from bridge.rules.rule import Rule

CACHED_TYPES = 4096


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """`source/type` where `*` stands for any characters, dots and slashes included; case counts.

    The text before the first `/` is the source. Runs of `*` are folded, so that matching stays linear enough.
    """
    folded = re.sub(r"\*+", "*", pattern)
    return re.compile(".*".join(re.escape(part) for part in folded.split("*")), re.DOTALL)


class RuleIndex:
    """The rules of one configuration, asked by source and type. Remembers the answer for types it has seen."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(rule, [pattern_regex(pattern) for pattern in rule.patterns]) for rule in rules]
        self._by_name = {rule.name: rule for rule in rules}
        self._seen: dict[tuple[str, str], tuple[Rule, ...]] = {}

    def rules_for(self, source: str, type_: str) -> tuple[Rule, ...]:
        """The rules whose `on` covers the event, in the order of the configuration."""
        found = self._seen.get((source, type_))
        if found is None:
            name = f"{source}/{type_}"
            found = tuple(rule for rule, patterns in self._rules if any(p.fullmatch(name) for p in patterns))
            if len(self._seen) >= CACHED_TYPES:  # a sender that makes up types must not fill our memory
                self._seen.clear()
            self._seen[source, type_] = found
        return found

    def by_name(self, name: str) -> Rule | None:
        """The rule of this name, or None when the configuration has it no more."""
        return self._by_name.get(name)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, in the order of the configuration."""
        return tuple(rule for rule, _ in self._rules)

"""What is another one after a reload, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.configuration.model import Configuration


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of rules that came, changed or went, and of destinations that are not what they were."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    destinations: tuple[str, ...]

    @classmethod
    def between(cls, before: Configuration, after: Configuration) -> "Changes":
        """From one configuration to the next."""
        old = {rule.name: rule.revision for rule in before.rules.rules}
        new = {rule.name: rule.revision for rule in after.rules.rules}
        return cls(
            added=tuple(name for name in new if name not in old),
            changed=tuple(name for name in new if name in old and new[name] != old[name]),
            removed=tuple(name for name in old if name not in new),
            destinations=_different(before.destinations, after.destinations),
        )

    def to_json(self) -> dict[str, list[str]]:
        """For an answer, a log line, an audit entry."""
        return {
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "destinations": list(self.destinations),
        }


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(name for name in {**before, **after} if before.get(name) != after.get(name)))

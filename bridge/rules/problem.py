"""What is wrong with a rule, with its place inside the rule."""

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.diagnostics import suggest

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a rule. `path` is inside the rule; `offset` inside the scalar there, if known."""

    code: str
    message: str
    path: Path
    label: str = ""
    helps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    offset: int | None = None
    length: int = 1
    on_key: bool = False


def listed(names: Iterable[str]) -> str:
    """The names, sorted and quoted."""
    return ", ".join(f"`{name}`" for name in sorted(names))


def did_you_mean(name: str, choices: Iterable[str], prefix: str = "") -> tuple[str, ...]:
    """The help that names the nearest choice, or none."""
    nearest = suggest(name, choices)
    return (f"did you mean `{prefix}{nearest}`?",) if nearest else ()

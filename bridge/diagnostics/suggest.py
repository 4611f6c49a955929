"""Did you mean: the nearest known name."""

from collections.abc import Iterable
from difflib import SequenceMatcher

_CLOSE_ENOUGH = 0.7
_LONGEST = 100  # matching is quadratic, and nobody misspells a name of this length by accident


def suggest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like `name`, or None when none is close.

    Case does not count, nor does the difference between `-`, `_` and a space.
    """
    if len(name) > _LONGEST:
        return None
    scored = [(_likeness(name, choice), choice) for choice in sorted(set(choices)) if choice and choice != name]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
    return best[1] if best[0] >= _CLOSE_ENOUGH else None


def quoted_list(names: Iterable[str], *, most: int = 12) -> str:
    """Names for a note: "`a`, `b`, `c`", cut after `most`."""
    known = list(names)
    shown = ", ".join(f"`{name}`" for name in known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"


def _likeness(name: str, choice: str) -> float:
    left, right = _plain(name), _plain(choice)
    if left == right:
        return 1.0
    return SequenceMatcher(None, left, right, autojunk=False).ratio()


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")

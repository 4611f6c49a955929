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
    matcher = SequenceMatcher(None, "", _plain(name), autojunk=False)
    best, nearest = _CLOSE_ENOUGH, None
    for choice in sorted(set(choices)):
        if choice and choice != name:
            likeness = _likeness(matcher, _plain(choice), at_least=best)
            if likeness > best or (nearest is None and likeness == best):
                best, nearest = likeness, choice
    return nearest


def quoted_list(names: Iterable[str], *, most: int = 12) -> str:
    """Names for a note: "`a`, `b`, `c`", cut after `most`."""
    known = list(names)
    shown = ", ".join(f"`{name}`" for name in known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"


def _likeness(matcher: "SequenceMatcher[str]", choice: str, *, at_least: float) -> float:
    """How like the matcher's second text the choice is, 0 to 1; 0 as soon as it cannot be `at_least` so."""
    matcher.set_seq1(choice)
    bounds = (matcher.real_quick_ratio, matcher.quick_ratio)  # cheap, and never less than the ratio
    return matcher.ratio() if all(bound() >= at_least for bound in bounds) else 0.0


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")

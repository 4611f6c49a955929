"""Texts that were meant as templates and are none, because their braces are missing or broken."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from bridge.expressions.filters import REGISTRY
from bridge.rules.problem import Path, Problem
from bridge.rules.schema import RuleShape

_LOOK_UP: Final = re.compile(
    r"(?P<root>fields|body|event|headers|query|links|steps|vars|parents|parent|item)(?:\.[A-Za-z_]\w*|\[[^\]\s]+\])+"
    r"\s*(?:\|\s*(?P<filter>[a-z]\w*)\b[^{}]*)?",
    re.DOTALL,
)
_IN_THE_MIDST: Final = re.compile(rf"(?<![{{$])\{{\s*(?P<inside>{_LOOK_UP.pattern})\s*\}}(?!\}})", re.DOTALL)
_OURS: Final = frozenset({"body", "fields", "headers", "links", "steps", "vars"})
"""Words that begin no text of a CRM: `event.created` may well be meant as it stands, `links.ticket` is not."""


def without_braces(shape: RuleShape) -> Iterator[Problem]:
    """What looks something up in its author's eyes, and is the same text for every event.

    Args:
        shape: the rule as written; `if` and `for_each` need no braces.
    """
    for path, text in _names(shape):
        yield from _problem(path, text, is_name=True)
    for path, value in (
        (("vars",), shape.vars),
        *((("steps", index, "with"), step.with_) for index, step in enumerate(shape.steps)),
    ):
        for where, text in _texts(value, path):
            yield from _problem(where, text, is_name=False)


def _names(shape: RuleShape) -> Iterator[tuple[Path, str]]:
    """The texts that tell one event, customer or record from another; a constant is hardly ever meant there."""
    if shape.key is not None:
        yield ("key",), shape.key
    for name in ("coalesce", "only_forward", "only_newer"):
        by = getattr(getattr(shape, name), "by", None)
        if isinstance(by, str):
            yield (name, "by"), by
    yield from _texts(shape.recall, ("recall",))
    for index, step in enumerate(shape.steps):
        yield from _texts(step.remember, ("steps", index, "remember"))


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _problem(path: Path, text: str, *, is_name: bool) -> Iterator[Problem]:
    inside = text.strip().strip("{}").strip()
    found = _LOOK_UP.fullmatch(inside) if "{{" not in text else None
    if found is None:
        yield from _in_the_midst(path, text)
        return
    has_braces = inside != text.strip()
    if is_name or has_braces or found["root"] in _OURS or found["filter"] in REGISTRY:
        yield Problem(
            "BR414",
            "this looks like a template, but is plain text",
            path,
            label="the same for every event",
            notes=("a template stands between `{{` and `}}`, each of them two braces",),
            helps=(f'write `"{{{{ {inside} }}}}"`',) if "\n" not in inside and '"' not in inside else (),
        )


def _in_the_midst(path: Path, text: str) -> Iterator[Problem]:
    """A look-up in single braces, with other text around it: `/orders/{body.id}`."""
    found = _IN_THE_MIDST.search(text)
    if found is not None:
        yield Problem(
            "BR414",
            f"`{found.group()}` looks like a template, but is plain text",
            path,
            label="the same for every event",
            notes=("a template stands between `{{` and `}}`, each of them two braces",),
            helps=(f"write `{{{{ {found['inside'].strip()} }}}}` in its place",),
            offset=found.start(),
            length=len(found.group()),
        )

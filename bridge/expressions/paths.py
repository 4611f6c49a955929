"""Look-ups: `a.b.c`, `a['b-c']`, `a.0`. Keys of objects and indexes of lists only, never attributes of Python.

A look-up that finds nothing gives `Missing`. Its help may name a similar key, but only one that is evidently the
name of a field: keys can be data too (`{"918856879188": …}`), and data is never shown.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeGuard

from bridge.diagnostics.suggest import suggest
from bridge.expressions.values import Missing, kind_of

Scope = Mapping[str, object]
"""What the names of a template stand for: JSON-like data by root name."""

Evaluate = Callable[[Scope], object]
"""A compiled expression."""

_ABSENT: Final = object()
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]{1,9}")
_MOST_KEYS = 200
_QUICK_STEPS: Final = 3


def spelled(steps: Iterable[str | int | None]) -> str:
    """A path as its author would write it; None is a computed step, which is shown as `[…]`."""
    text = ""
    for step in steps:
        if step is None:
            text += "[…]"
        elif text and isinstance(step, str) and not _PLAIN_KEY.fullmatch(step):
            text += f"['{step}']"
        else:
            text += f".{step}" if text else str(step)
    return text


def is_field_name(key: object) -> TypeGuard[str]:
    """Whether a key is evidently the name of a field, so that it may be shown."""
    return isinstance(key, str) and _FIELD_NAME.fullmatch(key) is not None


def nearest(word: str, known: Collection[object]) -> str | None:
    """The most similar name among the keys of an event, when one is similar and looks like the name of a field."""
    return suggest(word, [name for name in list(known)[:_MOST_KEYS] if is_field_name(name)])


def static_path(root: str, steps: tuple[str | int, ...], offset: int) -> Evaluate:
    """A look-up whose whole path is written in the template."""

    def look_up(scope: Scope) -> object:
        value = scope.get(root, _ABSENT)
        if value is _ABSENT:
            return _missing(scope, (), root, offset)
        for position, step in enumerate(steps):
            found = value.get(step, _ABSENT) if type(value) is dict else _step(value, step)
            if found is _ABSENT and type(step) is int:
                found = _step(value, step)
            if found is _ABSENT:
                return _missing(value, (root, *steps[:position]), step, offset)
            value = found
        return value

    return _quickly(root, steps, look_up)


def _quickly(root: str, steps: tuple[str | int, ...], otherwise: Evaluate) -> Evaluate:
    """The look-up of one to three keys in objects that all have them; `otherwise` finds out about anything else.

    An index with a text works on objects only, so nothing can be found here that the careful way would not find.
    """
    if not all(type(step) is str for step in steps) or not 1 <= len(steps) <= _QUICK_STEPS:
        return otherwise
    first, second, third = (*steps, None, None)[:_QUICK_STEPS]

    def one(scope: Any) -> object:
        try:
            return scope[root][first]
        except (KeyError, TypeError):
            return otherwise(scope)

    def two(scope: Any) -> object:
        try:
            return scope[root][first][second]
        except (KeyError, TypeError):
            return otherwise(scope)

    def three(scope: Any) -> object:
        try:
            return scope[root][first][second][third]
        except (KeyError, TypeError):
            return otherwise(scope)

    return (one, two, three)[len(steps) - 1]


def computed_step(base: Evaluate, key: Evaluate, walked: tuple[str | int | None, ...], offset: int) -> Evaluate:
    """A look-up whose last step is computed: `a[b]`. `key` must give text or a whole number."""

    def look_up(scope: Scope) -> object:
        value = base(scope)
        if type(value) is Missing:
            return value
        step = key(scope)
        if type(step) is Missing:
            return step
        found = _step(value, step)
        return _missing(value, walked, None, offset) if found is _ABSENT else found

    return look_up


def further_step(base: Evaluate, step: str | int, walked: tuple[str | int | None, ...], offset: int) -> Evaluate:
    """A look-up in something that is not a plain path, such as the result of a filter."""

    def look_up(scope: Scope) -> object:
        value = base(scope)
        if type(value) is Missing:
            return value
        found = _step(value, step)
        return _missing(value, walked, step, offset) if found is _ABSENT else found

    return look_up


def _step(value: object, step: object) -> object:
    if isinstance(value, Mapping):
        if isinstance(step, str):
            return value.get(step, _ABSENT)
        return value.get(str(step), _ABSENT) if type(step) is int else _ABSENT
    if isinstance(value, list | tuple) and type(step) is int and -len(value) <= step < len(value):
        item: object = value[step]
        return item
    return _ABSENT


def _missing(container: object, walked: tuple[str | int | None, ...], step: str | int | None, offset: int) -> Missing:
    name = spelled((*walked, step))
    return Missing(f"`{name}` is missing", partial(_mend, container, walked, step), name=name, offset=offset)


def _mend(container: object, walked: tuple[str | int | None, ...], step: str | int | None) -> str:
    otherwise = "add `| default(…)` if it may be absent"
    parent = spelled(walked)
    if isinstance(container, Mapping):
        similar = nearest(step, container.keys()) if isinstance(step, str) else None
        return f"did you mean `{spelled((*walked, similar))}`?" if similar else otherwise
    if isinstance(container, list | tuple):
        return f"`{parent}` is a list of {len(container)}; its first item is `{parent}.0`; or {otherwise}"
    return f"`{parent}` is {kind_of(container)}, which has no fields; {otherwise}"

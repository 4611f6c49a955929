"""Why a condition says what it says about one event: each of its parts, evaluated, with the values it looked at.

For the operator who asked for this event at his terminal. Values are his customers' data and must not go into a log;
what is named like a credential is masked here already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.connectors.request import MASK, is_secret_header
from bridge.diagnostics.source import is_secret_name
from bridge.expressions import Outline, RenderError, Template, spelled

__all__ = ["Judged", "Looked", "Verdict", "concealed", "deciding", "judge"]

Scope = Mapping[str, object]


class Verdict(StrEnum):
    """What a part of a condition says. `error`: it cannot be evaluated."""

    YES = "yes"
    NO = "no"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Looked:
    """A path that was looked up, and what stands there; `missing` when nothing does."""

    name: str
    value: object
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A condition, or a part of it: `length` characters of its text from `offset` on.

    `joint` says how the `parts` belong together (`and`, `or`, `not`). `reached` is false for what the language does
    not look at any more, because a part before it has decided. `error` and `mend` are set with the verdict `error`.
    """

    offset: int
    length: int
    text: str
    verdict: Verdict
    joint: str | None = None
    parts: tuple["Judged", ...] = ()
    values: tuple[Looked, ...] = ()
    error: str | None = None
    mend: str | None = None
    reached: bool = True


def judge(condition: Template, scope: Scope) -> Judged:
    """What every part of a condition says about an event.

    Args:
        condition: what `compile_expression` gave.
        scope: the names that it sees.
    """
    if condition.outline is None:
        raise TypeError("only a condition can be taken apart")
    return _judged(condition.outline(), condition.source, scope)


def deciding(judged: Judged) -> list[Judged]:
    """The smallest parts that made the condition say what it says: the clause that said no, or all sides of an `or`."""
    if not judged.parts:
        return [judged]
    alike = [part for part in judged.parts if part.reached and _decides(judged, part)]
    return [found for part in alike for found in deciding(part)]


def concealed(value: object, name: str = "") -> object:
    """The value as a person may see it: what is named like a credential is a mask, however deep it lies."""
    if is_secret_name(name) and value is not None:
        return MASK
    if isinstance(value, Mapping):
        return {key: concealed(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [concealed(item) for item in value]
    return value


def _decides(whole: Judged, part: Judged) -> bool:
    return whole.joint == "not" or part.verdict is whole.verdict


def _judged(part: Outline, source: str, scope: Scope) -> Judged:
    text = source[part.offset : part.offset + part.length]
    if not part.joint:
        return _clause(part, text, scope)
    parts = tuple(_judged(inner, source, scope) for inner in part.parts)
    if part.joint == "not":
        [inner] = parts
        verdict = {Verdict.YES: Verdict.NO, Verdict.NO: Verdict.YES}.get(inner.verdict, Verdict.ERROR)
        return Judged(part.offset, part.length, text, verdict, "not", parts, error=inner.error, mend=inner.mend)
    goes_on = Verdict.YES if part.joint == "and" else Verdict.NO
    last = next((index for index, each in enumerate(parts) if each.verdict is not goes_on), len(parts) - 1)
    parts = tuple(each if index <= last else _unreached(each) for index, each in enumerate(parts))
    end = parts[last]
    return Judged(part.offset, part.length, text, end.verdict, part.joint, parts, error=end.error, mend=end.mend)


def _unreached(part: Judged) -> Judged:
    return replace(part, reached=False, parts=tuple(_unreached(inner) for inner in part.parts))


def _clause(part: Outline, text: str, scope: Scope) -> Judged:
    values = _looked_at(part.template, text, scope)
    try:
        verdict = Verdict.YES if part.template.evaluate(scope) else Verdict.NO
    except RenderError as error:
        return Judged(
            part.offset, part.length, text, Verdict.ERROR, values=values, error=error.message, mend=error.help
        )
    return Judged(part.offset, part.length, text, verdict, values=values)


def _looked_at(template: Template, text: str, scope: Scope) -> tuple[Looked, ...]:
    """What its look-ups find, in the order in which the text names them."""
    found = [(spelled(path), path) for path in template.reads]
    in_order = sorted(found, key=lambda each: (_position(text, each[0]), each[0]))
    return tuple(_look(name, path, scope) for name, path in in_order)


def _position(text: str, name: str) -> int:
    at = text.find(name)
    return at if at >= 0 else len(text)


def _look(name: str, path: Sequence[str], scope: Scope) -> Looked:
    value: object = scope
    for step in path:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return Looked(name, None, missing=True)
    return Looked(name, _concealed_at(path, value))


def _concealed_at(path: Sequence[str], value: object) -> object:
    """A value by its whole path; of headers and the query also what only looks like a credential."""
    if path[0] in {"headers", "query"}:
        if any(is_secret_header(step) for step in path[1:]):
            return MASK
        if isinstance(value, Mapping):
            return {key: MASK if is_secret_header(str(key)) else item for key, item in value.items()}
        return value
    for step in path:
        value = concealed(value, step)
    return value

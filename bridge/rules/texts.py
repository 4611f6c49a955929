"""All texts of a rule that are templates, with their places, for those who look at what a rule says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bridge.rules.problem import Path
from bridge.rules.schema import RuleShape, StepShape


@dataclass(frozen=True, slots=True)
class Text:
    """A template as written. `bare`: an expression without braces. `step`: its step's position, None for the rule's."""

    path: Path
    source: str
    bare: bool = False
    step: int | None = None


def texts(shape: RuleShape) -> Iterator[Text]:
    """Every text of the rule, in the order in which they are rendered."""
    yield from _tree(("vars",), shape.vars)
    if shape.if_ is not None:
        yield Text(("if",), shape.if_, bare=True)
    if shape.key is not None:
        yield Text(("key",), shape.key)
    yield from _tree(("recall",), shape.recall)
    for name in ("coalesce", "only_forward", "only_newer"):
        window = getattr(shape, name)
        if window is not None:
            yield from _tree((name,), {key: getattr(window, key, None) for key in ("by", "time")})
    for index, step in enumerate(shape.steps):
        yield from _of_step(index, step)


def _of_step(index: int, step: StepShape) -> Iterator[Text]:
    path: Path = ("steps", index)
    if step.for_each is not None:
        yield Text((*path, "for_each"), step.for_each, bare=True, step=index)
    if step.if_ is not None:
        yield Text((*path, "if"), step.if_, bare=True, step=index)
    yield from _tree((*path, "with"), step.with_, step=index)
    yield from _tree((*path, "remember"), step.remember, step=index)


def _tree(path: Path, value: object, *, step: int | None = None) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(path, value, step=step)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _tree((*path, str(key)), inner, step=step)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _tree((*path, index), inner, step=step)

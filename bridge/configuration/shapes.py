"""Validating a piece of YAML without stopping at its first mistake.

A rule with an unknown key usually has other mistakes too. What pydantic refuses is reported, then taken out (or, for a
misspelled key, put under the name that was meant), so that the rest can be looked at in the same run. The result is
only good for looking: a configuration with any error is never used.
"""

import copy
from collections.abc import Collection
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from bridge.configuration.report import Path, Report
from bridge.diagnostics import Document, Finding, from_validation_error, suggest
from bridge.diagnostics.keys import keys_at

Model = TypeVar("Model", bound=BaseModel)

_UNKNOWN = "extra_forbidden"
_MISSING = "missing"


class Validated(NamedTuple, Generic[Model]):
    """`shape` is None when nothing can be made of the data; `complete` is false when something was taken out."""

    shape: Model | None
    complete: bool


def validate(
    report: Report,
    document: Document,
    model: type[Model],
    data: object,
    *,
    at: Path = (),
    droppable: Collection[str] = (),
) -> Validated[Model]:
    """Validate `data`, report everything wrong with it, and make the best of the rest.

    Args:
        report: takes the findings.
        document: where the data was read from.
        model: what it must be.
        data: variables resolved.
        at: where in the document it stands.
        droppable: keys whose value may be left out when it does not fit. Not among them are keys that other parts
            refer to: without those, the rest would only earn findings that are not its fault.
    """
    try:
        return Validated(model.model_validate(data), complete=True)
    except ValidationError as error:
        report.findings += _findings(document, error, model, at)
        repaired = _repaired(data, error, model, droppable)
    if repaired is None:
        return Validated(None, complete=False)
    try:
        return Validated(model.model_validate(repaired), complete=False)
    except ValidationError:
        return Validated(None, complete=False)


def _findings(document: Document, error: ValidationError, model: type[BaseModel], at: Path) -> list[Finding]:
    """What pydantic refused, without "too short" for a list whose entries were refused one by one."""
    locs = [(item["type"], tuple(item["loc"])) for item in error.errors(include_url=False, include_input=False)]
    echoes = [
        document.place_of((*at, *loc))
        for kind, loc in locs
        if kind == "too_short" and any(len(other) > len(loc) and other[: len(loc)] == loc for _, other in locs)
    ]
    found = from_validation_error(document, error, model=model, at=at)
    return [finding for finding in found if finding.code != "BR104" or finding.place not in echoes]


def _repaired(
    data: object, error: ValidationError, model: type[BaseModel], droppable: Collection[str]
) -> object | None:
    """A copy of the data without what was refused; None when too little would be left."""
    changed = copy.deepcopy(data)
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        loc = tuple(item["loc"])
        if item["type"] == _UNKNOWN:
            _rename_or_drop(changed, loc, keys_at(model, loc[:-1]))
        elif item["type"] != _MISSING and not _drop(changed, loc, droppable):
            return None
    return changed


def _rename_or_drop(data: object, loc: tuple[str | int, ...], known: Collection[str]) -> None:
    parent = _inside(data, loc[:-1])
    if not isinstance(parent, dict):
        return
    value = parent.pop(loc[-1], None)
    meant = suggest(str(loc[-1]), known)
    if meant is not None:
        parent.setdefault(meant, value)


def _drop(data: object, loc: tuple[str | int, ...], droppable: Collection[str]) -> bool:
    """Take out the innermost droppable key on the way to `loc`."""
    for length in range(len(loc), 0, -1):
        parent = _inside(data, loc[: length - 1])
        if loc[length - 1] in droppable and isinstance(parent, dict):
            parent.pop(loc[length - 1], None)
            return True
    return False


def _inside(data: object, loc: tuple[str | int, ...]) -> object:
    value: Any = data
    for part in loc:
        try:
            value = value[part]
        except (LookupError, TypeError):  # a union's tag stands nowhere in the data
            return None
    return value

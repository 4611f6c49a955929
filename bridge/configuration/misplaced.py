"""Parameters of an operation that stand beside a step's `with` instead of in it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bridge.configuration.report import Path, Report
from bridge.connectors.library import CompiledConnector
from bridge.diagnostics import Document
from bridge.rules.schema import StepShape

_KEYS = frozenset(field.alias or name for name, field in StepShape.model_fields.items())

Entry = Mapping[str, object]


class _Misplaced(NamedTuple):
    step: int
    key: str
    use: str


def put_back(
    report: Report, document: Document, entry: Entry, at: Path, connectors: Mapping[str, CompiledConnector]
) -> Entry:
    """The rule as its author meant it, every misplaced parameter reported once; the rule itself when none is.

    Args:
        report: takes the findings.
        document: where the rule was read from.
        entry: the rule, variables resolved.
        at: where in the document it stands.
        connectors: the connector of every destination.
    """
    steps = entry.get("steps")
    if not isinstance(steps, list):
        return entry
    found = [each for index, step in enumerate(steps) for each in _misplaced(index, step, connectors)]
    if not found:
        return entry
    meant = [dict(step) if isinstance(step, dict) else step for step in steps]
    for step, key, use in found:
        report.add(
            "BR102",
            f"`{key}` stands beside the step's `with`, not in it",
            document.place_of((*at, "steps", step, key), key=True),
            label="one level too high",
            notes=(f"`{key}` is a parameter of `{use}`",),
            helps=("indent it below `with`",),
        )
        meant[step]["with"] = {key: meant[step].pop(key), **(meant[step].get("with") or {})}
    return {**entry, "steps": meant}


def _misplaced(index: int, step: object, connectors: Mapping[str, CompiledConnector]) -> Iterator[_Misplaced]:
    if not isinstance(step, dict) or not isinstance(step.get("with") or {}, dict):
        return
    use = str(step.get("use"))
    destination, _, name = use.partition(".")
    operation = connectors[destination].operations.get(name) if destination in connectors else None
    if operation is not None:
        yield from (
            _Misplaced(index, key, use) for key in step if key not in _KEYS and key in operation.operation.params
        )

"""The rules of a configuration: from files, globs and lists in place to compiled rules, every finding in its place."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from pydantic import BaseModel, ConfigDict, Field

from bridge.configuration.across import Placed, check_links, check_names, check_sources
from bridge.configuration.inputs import MAGIC, TEST_SUFFIX, is_file, is_folder, is_test, matching
from bridge.configuration.misplaced import put_back
from bridge.configuration.report import Path, Report, shown
from bridge.configuration.shape import Section
from bridge.configuration.shapes import validate
from bridge.configuration.tables import Tables, load_tables, merged
from bridge.connectors.library import CompiledConnector
from bridge.diagnostics import Document, Place, suggest
from bridge.rules.compile import Problem, compile_rule
from bridge.rules.match import pattern_regex
from bridge.rules.schema import NAME_PATTERN, RuleShape
from bridge.sources import Source

# What else a rule says can be judged without these; without the others, the rest would be reported for nothing.
_DROPPABLE = (
    "enabled",
    "order",
    "order_hold",
    "coalesce",
    "only_forward",
    "only_newer",
    "mode",
    "retry",
    "if",
    "catch",
    "timeout",
)


class RulesFileShape(BaseModel):
    """A file of rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tables: Section = Field(default_factory=dict)
    """name -> lookup table for the rules of this file, in place or `{file: table.csv}`."""
    rules: list[object]
    """The rules, in any order: each event is offered to all of them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules may refer to.

    `sources` and `connectors` (by destination) hold what is right; `source_names` and `destination_names` also name
    what is defined but wrong, so that its mistake is not reported a second time with every rule that uses it.
    """

    sources: Mapping[str, Source]
    source_names: Sequence[str]
    connectors: Mapping[str, CompiledConnector]
    destination_names: Sequence[str]
    tables: Tables = field(default_factory=dict)
    """The lookup tables of all rules; a file of rules may add its own."""


@dataclass(slots=True)
class _Reading:
    """The state of reading all rules. `complete` turns false when a rule could not be read at all."""

    report: Report
    document: Document
    around: Surroundings
    placed: list[Placed] = field(default_factory=list)
    files: set[FilePath] = field(default_factory=set)
    complete: bool = True


def load_rules(report: Report, document: Document, entries: Sequence[object], around: Surroundings) -> list[Placed]:
    """All rules that could be read, in order and with their places; what is wrong is in the report.

    Args:
        report: takes the findings.
        document: the configuration file.
        entries: what stands under `rules:`: files, globs, rules in place.
        around: what the rules may refer to.
    """
    reading = _Reading(report, document, around)
    for index, entry in enumerate(entries):
        at: Path = ("rules", index) if document.has(("rules", index)) else ("rules",)
        _entry(reading, entry, at)
    check_names(report, reading.placed)
    check_sources(report, reading.placed, around.sources, around.source_names)
    check_links(report, reading.placed, complete=reading.complete)
    return reading.placed


def load_excerpt(report: Report, document: Document, data: object, around: Surroundings) -> list[Placed]:
    """As :func:`load_rules`, of a part of a rules file. What it recalls may be remembered by rules outside of it."""
    entries = data.get("rules") if isinstance(data, dict) else data
    within: Path = ("rules",) if isinstance(data, dict) else ()
    if isinstance(data, dict) and isinstance(data.get("tables"), dict):
        own = load_tables(report, document, data["tables"])
        around = replace(around, tables=merged(report, document, around.tables, own))
    reading = _Reading(report, document, around, complete=False)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        _entry(reading, entry, (*within, index))
    check_names(report, reading.placed)
    check_sources(report, reading.placed, around.sources, around.source_names)
    check_links(report, reading.placed, complete=False)
    return reading.placed


def _entry(reading: _Reading, entry: object, at: Path) -> None:
    if isinstance(entry, dict):
        _rule(reading, reading.document, entry, at, reading.around.tables)
    elif isinstance(entry, str) and entry.strip():
        if at not in reading.document.unresolved:
            for path in _files(reading, entry, at):
                _file(reading, path)
    else:
        _refuse_entry(reading, reading.document, at, "under `rules` stand files or rules", "write `config/rules.yaml`")


def _refuse_entry(reading: _Reading, document: Document, at: Path, message: str, mend: str) -> None:
    reading.complete = False
    reading.report.add("BR104", message, document.place_of(at), helps=(mend,))


# --- files -----------------------------------------------------------------------------------------------------


def _files(reading: _Reading, pattern: str, at: Path) -> list[FilePath]:
    """The files that an entry means, without those that another entry meant already."""
    base = reading.report.base_dir
    if MAGIC.search(pattern):
        found: Sequence[FilePath] | None = matching(base, pattern)
        reading.report.inputs.note_pattern(base, pattern, tuple(found or ()))
    else:
        reading.report.inputs.note(base / pattern)
        found = _named(reading, base / pattern, pattern, at)
    if found is None:
        return []
    if not found:
        _no_match(reading, pattern, at)
    new = [path for path in found if path.resolve() not in reading.files]
    reading.files.update(path.resolve() for path in new)
    return new


def _named(reading: _Reading, path: FilePath, name: str, at: Path) -> list[FilePath] | None:
    """The one file of this name, or None and a finding at the line that names it."""
    if is_test(path):
        message, mend = f"`{name}` holds tests of rules, not rules", "take the line out: `*.test.yaml` is never loaded"
    elif not is_file(path):
        what = "is a folder" if is_folder(path) else "does not exist"
        nearest = suggest(path.name, _siblings(path))
        message = f"the file of rules `{name}` {what}"
        mend = f"did you mean `{FilePath(name).with_name(nearest)}`?" if nearest else "correct the path"
    else:
        return [path]
    reading.complete = False
    reading.report.add(
        "BR208",
        message,
        reading.document.place_of(at),
        label="named here",
        notes=(f"relative paths start at the folder of {reading.document.name}",),
        helps=(mend,),
    )
    return None


def _siblings(path: FilePath) -> list[str]:
    try:
        return [sibling.name for sibling in path.parent.iterdir() if sibling.suffix == ".yaml" and not is_test(sibling)]
    except (OSError, ValueError):
        return []


def _no_match(reading: _Reading, pattern: str, at: Path) -> None:
    base = reading.report.base_dir
    reading.complete = False
    reading.report.add(
        "BR208",
        f"no file matches `{pattern}`",
        reading.document.place_of(at),
        notes=(f"looked below {shown(base, base)}; `*{TEST_SUFFIX}` files never count",),
        helps=("correct the path, or take the line out",),
    )


def _file(reading: _Reading, path: FilePath) -> None:
    opened = reading.report.open(path)
    if opened is None:
        reading.complete = False
        return
    document, data = opened
    shape = validate(reading.report, document, RulesFileShape, data, droppable=("tables",)).shape
    if shape is None:
        reading.complete = False
        return
    own = load_tables(reading.report, document, shape.tables)
    tables = merged(reading.report, document, reading.around.tables, own)
    for index, entry in enumerate(shape.rules):
        at: Path = ("rules", index)
        if isinstance(entry, dict):
            _rule(reading, document, entry, at, tables)
        else:
            _refuse_entry(reading, document, at, "this is no rule", "a rule begins with `- name: …`")


# --- one rule --------------------------------------------------------------------------------------------------


def _rule(reading: _Reading, document: Document, entry: Mapping[str, object], at: Path, tables: Tables) -> None:
    before = len(reading.report.findings)
    meant = put_back(reading.report, document, entry, at, reading.around.connectors)
    shape, complete = validate(reading.report, document, RuleShape, meant, at=at, droppable=_DROPPABLE)
    complete = complete and meant is entry
    _name_the_rule(reading.report, before, entry.get("name"))
    if shape is None:
        reading.complete = False
        return
    rule, problems = compile_rule(
        shape,
        reading.around.connectors,
        fields=_names(shape, reading.around, lambda source: source.field_names),
        parents=_names(shape, reading.around, lambda source: source.parent_names),
        tables=tables,
        condition_text=_condition_text(document, (*at, "if")),
    )
    for problem in problems:
        if not _is_told_already(problem, shape, reading.around):
            _report_problem(reading.report, document, at, shape.name, problem)
    reading.placed.append(Placed(shape, document, at, rule if complete else None))


def _condition_text(document: Document, at: Path) -> str | None:
    """The text of a condition as the file has it: a variable in it may stand for a secret."""
    written = document.value(at) if document.has(at) else None
    return written if isinstance(written, str) else None


def _name_the_rule(report: Report, before: int, name: object) -> None:
    """Say in the findings since `before` which rule they are in."""
    if isinstance(name, str) and re.fullmatch(NAME_PATTERN, name):
        added = report.findings[before:]
        report.findings[before:] = [replace(each, notes=(f"rule `{name}`", *each.notes)) for each in added]


def _names(shape: RuleShape, around: Surroundings, of: Callable[[Source], frozenset[str]]) -> frozenset[str] | None:
    """Names that all sources together have that the rule listens to; None when one of them is not known."""
    patterns = [pattern_regex(pattern.partition("/")[0]) for pattern in shape.on]
    named = {name for name in around.source_names if any(pattern.fullmatch(name) for pattern in patterns)}
    if not named or not named <= set(around.sources):
        return None
    return frozenset().union(*(of(around.sources[name]) for name in named))


def _is_told_already(problem: Problem, shape: RuleShape, around: Surroundings) -> bool:
    """Whether the step's destination is defined, but wrong: that is reported where it is defined."""
    if problem.code != "BR201" or len(problem.path) < 2 or not isinstance(problem.path[1], int):  # noqa: PLR2004 - ("steps", index, …)
        return False
    return shape.steps[problem.path[1]].use.partition(".")[0] in around.destination_names


def _report_problem(report: Report, document: Document, at: Path, rule: str, problem: Problem) -> None:
    path = (*at, *problem.path)
    if path in document.unresolved:
        return
    if problem.offset is not None and not problem.on_key:
        place = Place(document.name, document.span_inside(path, problem.offset, problem.length))
    else:
        place = document.place_of(path, key=problem.on_key)
    report.add(
        problem.code,
        problem.message,
        place,
        label=problem.label,
        notes=(f"rule `{rule}`", *problem.notes),
        helps=problem.helps,
    )

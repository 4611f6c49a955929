"""The rules of a configuration: from files, globs and lists in place to one index, with every finding in its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from pydantic import BaseModel, ConfigDict, ValidationError

from bridge.configuration.report import Path, Report, shown
from bridge.connectors.library import CompiledConnector
from bridge.diagnostics import Document, Place, Severity, from_validation_error, quoted_list, suggest
from bridge.rules.compile import Problem, compile_rule
from bridge.rules.match import pattern_regex
from bridge.rules.rule import Rule
from bridge.rules.schema import RuleShape
from bridge.sources import Source

_GLOB = re.compile(r"[*?\[]")
TEST_SUFFIX = ".test.yaml"


class RulesFileShape(BaseModel):
    """A file of rules: one key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule with the place it was read from."""

    shape: RuleShape
    document: Document
    at: Path
    rule: Rule | None

    def place(self, path: Path = (), *, key: bool = False) -> Place:
        """The place of something inside the rule."""
        return self.document.place_of((*self.at, *path), key=key)


def load_rules(
    report: Report,
    document: Document,
    entries: Sequence[object],
    *,
    sources: Mapping[str, Source],
    source_names: Sequence[str],
    connectors: Mapping[str, CompiledConnector],
) -> list[Rule]:
    """All enabled rules in order; what is wrong is in the report.

    Args:
        report: takes the findings.
        document: the configuration file.
        entries: what stands under `rules:`: files, globs, rules in place.
        sources: the sources that are right, to know which types they send.
        source_names: all sources that are named, right or not.
        connectors: the connector of every destination.
    """
    placed = [
        found
        for index, entry in enumerate(entries)
        for found in _entry(
            report,
            document,
            entry,
            ("rules", index) if len(entries) > 1 or document.has(("rules", index)) else ("rules",),
            connectors,
        )
    ]
    _check_names(report, placed)
    _check_sources(report, placed, sources, source_names)
    _check_links(report, placed)
    return [each.rule for each in placed if each.rule is not None and each.shape.enabled]


def _entry(
    report: Report, document: Document, entry: object, at: Path, connectors: Mapping[str, CompiledConnector]
) -> Iterator[Placed]:
    if isinstance(entry, str):
        for path in _files(report, document, entry, at):
            yield from _file(report, path, connectors)
    elif isinstance(entry, dict):
        yield from _rule(report, document, entry, at, connectors)
    else:
        report.add(
            "BR104", "under `rules` stand files or rules", document.place_of(at), helps=("write `config/rules.yaml`",)
        )


def _files(report: Report, document: Document, pattern: str, at: Path) -> list[FilePath]:
    if not _GLOB.search(pattern):
        return [report.base_dir / pattern]
    found = sorted(path for path in _glob(report.base_dir, pattern) if not path.name.endswith(TEST_SUFFIX))
    if not found:
        report.add(
            "BR208",
            f"no file matches `{pattern}`",
            document.place_of(at),
            notes=(f"looked below {shown(report.base_dir, report.base_dir)}; `*{TEST_SUFFIX}` files never count",),
            helps=("correct the path, or take the line out",),
        )
    return found


def _glob(base: FilePath, pattern: str) -> Iterator[FilePath]:
    path = FilePath(pattern)
    if path.is_absolute():
        return FilePath(path.anchor).glob(str(path.relative_to(path.anchor)))
    return base.glob(pattern)


def _file(report: Report, path: FilePath, connectors: Mapping[str, CompiledConnector]) -> Iterator[Placed]:
    opened = report.open(path)
    if opened is None:
        return
    document, data = opened
    try:
        shape = RulesFileShape.model_validate(data)
    except ValidationError as error:
        report.findings += from_validation_error(document, error, model=RulesFileShape)
        return
    for index, entry in enumerate(shape.rules):
        yield from _rule(report, document, entry, ("rules", index), connectors)


def _rule(
    report: Report,
    document: Document,
    entry: Mapping[str, object],
    at: Path,
    connectors: Mapping[str, CompiledConnector],
) -> Iterator[Placed]:
    try:
        shape = RuleShape.model_validate(entry)
    except ValidationError as error:
        report.findings += from_validation_error(document, error, model=RuleShape, at=at)
        return
    rule, problems = compile_rule(shape, connectors)
    for problem in problems:
        _report_problem(report, document, at, shape.name, problem)
    yield Placed(shape, document, at, rule)


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


# --- what only shows between rules ---------------------------------------------------------------------------


def _check_names(report: Report, placed: Sequence[Placed]) -> None:
    first: dict[str, Placed] = {}
    for each in placed:
        earlier = first.setdefault(each.shape.name, each)
        if earlier is not each:
            report.add(
                "BR207",
                f"two rules have the name `{each.shape.name}`",
                each.place(("name",)),
                related=((earlier.place(("name",)), "first used here"),),
                helps=("rename one; deliveries and links of a rule are kept under its name",),
            )


def _check_sources(
    report: Report, placed: Sequence[Placed], sources: Mapping[str, Source], source_names: Sequence[str]
) -> None:
    for each in placed:
        for index, pattern in enumerate(each.shape.on):
            name, slash, type_ = pattern.partition("/")
            path: Path = ("on", index) if each.document.has((*each.at, "on", index)) else ("on",)
            if not slash or not type_:
                continue  # reported with the rule
            matching = [source for source in source_names if pattern_regex(name).fullmatch(source)]
            if not matching:
                _unknown_source(report, each, path, name, source_names)
            elif not _may_match(pattern, [sources[m] for m in matching if m in sources], complete=len(matching)):
                _never_matches(report, each, path, pattern, sources[matching[0]])


def _unknown_source(report: Report, each: Placed, path: Path, name: str, known: Sequence[str]) -> None:
    nearest = suggest(name, known)
    report.add(
        "BR204",
        f"rule `{each.shape.name}` waits for events of source `{name}`, which the configuration does not define",
        Place(each.document.name, each.document.span_inside((*each.at, *path), 0, len(name))),
        label="unknown source",
        notes=(f"sources defined: {quoted_list(known) if known else 'none'}",),
        helps=(f"did you mean `{nearest}`?",) if nearest else (),
    )


def _may_match(pattern: str, sources: Sequence[Source], *, complete: int) -> bool:
    """Whether an event of one of these sources can fit; a source that lists no types may send anything."""
    if len(sources) < complete or any(not source.event_types for source in sources):
        return True
    regex = pattern_regex(pattern)
    return any(regex.fullmatch(f"{source.name}/{type_}") for source in sources for type_ in source.event_types)


def _never_matches(report: Report, each: Placed, path: Path, pattern: str, source: Source) -> None:
    type_ = pattern.partition("/")[2]
    nearest = suggest(type_, source.event_types)
    report.add(
        "BR402",
        f"source `{source.name}` is not known to send `{type_}`",
        each.place(path),
        label="matches no known type",
        notes=(f"it sends {quoted_list(sorted(source.event_types))}",),
        helps=(f"did you mean `{source.name}/{nearest}`?",) if nearest else (),
        severity=Severity.WARNING,
    )


def _check_links(report: Report, placed: Sequence[Placed]) -> None:
    remembered: dict[str, tuple[str, Place]] = {}
    for each in placed:
        for index, step in enumerate(each.shape.steps):
            destination = step.use.partition(".")[0]
            for name in step.remember:
                place = each.place(("steps", index, "remember", name), key=True)
                known, where = remembered.setdefault(name, (destination, place))
                if known != destination:
                    report.add(
                        "BR206",
                        f"link `{name}` is remembered from `{known}` and from `{destination}`",
                        place,
                        related=((where, f"remembered from `{known}` here"),),
                        helps=(f"use a name of its own, for instance `{destination}_{name}`",),
                    )
    for each in placed:
        for name in each.shape.recall:
            if name not in remembered:
                nearest = suggest(name, remembered)
                report.add(
                    "BR403",
                    f"link `{name}` is recalled, but no rule remembers it",
                    each.place(("recall", name), key=True),
                    label="always null",
                    notes=(f"rule `{each.shape.name}`",),
                    helps=(f"did you mean `{nearest}`?",)
                    if nearest
                    else ("add `remember` to the step that creates it",),
                    severity=Severity.WARNING,
                )

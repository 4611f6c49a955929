"""What only shows between rules: names used twice, links of two destinations, events that nobody sends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.configuration.report import Path, Report
from bridge.connectors.destination import Destination
from bridge.diagnostics import Document, Place, Severity, quoted_list, suggest
from bridge.rules.match import pattern_regex
from bridge.rules.provisions import unknown_names
from bridge.rules.rule import Rule
from bridge.rules.schema import RuleShape
from bridge.sources import Source


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule with the place it was read from; `rule` is None when something is wrong with it."""

    shape: RuleShape
    document: Document
    at: Path
    rule: Rule | None

    def place(self, path: Path = (), *, key: bool = False) -> Place:
        """The place of something inside the rule."""
        return self.document.place_of((*self.at, *path), key=key)

    def place_inside(self, path: Path, offset: int, length: int = 1) -> Place:
        """The place of some characters of a text inside the rule; both numbers count the resolved text."""
        return self.document.place(self.document.span_inside((*self.at, *path), offset, length))

    def place_of_step(self, step_id: str | None) -> Place:
        """The place of a step's `use`, or of the rule's name for what failed before its first step."""
        path: Path = ("name",) if step_id is None else ("steps", step_id, "use")
        return self.place(self.known(path))

    def known(self, path: Path) -> Path:
        """The beginning of the path that is written in the file: a template may have given the rest of it.

        A step may stand in it with its id, as in a death's `at`.
        """
        if path[:1] == ("steps",) and len(path) > 1:
            ids = [step.id for step in self.shape.steps]
            path = ("steps", ids.index(str(path[1])), *path[2:]) if path[1] in ids else path
        while path and not self.document.has((*self.at, *path)):
            path = path[:-1]
        return path

    def text(self, path: Path) -> str | None:
        """The text that is written there, with its `${NAME}` as they are; None where something else stands."""
        value = self.document.value((*self.at, *path))
        return value if isinstance(value, str) else None


def check_names(report: Report, placed: Sequence[Placed]) -> None:
    """Refuse a rule name that is used twice."""
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


def check_sources(
    report: Report, placed: Sequence[Placed], sources: Mapping[str, Source], source_names: Sequence[str]
) -> None:
    """Refuse `on` of a source that is not defined; warn of one that no event of its source can match."""
    for each in placed:
        for index, pattern in enumerate(each.shape.on):
            name, slash, type_ = pattern.partition("/")
            path: Path = ("on", index) if each.document.has((*each.at, "on", index)) else ("on",)
            if not slash or not name or not type_:
                continue  # reported with the rule
            matching = [source for source in source_names if pattern_regex(name).fullmatch(source)]
            if not matching:
                _unknown_source(report, each, path, name, source_names)
            elif not _may_match(pattern, [sources[m] for m in matching if m in sources], complete=len(matching)):
                _never_matches(report, each, path, pattern, sources[matching[0]])


def check_links(report: Report, placed: Sequence[Placed], *, complete: bool) -> None:
    """Refuse a link that two destinations remember; warn of one that is recalled and never remembered.

    Args:
        report: takes the findings.
        placed: the rules that could be read.
        complete: whether these are all; if not, the missing ones may remember what the others recall.
    """
    remembered = _remembered(report, placed)
    if not complete:
        return
    for each in placed:
        for name in each.shape.recall:
            if name not in remembered:
                _never_remembered(report, each, name, suggest(name, remembered))


def check_given_names(report: Report, placed: Sequence[Placed], destinations: Mapping[str, Destination]) -> None:
    """Refuse names that the destination's own settings should give and do not, such as those of `ticket_fields`."""
    for each in placed:
        for problem in unknown_names(each.shape, each.rule, destinations) if each.rule is not None else ():
            report.add(
                problem.code,
                problem.message,
                each.place(problem.path, key=problem.on_key),
                label=problem.label,
                notes=(f"rule `{each.shape.name}`", *problem.notes),
                helps=problem.helps,
            )


def note_who_cannot_run(report: Report, document: Document, placed: Sequence[Placed]) -> None:
    """Say with each variable that a destination lacks how many rules need that destination."""
    users = Counter(name for each in placed for name in {step.use.partition(".")[0] for step in each.shape.steps})
    for index, finding in enumerate(report.findings):
        if finding.code != "BR301" or finding.place.file != document.name or finding.place.span is None:
            continue
        at = (finding.place.span.line, finding.place.span.column)
        name = next((name for name in users if _is_inside(document, ("destinations", name), at)), None)
        if name is not None:
            several = f"{users[name]} rules deliver to `{name}`; none of them can run"
            note = f"1 rule delivers to `{name}`; it cannot run" if users[name] == 1 else several
            report.findings[index] = replace(finding, notes=(*finding.notes, note))


def _is_inside(document: Document, path: Path, at: tuple[int, int]) -> bool:
    """Whether a line and column lie within the value at a path."""
    node = document.nodes.get(path)
    if node is None:
        return False
    span = document.span_at(node.start, node.end)
    return (span.line, span.column) <= at < (span.end_line, span.end_column)


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


def _remembered(report: Report, placed: Sequence[Placed]) -> Mapping[str, object]:
    """Every link name that a step remembers; one of two destinations is reported."""
    first: dict[str, tuple[str, Place]] = {}
    for each in placed:
        for index, step in enumerate(each.shape.steps):
            destination = step.use.partition(".")[0]
            for name in step.remember:
                place = each.place(("steps", index, "remember", name), key=True)
                known, where = first.setdefault(name, (destination, place))
                if known != destination:
                    report.add(
                        "BR206",
                        f"link `{name}` is remembered from `{known}` and from `{destination}`",
                        place,
                        related=((where, f"remembered from `{known}` here"),),
                        helps=(f"use a name of its own, for instance `{destination}_{name}`",),
                    )
    return first


def _never_remembered(report: Report, each: Placed, name: str, nearest: str | None) -> None:
    report.add(
        "BR403",
        f"link `{name}` is recalled, but no rule remembers it",
        each.place(("recall", name), key=True),
        label="always null",
        notes=(f"rule `{each.shape.name}`",),
        helps=(f"did you mean `{nearest}`?",) if nearest else ("add `remember` to the step that creates it",),
        severity=Severity.WARNING,
    )

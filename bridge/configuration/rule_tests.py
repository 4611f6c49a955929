"""Files of rule tests: read, filled in case by case, and held against the configuration they test."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from bridge.configuration.inputs import is_test
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.report import Path, Report, shown
from bridge.configuration.shapes import validate
from bridge.connectors.wire import as_text
from bridge.diagnostics import (
    Document,
    Finding,
    Loaded,
    Place,
    Source,
    in_order,
    load_yaml,
    parse_yaml,
    quoted_list,
    suggest,
)
from bridge.rules.testing.case import Case, Exchange, Inbound, Turn
from bridge.rules.testing.matchers import check_matchers
from bridge.rules.testing.placeholders import filled, unknown_names
from bridge.rules.testing.schema import EventShape, RuleTestsFileShape, RuleTestShape, TurnShape
from bridge.rules.testing.stage import Bench

CASE_NAME = "name"
"""The value of a case that says what it is called."""


@dataclass(slots=True)
class RuleTestsFile:
    """One file. `environment` is what its tests want the configuration to be read with.

    `cases` are those that could be read; `findings` is everything wrong with the file.
    """

    path: FilePath
    document: Document | None
    environment: Mapping[str, str] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    documents: dict[str, Source] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """Whether there is no error in it."""
        return self.document is not None and not any(finding.is_error for finding in self.findings)

    def place(self, path: Path) -> Place:
        """Where something of a test stands."""
        return self.document.place_of(path) if self.document is not None else Place(str(self.path))


def files_beside(loaded: LoadedConfiguration, base_dir: FilePath) -> list[FilePath]:
    """The `*.test.yaml` files in the folders of the configuration's rules, in order."""
    paths = [placed.document.path for placed in loaded.rules.values()]
    folders = dict.fromkeys(path.resolve().parent for path in paths if path is not None)
    return [found for folder in folders or [base_dir] for found in files_in(folder)]


def files_in(folder: FilePath) -> list[FilePath]:
    """The `*.test.yaml` files in a folder, in order."""
    return sorted(path for path in folder.glob("*.test.yaml") if path.is_file())


def bench_of(loaded: LoadedConfiguration) -> Bench | None:
    """What tests are carried out with; None when the configuration has mistakes."""
    configuration = loaded.configuration
    if configuration is None:
        return None
    return Bench(
        rules={name: placed.rule for name, placed in loaded.rules.items() if placed.rule is not None},
        sources=configuration.sources,
        destinations=configuration.destinations,
        idle=frozenset(name for name, placed in loaded.rules.items() if not placed.shape.enabled),
    )


def read_tests(path: FilePath, environ: Mapping[str, str], base_dir: FilePath | None = None) -> RuleTestsFile:
    """Read one file; what is wrong with it is in its findings, where it is named as seen from here or `base_dir`."""
    return _read(load_yaml(path, name=shown(path, base_dir or FilePath.cwd())), path, environ)


def parse_tests(text: str, path: FilePath, environ: Mapping[str, str]) -> RuleTestsFile:
    """As `read_tests`, of a text that is meant for the file."""
    return _read(parse_yaml(text, shown(path, FilePath.cwd()), path=path), path, environ)


def _read(loaded: Loaded, path: FilePath, environ: Mapping[str, str]) -> RuleTestsFile:
    report = Report(environ, path.resolve().parent)
    opened = report.take(loaded)
    if opened is None:
        return RuleTestsFile(path, None, findings=report.findings, documents=report.documents)
    document, data = opened
    file = RuleTestsFile(path, document, findings=report.findings, documents=report.documents)
    shape = validate(report, document, RuleTestsFileShape, data, droppable=("environment",)).shape
    if shape is not None:
        file.environment = shape.environment
        reading = _Reading(report, document, path.resolve().parent)
        for index, entry in enumerate(shape.tests):
            file.cases += reading.test(entry, ("tests", index))
        reading.check_names()
    file.findings[:] = in_order(list(dict.fromkeys(report.findings)))
    return file


@dataclass(slots=True)
class _Reading:
    report: Report
    document: Document
    folder: FilePath
    names: dict[str, list[Path]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def test(self, entry: object, at: Path) -> Iterator[Case]:
        """The cases of one test."""
        if not isinstance(entry, dict):
            self.report.add(
                "BR104", "this is no test", self.document.place_of(at), helps=("a test begins with `- name: …`",)
            )
            return
        given = entry.get("cases")
        values = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        body = {key: value for key, value in entry.items() if key != "cases"}
        name = str(entry.get("name", ""))
        self.names.setdefault(name, []).append((*at, "name"))
        if not values:
            if "cases" not in entry:
                self._without_cases(body, at)
            yield from self._case({**body, **({"cases": given} if "cases" in entry else {})}, at, name, name)
        for number, case in enumerate(values, 1):
            self._unknown(body, case, at)
            yield from self._case(filled(body, case), at, name, f"{name} [{case.get(CASE_NAME, f'case {number}')}]")

    def check_names(self) -> None:
        """Refuse a name that two tests have: `--update` and people find a test by it."""
        for name, paths in self.names.items():
            for path in paths[1:]:
                self.report.add(
                    "BR207",
                    f"two tests have the name `{name}`",
                    self.document.place_of(path),
                    related=((self.document.place_of(paths[0]), "first used here"),),
                    helps=("rename one of them",),
                )

    def _without_cases(self, body: object, at: Path) -> None:
        for path, name in unknown_names(body, {}, at):
            self.report.add(
                "BR209",
                f"there is no `$case.{name}`",
                self.document.place_of(path),
                label="this test has no `cases`",
                helps=(f"write the value here, or give the test `cases: [{{{name}: …}}]`",),
            )

    def _unknown(self, body: object, case: Mapping[str, object], at: Path) -> None:
        for path, name in unknown_names(body, case, at):
            near = suggest(name, case)
            self.report.add(
                "BR209",
                f"there is no `$case.{name}`",
                self.document.place_of(path),
                label="not in every case",
                notes=(f"a case has {quoted_list(case)}",) if case and not near else (),
                helps=(f"did you mean `$case.{near}`?",) if near else (f"add `{name}` to each of the `cases`",),
            )

    def _case(self, data: object, at: Path, name: str, label: str) -> Iterator[Case]:
        shape, complete = validate(self.report, self.document, RuleTestShape, data, at=at)
        if shape is None or not complete:
            return
        self._matchers(shape, at)
        turns: list[tuple[TurnShape, Path]] = [(shape, at)] if shape.events is None else []
        turns += [(turn, (*at, "events", index)) for index, turn in enumerate(shape.events or ())]
        yield Case(
            name=name,
            label=label,
            path=at,
            rules=(shape.rule,) if shape.rule is not None else shape.rules,
            turns=[self._turn(turn, path) for turn, path in turns],
            links=shape.links,
            links_after=shape.links_after,
        )

    def _turn(self, shape: TurnShape, at: Path) -> Turn:
        exchanges = [
            Exchange(each.expect, each.answer, (*at, "exchanges", index), each.waits)
            for index, each in enumerate(shape.exchanges)
            for _ in range(each.times)
        ]
        at_ms = shape.at if shape.event is None or shape.event.received_at is None else shape.event.received_at
        return Turn(
            path=at,
            event=self._inbound(shape.event, (*at, "event")) if shape.event is not None else None,
            after_ms=shape.after,
            at_ms=at_ms,
            exchanges=exchanges,
            outcomes=shape.outcome or {},
            reason=shape.reason,
            mend=shape.mend,
        )

    def _inbound(self, event: EventShape, at: Path) -> Inbound:
        body = as_text(event.body).encode() if event.file is None else self._file(event.file, (*at, "file"))
        return Inbound(event.source, body, tuple(event.headers.items()), tuple(event.query.items()))

    def _file(self, name: str, at: Path) -> bytes:
        if name in self.files:
            return self.files[name]
        content = b""
        try:
            content = (self.folder / name).read_bytes()
        except (OSError, ValueError):
            near = suggest(name, [path.name for path in self.folder.glob("*.json")])
            self.report.add(
                "BR208",
                f"cannot read the event's file `{name}`",
                self.document.place_of(at),
                notes=(f"relative paths start at the folder of {self.document.name}",),
                helps=(f"did you mean `{near}`?",) if near else ("correct the path",),
            )
        self.files[name] = content
        return content

    def _matchers(self, shape: RuleTestShape, at: Path) -> None:
        turns: list[tuple[TurnShape, Path]] = [(shape, at)]
        turns += [(turn, (*at, "events", index)) for index, turn in enumerate(shape.events or ())]
        parts: list[tuple[object, Path]] = [(shape.links_after, (*at, "links_after"))]
        for turn, path in turns:
            for index, exchange in enumerate(turn.exchanges):
                expected = exchange.expect.model_dump(by_alias=True, exclude_unset=True)
                parts.append((expected, (*path, "exchanges", index, "expect")))
        for value, path in parts:
            for found in check_matchers(value, path):
                place = self.document.place_of(found.path, key=found.on_key)
                self.report.add("BR209", found.message, place, helps=(found.help,))


# --- against the configuration ---------------------------------------------------------------------------------


def check_tests(file: RuleTestsFile, loaded: LoadedConfiguration, elsewhere: Collection[str] = ()) -> None:
    """Add what the tests name and the configuration does not have to the file's findings.

    Args:
        file: the file, as it was read.
        loaded: the configuration that its tests run with.
        elsewhere: rules that this configuration need not have; tests that name one are not judged.
    """
    if file.document is None:
        return
    report = Report({}, file.path.parent, findings=file.findings)
    known = _Known(report, file.document, loaded, elsewhere)
    for case in file.cases:
        known.check(case)
    file.findings[:] = in_order(list(dict.fromkeys(file.findings)))


def check_beside(
    loaded: LoadedConfiguration, base_dir: FilePath, environ: Mapping[str, str]
) -> tuple[list[Finding], dict[str, Source]]:
    """What is wrong with the tests beside a configuration's rules, with the texts for excerpts. Carries none out.

    Tests of rules that stand in files beside, but are not in the configuration, are about another one: their names are
    not judged. What a file's `environment` makes of the configuration only shows when its tests are run.

    Args:
        loaded: the configuration.
        base_dir: its folder.
        environ: the environment that it was loaded with.
    """
    findings: list[Finding] = []
    documents: dict[str, Source] = {}
    elsewhere: dict[FilePath, Collection[str]] = {}
    for path in files_beside(loaded, base_dir):
        if path.parent not in elsewhere:
            elsewhere[path.parent] = _rules_not_loaded(loaded, path.parent)
        file = read_tests(path, environ, base_dir)
        check_tests(file, loaded, elsewhere[path.parent])
        findings += file.findings
        documents |= file.documents
    return findings, documents


def _rules_not_loaded(loaded: LoadedConfiguration, folder: FilePath) -> frozenset[str]:
    """Rules in a folder's files that are not in the configuration, or could not be read. Reads the files."""
    files = (path for path in sorted(folder.glob("*.yaml")) if path.is_file() and not is_test(path))
    names = {name for path in files for name in _rule_names(load_yaml(path, name=path.name))}
    return frozenset(names - loaded.rules.keys())


def _rule_names(loaded: Loaded) -> Iterator[str]:
    data = loaded.document.data if loaded.document is not None else None
    entries = data.get("rules") if isinstance(data, Mapping) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
            yield str(entry["name"])


@dataclass(slots=True)
class _Known:
    report: Report
    document: Document
    loaded: LoadedConfiguration
    elsewhere: Collection[str]

    def check(self, case: Case) -> None:
        """All names of one case."""
        if any(name in self.elsewhere for name in case.rules or ()):
            return
        rules = self.loaded.rules
        for index, name in enumerate(case.rules or ()):
            path = (*case.path, "rule") if self.document.has((*case.path, "rule")) else (*case.path, "rules", index)
            self._name("rule", name, list(rules), path)
        running = list(case.rules or rules)
        for turn in case.turns:
            self._turn(turn, running)
        if self.loaded.configuration is not None:  # else a rule that could not be read may be the one that has the link
            self._links(case)

    def _links(self, case: Case) -> None:
        rules = self.loaded.rules
        links = {name for placed in rules.values() for name in placed.shape.recall}
        links |= {name for placed in rules.values() for step in placed.shape.steps for name in step.remember}
        for key, named in (("links", case.links), ("links_after", case.links_after)):
            for name in named:
                self._name("link", name, links, (*case.path, key, name), key=True)

    def _turn(self, turn: Turn, running: Sequence[str]) -> None:
        if turn.event is not None and self.loaded.configuration is not None:
            self._name("source", turn.event.source, self.loaded.configuration.sources, (*turn.path, "event", "source"))
        for rule in turn.outcomes:
            if rule and rule not in self.elsewhere:
                self._name("rule", rule, running, (*turn.path, "outcome", rule), key=True)

    def _name(
        self,
        what: str,
        name: str,
        known: Sequence[str] | Mapping[str, object] | set[str],
        path: Path,
        *,
        key: bool = False,
    ) -> None:
        if name in known:
            return
        near = suggest(name, known)
        self.report.add(
            "BR209",
            f"there is no {what} `{name}`",
            self.document.place_of(path, key=key),
            label=f"unknown {what}",
            notes=(f"{what}s here: {quoted_list(sorted(known))}",) if known and not near else (),
            helps=(f"did you mean `{near}`?",) if near else (),
        )

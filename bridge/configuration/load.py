"""Load a whole configuration: every finding at once, and the configuration if none of them is an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.configuration.across import Placed, check_given_names, note_who_cannot_run
from bridge.configuration.credentials import check_credentials, check_texts
from bridge.configuration.doubts import check_doubts
from bridge.configuration.inputs import Inputs
from bridge.configuration.model import Configuration
from bridge.configuration.parts import Listening, load_destinations, load_sources
from bridge.configuration.report import Report, shown
from bridge.configuration.rules import Surroundings, load_excerpt, load_rules
from bridge.configuration.shape import SECTIONS, ConfigurationShape
from bridge.configuration.shapes import validate
from bridge.configuration.tables import load_tables
from bridge.connectors.destination import Destination
from bridge.diagnostics import Document, Finding, Loaded, Place, in_order, load_yaml
from bridge.diagnostics import Source as Text
from bridge.rules.match import RuleIndex
from bridge.settings import LoadedSettings, load_settings


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """The configuration (None when something is wrong), all findings, and the texts for their excerpts.

    `rules` are all rules that could be read, by name, each with the places of what it says.
    """

    configuration: Configuration | None
    findings: tuple[Finding, ...]
    documents: Mapping[str, Text]
    settings: LoadedSettings | None = None
    rules: Mapping[str, Placed] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=Inputs)
    """All files that were read or looked for, also those that a wrong configuration names."""

    def place_of(self, section: str, key: str) -> Place:
        """Where a setting of the process was given: file, environment or default."""
        return self.settings.place_of(section, key) if self.settings else Place("default")


def load_configuration(path: Path, environ: Mapping[str, str]) -> LoadedConfiguration:
    """Read the configuration file and everything it names.

    Args:
        path: the file; relative paths in it are relative to it.
        environ: the environment, for `${NAME}` and `BRIDGE_*`.
    """
    inputs = Inputs()
    inputs.note(path)
    return configure(read_file(path), path, environ, inputs)


def configure(
    loaded: Loaded, path: Path, environ: Mapping[str, str], inputs: Inputs | None = None
) -> LoadedConfiguration:
    """As `load_configuration`, of a document that was read already (a block of a Markdown file, say)."""
    report = Report(environ, path.resolve().parent, inputs=inputs or Inputs())
    opened = report.take(loaded)
    if opened is None:
        return LoadedConfiguration(None, tuple(report.findings), report.documents, inputs=report.inputs)
    document, data = opened
    settings = load_settings(data if isinstance(data, dict) else {}, environ, document=document)
    report.findings += settings.findings
    configuration, placed = _configuration(report, path, document, data, settings)
    check_texts(report)
    if report.has_errors:
        configuration = None
    findings = in_order(sorted(_without_echoes(report.findings), key=lambda finding: finding.message))
    rules = {each.shape.name: each for each in placed}
    return LoadedConfiguration(configuration, tuple(findings), report.documents, settings, rules, report.inputs)


def _without_echoes(findings: Sequence[Finding]) -> list[Finding]:
    """One mistake, one message: a value that is no YAML, such as a template without quotes, fits nowhere either."""
    broken = {_start(finding) for finding in findings if finding.code == "BR001"}
    return [finding for finding in findings if finding.code != "BR104" or _start(finding) not in broken]


def _start(finding: Finding) -> tuple[str, int, int]:
    span = finding.place.span
    return (finding.place.file, span.line, span.column) if span is not None else (finding.place.file, 0, 0)


def _configuration(
    report: Report, path: Path, document: Document, data: object, settings: LoadedSettings
) -> tuple[Configuration | None, Sequence[Placed]]:
    shape = _shape(report, document, data)
    if shape is None:
        return None, ()
    server = settings.settings.server if settings.settings is not None else None
    listening = Listening(server.listen, settings.place_of("server", "listen")) if server is not None else None
    around, destinations = _surroundings(report, document, shape, listening)
    entries = [shape.rules] if isinstance(shape.rules, str) else shape.rules
    placed = load_rules(report, document, entries, around)
    note_who_cannot_run(report, document, placed)
    check_given_names(report, placed, destinations)
    check_doubts(report, placed, around.source_names, destinations)
    if settings.settings is None:
        return None, placed
    configuration = Configuration(
        path=path,
        base_dir=report.base_dir,
        settings=settings.settings,
        sources=around.sources,
        destinations=destinations,
        rules=RuleIndex([each.rule for each in placed if each.rule is not None and each.shape.enabled]),
        revision=report.revision,
        fingerprint=report.fingerprint,
    )
    return configuration, placed


def _surroundings(
    report: Report, document: Document, shape: ConfigurationShape, listening: Listening | None
) -> tuple[Surroundings, Mapping[str, Destination]]:
    """What the rules may refer to, and the destinations that are right."""
    sources = load_sources(report, document, shape.sources, listening)
    destinations, connectors = load_destinations(report, document, shape.destinations)
    check_credentials(report, document, shape.sources, shape.destinations, connectors)
    around = Surroundings(
        sources=sources,
        source_names=tuple(shape.sources),
        connectors=connectors,
        destination_names=tuple(shape.destinations),
        tables=load_tables(report, document, shape.tables),
    )
    return around, destinations


def read_file(path: Path) -> Loaded:
    """The configuration file as text with places, named as people know it."""
    return load_yaml(path, name=shown(path, path.resolve().parent))


def check_excerpt(excerpt: Loaded, whole: Loaded, path: Path, environ: Mapping[str, str]) -> LoadedConfiguration:
    """The findings in rules that stand elsewhere, as if the configuration named them: in a manual, say.

    What is wrong with the configuration itself is not told, unless it cannot be read at all.

    Args:
        excerpt: a mapping with `rules:`, or a list of rules.
        whole: the configuration.
        path: its file.
        environ: the environment.
    """
    base_dir = path.resolve().parent
    of_file = Report(environ, base_dir)
    opened = of_file.take(whole)
    shape = _shape(of_file, *opened) if opened is not None else None
    if opened is None or shape is None:
        return LoadedConfiguration(None, tuple(of_file.findings), of_file.documents)
    around, destinations = _surroundings(of_file, opened[0], shape, None)
    report = Report(environ, base_dir)
    taken = report.take(excerpt)
    if taken is not None:
        placed = load_excerpt(report, *taken, around)
        check_given_names(report, placed, destinations)
        check_doubts(report, placed, around.source_names, destinations)
        check_texts(report)
    return LoadedConfiguration(None, tuple(in_order(report.findings)), report.documents)


def _shape(report: Report, document: Document, data: object) -> ConfigurationShape | None:
    """The top level. A missing or wrong `version` does not hide what else is wrong."""
    if isinstance(data, dict) and data.get("version") != 1:
        _version_finding(report, document, data)
        data = {**data, "version": 1}
    return validate(report, document, ConfigurationShape, data, droppable=SECTIONS).shape


def _version_finding(report: Report, document: Document, data: Mapping[str, object]) -> None:
    if "version" in data:
        report.add(
            "BR104",
            "`version` must be 1",
            document.place_of(("version",)),
            label="not a version that this program knows",
            helps=("write `version: 1`",),
        )
        return
    is_rules_file = set(data) == {"rules"}
    report.add(
        "BR101",
        "key `version` is missing in the top level",
        document.place_of((), key=True),
        label="needs `version`",
        notes=("this looks like a file of rules, not like a configuration",) if is_rules_file else (),
        helps=(
            "check the configuration that names it under `rules:`; findings in it are shown with it"
            if is_rules_file
            else "begin the file with `version: 1`",
        ),
    )

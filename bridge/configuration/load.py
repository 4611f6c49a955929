"""Load a whole configuration: every finding at once, and the configuration if none of them is an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bridge.configuration.model import Configuration
from bridge.configuration.parts import load_destinations, load_sources
from bridge.configuration.report import Report, shown
from bridge.configuration.rules import load_rules
from bridge.configuration.shape import ConfigurationShape
from bridge.diagnostics import Document, Finding, Loaded, Place, from_validation_error, load_yaml
from bridge.diagnostics import Source as Text
from bridge.rules.match import RuleIndex
from bridge.settings import LoadedSettings, load_settings


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """The configuration (None when something is wrong), all findings, and the texts for their excerpts."""

    configuration: Configuration | None
    findings: tuple[Finding, ...]
    documents: Mapping[str, Text]
    settings: LoadedSettings | None = None

    def place_of(self, section: str, key: str) -> Place:
        """Where a setting of the process was given: file, environment or default."""
        return self.settings.place_of(section, key) if self.settings else Place("default")


def load_configuration(path: Path, environ: Mapping[str, str]) -> LoadedConfiguration:
    """Read the configuration file and everything it names.

    Args:
        path: the file; relative paths in it are relative to it.
        environ: the environment, for `${NAME}` and `BRIDGE_*`.
    """
    base_dir = path.resolve().parent
    return configure(load_yaml(path, name=shown(path, base_dir)), path, environ)


def configure(loaded: Loaded, path: Path, environ: Mapping[str, str]) -> LoadedConfiguration:
    """As `load_configuration`, of a document that was read already (a block of a Markdown file, say)."""
    report = Report(environ, path.resolve().parent)
    opened = report.take(loaded)
    if opened is None:
        return LoadedConfiguration(None, tuple(report.findings), report.documents)
    document, data = opened
    settings = load_settings(data if isinstance(data, dict) else {}, environ, document=document)
    report.findings += settings.findings
    configuration = _configuration(report, path, document, data, settings)
    if report.has_errors:
        configuration = None
    return LoadedConfiguration(configuration, tuple(report.findings), report.documents, settings)


def _configuration(
    report: Report, path: Path, document: Document, data: object, settings: LoadedSettings
) -> Configuration | None:
    shape = _shape(report, document, data)
    if shape is None:
        return None
    sources = load_sources(report, document, shape.sources)
    destinations, connectors = load_destinations(report, document, shape.destinations)
    entries = [shape.rules] if isinstance(shape.rules, str) else shape.rules
    rules = load_rules(
        report,
        document,
        entries,
        sources=sources,
        source_names=tuple(shape.sources),
        connectors=connectors,
    )
    if settings.settings is None:
        return None
    return Configuration(
        path=path,
        base_dir=report.base_dir,
        settings=settings.settings,
        sources=sources,
        destinations=destinations,
        rules=RuleIndex(rules),
    )


def _shape(report: Report, document: Document, data: object) -> ConfigurationShape | None:
    try:
        return ConfigurationShape.model_validate(data)
    except ValidationError as error:
        report.findings += from_validation_error(document, error, model=ConfigurationShape)
        return None

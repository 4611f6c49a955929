"""Collects what is found while a configuration is loaded, with the texts that excerpts are taken from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from bridge.diagnostics import Document, Finding, Loaded, Place, Severity, Source, load_yaml, resolve_variables

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Report:
    """The findings so far."""

    environ: Mapping[str, str]
    base_dir: FilePath
    findings: list[Finding] = field(default_factory=list)
    documents: dict[str, Source] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        """Whether anything found stops the start."""
        return any(finding.is_error for finding in self.findings)

    def add(
        self,
        code: str,
        message: str,
        place: Place,
        *,
        label: str = "",
        notes: Iterable[str] = (),
        helps: Iterable[str] = (),
        related: Iterable[tuple[Place, str]] = (),
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note one finding."""
        self.findings.append(Finding(code, severity, message, place, label, tuple(notes), tuple(helps), tuple(related)))

    def open(self, path: FilePath) -> tuple[Document, object] | None:
        """Read a file and resolve its variables; None when it cannot be used at all."""
        return self.take(load_yaml(path, name=shown(path, self.base_dir)))

    def take(self, loaded: Loaded) -> tuple[Document, object] | None:
        """Take in what was loaded, and resolve its variables."""
        self.findings += loaded.findings
        if loaded.source is not None:
            self.documents[loaded.source.name] = loaded.source
        if loaded.document is None:
            return None
        self.documents[loaded.document.name] = loaded.document
        resolved = resolve_variables(loaded.document, self.environ, base_dir=self.base_dir)
        self.findings += resolved.findings
        return loaded.document, resolved.data


def shown(path: FilePath, base_dir: FilePath) -> str:
    """A file's name as people know it: relative to where they are, else to the configuration, else whole."""
    for base in (FilePath.cwd(), base_dir):
        try:
            return str(path.resolve().relative_to(base.resolve()))
        except ValueError:
            continue
    return str(path)

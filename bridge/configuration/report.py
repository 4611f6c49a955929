"""Collects what is found while a configuration is loaded, with the texts that excerpts are taken from."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from bridge.configuration.inputs import Inputs
from bridge.diagnostics import Document, Finding, Loaded, Place, Severity, Source, load_yaml, resolve_variables

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Report:
    """The findings so far."""

    environ: Mapping[str, str]
    base_dir: FilePath
    findings: list[Finding] = field(default_factory=list)
    documents: dict[str, Source] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=Inputs)
    """All files that were read or looked for."""
    _written: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)
    _meant: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)

    @property
    def revision(self) -> str:
        """A short hash of everything that was read, as it is written: no comments, no values of variables."""
        return self._written.hexdigest()[:12]

    @property
    def fingerprint(self) -> bytes:
        """The same with the values of variables and secrets. Never to be shown: a short secret could be guessed."""
        return self._meant.digest()

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
        self.inputs.note(path)
        return self.take(load_yaml(path, name=shown(path, self.base_dir)))

    def look_for(self, path: FilePath) -> None:
        """An operator's own file of a connector, a source or a table is about to be read, if it is there."""
        self.inputs.note(path)
        try:
            content = path.read_bytes()
        except (OSError, ValueError):
            return
        self._hash(content, content)

    def take(self, loaded: Loaded) -> tuple[Document, object] | None:
        """Take in what was loaded, and resolve its variables."""
        self.findings += loaded.findings
        if loaded.source is not None:
            self.documents[loaded.source.name] = loaded.source
        if loaded.document is None:
            return None
        self.documents[loaded.document.name] = loaded.document
        resolved = resolve_variables(loaded.document, self.environ, base_dir=self.base_dir, reading=self.inputs.note)
        self.findings += resolved.findings
        self._hash(repr(loaded.document.data).encode(), repr(resolved.data).encode())
        return loaded.document, resolved.data

    def _hash(self, written: bytes, meant: bytes) -> None:
        for into, content in ((self._written, written), (self._meant, meant)):
            into.update(b"%d:" % len(content))  # so that no two lists of texts run together into the same bytes
            into.update(content)


def shown(path: FilePath, base_dir: FilePath) -> str:
    """A file's name as people know it: relative to where they are, else to the configuration, else whole."""
    for base in (FilePath.cwd(), base_dir):
        try:
            return str(path.resolve().relative_to(base.resolve()))
        except ValueError:
            continue
    return str(path)

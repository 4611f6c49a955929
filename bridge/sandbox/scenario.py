"""A file of faults that are in force from the start of a sandbox: a list of FaultSpec in YAML."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from bridge.diagnostics import Document, Finding, Place, Severity, Source, from_validation_error, load_yaml
from bridge.sandbox.faults import FaultSpec, idle_words

_GIVE_A_FILE = "give `--scenario` the path of a YAML file; docs/sandbox.md has one to begin with"


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """The faults, or what is wrong with the file; `documents` are for excerpts."""

    faults: tuple[FaultSpec, ...]
    findings: tuple[Finding, ...] = ()
    documents: dict[str, Source] = field(default_factory=dict)


def load_scenario(path: Path) -> LoadedScenario:
    """Read and check a scenario file. Nothing of a file with findings is used."""
    loaded = load_yaml(path)
    documents = {loaded.source.name: loaded.source} if loaded.source is not None else {}
    faults: list[FaultSpec] = []
    findings = [_about_a_scenario(finding) for finding in loaded.findings]
    if loaded.document is not None:
        findings += _read(loaded.document, faults)
    return LoadedScenario(() if findings else tuple(faults), tuple(findings), documents)


def _about_a_scenario(finding: Finding) -> Finding:
    """A file that cannot be read is not the configuration here."""
    return replace(finding, helps=(_GIVE_A_FILE,)) if finding.code == "BR208" else finding


def _read(document: Document, faults: list[FaultSpec]) -> list[Finding]:
    data = document.data
    if not isinstance(data, list) or not data:
        help_ = "begin with `- fault: status`"
        place = Place(document.name, document.span(()))
        return [Finding("BR104", Severity.ERROR, "a scenario is a list of faults", place, helps=(help_,))]
    findings: list[Finding] = []
    for index, item in enumerate(data):
        try:
            spec = FaultSpec.model_validate(item)
        except ValidationError as error:
            findings += from_validation_error(document, error, model=FaultSpec, at=(index,))
            continue
        faults.append(spec)
        findings += [
            Finding(
                "BR104",
                Severity.ERROR,
                idle_words(spec, name),
                Place(document.name, document.span((index, name), key=True)),
                label="not used",
                helps=("remove it, or choose the other fault",),
            )
            for name in spec.idle_options
        ]
    return findings

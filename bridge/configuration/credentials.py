"""Credentials that stand in a file instead of being named there: hidden in every excerpt, and warned about."""

from collections.abc import Iterable, Mapping

from bridge.configuration.report import Path, Report
from bridge.connectors.destination import DestinationShape
from bridge.connectors.library import CompiledConnector
from bridge.diagnostics import Document, Severity
from bridge.diagnostics.paths import dotted
from bridge.diagnostics.source import is_reference
from bridge.diagnostics.variables import readable_by_others

AUTH_SECRETS = ("token", "password", "value")


def check_credentials(
    report: Report,
    document: Document,
    sources: Iterable[str],
    destinations: Iterable[str],
    connectors: Mapping[str, CompiledConnector],
) -> None:
    """Warn about every credential that is written out in the configuration file."""
    paths = [
        ("admin", "token"),
        *_of_sources(sources),
        *(path for name in destinations for path in _of_destination(name, connectors.get(name))),
    ]
    written = [path for each in paths for path in _scalars(document, each) if _is_written_out(document, path)]
    for path in written:
        _warn(report, document, path)
    if written and document.path is not None:
        warning = readable_by_others(document.path, document.place_of(written[0]))
        if warning is not None:
            report.findings.append(warning)


def hide_credentials(document: Document, name: str, entry: object, connector: CompiledConnector | None) -> None:
    """Keep a destination's credentials out of excerpts, whatever their keys are called.

    A key that is not known may be a misspelled credential, so its value is hidden, too.
    """
    known = {*DestinationShape.model_fields, "auth", *(connector.connector.settings if connector is not None else ())}
    unknown = [key for key in entry if key not in known] if isinstance(entry, Mapping) else []
    for path in (*_of_destination(name, connector), *(("destinations", name, key) for key in unknown)):
        document.mask(path)


def _of_sources(sources: Iterable[str]) -> Iterable[Path]:
    for name in sources:
        for inside in (("secret",), ("verify", "secrets")):
            yield ("sources", name, *inside)


def _of_destination(name: str, connector: CompiledConnector | None) -> Iterable[Path]:
    at: Path = ("destinations", name)
    if connector is not None:
        yield from ((*at, key) for key, setting in connector.connector.settings.items() if setting.type == "secret")
    yield from ((*at, "auth", key) for key in AUTH_SECRETS)


def _scalars(document: Document, path: Path) -> list[Path]:
    """The texts at or below a path, as they are written."""
    return [
        inner
        for inner, node in document.nodes.items()
        if node.style is not None and inner[: len(path)] == path and document.value(inner) is not None
    ]


def _is_written_out(document: Document, path: Path) -> bool:
    return bool(document.value(path)) and not is_reference(str(document.value(path)))


def _warn(report: Report, document: Document, path: Path) -> None:
    variable = "_".join(str(part) for part in path if part not in {"sources", "destinations", "verify", "auth"})
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in variable).upper()
    report.add(
        "BR302",
        f"the credential `{dotted(path)}` is written in the file",
        document.place_of(path),
        label="readable wherever this file goes",
        notes=("configuration files are copied, committed and pasted into tickets",),
        helps=(
            f'put it into the environment and write `"${{{name}}}"` here',
            "if others could read this file, treat the credential as leaked: replace it",
        ),
        severity=Severity.WARNING,
    )

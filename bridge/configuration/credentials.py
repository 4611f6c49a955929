"""Credentials that stand in a file instead of being named there: hidden in every excerpt, and warned about."""

import re
from collections.abc import Iterable, Mapping

from bridge.configuration.report import Path, Report
from bridge.connectors.destination import DestinationShape
from bridge.connectors.library import CompiledConnector
from bridge.diagnostics import Document, Severity
from bridge.diagnostics.paths import dotted
from bridge.diagnostics.source import is_reference, is_secret_name
from bridge.diagnostics.variables import readable_by_others

AUTH_SECRETS = ("token", "password", "value")
SHORTEST = 12
"""A shorter text under a name such as `token` is hardly a credential."""
# The forms in which HubSpot, Stripe, Slack, GitHub, GitLab, AWS, Google and JWT issuers hand out credentials.
_TOKEN = re.compile(
    r"(?<![\w-])(?:pat-[a-z]{2}[0-9]-[0-9a-f-]{30,}|[sr]k_(?:live|test)_\w{16,}|xox[abeprs]-[\w-]{10,}|gh[pousr]_\w{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{20,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"
    r"|(?:Bearer|Basic) [A-Za-z0-9._~+/=-]{16,})",
    re.ASCII,
)
_SHELL = re.compile(r"\$[A-Z][A-Z0-9_]*")
"""A variable as a shell would write it; not to be shown, for it may be a credential that begins so."""


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


def check_texts(report: Report) -> None:
    """Warn about whatever looks like a credential anywhere in the files, and hide it in every excerpt."""
    told = {finding.place for finding in report.findings if finding.code == "BR302"}
    for document in report.documents.values():
        if isinstance(document, Document):
            for path in [path for path, node in document.nodes.items() if node.style is not None]:
                value = document.value(path)
                if isinstance(value, str) and _looks_like_one(path, value):
                    document.mask(path)
                    if document.place_of(path) not in told:
                        _warn(report, document, path, "looks like a live credential")


def _looks_like_one(path: Path, value: str) -> bool:
    if is_reference(value):
        return False
    in_call = "with" in path and isinstance(path[-1], str) and is_secret_name(path[-1])
    return _TOKEN.search(value) is not None or (in_call and len(value) >= SHORTEST)


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


def _warn(report: Report, document: Document, path: Path, label: str = "readable wherever this file goes") -> None:
    named = path[-1:] if "with" in path else path
    variable = "_".join(str(part) for part in named if part not in {"sources", "destinations", "verify", "auth"})
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in variable).upper()
    report.add(
        "BR302",
        f"the credential `{dotted(path)}` is written in the file",
        document.place_of(path),
        label=label,
        notes=("configuration files are copied, committed and pasted into tickets",),
        helps=(
            "a variable has braces, `${NAME}`: without them the name itself is the credential"
            if _SHELL.fullmatch(str(document.value(path)))
            else f'put it into the environment and write `"${{{name}}}"` here',
            "if others could read this file, treat the credential as leaked: replace it",
        ),
        severity=Severity.WARNING,
    )

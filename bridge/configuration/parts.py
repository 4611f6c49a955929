"""Sources and destinations of a configuration, compiled, with what is wrong with them in its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.configuration.credentials import hide_credentials
from bridge.configuration.repeats import check_repeats
from bridge.configuration.report import Path, Report, shown
from bridge.configuration.shapes import validate
from bridge.connectors.destination import (
    Destination,
    DestinationProblem,
    DestinationShape,
    compile_destination,
)
from bridge.connectors.given_auth import GivenAuth
from bridge.connectors.library import (
    CompiledConnector,
    connector_names,
    load_connector,
    own_files,
    shipped,
    shipped_names,
)
from bridge.diagnostics import Document, Place, Severity, from_validation_error, quoted_list, suggest
from bridge.settings import Address
from bridge.sources import (
    NoVerification,
    Preset,
    Source,
    SourceConfig,
    SourceRefused,
    load_preset,
    preset_names,
    where_to_look,
)

COMMON_KEYS = tuple(key for key in DestinationShape.model_fields if key != "connector")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Listening:
    """Where senders reach the sources, and where that is said."""

    address: Address
    place: Place


def load_sources(
    report: Report, document: Document, data: Mapping[str, object], listening: Listening | None
) -> dict[str, Source]:
    """Every source that is right; what is wrong with the others is in the report.

    `listening` is None where the settings are wrong.
    """
    sources: dict[str, Source] = {}
    for name, entry in data.items():
        source = _source(report, document, name, entry, listening)
        if source is not None:
            sources[name] = source
    _check_paths(report, document, sources)
    return sources


def _source(report: Report, document: Document, name: str, entry: object, listening: Listening | None) -> Source | None:
    at: Path = ("sources", name)
    config = validate(report, document, SourceConfig, entry, at=at).shape
    if config is None:
        return None
    preset = None
    if config.preset is not None:
        preset = _preset(report, document, config.preset, at)
        if preset is None:
            return None
    try:
        source = Source.compile(name, config, preset)
    except SourceRefused as refused:
        for problem in refused.problems:
            path = () if problem.in_preset else problem.path
            if (*at, *path) in document.unresolved:
                continue  # the missing variable is reported already
            report.add(
                problem.code,
                problem.message,
                _place(document, (*at, *path), problem.offset, problem.length),
                notes=(f"source `{name}`",),
                helps=(problem.help,) if problem.help else (),
            )
        return None
    is_open = isinstance(source.verification, NoVerification)
    if is_open and listening is not None and not listening.address.is_loopback:
        _refuse_open_door(report, document, at, listening)
        return None
    for warning in source.warnings:
        report.add(
            warning.code,
            warning.message,
            document.place_of((*at, *warning.path)),
            helps=(warning.help,),
            severity=Severity.WARNING,
        )
    check_repeats(report, document, at, source, config, preset)
    return source


def _refuse_open_door(report: Report, document: Document, at: Path, listening: Listening) -> None:
    """A source without authentication is for trials on this machine (fact S1)."""
    report.add(
        "BR307",
        f"the source `{at[1]}` believes anybody, and others can reach `{listening.address}`",
        document.place_of((*at, "verify")),
        label="no proof is asked for",
        related=((listening.place, "the address where webhooks arrive"),),
        helps=(
            "say under `verify` what the sender shows: a signature, or at least a `token` or `basic`",
            "or listen on `127.0.0.1` only, behind a proxy on this machine that knows the sender",
        ),
    )


def _preset(report: Report, document: Document, name: str, at: Path) -> Preset | None:
    directory = report.base_dir / "config" / "sources"
    report.look_for(directory / f"{name}.yaml")
    known = preset_names(directory)
    if name in known:
        loaded = load_preset(name, directory)
        report.findings += loaded.findings
        if loaded.document is not None and loaded.findings:  # a preset that is right is no file of the operator's
            report.documents[loaded.document.name] = loaded.document
        return loaded.preset
    report.add(
        "BR211",
        f"there is no source preset `{name}`",
        document.place_of((*at, "preset")),
        label="unknown preset",
        notes=(f"an own one would stand in `config/sources/{name}.yaml`",) if directory.is_dir() else (),
        helps=(
            f"rename `config/sources/{name}.yml`: its name must end in `.yaml`"
            if (directory / f"{name}.yml").is_file()
            else where_to_look(name, known),
        ),
    )
    return None


def _check_paths(report: Report, document: Document, sources: Mapping[str, Source]) -> None:
    seen: dict[str, str] = {}
    for name, source in sources.items():
        other = seen.setdefault(source.path, name)
        if other != name:
            report.add(
                "BR207",
                f"sources `{other}` and `{name}` are served at the same path",
                document.place_of(("sources", name, "path")),
                label=f"also the path of `{other}`",
                helps=("give one of them another `path`",),
            )


def load_destinations(
    report: Report, document: Document, data: Mapping[str, object]
) -> tuple[dict[str, Destination], dict[str, CompiledConnector]]:
    """Every destination that is right, and the connector of every one whose connector is known.

    The second is wider: rules can be checked against a destination whose secret is missing.
    """
    destinations: dict[str, Destination] = {}
    connectors: dict[str, CompiledConnector] = {}
    for name, entry in data.items():
        at: Path = ("destinations", name)
        _check_name(report, document, name, at)
        shape, complete = validate(report, document, DestinationShape, entry, at=at, droppable=COMMON_KEYS)
        connector = _connector(report, document, shape.connector, at) if shape is not None else None
        hide_credentials(document, name, entry, connector)
        if shape is None or connector is None:
            continue
        connectors[name] = connector
        shape, spelled = _as_meant(report, document, at, shape, connector)
        complete = complete and spelled
        destination, problems = compile_destination(name, shape, connector)
        for problem in problems:
            _report_destination(report, document, at, problem)
        if destination is not None and complete:
            destinations[name] = destination
    return destinations, connectors


def _as_meant(
    report: Report, document: Document, at: Path, shape: DestinationShape, connector: CompiledConnector
) -> tuple[DestinationShape, bool]:
    """The shape with misspelled keys put right, each reported, and whether there was none.

    Otherwise `tokn` would be told three times: unknown, and `token` missing, and no credentials.
    """
    given = dict(shape.model_extra or {})
    known = connector.connector.settings
    meant = {key: suggest(key, [*known, *COMMON_KEYS]) for key in given if key not in known}
    wrong = {key: right for key, right in meant.items() if right in known and right not in given}
    for key, right in wrong.items():
        report.add(
            "BR102",
            f"unknown key `{key}` in a destination of connector `{connector.connector.name}`",
            document.place_of((*at, key), key=True),
            notes=(f"destination `{at[1]}`",),
            helps=(f"did you mean `{right}`?",),
        )
    renamed = {wrong.get(key) or key: value for key, value in given.items()}
    common = {key: getattr(shape, key) for key in DestinationShape.model_fields}
    return DestinationShape.model_construct(**common, **renamed), not wrong


def _check_name(report: Report, document: Document, name: str, at: Path) -> None:
    if not _NAME.fullmatch(name):
        report.add(
            "BR104",
            f"`{name[:64]}` cannot be a destination's name",
            document.place_of(at, key=True),
            label="`use` could not name it",
            helps=("use up to 64 letters, digits, `-` and `_`, beginning with a letter or digit",),
        )


def _connector(report: Report, document: Document, name: str, at: Path) -> CompiledConnector | None:
    folder = report.base_dir / "config" / "connectors"
    report.look_for(folder / f"{name}.yaml")
    own = own_files(folder)
    if name in own:
        loaded = load_connector(own[name], name=shown(own[name], report.base_dir))
        report.findings += loaded.findings
        return loaded.connector
    if name in shipped_names():
        return shipped(name)
    if (*at, "connector") in document.unresolved:
        return None
    known = connector_names(folder)
    nearest = suggest(name, known)
    report.add(
        "BR210",
        f"there is no connector `{name}`",
        document.place_of((*at, "connector")),
        label="unknown connector",
        notes=(f"connectors: {quoted_list(known)}; your own belong in config/connectors/",),
        helps=(f"did you mean `{nearest}`?",) if nearest else (),
    )
    return None


def _report_destination(report: Report, document: Document, at: Path, problem: DestinationProblem) -> None:
    path = (*at, problem.key, *problem.inside) if problem.key else at
    if problem.error is not None:
        report.findings += from_validation_error(document, problem.error, model=GivenAuth, at=path)
        return
    if path in document.unresolved:
        return  # the missing variable is reported already
    report.add(
        problem.code,
        problem.message,
        document.place_of(path, key=problem.on_key or problem.key is None),
        notes=(f"destination `{at[1]}`",),
        helps=problem.helps,
        severity=Severity.WARNING if problem.warning else Severity.ERROR,
    )


def _place(document: Document, path: Path, offset: int | None, length: int) -> Place:
    if offset is None:
        return document.place_of(path)
    return Place(document.name, document.span_inside(path, offset, length))

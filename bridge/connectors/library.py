"""The connectors there are: those that come with the program, and the operator's own in `config/connectors/`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bridge.connectors.limits import CompiledLimit
from bridge.connectors.looking import CompiledLive
from bridge.connectors.names import check_references
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.schema import Auth, Connector
from bridge.diagnostics import Document, Finding, Place, Severity, from_validation_error, load_yaml
from bridge.expressions import TemplateRefused

Compiled = TypeVar("Compiled", CompiledOperation, CompiledLimit, CompiledLive)


@dataclass(frozen=True, slots=True)
class CompiledConnector:
    """A connector with all its operations compiled."""

    connector: Connector
    operations: Mapping[str, CompiledOperation]
    limits: tuple[CompiledLimit, ...] = ()
    """What the vendor allows by default; a destination may know better (`Destination.limits`)."""
    live: CompiledLive | None = None
    """What `check --live` can ask; None: nothing."""

    def auth_for(self, settings: Mapping[str, object]) -> Auth | None:
        """The first auth mode whose needs the settings meet, or None."""
        for auth in self.connector.auth:
            if all(settings.get(name) for name in auth.needs):
                return auth
        return None


class _Operations(Mapping[str, CompiledOperation]):
    """The operations of a connector that is known to be right, each compiled when it is first asked for.

    A rule uses few of them, and compiling all would take most of a command's start.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._compiled: dict[str, CompiledOperation] = {}

    def __getitem__(self, name: str) -> CompiledOperation:
        if name not in self._compiled:
            if name not in self._connector.operations:
                raise KeyError(name)
            self._compiled[name] = CompiledOperation(self._connector, name)
        return self._compiled[name]

    def __contains__(self, name: object) -> bool:
        return name in self._connector.operations

    def __iter__(self) -> Iterator[str]:
        return iter(self._connector.operations)

    def __len__(self) -> int:
        return len(self._connector.operations)


@dataclass(frozen=True, slots=True)
class LoadedConnector:
    """A connector file as read: the connector, or what is wrong with the file."""

    connector: CompiledConnector | None
    findings: tuple[Finding, ...] = ()


def load_connector(path: Path, *, name: str | None = None, is_shipped: bool = False) -> LoadedConnector:
    """Read, check and compile one connector file.

    Args:
        path: the file.
        name: what to call it in findings, by default the path.
        is_shipped: its templates were checked when the program was made (by our tests): compile them when needed.
    """
    loaded = load_yaml(path, name=name)
    if loaded.document is None:
        return LoadedConnector(None, tuple(loaded.findings))
    document = loaded.document
    try:
        connector = Connector.model_validate(document.data)
    except ValidationError as error:
        findings = from_validation_error(document, error, model=Connector)
        return LoadedConnector(None, (*loaded.findings, *findings))
    findings = [*loaded.findings, *(() if is_shipped else check_references(document, connector))]
    operations: Mapping[str, CompiledOperation] = (
        _Operations(connector)
        if is_shipped
        else {
            name: operation
            for name in connector.operations
            if (
                operation := _compiled(
                    document, ("operations", name), findings, partial(CompiledOperation, connector, name)
                )
            )
        }
    )
    limits = [
        compiled
        for name, limit in connector.limits.items()
        if (
            compiled := _compiled(
                document, ("limits", name), findings, partial(CompiledLimit.of, name, limit, connector.operations)
            )
        )
    ]
    asked = connector.live
    live = None if asked is None else _compiled(document, ("live",), findings, partial(CompiledLive, connector, asked))
    if findings:
        return LoadedConnector(None, tuple(findings))
    return LoadedConnector(CompiledConnector(connector, operations, tuple(limits), live))


def _compiled(
    document: Document, at: tuple[str, ...], findings: list[Finding], compile_it: Callable[[], Compiled]
) -> Compiled | None:
    """What `compile_it` gives; None when its templates are wrong, which is added to the findings."""
    try:
        return compile_it()
    except TemplateRefused as refused:
        place = Place(document.name, document.span(at, key=True))
        findings.extend(
            Finding(
                "BR121",
                Severity.ERROR,
                problem.message,
                place,
                label="in " + " ".join((at[0].removesuffix("s"), *(f"`{name}`" for name in at[1:]))),
                helps=(problem.help,) if problem.help else (),
            )
            for problem in refused.problems
        )
        return None


def own_files(directory: Path) -> Mapping[str, Path]:
    """The operator's own connector files by name; a directory that does not exist holds none."""
    return {path.stem: path for path in sorted(directory.glob("*.yaml"))}


def connector_names(directory: Path) -> tuple[str, ...]:
    """The names of all connectors, shipped or in the operator's directory, sorted."""
    return tuple(sorted({*own_files(directory), *shipped_names()}))


def find_connector(name: str, directory: Path) -> LoadedConnector:
    """A connector by its name; the operator's file wins over a shipped one.

    Raises:
        KeyError: there is none of this name.
    """
    own = own_files(directory).get(name)
    return load_connector(own) if own is not None else LoadedConnector(shipped(name))


@cache
def shipped_names() -> tuple[str, ...]:
    """The names of the connectors that come with the program."""
    folder = resources.files("bridge.connectors") / "catalog"
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


@cache
def shipped(name: str) -> CompiledConnector:
    """A connector that comes with the program.

    Raises:
        KeyError: there is none of this name.
    """
    if name not in shipped_names():
        raise KeyError(name)
    with resources.as_file(resources.files("bridge.connectors") / "catalog" / f"{name}.yaml") as path:
        loaded = load_connector(path, name=f"connectors/{name}.yaml", is_shipped=True)
    if loaded.connector is None:
        details = "; ".join(f"{finding.place.file}: {finding.message}" for finding in loaded.findings)
        raise AssertionError(f"the shipped connector {name} does not load: {details}")
    return loaded.connector

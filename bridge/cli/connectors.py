"""`crm-bridge connectors`: what a destination can be, and what its operations take."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.options import ConfigOption, EnvFileOption, JsonOption, config_path, environment
from bridge.cli.output import print_json
from bridge.cli.sheets import (
    CatalogRow,
    origin_of,
    print_catalog,
    print_heading,
    print_section,
    print_yaml,
    refuse_file,
    refuse_name,
)
from bridge.connectors.library import CompiledConnector, connector_names, find_connector, own_files
from bridge.connectors.schema import Operation, Parameter
from bridge.units import format_duration

REPEATS = {
    "key": "with an idempotency key, so that a repeat is harmless",
    "upsert": "simply again: the same request has the same effect",
    "probe": "after a look whether the first one arrived",
    "unsafe": "only by a person: nothing tells whether the first one arrived",
}

CLEARS = {
    "json_null": "clears the field: it is sent as JSON's null",
    "empty_text": "clears the field: it is sent as an empty text",
    "refuse": "is an error: there is nothing to clear",
}


def connectors(
    name: Annotated[str | None, typer.Argument(metavar="NAME[.OPERATION]", help="A connector or operation.")] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List the connectors (your own in `config/connectors/` too), or show one, or one of its operations."""
    directory = config_path(config, environment(env_file)).resolve().parent / "config" / "connectors"
    known = connector_names(directory)
    if name is None:
        _list({each: _loaded(each, directory) for each in known}, directory, json=json)
        return
    connector_name, dot, operation_name = name.partition(".")
    if connector_name not in known:
        refuse_name("connector", connector_name, known)
    found = _loaded(connector_name, directory)
    if dot and operation_name not in found.operations:
        refuse_name("operation", name, [f"{connector_name}.{each}" for each in found.operations])
    origin = _origin(connector_name, directory)
    if json:
        print_json(_as_json(found, origin, operation_name or None))
    elif dot:
        _print_operation(found, operation_name)
    else:
        _print_connector(found, origin)


def _loaded(name: str, directory: Path) -> CompiledConnector:
    """The connector; ends the program when the operator's file is wrong."""
    loaded = find_connector(name, directory)
    if loaded.connector is None:
        refuse_file(loaded.findings)
    return loaded.connector


def _origin(name: str, directory: Path) -> str:
    return origin_of(own_files(directory).get(name), directory)


def _list(found: dict[str, CompiledConnector], directory: Path, *, json: bool) -> None:
    rows = [
        CatalogRow(name, each.connector.title, _origin(name, directory), list(each.operations))
        for name, each in found.items()
    ]
    print_catalog("connector", "operations", rows, json=json)


# --- one connector ---------------------------------------------------------------------------------------------


def _print_connector(found: CompiledConnector, origin: str) -> None:
    connector = found.connector
    print_heading(connector.name, connector.title, connector.doc, origin=origin)
    print_section("settings of a destination", [_setting(name, found) for name in connector.settings])
    ways = [(auth.mode, "needs " + " and ".join(auth.needs) if auth.needs else "") for auth in connector.auth]
    print_section("ways to authenticate, the first that has what it needs", ways)
    limits = [
        (limit.name, f"{limit.calls} in {format_duration(limit.per_ms)}", limit.limit.doc) for limit in found.limits
    ]
    print_section("limits", limits)
    operations = [(name, each.operation.doc) for name, each in found.operations.items()]
    print_section("operations", operations)
    typer.echo(f"\n`crm-bridge connectors {connector.name}.OPERATION` shows what it takes.")


def _setting(name: str, found: CompiledConnector) -> tuple[str, str, str]:
    setting = found.connector.settings[name]
    default = f" (default {setting.default})" if setting.default is not None else ""
    return name, f"{setting.type}{', required' if setting.required else ''}", setting.doc + default


def _print_operation(found: CompiledConnector, name: str) -> None:
    operation = found.operations[name].operation
    use = f"{found.connector.name}.{name}"
    print_heading(use, "", operation.doc)
    print_section("parameters of `with`", _parameters(operation.params))
    if operation.one_needed:
        typer.echo(f"\nOne of these must be given: {', '.join(operation.one_needed)}")
    print_section("how it behaves", _behaviour(found, name, operation))
    print_yaml("a step", {"id": "step", "use": use, "with": operation.sample.params})
    print_yaml("a sample answer", {"status": operation.sample.status, "json": operation.sample.json_})


def _parameters(parameters: dict[str, Parameter], inside: str = "") -> list[tuple[str, str, str]]:
    rows = []
    for name, parameter in parameters.items():
        kind = f"{parameter.type}{', required' if parameter.required else ''}"
        rows.append((f"{inside}{name}", kind, parameter.doc + _bounds(parameter)))
        rows += _parameters(parameter.fields, f"{inside}{name}.")
    return rows


def _bounds(parameter: Parameter) -> str:
    words = []
    if parameter.one_of:
        words.append(f"one of {', '.join(parameter.one_of)}")
    if parameter.max_bytes:
        words.append(f"at most {parameter.max_bytes} bytes")
    if parameter.clear is not None:
        words.append(f"null {CLEARS[parameter.clear].partition(':')[0]}")
    return f" ({'; '.join(words)})" if words else ""


def _behaviour(found: CompiledConnector, name: str, operation: Operation) -> list[tuple[str, str]]:
    compiled = found.operations[name]
    rows = [("sent again after a lost answer", REPEATS[operation.repeat])]
    if compiled.batch is not None and operation.batch is not None:
        switch = "" if compiled.batch.on_by_default else "; off unless the destination says `batch: on`"
        rows.append(("in batches", f"up to {operation.batch.max} calls in one request{switch}"))
    counted = [limit.name for limit in found.limits if limit.applies_to(name)]
    if counted:
        rows.append(("counts against the limits", ", ".join(counted)))
    rows.append(("a null in `with`", CLEARS[found.connector.clear]))
    rows.append(("steps.ID.id", "given" if operation.success.id else "not given"))
    return rows


def _as_json(found: CompiledConnector, origin: str, operation: str | None) -> dict[str, object]:
    dumped = found.connector.model_dump(mode="json", by_alias=True, exclude_none=True)
    if operation is not None:
        return {"connector": found.connector.name, "name": operation, **dumped["operations"][operation]}
    return {"origin": origin, **dumped}

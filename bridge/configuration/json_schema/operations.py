"""Schemas of what a connector declares: a destination's keys, and the `with` of a step for each operation.

Without a configuration nobody knows which destinations there are. Then `hubspot.contacts.upsert` and
`hubspot-eu.contacts.upsert` are taken for destinations of the shipped connector `hubspot`, `erp.post` for one of
`http`, and any other name is left alone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.configuration.json_schema.shapes import VARIABLE, Schema, schema_of, with_variables
from bridge.connectors.destination import DestinationShape
from bridge.connectors.given_auth import GivenAuth
from bridge.connectors.library import connector_names, find_connector, shipped, shipped_names
from bridge.connectors.parameters import WORDS
from bridge.connectors.schema import Connector, Operation, Parameter, Setting
from bridge.diagnostics import Loaded, load_yaml, resolve_variables

DestinationNames = Mapping[str, Connector]
"""The destinations of a configuration, each with its connector."""

TEMPLATE: Final = r"\{\{|\$\{"
_GENERIC: Final = "http"
_NAME: Final = "[A-Za-z0-9][A-Za-z0-9_-]*"
_TYPES: Final[Mapping[str, list[str]]] = {
    "text": ["string"],
    "path": ["string"],
    "integer": ["integer"],
    "number": ["number"],
    "boolean": ["boolean"],
    "id": ["integer", "string"],
    "mapping": ["object"],
    "list": ["array"],
    "any": [],
}


@dataclass(frozen=True, slots=True)
class _Use:
    """One value that `use` may have: written out, or as a pattern for names of destinations that nobody knows."""

    operation: Operation
    connector: str
    name: str
    text: str | None = None
    pattern: str | None = None

    @property
    def definition(self) -> str:
        return f"with {self.connector}.{self.name}".replace(" ", "-")


def named_connectors(config: Path, environ: Mapping[str, str]) -> tuple[DestinationNames, Loaded]:
    """The destinations that a configuration names, and what was read; one whose connector cannot be used is left out.

    A variable that is missing is no mistake here, so that no secret is needed to make a schema.
    """
    loaded = load_yaml(config)
    entries: object = None
    if loaded.document is not None:
        data = resolve_variables(loaded.document, environ, base_dir=config.resolve().parent).data
        entries = data.get("destinations") if isinstance(data, dict) else None
    directory = config.resolve().parent / "config" / "connectors"
    known = connector_names(directory)
    found: dict[str, Connector] = {}
    for name, entry in (entries or {}).items() if isinstance(entries, dict) else ():
        connector = entry.get("connector") if isinstance(entry, dict) else None
        compiled = find_connector(connector, directory).connector if connector in known else None
        if compiled is not None:
            found[name] = compiled.connector
    return found, loaded


# --- steps -------------------------------------------------------------------------------------------------------


def add_uses(step: Schema, defs: Schema, destinations: DestinationNames | None) -> None:
    """Let a step's `use` complete to operations, and its `with` be judged by the one that it names."""
    uses = list(_named_uses(destinations)) if destinations is not None else list(_generic_uses())
    written = {"enum": [use.text for use in uses if use.text is not None]}
    others = VARIABLE if destinations is not None else _others()
    description = step["properties"]["use"]["description"]
    step["properties"]["use"] = {
        "anyOf": [written, {"type": "string", "pattern": others}],
        "description": description,
    }
    for use in uses:
        defs.setdefault(use.definition, _with(use.operation))
    step["allOf"] = [_condition(use) for use in uses]


def _named_uses(destinations: DestinationNames) -> Iterator[_Use]:
    for destination, connector in destinations.items():
        for name, operation in connector.operations.items():
            yield _Use(operation, connector.name, name, text=f"{destination}.{name}")


def _generic_uses() -> Iterator[_Use]:
    for connector in shipped_names():
        for name, operation in shipped(connector).connector.operations.items():
            yield _Use(operation, connector, name, text=f"{connector}.{name}", pattern=_pattern(connector, [name]))


def _pattern(connector: str, operations: Iterable[str]) -> str:
    """These operations of every destination that is taken for one of the connector."""
    owner = _NAME if connector == _GENERIC else f"{connector}(?:[_-][A-Za-z0-9_-]+)?"
    return rf"^{owner}\.(?:{'|'.join(map(re.escape, operations))})$"


def _others() -> str:
    """Every `use` of a destination that is none of a shipped connector by its name, and the operations of namesakes."""
    namesakes = [_pattern(connector, shipped(connector).operations) for connector in shipped_names()]
    own = rf"^(?!(?:{'|'.join(shipped_names())})(?:[_-]|\.)){_NAME}\.[A-Za-z0-9_.-]+$"
    return "|".join([VARIABLE, own, *namesakes])


def _condition(use: _Use) -> Schema:
    found: Schema = {"const": use.text} if use.pattern is None else {"type": "string", "pattern": use.pattern}
    then: Schema = {"properties": {"with": {"$ref": f"#/$defs/{use.definition}"}}}
    if any(parameter.required for parameter in use.operation.params.values()) or use.operation.one_needed:
        then["required"] = ["with"]
    return {"if": {"properties": {"use": found}, "required": ["use"]}, "then": then}


def _with(operation: Operation) -> Schema:
    return {"description": operation.doc, **_mapping_of(operation.params, operation.one_needed)}


def _mapping_of(parameters: Mapping[str, Parameter], one_needed: tuple[str, ...]) -> Schema:
    made: Schema = {
        "type": "object",
        "properties": {name: _parameter(parameter) for name, parameter in parameters.items()},
        "additionalProperties": False,
    }
    required = [name for name, parameter in parameters.items() if parameter.required]
    if required:
        made["required"] = required
    if one_needed:
        made["anyOf"] = [{"required": [name]} for name in one_needed]
    return made


def _parameter(parameter: Parameter) -> Schema:
    """A parameter's value. A template may stand for every value, because what it gives is known only with an event."""
    kinds = list(_TYPES[parameter.type])
    if parameter.wire == "text" and parameter.type == "text":
        kinds.append("number")
    if parameter.wire == "integer" and parameter.type == "integer":
        kinds.append("string")
    made: Schema = {"type": kinds} if kinds else {}
    if kinds and not parameter.required and parameter.clear != "refuse":
        made["type"] = [*kinds, "null"]
    if parameter.one_of:
        made = with_variables({"enum": [*parameter.one_of, *([None] if "null" in made["type"] else [])]}, TEMPLATE)
    elif parameter.fields:
        made["type"] = [*made["type"], "string"]
        inner = _mapping_of(parameter.fields, parameter.one_needed)
        made |= {"pattern": TEMPLATE, "if": {"type": "object"}, "then": inner}
    elif kinds and "string" not in kinds:
        told = f"expected {WORDS[parameter.type]} or a template"
        made |= {"type": [*made["type"], "string"], "pattern": TEMPLATE, "patternErrorMessage": told}
    elif parameter.required and parameter.type != "path":
        made["minLength"] = 1
    return {**made, "description": parameter.doc}


# --- destinations ------------------------------------------------------------------------------------------------


def destination_schema(defs: Schema, connectors: Mapping[str, Connector]) -> Schema:
    """A destination: the keys that all have, and beside them those of the connector that it names.

    Args:
        defs: the `$defs` of the file's schema.
        connectors: those that are known by name; others are the operator's own, and all their keys are taken.
    """
    common = schema_of(DestinationShape, defs)
    defs["GivenAuth"] = schema_of(GivenAuth, defs)
    described = {"description": common["properties"]["connector"]["description"]}
    common["properties"]["connector"] = {"anyOf": [{"enum": list(connectors)}, {"type": "string"}], **described}
    common["allOf"] = [
        {
            "if": {"properties": {"connector": {"const": name}}, "required": ["connector"]},
            "then": _destination_of(connector, common["properties"]),
        }
        for name, connector in connectors.items()
    ]
    return common


def _destination_of(connector: Connector, common: Schema) -> Schema:
    made: Schema = {
        "properties": {
            **dict.fromkeys(common, True),
            **{name: _setting(setting) for name, setting in connector.settings.items()},
        },
        "additionalProperties": False,
    }
    required = [name for name, setting in connector.settings.items() if setting.required]
    if connector.base_url is None:
        required.append("base_url")
    if required:
        made["required"] = required
    if connector.auth and all(auth.needs for auth in connector.auth):
        made["anyOf"] = [{"required": list(auth.needs)} for auth in connector.auth]
    return made


def _setting(setting: Setting) -> Schema:
    described: Schema = {"description": setting.doc}
    if setting.default is not None:
        described["default"] = setting.default
    match setting.type:
        case "auth":
            return {"$ref": "#/$defs/GivenAuth", **described}
        case "integer" | "boolean":
            return {**with_variables({"type": setting.type}), **described}
        case "ids":
            return {"type": "object", "additionalProperties": with_variables({"type": "integer"}), **described}
        case "text" | "secret":
            pattern = {"pattern": f"^(?:{setting.pattern})$"} if setting.pattern else {}
            return {**with_variables({"type": "string", **pattern}), **described}

"""The schemas of whole files: configuration, rules, tests of rules, connector, source preset."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from bridge.configuration.json_schema.operations import DestinationNames, add_uses, destination_schema
from bridge.configuration.json_schema.shapes import VARIABLE, Schema, schema_of
from bridge.configuration.json_schema.verification import share_keys
from bridge.configuration.rules import RulesFileShape
from bridge.configuration.shape import ConfigurationShape
from bridge.connectors.library import shipped, shipped_names
from bridge.connectors.schema import Connector
from bridge.rules.schema import RuleShape
from bridge.rules.testing.schema import RuleTestsFileShape, RuleTestShape
from bridge.settings import SECTIONS, Settings
from bridge.sources import Preset, SourceConfig, preset_names

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
VARIABLE_OR_CASE: Final = rf"{VARIABLE}|\$case\."
ON_PATTERN: Final = r"^[^/]+/.+$|\$\{"


def schema_of_file(kind: str, destinations: DestinationNames | None = None) -> Schema:
    """The JSON Schema of one kind of file.

    Args:
        kind: a key of `FILES`.
        destinations: those of a configuration; None when nobody knows them.
    """
    title, make = FILES[kind]
    defs: Schema = {}
    made = make(defs, destinations)
    return {"$schema": DIALECT, "title": title, **made, "$defs": dict(sorted(defs.items()))}


def _configuration(defs: Schema, destinations: DestinationNames | None) -> Schema:
    made = schema_of(ConfigurationShape, defs)
    settings = schema_of(Settings, defs)["properties"]
    properties = made["properties"]
    for section in SECTIONS:
        properties[section] = _or_nothing(settings[section]) | _described(properties[section])
    properties["sources"] |= {"additionalProperties": _source(defs)}
    connectors = {name: shipped(name).connector for name in shipped_names()}
    own = {connector.name: connector for connector in (destinations or {}).values()}
    properties["destinations"] |= {"additionalProperties": destination_schema(defs, connectors | own)}
    properties["tables"] = _tables(properties["tables"])
    rule = _rule(defs, destinations)
    properties["rules"] = _described(properties["rules"]) | {
        "type": ["string", "array", "null"],
        "items": {"type": ["string", "object"], "if": {"type": "object"}, "then": rule},
    }
    for name in ("sources", "destinations"):
        properties[name] = {"type": ["object", "null"], **_without(properties[name], "anyOf")}
    return made


def _rules(defs: Schema, destinations: DestinationNames | None) -> Schema:
    made = schema_of(RulesFileShape, defs)
    made["properties"]["tables"] = _tables(made["properties"]["tables"])
    made["properties"]["rules"]["items"] = _rule(defs, destinations)
    return made


def _rule(defs: Schema, destinations: DestinationNames | None) -> Schema:
    """A reference to the schema of a rule, whose steps know the operations."""
    defs["RuleShape"] = schema_of(RuleShape, defs)
    on = defs["RuleShape"]["properties"]["on"]
    told = "expected a source and a type, such as aisoule/message.received"
    one = {"type": "string", "pattern": ON_PATTERN, "patternErrorMessage": told}
    defs["RuleShape"]["properties"]["on"] = _described(on) | {
        "if": {"type": "array"},
        "then": {"items": one, "minItems": 1},
        "else": one,
    }
    add_uses(defs["StepShape"], defs, destinations)
    return {"$ref": "#/$defs/RuleShape"}


def _source(defs: Schema) -> Schema:
    made = schema_of(SourceConfig, defs)
    share_keys(defs)
    preset = made["properties"]["preset"]
    made["properties"]["preset"] = _described(preset) | {
        "anyOf": [{"enum": list(preset_names())}, {"type": ["string", "null"]}]
    }
    return made


def _tables(shown: Schema) -> Schema:
    return _described(shown) | {
        "type": ["object", "null"],
        "additionalProperties": {
            "type": "object",
            "description": "key -> value; or `{file: table.csv}`, a `.csv` or `.yaml` file.",
        },
    }


def _or_nothing(shown: Schema) -> Schema:
    """A section of settings, or its bare key with nothing below it."""
    return {"anyOf": [_without(shown, "default", "description"), {"type": "null"}]}


def _described(shown: Schema) -> Schema:
    return {"description": shown["description"]} if "description" in shown else {}


def _without(shown: Schema, *keywords: str) -> Schema:
    return {keyword: value for keyword, value in shown.items() if keyword not in keywords}


def _tests(defs: Schema, _destinations: DestinationNames | None) -> Schema:
    made = schema_of(RuleTestsFileShape, defs, text=VARIABLE_OR_CASE)
    defs["RuleTestShape"] = schema_of(RuleTestShape, defs, text=VARIABLE_OR_CASE)
    made["properties"]["tests"]["items"] = {"$ref": "#/$defs/RuleTestShape"}
    return made


def _preset(defs: Schema, _destinations: DestinationNames | None) -> Schema:
    made = schema_of(Preset, defs, text=None)
    share_keys(defs)
    return made


def _of_shape(model: type[BaseModel]) -> "_Make":
    """The schema of a file that is read with one shape and holds no variables."""
    return lambda defs, _destinations: schema_of(model, defs, text=None)


_Make = Callable[[Schema, DestinationNames | None], dict[str, Any]]

FILES: Final[Mapping[str, tuple[str, _Make]]] = MappingProxyType(
    {
        "config": ("The configuration of crm-bridge", _configuration),
        "rules": ("Rules of crm-bridge", _rules),
        "tests": ("Tests of rules of crm-bridge", _tests),
        "connector": ("A connector of crm-bridge", _of_shape(Connector)),
        "source": ("A source preset of crm-bridge", _preset),
    }
)
"""Each kind of file that users write: its title, and how its schema is made."""

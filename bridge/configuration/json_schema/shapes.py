"""From a pydantic model to its JSON Schema, as an editor wants it.

Pydantic makes the schema. Besides, every key is described by the string below its field; defaults are spelled as in
a file (`15s`, not 15000); and where a file may hold `${NAME}`, every scalar also takes text with one in it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bridge.configuration.json_schema.attribute_docs import attribute_docs
from bridge.diagnostics.keys import key_of
from bridge.sources.places import one_or_many

Schema = dict[str, Any]

VARIABLE: Final = r"\$\{"
"""Text that names a variable; what the variable holds is not known to an editor."""

_SCALARS: Final = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
_OF_NAMES: Final = frozenset({"properties", "patternProperties", "$defs"})
"""Keywords whose value is a schema for each name."""
_LITERAL: Final = frozenset({"default", "examples", "enum", "const"})
"""Keywords whose value is data and no schema."""


class _Generator(GenerateJsonSchema):
    """Pydantic's own, plus what the shapes say about their keys."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A model with described keys."""
        made = super().model_schema(schema)
        model = schema["cls"]
        properties = made.get("properties", {})
        docs = attribute_docs(model)
        for name, field in model.model_fields.items():
            shown = properties.get(key_of(name, field))
            if shown is None:
                continue
            if "description" not in shown and name in docs:
                shown["description"] = docs[name]
            _spell_default(shown, field)
        return made

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A list that one text may stand for."""
        made = super().function_before_schema(schema)
        if schema["function"]["function"] is one_or_many:
            return {"anyOf": [{"type": "string"}, made]}
        return made


def _spell_default(shown: Schema, field: FieldInfo) -> None:
    """The default as a file would say it; none at all where leaving the key out is more than a value."""
    shown.pop("default", None)
    if field.is_required() or field.default is None or field.default_factory is not None:
        return
    default = TypeAdapter(field.rebuild_annotation()).dump_python(field.default, mode="json", by_alias=True)
    if default not in ({}, [], "") and not isinstance(field.default, BaseModel):
        shown["default"] = default


def schema_of(model: type[BaseModel], defs: Schema, *, text: str | None = VARIABLE) -> Schema:
    """The schema of a model; the models inside it are added to `defs`, to which its `$ref` point.

    Args:
        model: a shape that some file is read with.
        defs: the `$defs` of the file's schema.
        text: a pattern: where it is found in a text, that text may stand for any scalar; None: it may not.
    """
    made: Schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    tidy = _everywhere(made, _tidied)
    if text is not None:
        tidy = _everywhere(tidy, partial(with_variables, text=text))
    defs |= tidy.pop("$defs", {})
    return tidy


def _everywhere(node: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """The schema with every schema in it changed, the innermost first."""
    made: Schema = {}
    for keyword, value in node.items():
        if keyword in _OF_NAMES:
            made[keyword] = {name: _inside(inner, change) for name, inner in value.items()}
        elif keyword in _LITERAL:
            made[keyword] = value
        elif isinstance(value, list):
            made[keyword] = [_inside(inner, change) for inner in value]
        else:
            made[keyword] = _inside(value, change)
    return change(made)


def _inside(value: Any, change: Callable[[Schema], Schema]) -> Any:
    return _everywhere(value, change) if isinstance(value, dict) else value


def _tidied(node: Schema) -> Schema:
    """One schema without pydantic's titles, which only repeat names."""
    made = {keyword: value for keyword, value in node.items() if keyword not in {"title", "format", "writeOnly"}}
    return _counted(_merged_null(made))


def _merged_null(node: Schema) -> Schema:
    """`type: [x, null]` for "this scalar or null": its mistakes are told better than those of an `anyOf`."""
    choices = node.get("anyOf")
    if not isinstance(choices, list) or {"type": "null"} not in choices or len(choices) != 2:  # noqa: PLR2004 - it and null
        return node
    (other,) = (choice for choice in choices if choice != {"type": "null"})
    if not isinstance(other.get("type"), str) or other["type"] == "object" or "enum" in other:
        return node
    rest = {keyword: value for keyword, value in node.items() if keyword != "anyOf"}
    return {**other, **rest, "type": [other["type"], "null"]}


def _counted(node: Schema) -> Schema:
    """Bounds on the length of a list that one text may stand for: they are about its items."""
    bounds = {"minLength": "minItems", "maxLength": "maxItems"}
    given = {bounds[keyword]: value for keyword, value in node.items() if keyword in bounds}
    if "anyOf" not in node or not given:
        return node
    rest = {keyword: value for keyword, value in node.items() if keyword not in bounds}
    choices = [{**choice, **given} if choice.get("type") == "array" else choice for choice in node["anyOf"]]
    return {**rest, "anyOf": choices}


def with_variables(node: Schema, text: str = VARIABLE) -> Schema:
    """The schema of a scalar that also takes text in which `text` (a pattern) is found; others stay as they are."""
    if "const" in node:
        return node
    if "enum" in node:
        described: Schema = {keyword: node[keyword] for keyword in ("description", "default") if keyword in node}
        rest = {keyword: value for keyword, value in node.items() if keyword not in described}
        return {"anyOf": [rest, {"type": "string", "pattern": text}], **described}
    types = node.get("type")
    kinds = [types] if isinstance(types, str) else list(types or ())
    if "string" in kinds and "pattern" in node:
        made = {**node, "pattern": f"(?:{node['pattern']})|{text}"}
        return made | _told(f"for example {', '.join(node['examples'])}" if "examples" in node else "")
    scalar = next((kind for kind in kinds if kind in _SCALARS), None)
    if scalar is not None and "string" not in kinds:  # where any text may stand, a variable may
        return {**node, "type": [*kinds, "string"], "pattern": text, **_told(_SCALARS[scalar])}
    return node


def _told(expected: str) -> Schema:
    """What editors say of a text that does not fit, in place of the pattern."""
    return {"patternErrorMessage": f"expected {expected}"} if expected else {}


def described_keys(schema: Mapping[str, Any]) -> dict[str, str | None]:
    """`definition.key` -> description of every key that a schema of `schema_of` knows; None where there is none."""
    found: dict[str, str | None] = {}
    models = {"": schema, **schema.get("$defs", {})}
    for name, model in models.items():
        for key, shown in model.get("properties", {}).items():
            found[f"{name}.{key}" if name else key] = shown.get("description")
    return found

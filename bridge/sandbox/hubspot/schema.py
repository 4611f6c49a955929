"""What HubSpot's objects look like: kinds, properties, pipelines, and which values a property takes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.model import rfc3339
from bridge.sandbox.hubspot.catalog import KINDS, PIPELINES, ObjectKind, Property
from bridge.sandbox.hubspot.refusals import (
    ValueProblem,
    invalid_values,
    missing_properties,
    non_unique,
    refused,
    validation,
)
from bridge.sandbox.hubspot.shapes import object_list

MAX_UNIQUE_PROPERTIES = 10
MAX_TEXT_CHARACTERS = 65_536
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_REQUIRED_DEFINITION = ("groupName", "name", "label", "type", "fieldType")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MS = re.compile(r"-?\d{1,17}")


class Schema:
    """The property definitions of one account; custom ones come and go through the properties API."""

    def __init__(self) -> None:
        self._aliases = {alias: kind for kind in KINDS for alias in (kind.name, kind.singular, kind.type_id)}
        self._properties = {kind.name: {item.name: item for item in kind.properties} for kind in KINDS}

    def kind(self, name: str) -> ObjectKind:
        """The kind for `contacts`, `contact` or `0-1`.

        Raises:
            Refused: 400, there is no such kind.
        """
        kind = self._aliases.get(name.lower())
        if kind is None:
            raise validation("Unable to infer object type from the path")
        return kind

    def properties(self, kind: ObjectKind) -> list[Property]:
        """All properties of a kind."""
        return list(self._properties[kind.name].values())

    def find(self, kind: ObjectKind, name: str) -> Property | None:
        """One property, None when there is none."""
        return self._properties[kind.name].get(name)

    def unique_names(self, kind: ObjectKind) -> list[str]:
        """The properties whose value belongs to at most one record."""
        return [item.name for item in self.properties(kind) if item.unique]

    def unique(self, kind: ObjectKind, name: str) -> Property:
        """A property that may serve as `idProperty`.

        Raises:
            Refused: 400, it does not exist or is not unique.
        """
        definition = self.find(kind, name)
        if definition is None:
            raise invalid_values([_unknown(name)])
        if not definition.unique:
            raise non_unique(kind.type_id, name)
        return definition

    def define(self, kind: ObjectKind, wanted: Mapping[str, Any], now_ms: int) -> Property:
        """Create a property from the body of the properties API.

        Raises:
            Refused: 400 for a bad definition or too many unique ones, 409 when the name is taken.
        """
        missing = [key for key in _REQUIRED_DEFINITION if not isinstance(wanted.get(key), str) or not wanted[key]]
        if missing:
            raise validation(f"Some required fields were not set: {missing}")
        name: str = wanted["name"]
        if not _NAME.fullmatch(name):
            raise validation("Property names hold lower-case letters, digits and underscores, a letter first")
        if self.find(kind, name) is not None:
            raise refused(409, f"A property named '{name}' already exists.", "OBJECT_ALREADY_EXISTS")
        definition = Property(
            name=name,
            label=wanted["label"],
            type=wanted["type"],
            field_type=wanted["fieldType"],
            group=wanted["groupName"],
            options=tuple(str(option.get("value")) for option in object_list(wanted, "options")),
            unique=bool(wanted.get("hasUniqueValue", False)),
            custom=True,
            created_at_ms=now_ms,
        )
        self._check_unique_count(kind, definition)
        self._properties[kind.name][name] = definition
        return definition

    def remove(self, kind: ObjectKind, name: str) -> bool:
        """Archive a custom property; false when there is no such custom property."""
        definition = self.find(kind, name)
        if definition is None or not definition.custom:
            return False
        del self._properties[kind.name][name]
        return True

    def clean(self, kind: ObjectKind, raw: Mapping[str, Any]) -> dict[str, str]:
        """The values as HubSpot stores them: all text, moments as RFC 3339, "" for cleared.

        Raises:
            Refused: 400 with every value that is no good. An unknown or read-only property is one only on strict
                kinds; notes and communications ignore it.
        """
        values: dict[str, str] = {}
        problems: list[ValueProblem] = []
        for name, value in raw.items():
            definition = self.find(kind, name)
            if definition is None or definition.read_only:
                if kind.strict:
                    problems.append(_unknown(name) if definition is None else _read_only(name))
                continue
            text = _as_text(value)
            problem = _problem(definition, text)
            if problem is not None:
                problems.append(problem)
            else:
                values[name] = _stored(definition, text)
        if problems:
            raise invalid_values(problems)
        return values

    def check_complete(self, kind: ObjectKind, values: Mapping[str, str]) -> None:
        """Check a new record.

        Raises:
            Refused: 400, a required property is absent or empty.
        """
        missing = [name for name in kind.required if not values.get(name)]
        if missing:
            raise missing_properties(kind.singular.upper(), missing)

    def _check_unique_count(self, kind: ObjectKind, definition: Property) -> None:
        used = sum(1 for item in self.properties(kind) if item.unique and item.custom)
        if definition.unique and used >= MAX_UNIQUE_PROPERTIES:
            raise validation(f"An object may have at most {MAX_UNIQUE_PROPERTIES} properties with unique values")


def shown_property(definition: Property) -> dict[str, Any]:
    """A property as the properties API gives it."""
    created = rfc3339(definition.created_at_ms)
    return {
        "name": definition.name,
        "label": definition.label,
        "type": definition.type,
        "fieldType": definition.field_type,
        "groupName": definition.group,
        "description": "",
        "options": [
            {"label": value, "value": value, "displayOrder": place, "hidden": False}
            for place, value in enumerate(definition.options)
        ],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": definition.unique,
        "hidden": False,
        "hubspotDefined": not definition.custom,
        "modificationMetadata": {
            "archivable": definition.custom,
            "readOnlyDefinition": not definition.custom,
            "readOnlyValue": definition.read_only,
        },
        "formField": not definition.read_only,
        "createdAt": created,
        "updatedAt": created,
        "archived": False,
    }


def shown_pipelines(kind: ObjectKind) -> list[dict[str, Any]]:
    """The pipelines of a kind, none for kinds that have none."""
    return [pipeline.shown() for pipeline in PIPELINES if pipeline.kind == kind.name]


def comparable(name: str, value: str) -> str:
    """The form in which two values of a unique property are compared: e-mail addresses ignore case."""
    return value.strip().lower() if name == "email" else value.strip()


def _as_text(value: Any) -> str | None:
    # Servers accept numbers and booleans although the specification says text; lists and objects they do not.
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    return None


def _problem(definition: Property, text: str | None) -> ValueProblem | None:
    name = definition.name
    if text is None:
        return ValueProblem(name, "INVALID_VALUE", f'Property "{name}" wants text, not a list or an object')
    if len(text) > MAX_TEXT_CHARACTERS:
        return ValueProblem(name, "VALUE_TOO_LONG", f'Property "{name}" takes at most {MAX_TEXT_CHARACTERS} characters')
    return _type_problem(definition, text) if text else None


def _type_problem(definition: Property, text: str) -> ValueProblem | None:
    name = definition.name
    if definition.options and not set(text.strip(";").split(";")) <= set(definition.options):
        allowed = ", ".join(definition.options)
        return ValueProblem(name, "INVALID_OPTION", f"The value was not one of the allowed options: [{allowed}]")
    if definition.type == "number" and not _is_number(text):
        return ValueProblem(name, "INVALID_DOUBLE", f'Property "{name}" wants a number')
    if definition.type == "datetime" and _moment(text) is None:
        return ValueProblem(name, "INVALID_DATE", f'Property "{name}" wants ISO-8601 in UTC or milliseconds')
    return None


def _stored(definition: Property, text: str | None) -> str:
    if definition.type == "datetime" and text:
        moment = _moment(text)
        return "" if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return text or ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _moment(text: str) -> datetime | None:
    """The moment in either notation, None for what is neither or lies outside the years 1 to 9999."""
    try:
        if _EPOCH_MS.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unknown(name: str) -> ValueProblem:
    return ValueProblem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')


def _read_only(name: str) -> ValueProblem:
    return ValueProblem(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')

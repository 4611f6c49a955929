"""The records of a HubSpot account.

A write is prepared (and refused) first and committed after, so that a batch can check all its inputs before any
of them changes something.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bridge.clock import Clock
from bridge.expressions.phone import NotAPhoneNumber, to_national
from bridge.model import rfc3339
from bridge.sandbox.hubspot.associations import Associations, Node, checked_types, far_kind
from bridge.sandbox.hubspot.catalog import ObjectKind
from bridge.sandbox.hubspot.refusals import conflict, not_found, validation, value_taken
from bridge.sandbox.hubspot.schema import Schema, comparable

FIRST_ID = 1001


@dataclass(slots=True)
class Record:
    """One record. `versions` are the states that search shows, each from its own time on, oldest first."""

    kind: ObjectKind
    id: str
    properties: dict[str, str]
    created_at_ms: int
    updated_at_ms: int
    versions: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    @property
    def node(self) -> Node:
        """The record as an end of associations."""
        return self.kind.name, self.id

    def searchable(self, now_ms: int) -> dict[str, str] | None:
        """The properties as search knows them now, None while the record is too new for it."""
        return next((values for since, values in reversed(self.versions) if since <= now_ms), None)

    def shown(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """The record as the objects API gives it, with the named properties or all that are set."""
        bookkeeping = {
            "hs_object_id": self.id,
            "createdate": rfc3339(self.created_at_ms),
            self.kind.modified: rfc3339(self.updated_at_ms),
        }
        values: dict[str, str | None] = {**bookkeeping, **self.properties}
        if names is not None:
            values = {name: values.get(name) or None for name in (*names, *bookkeeping)}
        return {
            "id": self.id,
            "properties": values,
            "createdAt": rfc3339(self.created_at_ms),
            "updatedAt": rfc3339(self.updated_at_ms),
            "archived": False,
        }


@dataclass(frozen=True, slots=True)
class Draft:
    """A write that has passed every check. `record` None: it creates one."""

    kind: ObjectKind
    record: Record | None
    values: Mapping[str, str]
    links: Sequence[tuple[Node, Sequence[int]]] = ()


class Records:
    """All records with their unique values and associations."""

    def __init__(self, clock: Clock, schema: Schema, search_lag_ms: int) -> None:
        self.associations = Associations()
        self._clock = clock
        self._schema = schema
        self._search_lag_ms = search_lag_ms
        self._ids = count(FIRST_ID)
        self._records: dict[str, dict[str, Record]] = {}
        self._unique: dict[tuple[str, str], dict[str, str]] = {}

    def all_of(self, kind: ObjectKind) -> Iterator[Record]:
        """Every record of a kind, oldest first."""
        return iter(self._records.get(kind.name, {}).values())

    def find(self, kind: ObjectKind, key: str, id_property: object = None) -> Record | None:
        """The record with this id, or with this value of a unique property.

        Raises:
            Refused: 400, `id_property` is unknown or not unique.
        """
        known = self._records.get(kind.name, {})
        if id_property is None:
            return known.get(key)
        if not isinstance(id_property, str):
            raise validation("idProperty must be the name of a property")
        self._schema.unique(kind, id_property)
        return known.get(self._unique.get((kind.name, id_property), {}).get(comparable(id_property, key), ""))

    def get(self, kind: ObjectKind, key: str, id_property: object = None) -> Record:
        """As :meth:`find`.

        Raises:
            Refused: 404 besides.
        """
        record = self.find(kind, key, id_property)
        if record is None:
            raise not_found()
        return record

    def prepare_create(self, kind: ObjectKind, raw: Any, associations: Any = None) -> Draft:
        """Check a new record.

        Raises:
            Refused: 400 for values and associations, 409 for a unique value that is taken.
        """
        values = {**kind.defaults, **self._schema.clean(kind, _property_map(raw))}
        self._schema.check_complete(kind, values)
        for _, other in self._owners(kind, values):
            raise conflict(kind.label, other.id)
        return Draft(kind, None, values, self._prepare_links(kind, associations))

    def prepare_update(self, kind: ObjectKind, record: Record, raw: Any) -> Draft:
        """Check a change of a record.

        Raises:
            Refused: 400 for values, also one that another record has; 409 when that is the e-mail address.
        """
        values = self._schema.clean(kind, _property_map(raw))
        for name, other in self._owners(kind, values):
            if other is not record:
                raise (
                    conflict(kind.label, other.id)
                    if name == "email"
                    else value_taken(kind.type_id, record.id, name, other.id)
                )
        return Draft(kind, record, values)

    def commit(self, draft: Draft) -> Record:
        """Carry out a checked write."""
        now_ms = self._clock.now_ms()
        record = draft.record
        if record is None:
            record = Record(draft.kind, str(next(self._ids)), {}, now_ms, now_ms)
            self._records.setdefault(draft.kind.name, {})[record.id] = record
        self._drop_unique(record, draft.values)
        record.properties.update({**draft.values, **_local_numbers(draft)})
        record.updated_at_ms = now_ms
        self._claim_unique(record)
        self._publish(record, now_ms)
        for far, type_ids in draft.links:
            self.associations.link(record.node, far, type_ids)
        return record

    def archive(self, kind: ObjectKind, record_id: str) -> bool:
        """Take a record out, with its unique values and associations; false when there is none."""
        record = self._records.get(kind.name, {}).pop(record_id, None)
        if record is None:
            return False
        self._drop_unique(record, record.properties)
        self.associations.forget(record.node)
        return True

    def forget_property(self, kind: ObjectKind, name: str) -> None:
        """Drop the values of a property that no longer exists."""
        self._unique.pop((kind.name, name), None)
        for record in self.all_of(kind):
            record.properties.pop(name, None)

    def _owners(self, kind: ObjectKind, values: Mapping[str, str]) -> Iterator[tuple[str, Record]]:
        """(property, record) for each unique value among `values` that a record already has."""
        for name in self._schema.unique_names(kind):
            value = values.get(name)
            other = self.find(kind, value, name) if value else None
            if other is not None:
                yield name, other

    def _prepare_links(self, kind: ObjectKind, associations: Any) -> list[tuple[Node, list[int]]]:
        if associations is not None and not isinstance(associations, list):
            raise validation("associations must be a list")
        return [self._prepare_link(kind, item) for item in associations or ()]

    def _prepare_link(self, kind: ObjectKind, item: Any) -> tuple[Node, list[int]]:
        match item:
            case {"to": {"id": str() | int() as far_id}, "types": [{"associationTypeId": first}, *_] as types}:
                far = self._schema.kind(far_kind(kind.name, first))
            case _:
                raise validation("An association needs to.id and types with associationTypeId")
        type_ids = checked_types(kind.name, far.name, types)
        if self.find(far, str(far_id)) is None:
            noun = far.singular.upper()
            raise validation(
                "One or more associations are not valid",
                errors=[
                    {
                        "message": f"No {noun} with ID {far_id} exists. Please use existing objects only.",
                        "subCategory": "crm.associations.INVALID_OBJECT_IDS",
                        "context": {noun: [str(far_id)]},
                    }
                ],
            )
        return (far.name, str(far_id)), type_ids

    def _drop_unique(self, record: Record, changed: Mapping[str, str]) -> None:
        for name in changed:
            owners = self._unique.get((record.kind.name, name))
            if owners is not None and record.properties.get(name):
                owners.pop(comparable(name, record.properties[name]), None)

    def _claim_unique(self, record: Record) -> None:
        for name in self._schema.unique_names(record.kind):
            value = record.properties.get(name)
            if value:
                self._unique.setdefault((record.kind.name, name), {})[comparable(name, value)] = record.id

    def _publish(self, record: Record, now_ms: int) -> None:
        # Keep what search shows now and what it will show, drop what it will never show again.
        past = [version for version in record.versions if version[0] <= now_ms][-1:]
        coming = [version for version in record.versions if version[0] > now_ms]
        values = {key: value or "" for key, value in record.shown()["properties"].items()}
        record.versions = [*past, *coming, (now_ms + self._search_lag_ms, values)]


def _local_numbers(draft: Draft) -> dict[str, str]:
    """What HubSpot calculates of the phone numbers that are written."""
    return {
        calculated: _local_number(draft.values[name])
        for name, calculated in draft.kind.local_numbers.items()
        if name in draft.values
    }


def _local_number(text: str) -> str:
    try:
        return to_national(text)
    except NotAPhoneNumber:
        return "".join(filter(str.isdigit, text))


def _property_map(raw: Any) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise validation("properties must be an object")
    return raw

"""The calls about associations: the default one, labelled ones, batches, reading, removing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.clock import Clock
from bridge.model import rfc3339
from bridge.sandbox.answers import Answer, Call, Route
from bridge.sandbox.hubspot.associations import (
    checked_types,
    default_type,
    inverse_type,
    shown_type,
    type_category,
    type_label,
    types_between,
)
from bridge.sandbox.hubspot.batches import batch_inputs
from bridge.sandbox.hubspot.catalog import ObjectKind
from bridge.sandbox.hubspot.records import Record, Records
from bridge.sandbox.hubspot.refusals import refused, validation
from bridge.sandbox.hubspot.schema import Schema
from bridge.sandbox.hubspot.shapes import object_list

MAX_WRITES = 2000
MAX_READS = 1000
IdForm = Callable[[str], int | str]


class Links:
    """Associations over HTTP. Both records must exist; doing it twice changes nothing."""

    def __init__(self, clock: Clock, schema: Schema, records: Records) -> None:
        self._clock = clock
        self._schema = schema
        self._records = records

    def object_routes(self, prefix: str) -> Iterator[Route]:
        """The paths under `.../objects`."""
        pair = prefix + "/{from}/{from_id}/associations/{to}/{to_id}"
        yield Route("PUT", prefix + "/{from}/{from_id}/associations/default/{to}/{to_id}", self._put_default)
        yield Route("PUT", pair, self._put_labelled)
        yield Route("DELETE", pair, self._remove)
        yield Route("GET", prefix + "/{from}/{from_id}/associations/{to}", self._read)

    def batch_routes(self, prefix: str) -> Iterator[Route]:
        """The paths under `.../associations`."""
        yield Route("GET", prefix + "/{from}/{to}/labels", self._labels)
        base = prefix + "/{from}/{to}/batch"
        yield Route("POST", base + "/associate/default", self._batch_default)
        yield Route("POST", base + "/create", self._batch_create)
        yield Route("POST", base + "/read", self._batch_read)
        yield Route("POST", base + "/archive", self._batch_archive)

    def _ends(self, call: Call) -> tuple[ObjectKind, ObjectKind]:
        return self._schema.kind(call.params["from"]), self._schema.kind(call.params["to"])

    def _record(self, kind: ObjectKind, record_id: str) -> Record:
        record = self._records.find(kind, record_id)
        if record is None:
            noun = kind.singular.upper()
            raise refused(
                404,
                f"No {noun} with ID {record_id} exists. Please use existing objects only.",
                "OBJECT_NOT_FOUND",
                subCategory="crm.associations.INVALID_OBJECT_IDS",
                context={noun: [record_id]},
            )
        return record

    def _pair(self, call: Call) -> tuple[Record, Record]:
        origin, far = self._ends(call)
        return self._record(origin, call.params["from_id"]), self._record(far, call.params["to_id"])

    def _put_default(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        type_id = default_type(origin.name, far.name)
        one, other = self._pair(call)
        self._records.associations.link(one.node, other.node, [type_id])
        return self._complete(_both_ways(one, other, type_id), 200)

    def _put_labelled(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        type_ids = checked_types(origin.name, far.name, call.json())
        one, other = self._pair(call)
        self._records.associations.link(one.node, other.node, type_ids)
        return Answer(201, _labelled(one, other, type_ids, _id_form(call)))

    def _remove(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        ends = (origin.name, call.params["from_id"]), (far.name, call.params["to_id"])
        self._records.associations.unlink(*ends)
        return Answer(204)

    def _read(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        record = self._record(origin, call.params["from_id"])
        return Answer(200, {"results": self._associated(record, far, _id_form(call))})

    def _labels(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        return Answer(200, {"results": types_between(origin.name, far.name)})

    def _batch_default(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        type_id = default_type(origin.name, far.name)
        pairs = [self._input_pair(origin, far, item) for item in batch_inputs(call.json(), MAX_WRITES)]
        results = []
        for one, other in pairs:
            self._records.associations.link(one.node, other.node, [type_id])
            results += _both_ways(one, other, type_id)
        return self._complete(results, 200)

    def _batch_create(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        wanted = [
            (*self._input_pair(origin, far, item), checked_types(origin.name, far.name, item.get("types")))
            for item in batch_inputs(call.json(), MAX_WRITES)
        ]
        for one, other, type_ids in wanted:
            self._records.associations.link(one.node, other.node, type_ids)
        return self._complete([_labelled(*item, _id_form(call)) for item in wanted], 201)

    def _batch_read(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        results = []
        for item in batch_inputs(call.json(), MAX_READS):
            record = self._records.find(origin, str(item.get("id")))
            found = [] if record is None else self._associated(record, far, _id_form(call))
            if found:
                results.append({"from": {"id": str(item["id"])}, "to": found})
        return self._complete(results, 200)

    def _batch_archive(self, call: Call) -> Answer:
        origin, far = self._ends(call)
        for item in batch_inputs(call.json(), MAX_WRITES):
            for other in object_list(item, "to"):
                ends = (origin.name, _id_of(item, "from")), (far.name, str(other.get("id")))
                self._records.associations.unlink(*ends)
        return Answer(204)

    def _input_pair(self, origin: ObjectKind, far: ObjectKind, item: Mapping[str, Any]) -> tuple[Record, Record]:
        return self._record(origin, _id_of(item, "from")), self._record(far, _id_of(item, "to"))

    def _associated(self, record: Record, far: ObjectKind, form: IdForm) -> list[dict[str, Any]]:
        return [
            {"toObjectId": form(other_id), "associationTypes": [shown_type(type_id) for type_id in type_ids]}
            for other_id, type_ids in self._records.associations.of(record.node, far.name)
        ]

    def _complete(self, results: list[dict[str, Any]], status: int) -> Answer:
        now = rfc3339(self._clock.now_ms())
        return Answer(status, {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


def _id_of(item: Mapping[str, Any], end: str) -> str:
    match item.get(end):
        case {"id": str() | int() as record_id}:
            return str(record_id)
        case _:
            raise validation(f"Every input needs {end}.id")


def _both_ways(one: Record, other: Record, type_id: int) -> list[dict[str, Any]]:
    inverse = inverse_type(one.kind.name, other.kind.name, type_id)
    return [_spec(one, other, type_id), _spec(other, one, inverse)]


def _spec(origin: Record, far: Record, type_id: int) -> dict[str, Any]:
    spec = {"associationCategory": type_category(type_id), "associationTypeId": type_id}
    return {"from": {"id": origin.id}, "to": {"id": far.id}, "associationSpec": spec}


def _id_form(call: Call) -> IdForm:
    """Undated versions give the ids of records as numbers, dated ones as text."""
    return int if call.params["version"].startswith("v") else str


def _labelled(one: Record, other: Record, type_ids: list[int], form: IdForm) -> dict[str, Any]:
    return {
        "fromObjectTypeId": one.kind.type_id,
        "fromObjectId": form(one.id),
        "toObjectTypeId": other.kind.type_id,
        "toObjectId": form(other.id),
        "labels": [label for type_id in type_ids if (label := type_label(type_id))],
    }

"""Static lists and sequences: who was put into which."""

from collections.abc import Iterator
from typing import Any

from bridge.clock import Clock
from bridge.model import rfc3339
from bridge.sandbox.answers import Answer, Call, Route
from bridge.sandbox.hubspot.records import Records
from bridge.sandbox.hubspot.refusals import not_found, validation
from bridge.sandbox.hubspot.schema import Schema
from bridge.sandbox.hubspot.shapes import json_object

_VERSIONS = "{version:2025-09|2026-03|2026-09}"


class Enrolments:
    """Every list and sequence that is named is taken to exist.

    `lists` is list id -> ids of contacts in the order in which they came, `sequences` contact id -> its enrolment.
    """

    def __init__(self, clock: Clock, schema: Schema, records: Records) -> None:
        self._clock = clock
        self._records = records
        self._contacts = schema.kind("contacts")
        self.lists: dict[str, list[str]] = {}
        self.sequences: dict[str, dict[str, Any]] = {}

    def routes(self) -> Iterator[Route]:
        """The paths of both, legacy and dated."""
        for prefix in ("/crm/v3/lists", f"/crm/lists/{_VERSIONS}"):
            yield Route("PUT", prefix + "/{list}/memberships/add", self._add)
        for prefix in ("/automation/v4/sequences", f"/automation/sequences/{_VERSIONS}"):
            yield Route("POST", prefix + "/enrollments", self._enrol)
            yield Route("GET", prefix + "/enrollments/contact/{contact}", self._status)

    def _is_contact(self, record_id: str) -> bool:
        return any(record.id == record_id for record in self._records.all_of(self._contacts))

    def _add(self, call: Call) -> Answer:
        wanted = call.json()
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise validation("The request body must be a list of record ids")
        members = self.lists.setdefault(call.params["list"], [])
        missing = [each for each in wanted if not self._is_contact(each)]
        added = [each for each in dict.fromkeys(wanted) if each not in missing and each not in members]
        members += added
        return Answer(200, {"recordsIdsAdded": added, "recordIdsRemoved": [], "recordIdsMissing": missing})

    def _enrol(self, call: Call) -> Answer:
        body = json_object(call)
        contact, sequence, sender = (str(body.get(name) or "") for name in ("contactId", "sequenceId", "senderEmail"))
        if not (call.asked("userId") and contact and sequence and sender):
            raise validation("userId, contactId, sequenceId and senderEmail are required")
        if not self._is_contact(contact):
            raise not_found()
        if contact in self.sequences:
            raise validation("The contact is already enrolled in a sequence")
        enrolled_at = rfc3339(self._clock.now_ms())
        self.sequences[contact] = {
            "id": str(len(self.sequences) + 1),
            "sequenceId": sequence,
            "enrolledAt": enrolled_at,
            "updatedAt": enrolled_at,
            "enrolledBy": call.asked("userId"),
            "enrolledByEmail": sender,
        }
        return Answer(200, self.sequences[contact])

    def _status(self, call: Call) -> Answer:
        found = self.sequences.get(call.params["contact"])
        if found is None:
            raise not_found()
        return Answer(200, found)

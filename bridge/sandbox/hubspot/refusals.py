"""HubSpot's error answers: `status`, `message`, `category`, `correlationId` and what else each kind carries.

The texts follow what clients in the wild parse, e.g. the number after "Existing ID:".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from bridge.sandbox.answers import Answer, Refused


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """One property value that HubSpot does not take; `code` is e.g. PROPERTY_DOESNT_EXIST."""

    name: str
    code: str
    message: str

    def shown(self) -> dict[str, Any]:
        """The problem as HubSpot lists it."""
        return {
            "isValid": False,
            "message": self.message,
            "error": self.code,
            "name": self.name,
            "localizedErrorMessage": self.message,
        }


def error_answer(status: int, message: str, category: str, **more: Any) -> Answer:
    """An error answer; `more` are further top-level keys such as `errors` or `context`."""
    body = {"status": "error", "message": message, "correlationId": str(uuid4()), "category": category, **more}
    return Answer(status, body)


def refused(status: int, message: str, category: str, **more: Any) -> Refused:
    """The same as something to raise."""
    return Refused(error_answer(status, message, category, **more))


def validation(message: str, **more: Any) -> Refused:
    """400 VALIDATION_ERROR."""
    return refused(400, message, "VALIDATION_ERROR", **more)


def invalid_values(problems: Sequence[ValueProblem]) -> Refused:
    """400 for property values; the message carries the list as JSON text, and `errors` repeats it."""
    listed = orjson.dumps([problem.shown() for problem in problems]).decode()
    errors = [
        {"message": problem.message, "code": problem.code, "context": {"propertyName": [problem.name]}}
        for problem in problems
    ]
    return validation(f"Property values were not valid: {listed}", errors=errors)


def missing_properties(noun: str, names: Sequence[str]) -> Refused:
    """400 for a create without the properties that the object needs."""
    message = f"Error creating {noun}. Some required properties were not set."
    return validation(message, context={"properties": list(names)})


def conflict(label: str, existing_id: str) -> Refused:
    """409 for a unique value that another record already has."""
    return refused(409, f"{label} already exists. Existing ID: {existing_id}", "CONFLICT")


def value_taken(type_id: str, record_id: str, name: str, other_id: str) -> Refused:
    """400 for an update that would give a record another record's unique value."""
    where = f"PropertyValueCoordinates{{objectTypeId={type_id}, objectId={record_id}, propertyName={name}}}"
    return validation(f"Cannot set {where} on {record_id}. {other_id} already has that value.")


def not_found() -> Refused:
    """404 for a record that does not exist or is archived."""
    return refused(404, "resource not found", "OBJECT_NOT_FOUND")


def non_unique(type_id: str, name: str) -> Refused:
    """400 for an `idProperty` that is not unique."""
    return validation(f"Unable to perform update/upsert by non-unique {type_id} property {name}")


def unauthorized(message: str, category: str = "INVALID_AUTHENTICATION") -> Refused:
    """401."""
    return refused(401, message, category)


def rate_limited_answer(policy: str) -> Answer:
    """429; HubSpot promises no Retry-After here."""
    return error_answer(
        429,
        f"You have reached your {policy.lower()} limit.",
        "RATE_LIMITS",
        errorType="RATE_LIMIT",
        policyName=policy,
        requestId=str(uuid4()),
    )

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.connectors.schema import Connector, ErrorRow, Operation, Success

OPERATION: dict[str, Any] = {
    "doc": "d",
    "repeat": "upsert",
    "request": {"method": "POST", "path": "/x"},
    "sample": {"params": {}, "status": 200, "json": {}},
}


def connector(**operations: dict[str, Any]) -> dict[str, Any]:
    return {"name": "n", "title": "t", "doc": "d", "operations": operations}


@pytest.mark.parametrize("status", ["404", 404, "5xx", "1xx", "500-503", "599"])
def test_statuses_are_written_as_numbers_classes_and_ranges(status: str | int) -> None:
    assert Success(status=(status,)).status == (str(status),)


@pytest.mark.parametrize(
    "status", ["", "99", "600", "6xx", "xx", "4x", "404-", "503-500", "4xx-5xx", "404 ", "²00", True]
)
def test_what_is_no_status_is_refused(status: object) -> None:
    with pytest.raises(ValidationError):
        Success.model_validate({"status": [status]})


def test_success_is_no_error() -> None:
    with pytest.raises(ValidationError, match="no error"):
        ErrorRow.model_validate({"status": 404, "outcome": "succeeded"})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"repeat": "key"}, "needs `idempotency`"),
        ({"repeat": "probe"}, "needs a `probe`"),
        ({"repeat": "key", "idempotency": {"header": "K", "lasts": "2h"}}, "needs a `probe` for later repeats"),
        ({"repeat": "perhaps"}, "'key', 'upsert', 'probe' or 'unsafe'"),
        (
            {
                "repeat": "probe",
                "probe": {
                    "request": {"method": "POST", "fetch": "https://media.example.com/a"},
                    "items": "body",
                    "match": "item.id",
                    "id": "item.id",
                },
            },
            "only an operation's own `request`",
        ),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_an_operation_must_be_able_to_repeat_as_it_says(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Operation.model_validate(OPERATION | more)


ID = {"id": {"doc": "d", "type": "id"}}


@pytest.mark.parametrize(
    "update",
    [
        {},
        {"update": OPERATION},
        {"update": OPERATION | {"params": ID, "conflict": {"id": "body.id", "use": "create"}}},
    ],
)
def test_a_conflict_must_lead_to_an_operation_that_takes_the_id(update: dict[str, Any]) -> None:
    create = OPERATION | {"conflict": {"id": "body.id", "use": "update"}}
    with pytest.raises(ValidationError, match="`conflict` of `create`"):
        Connector.model_validate(connector(create=create, **update))


def test_a_conflict_that_leads_to_an_update_is_right() -> None:
    create = OPERATION | {"conflict": {"id": "body.id", "use": "update"}}
    Connector.model_validate(connector(create=create, update=OPERATION | {"params": ID}))

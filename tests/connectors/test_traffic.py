from typing import Any

import pytest
from pydantic import ValidationError

from bridge.connectors.schema import Auth, Operation
from bridge.connectors.traffic import Batch, Limit
from tests.connectors.test_schema import OPERATION

BATCH: dict[str, Any] = {
    "max": 100,
    "request": {"method": "POST", "path": "/batch"},
    "items": "inputs",
    "item": {"id": "{{ params.id }}"},
    "match": {"id": "{{ params.id }}"},
    "results": [{"list": "body.results", "key": {"id": "item.id"}, "answer": {"json": "{{ item }}"}}],
}
PROBE = {"request": {"method": "GET"}, "items": "body", "match": "item.id", "id": "item.id"}


def test_a_batch_waits_for_nobody_and_is_on_unless_it_says_otherwise() -> None:
    batch = Batch.model_validate(BATCH)
    assert (batch.at_least, batch.default, batch.status) == (2, True, ("200", "201", "207"))
    assert Batch.model_validate(BATCH | {"default": "off"}).default is False


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"max": 1}, "greater than or equal to 2"),
        ({"at_least": 101}, "`at_least` is more than `max`"),
        ({"default": "sometimes"}, "write `on` or `off`"),
        ({"results": []}, "at least 1 item"),
        ({"match": {}}, "at least 1 item"),
        ({"match": {"trace": "{{ key }}"}}, "`match` does not say what `id` is"),
        ({"request": {"method": "POST", "json": ["{{ params.id }}"]}}, "is a mapping"),
        ({"request": {"method": "POST", "fetch": "https://media.example.com/a"}}, "only an operation's own `request`"),
        ({"linger": "10ms"}, "Extra inputs"),
    ],
)
def test_a_batch_that_cannot_work_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Batch.model_validate(BATCH | more)


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ({"repeat": "upsert"}, True),
        ({"repeat": "probe", "probe": PROBE}, True),
        ({"repeat": "key", "idempotency": {"header": "K", "lasts": "2h"}, "probe": PROBE}, True),
        ({"repeat": "key", "idempotency": {"header": "K"}}, False),
        ({"repeat": "unsafe"}, False),
        ({"repeat": "upsert", "free_form": True}, False),
        ({"repeat": "upsert", "request": {"method": "POST", "fetch": "https://media.example.com/a"}}, False),
    ],
)
def test_only_calls_that_may_be_repeated_without_a_header_share_requests(more: dict[str, Any], *, fits: bool) -> None:
    described = OPERATION | {"batch": BATCH} | more
    if fits:
        assert Operation.model_validate(described).batch is not None
        return
    with pytest.raises(ValidationError, match="`batch`"):
        Operation.model_validate(described)


def test_a_limit_is_told_by_one_header_or_by_several() -> None:
    with pytest.raises(ValidationError, match="not by both"):
        Limit.model_validate({"doc": "d", "calls": 1, "per": "1s", "header": "X", "headers": {"limit": "Y"}})


@pytest.mark.parametrize("more", [{"calls": 0}, {"per": "0s"}, {"per": 1}, {"hold": "0s"}, {"methods": ["HEAD"]}])
def test_a_limit_that_cannot_be_meant_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Limit.model_validate({"doc": "d", "calls": 1, "per": "1s"} | more)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "bearer", "needs": ["token"], "rotates": "token"},
        {"mode": "oauth", "path": "/t", "rotates": "refresh_token"},
    ],
)
def test_only_an_oauth_mode_rotates_and_only_what_it_needs(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="`rotates`"):
        Auth.model_validate(wrong)

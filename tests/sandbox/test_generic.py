import pytest

from bridge.sandbox import Sandbox
from tests.sandbox.conftest import Caller


async def test_documents_are_created_read_changed_and_removed(generic: Caller, sandbox: Sandbox) -> None:
    made = await generic("POST", "/orders", {"total": 5})
    assert (made.status, made.body) == (201, {"id": 1})
    assert (await generic("GET", "/orders/1")).body == {"id": 1, "total": 5}
    assert (await generic("PATCH", "/orders/1", {"paid": True})).status == 200
    assert (await generic("GET", "/orders")).body == {"items": [{"id": 1, "total": 5, "paid": True}]}
    assert (await generic("PUT", "/orders/1", {"total": 6})).body == {"id": 1}
    assert (await generic("GET", "/orders/1")).body == {"id": 1, "total": 6}
    assert (await generic("DELETE", "/orders/1")).status == 204
    assert (await generic("DELETE", "/orders/1")).status == 404
    assert (await generic("GET", "/orders/1")).status == 404
    assert sandbox.generic.records == []


async def test_put_makes_what_is_not_there(generic: Caller) -> None:
    assert (await generic("PUT", "/customers/a", {"name": "A"})).status == 201
    assert (await generic("GET", "/customers/a")).body == {"id": 1, "name": "A"}


async def test_an_idempotency_key_repeats_the_first_answer(generic: Caller, sandbox: Sandbox) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await generic("POST", "/orders", {"n": 1}, headers=headers)
    second = await generic("POST", "/orders", {"n": 1}, headers=headers)
    assert (second.status, second.body) == (first.status, first.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (len(sandbox.generic.records), sandbox.generic.repeats) == (1, 1)
    assert sandbox.generic.records[0].key == "k"


async def test_a_wrong_token_is_401(generic: Caller) -> None:
    assert (await generic("POST", "/x", {}, headers={"Authorization": "Bearer no"})).status == 401


@pytest.mark.parametrize(
    ("content", "media_type", "stored"),
    [
        (b"a=1&b=2", "application/x-www-form-urlencoded", {"a": "1", "b": "2"}),
        (b"hello", "text/plain", "hello"),
        (b"", "text/plain", None),
        (b'{"a":1}', "application/vnd.api+json", {"a": 1}),
    ],
)
async def test_forms_and_text_are_taken_too(
    generic: Caller, sandbox: Sandbox, content: bytes, media_type: str, stored: object
) -> None:
    await generic("POST", "/x", data=content, headers={"Content-Type": media_type})
    assert sandbox.generic.records[0].body == stored


async def test_broken_json_is_400(generic: Caller) -> None:
    answer = await generic("POST", "/x", data=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status, answer.body) == (400, {"error": "invalid_json"})

from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.sandbox.zendesk.search import LAG_MS
from tests.canaries import CUSTOMER_NAME, PHONE_E164
from tests.sandbox.conftest import Caller

UPSERT = "/users/create_or_update"
CUSTOMER = {"external_id": f"whatsapp:{PHONE_E164}", "phone": PHONE_E164, "name": CUSTOMER_NAME}


@pytest.mark.parametrize("path", [UPSERT, f"{UPSERT}.json"])
async def test_an_upsert_creates_then_finds(zendesk: Caller, path: str) -> None:
    first = await zendesk("POST", path, {"user": CUSTOMER})
    again = await zendesk("POST", path, {"user": CUSTOMER})
    assert (first.status, again.status) == (201, 200)
    assert first.body["user"]["id"] == again.body["user"]["id"]
    assert isinstance(first.body["user"]["id"], int)
    assert first.body["user"]["phone"] == PHONE_E164


async def test_an_external_id_matches_in_any_case_and_takes_over_the_new_one(zendesk: Caller) -> None:
    first = await zendesk("POST", UPSERT, {"user": {"name": "A", "external_id": "WA-a"}})
    again = await zendesk("POST", UPSERT, {"user": {"external_id": "wa-A"}})
    assert (again.status, again.body["user"]["id"]) == (200, first.body["user"]["id"])
    assert again.body["user"]["external_id"] == "wa-A"


async def test_an_e_mail_address_matches_and_a_phone_never_does(zendesk: Caller) -> None:
    first = await zendesk("POST", UPSERT, {"user": {"name": "A", "email": "a@example.com", "phone": PHONE_E164}})
    by_email = await zendesk("POST", UPSERT, {"user": {"name": "B", "email": "A@example.com"}})
    by_phone = await zendesk("POST", UPSERT, {"user": {"name": "C", "phone": PHONE_E164}})
    assert by_email.body["user"]["id"] == first.body["user"]["id"]
    assert by_phone.status == 201


@pytest.mark.parametrize(
    ("user", "field"),
    [
        ({"external_id": "x"}, "name"),
        ({"name": " "}, "name"),
        ({"name": "A", "role": "boss"}, "role"),
        ({"name": "A", "email": "nobody"}, "email"),
    ],
)
async def test_an_invalid_user_is_422_with_the_field(zendesk: Caller, user: dict[str, Any], field: str) -> None:
    answer = await zendesk("POST", UPSERT, {"user": user})
    assert (answer.status, answer.body["error"]) == (422, "RecordInvalid")
    assert list(answer.body["details"]) == [field]


async def test_create_refuses_what_upsert_would_match(zendesk: Caller) -> None:
    assert (await zendesk("POST", "/users", {"user": CUSTOMER})).status == 201
    again = await zendesk("POST", "/users.json", {"user": CUSTOMER})
    assert again.body["details"]["external_id"][0]["error"] == "DuplicateValue"


async def test_users_are_read_changed_and_searched(zendesk: Caller, clock: ManualClock) -> None:
    made = await zendesk("POST", UPSERT, {"user": CUSTOMER})
    path = f"/users/{made.body['user']['id']}"
    changed = await zendesk("PUT", f"{path}.json", {"user": {"name": "New name", "tags": ["vip"]}})
    assert changed.body["user"]["name"] == "New name"
    assert (await zendesk("GET", path)).body["user"]["tags"] == ["vip"]
    found = await zendesk("GET", "/users/search", params={"external_id": CUSTOMER["external_id"].upper()})
    assert [user["id"] for user in found.body["users"]] == [made.body["user"]["id"]]
    assert (await zendesk("GET", "/users/search.json", params={"query": "new NAME"})).body["count"] == 0
    clock.advance(LAG_MS)
    assert (await zendesk("GET", "/users/search.json", params={"query": "new NAME"})).body["count"] == 1
    assert (await zendesk("GET", "/users/search")).status == 400


async def test_missing_users_bodies_and_bulk_import(zendesk: Caller) -> None:
    missing = await zendesk("GET", "/users/5")
    assert (missing.status, missing.body["error"]) == (404, "RecordNotFound")
    shapeless = await zendesk("POST", UPSERT, {"name": "A"})
    assert (shapeless.status, shapeless.body["error"]["title"]) == (400, "Invalid attribute")
    assert (await zendesk("POST", "/users/create_or_update_many", {"users": [CUSTOMER]})).status == 403

from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.sandbox.hubspot.api import SEARCH_LAG_MS
from tests.canaries import PHONE_E164
from tests.sandbox.conftest import Caller

SEARCH = "/crm/v3/objects/contacts/search"


def query(name: str, operator: str, **more: Any) -> dict[str, Any]:
    return {"filterGroups": [{"filters": [{"propertyName": name, "operator": operator, **more}]}]}


async def test_a_record_appears_in_search_only_after_a_while(hubspot: Caller, clock: ManualClock) -> None:
    await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"phone": PHONE_E164}})
    by_phone = query("phone", "EQ", value=PHONE_E164)
    assert (await hubspot("POST", SEARCH, by_phone)).body == {"total": 0, "results": []}
    clock.advance(SEARCH_LAG_MS)
    assert (await hubspot("POST", SEARCH, by_phone)).body["total"] == 1


async def test_search_shows_a_changed_record_as_it_was(hubspot: Caller, clock: ManualClock) -> None:
    made = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"city": "Pune"}})
    clock.advance(SEARCH_LAG_MS)
    await hubspot("PATCH", f"/crm/v3/objects/contacts/{made.body['id']}", {"properties": {"city": "Goa"}})
    everything = {"properties": ["city"]}
    assert (await hubspot("POST", SEARCH, everything)).body["results"][0]["properties"]["city"] == "Pune"
    clock.advance(SEARCH_LAG_MS)
    assert (await hubspot("POST", SEARCH, everything)).body["results"][0]["properties"]["city"] == "Goa"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (query("city", "EQ", value="pune"), ["1"]),
        (query("city", "NEQ", value="pune"), ["2", "10"]),
        (query("city", "IN", values=["pune", "goa"]), ["1", "2"]),
        (query("city", "HAS_PROPERTY"), ["1", "2"]),
        (query("city", "NOT_HAS_PROPERTY"), ["10"]),
        (query("zip", "GT", value="2"), ["10"]),
        (query("zip", "BETWEEN", value="1", highValue="2"), ["1", "2"]),
        (query("city", "CONTAINS_TOKEN", value="*un*"), ["1"]),
        ({"query": "GOA"}, ["2"]),
        ({"sorts": [{"propertyName": "zip", "direction": "DESCENDING"}]}, ["10", "2", "1"]),
        ({"limit": 1, "after": "1"}, ["2"]),
    ],
)
async def test_filters_sorts_and_pages(
    hubspot: Caller, clock: ManualClock, body: dict[str, Any], expected: list[str]
) -> None:
    for place, city in (("1", "Pune"), ("2", "Goa"), ("10", "")):
        await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"zip": place, "city": city}})
    clock.advance(SEARCH_LAG_MS)
    answer = await hubspot("POST", SEARCH, {"properties": ["zip"], **body})
    assert [item["properties"]["zip"] for item in answer.body["results"]] == expected


@pytest.mark.parametrize(
    "body",
    [
        query("nickname", "EQ", value="x"),
        query("city", "LIKE", value="x"),
        {"filterGroups": [{"filters": []}] * 6},
        {"limit": 201},
        {"limit": "many"},
        {"query": "x" * 3000},
    ],
)
async def test_a_search_that_asks_too_much_is_refused(hubspot: Caller, body: dict[str, Any]) -> None:
    assert (await hubspot("POST", SEARCH, body)).status == 400

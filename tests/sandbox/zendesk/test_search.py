from typing import Any

import pytest

from bridge.clock import ManualClock
from bridge.sandbox.zendesk.search import LAG_MS
from tests.canaries import CUSTOMER_NAME
from tests.sandbox.conftest import Caller


async def found(zendesk: Caller, query: str, **more: str) -> list[Any]:
    answer = await zendesk("GET", "/search", params={"query": query, **more})
    assert answer.status == 200
    return [item["id"] for item in answer.body["results"]]


async def test_what_is_young_or_has_just_changed_is_not_found(zendesk: Caller, clock: ManualClock) -> None:
    made = await zendesk("POST", "/tickets", {"ticket": {"subject": "Refund", "comment": {"body": "order 1042"}}})
    ticket = made.body["ticket"]["id"]
    clock.advance(LAG_MS - 1)
    assert await found(zendesk, "type:ticket refund") == []
    clock.advance(1)
    assert await found(zendesk, "type:ticket refund") == [ticket]
    await zendesk("PUT", f"/tickets/{ticket}", {"ticket": {"status": "solved"}})
    assert await found(zendesk, "type:ticket status:solved") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type:ticket status<solved", [1, 2]),
        ("type:ticket status>open", [2]),
        ("type:ticket status:pending", [2]),
        ("type:ticket tags:vip", [1]),
        ('type:ticket "order 1042"', [1]),
        ("type:ticket external_id:e2", [2]),
        ("type:ticket requester:nobody", []),
        ("type:ticket colour:red", []),
        ("type:user", [360_000_000_001]),
        ("type:user nobody", []),
    ],
)
async def test_words_of_a_query_narrow_it(zendesk: Caller, clock: ManualClock, query: str, expected: list[int]) -> None:
    await zendesk(
        "POST", "/tickets", {"ticket": {"status": "open", "tags": ["vip"], "comment": {"body": "order 1042"}}}
    )
    second = {"status": "pending", "external_id": "e2", "comment": {"body": "x"}}
    await zendesk("POST", "/tickets", {"ticket": second})
    clock.advance(LAG_MS)
    assert await found(zendesk, query) == expected


async def test_an_order_a_depth_and_a_missing_query(zendesk: Caller, clock: ManualClock) -> None:
    for number in (1, 2):
        await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": str(number)}}})
        clock.advance(LAG_MS)
    await zendesk("POST", "/users", {"user": {"name": CUSTOMER_NAME}})
    assert await found(zendesk, "type:ticket", sort_by="created_at", sort_order="desc") == [2, 1]
    assert await found(zendesk, "type:ticket", sort_by="created_at", sort_order="asc") == [1, 2]
    assert (await zendesk("GET", "/search", params={"query": "x", "page": "11"})).status == 422
    answer = await zendesk("GET", "/search")
    assert answer.status == 422
    assert "Zendesk-RateLimit-search-index" in answer.headers

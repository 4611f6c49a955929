from typing import Any

import pytest

from bridge.sandbox import Sandbox
from bridge.sandbox.zendesk.access import ZendeskLimits
from tests.canaries import TEXT
from tests.sandbox.conftest import Caller

MESSAGE = {"to": [{"email": "supplier@example.com"}], "subject": "Order", "body": "Where is it?"}


@pytest.fixture
async def path(zendesk: Caller) -> str:
    made = await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": TEXT}}})
    return f"/tickets/{made.body['ticket']['id']}/side_conversations"


async def test_a_side_conversation_is_begun_and_listed_with_its_external_ids(zendesk: Caller, path: str) -> None:
    made = await zendesk("POST", path, {"message": MESSAGE, "external_ids": {"k": "v"}})
    shown = made.body["side_conversation"]
    assert (made.status, shown["subject"], shown["preview_text"]) == (201, "Order", "Where is it?")
    assert shown["external_ids"] == {"k": "v"}
    assert (await zendesk("GET", path)).body["side_conversations"] == [shown]
    assert (await zendesk("GET", "/tickets/99/side_conversations")).status == 404


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({}, 400),
        ({"message": {**MESSAGE, "Body": "x"}}, 400),
        ({"message": {**MESSAGE, "to": []}}, 422),
        ({"message": {**MESSAGE, "body": ""}}, 422),
        ({"message": MESSAGE, "external_ids": {"k": 1}}, 400),
    ],
)
async def test_one_without_people_or_words_is_refused(
    zendesk: Caller, path: str, wanted: dict[str, Any], status: int
) -> None:
    assert (await zendesk("POST", path, wanted)).status == status


async def test_three_hundred_are_begun_in_ten_minutes(zendesk: Caller, path: str, sandbox: Sandbox) -> None:
    sandbox.zendesk.access.apply(ZendeskLimits(enforced=True, side_conversations_in_10_minutes=1))
    assert (await zendesk("POST", path, {"message": MESSAGE})).status == 201
    assert (await zendesk("POST", path, {"message": MESSAGE})).status == 429

"""Zoho Desk: data centers, its own authorization scheme, empty lists, comments in either form."""

from typing import Any

import pytest

from bridge.connectors.destination import DestinationShape, compile_destination
from bridge.connectors.library import shipped
from bridge.rules.actions import GoOn
from tests.connectors.builders import call_of, operation
from tests.connectors.catalog.driving import DESTINATION, driven
from tests.rules import builders
from tests.rules.builders import LOST, answer

SETTINGS = {"org_id": "2389290", "data_center": "eu"}
SECRETS = {"client_id": "1000.A", "client_secret": "value-1", "refresh_token": "value-2"}
TICKET = (
    "{id: t, use: desk.tickets.create, "
    "with: {department_id: '6907', contact_id: '42032', subject: WhatsApp, body: Hello}}"
)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(builders.SETTINGS, DESTINATION, dict(SETTINGS))


@pytest.mark.parametrize(
    ("data_center", "desk", "accounts"),
    [
        ("com", "desk.zoho.com", "accounts.zoho.com"),
        ("in", "desk.zoho.in", "accounts.zoho.in"),
        ("com.au", "desk.zoho.com.au", "accounts.zoho.com.au"),
        ("ca", "desk.zohocloud.ca", "accounts.zohocloud.ca"),
    ],
)
def test_the_data_center_gives_both_hosts(data_center: str, desk: str, accounts: str) -> None:
    shape = DestinationShape.model_validate(
        {"connector": "zoho-desk", **SETTINGS, **SECRETS, "data_center": data_center}
    )
    destination, problems = compile_destination("desk", shape, shipped("zoho-desk"))
    assert destination is not None, problems
    assert destination.base_url == f"https://{desk}/api/v1"
    assert destination.token_url == f"https://{accounts}/oauth/v2/token"
    assert destination.auth.scheme == "Zoho-oauthtoken"


def test_a_data_center_that_is_none_is_refused() -> None:
    shape = DestinationShape.model_validate(
        {"connector": "zoho-desk", **SETTINGS, **SECRETS, "data_center": "evil.com"}
    )
    assert compile_destination("desk", shape, shipped("zoho-desk"))[0] is None


def test_an_empty_list_is_answered_204_and_the_ticket_created() -> None:
    driver = driven("zoho-desk", TICKET)
    driver.send(LOST)
    look, reaction = driver.send(answer(204))
    assert look.request.url == "/contacts/42032/tickets?departmentId=6907&sortBy=-createdTime&limit=50"
    assert look.request.headers["orgId"] == "2389290"
    assert isinstance(reaction, GoOn)
    assert driver.peek().request.method == "POST"


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({}, True),
        ({"contentType": "html", "content": "<div>2 &lt; 3<br>ok</div>"}, True),
        ({"commentedTime": 1_780_369_301_000}, True),
        ({"commentedTime": "2026-06-02T03:00:50.000Z"}, True),  # their clock may be a minute behind
        ({"commentedTime": "2026-06-02T03:00:30.000Z"}, False),
        ({"commentedTime": None}, False),
        ({"isPublic": True}, False),
        ({"content": "2 < 3 ok?"}, False),
        ({"content": None}, False),
    ],
)
def test_a_comment_is_known_by_its_words_its_time_and_who_may_see_it(item: dict[str, Any], *, found: bool) -> None:
    comment = operation("zoho-desk", "tickets.comment")
    assert comment.probe is not None
    usual = {
        "id": "5",
        "content": "2 < 3\nok",
        "contentType": "plainText",
        "isPublic": False,
        "commentedTime": "2026-06-02T03:01:41.000Z",
    }
    call = call_of(comment, {"id": "7", "body": "2 < 3 ok"})
    assert comment.probe.read(call, {"data": [{**usual, **item}]}).found is found


def test_credits_and_calls_at_once_are_limits_of_their_own() -> None:
    limits = {limit.name: limit for limit in shipped("zoho-desk").limits}
    assert (limits["daily"].per_ms, limits["daily"].hold_ms) == (86_400_000, 900_000)
    assert limits["at_once"].hold_ms == 2_000
    bare = answer(429)
    assert [name for name, limit in limits.items() if limit.refuses(bare)] == ["at_once"]

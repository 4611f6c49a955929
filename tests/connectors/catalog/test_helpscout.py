"""Help Scout: ids in headers, writes that count twice, looks that read further pages only as far as they must."""

from typing import Any

import pytest

from bridge.connectors.library import shipped
from bridge.rules.actions import Finished, GoOn, Wait
from tests.connectors.builders import call_of, operation
from tests.connectors.catalog.driving import driven
from tests.rules.builders import LOST, answer

OPEN = (
    "{id: c, use: desk.conversations.create, remember: {c: '1'}, "
    "with: {mailbox_id: 85, customer_id: 29418, subject: WhatsApp, body: Hello}}"
)
NEXT = "https://api.helpscout.net/v2/conversations?page=2"


def page(*created: str, more: bool = False) -> Any:
    found = [
        {"id": n, "subject": "Else", "createdAt": at, "primaryCustomer": {"id": 1}} for n, at in enumerate(created)
    ]
    links = {"_links": {"next": {"href": NEXT}}} if more else {}
    return answer(200, {"_embedded": {"conversations": found}, **links})


def test_the_id_of_what_was_created_is_in_a_header() -> None:
    driver = driven("helpscout", OPEN)
    created = answer(201, None, **{"resource-id": "4411"})
    driver.send(created)
    assert isinstance(driver.action(), Finished)
    assert driver.written == {("c", "1"): "4411"}


def test_a_201_without_its_header_is_not_believed() -> None:
    assert isinstance(driven("helpscout", OPEN).send(answer(201))[1], Wait)


def test_further_pages_are_read_until_they_are_older_than_the_first_try() -> None:
    driver = driven("helpscout", OPEN)
    driver.send(LOST)
    driver.send(page("2026-06-02T03:02:10Z", "2026-06-02T03:02:00Z", more=True))
    second, reaction = driver.send(page("2026-06-02T03:01:59Z", "2026-06-01T00:00:00Z", more=True))
    assert second.request.url == NEXT
    assert isinstance(reaction, GoOn)
    assert driver.peek().request.method == "POST"


@pytest.mark.parametrize("first", [answer(200, {"page": {"totalElements": 0}}), page("2026-06-02T03:02:10Z")])
def test_a_list_without_a_next_page_ends_there(first: Any) -> None:
    driver = driven("helpscout", OPEN)
    driver.send(LOST)
    driver.send(first)
    assert driver.peek().request.method == "POST"


def test_writes_have_half_of_the_accounts_limit() -> None:
    limits = {limit.name: limit for limit in shipped("helpscout").limits}
    assert (limits["account"].calls, limits["writes"].calls) == (200, 100)
    for method, counting in (("GET", ["account"]), ("POST", ["account", "writes"]), ("PATCH", ["account", "writes"])):
        assert [name for name, each in limits.items() if each.applies_to("conversations.message", method)] == counting


def test_an_address_cannot_leave_its_quotes_in_a_search() -> None:
    find = operation("helpscout", "customers.find")
    url = find.request.build(call_of(find, {"email": 'a" OR "b@example.com'})).url
    assert url == "/customers?query=%28email%3A%22a+OR+b%40example.com%22%29"

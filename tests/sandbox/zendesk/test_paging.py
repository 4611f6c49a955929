import pytest

from tests.sandbox.conftest import Caller


@pytest.fixture
async def path(zendesk: Caller) -> str:
    await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": "0"}}})
    for number in range(1, 5):
        await zendesk("PUT", "/tickets/1", {"ticket": {"comment": {"body": str(number)}}})
    return "/tickets/1/comments"


async def test_cursors_lead_through_all_comments_oldest_first(zendesk: Caller, path: str) -> None:
    page = await zendesk("GET", path, params={"page[size]": "2"})
    seen = [item["body"] for item in page.body["comments"]]
    while page.body["meta"]["has_more"]:
        link = page.body["links"]["next"]
        assert link.startswith(zendesk.base + path)
        page = await zendesk("GET", link.removeprefix(zendesk.base))
        seen += [item["body"] for item in page.body["comments"]]
    assert seen == ["0", "1", "2", "3", "4"]
    assert page.body["links"]["next"] is None


async def test_the_newest_comments_come_first_when_asked(zendesk: Caller, path: str) -> None:
    for params in ({"sort": "-created_at", "page[size]": "1"}, {"sort_order": "desc"}):
        page = await zendesk("GET", path, params=params)
        assert page.body["comments"][0]["body"] == "4"


async def test_pages_have_numbers_too(zendesk: Caller, path: str) -> None:
    page = await zendesk("GET", f"{path}.json", params={"per_page": "2", "page": "2"})
    assert [item["body"] for item in page.body["comments"]] == ["2", "3"]
    assert page.body["count"] == 5
    assert "page=3" in page.body["next_page"]
    assert "page=1" in page.body["previous_page"]


@pytest.mark.parametrize(
    ("params", "status"),
    [({"page[size]": "x"}, 400), ({"page[after]": "?"}, 400), ({"page": "0"}, 400), ({"page": "101"}, 422)],
)
async def test_paging_that_makes_no_sense_is_refused(
    zendesk: Caller, path: str, params: dict[str, str], status: int
) -> None:
    assert (await zendesk("GET", path, params=params)).status == status

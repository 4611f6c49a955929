"""The pages as a browser gets them: read with a parser, since only that tells text from markup."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest

from bridge.sandbox import Sandbox, SandboxUrls
from bridge.sandbox.pages import PER_PAGE
from bridge.sandbox.slack import CHANNEL
from tests.canaries import PHONE_E164
from tests.sandbox.conftest import Caller

ATTACK = """<script>alert(1)</script><img src=x onerror=alert(2)></p></article> "' onload=x {{ 7 * 7 }} &lt;b&gt;"""
VOID = {"meta", "link", "br"}
ELEMENTS = re.compile(
    "html|head|meta|title|link|body|header|h1|h2|h3|p|a|main|nav|b|span|br|section|div|article|dl|dt|dd|ol|li|bdi|time"
    "|details|summary|pre"
)
"""The only elements that a page may have."""


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements of a document with their own text, in order; a document that does not nest is refused."""

    elements: list[Element] = field(default_factory=list)
    opened: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self.opened.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop().name == tag

    def handle_data(self, data: str) -> None:
        if self.opened:
            self.opened[-1].text += data

    def texts(self, name: str, css: str | None = None) -> list[str]:
        """The texts of the elements of a name, perhaps of one class."""
        return [
            each.text for each in self.elements if each.name == name and css in (None, each.attributes.get("class"))
        ]

    def links(self) -> list[str]:
        return [str(each.attributes["href"]) for each in self.elements if each.name == "a"]


@dataclass
class Browser:
    session: aiohttp.ClientSession
    base: str

    async def __call__(self, path: str, status: int = 200) -> Page:
        """Load a page, and hold it against what is true of each: no script, nothing from outside, a strict policy."""
        async with self.session.get(self.base + path) as response:
            text = await response.text()
            assert response.status == status, text
            policy = response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert "unsafe" not in policy
        page = Page()
        page.feed(text)
        page.close()
        assert page.opened == []
        assert [each.name for each in page.elements if not ELEMENTS.fullmatch(each.name)] == []
        for each in page.elements:
            assert not {name for name in each.attributes if name.startswith("on") or name == "style"}
            assert str(each.attributes.get("href", "/"))[0] in "/#"
            assert not str(each.attributes.get("href", "/")).startswith("//")
        return page


@pytest.fixture
def browser(session: aiohttp.ClientSession, urls: SandboxUrls) -> Browser:
    return Browser(session, urls.page.removesuffix("/"))


@pytest.fixture
def slack(session: aiohttp.ClientSession, urls: SandboxUrls) -> Caller:
    return Caller(session, urls.slack, {"Authorization": "Bearer sandbox-slack-token"})


async def hubspot_story(hubspot: Caller, text: str) -> dict[str, str]:
    """A contact with a ticket and two messages; the ids."""
    person = {"firstname": text, "phone": PHONE_E164}
    contact = (await hubspot("POST", "/crm/v3/objects/contacts", {"properties": person})).body["id"]
    subject = {"subject": f"About {text}", "hs_pipeline_stage": "2", "hs_ticket_priority": "HIGH"}
    ticket = (await hubspot("POST", "/crm/v3/objects/tickets", {"properties": subject})).body["id"]
    await hubspot("PUT", f"/crm/v4/objects/tickets/{ticket}/associations/default/contacts/{contact}")
    for minute, body in ((2, f"second {text}"), (1, f"first {text}")):
        message = {
            "hs_communication_channel_type": "WHATS_APP",
            "hs_communication_logged_from": "CRM",
            "hs_timestamp": f"2026-06-02T03:0{minute}:00Z",
            "hs_communication_body": body,
        }
        made = (await hubspot("POST", "/crm/v3/objects/communications", {"properties": message})).body["id"]
        await hubspot("PUT", f"/crm/v4/objects/communications/{made}/associations/default/tickets/{ticket}")
    return {"contact": contact, "ticket": ticket}


async def test_an_empty_sandbox_has_a_page(browser: Browser) -> None:
    page = await browser("/")
    assert "Overview · crm-bridge" in page.texts("title")
    assert len(page.texts("p", "none")) == len(page.texts("h2")) - 1  # Zendesk has its agent
    viewports = [each.attributes["content"] for each in page.elements if each.attributes.get("name") == "viewport"]
    assert viewports == ["width=device-width, initial-scale=1"]


async def test_a_ticket_of_hubspot_stands_with_its_contact_and_its_timeline_in_order(
    browser: Browser, hubspot: Caller
) -> None:
    ids = await hubspot_story(hubspot, "Asha")
    for path in ("/", f"/pages/hubspot-tickets/{ids['ticket']}"):
        page = await browser(path)
        assert page.texts("p", "text") == ["first Asha", "second Asha"]
        assert {"2026-06-02 03:01:00", "2026-06-02 03:02:00"} <= set(page.texts("time"))
        assert page.texts("span", "mark")[:2] == ["waiting on contact", "high"]
        assert ("contact", "Asha") in zip(page.texts("dt"), page.texts("dd"), strict=True)
    contact = await browser(f"/pages/hubspot-contacts/{ids['contact']}")
    assert ("phone", PHONE_E164) in zip(contact.texts("dt"), contact.texts("dd"), strict=True)


async def test_a_ticket_of_zendesk_stands_with_its_comments_and_internal_notes(
    browser: Browser, zendesk: Caller
) -> None:
    user = (await zendesk("POST", "/users/create_or_update", {"user": {"name": "Asha", "external_id": "1"}})).body[
        "user"
    ]
    first = {"body": "Hi there!", "author_id": user["id"]}
    ticket = {"subject": "WhatsApp from Asha", "requester_id": user["id"], "tags": ["whatsapp"], "comment": first}
    made = (await zendesk("POST", "/tickets", {"ticket": ticket})).body["ticket"]
    note = {"ticket": {"comment": {"body": "status: read", "public": False}}}
    await zendesk("PUT", f"/tickets/{made['id']}", note)
    page = await browser(f"/pages/zendesk-tickets/{made['id']}")
    assert page.texts("p", "text") == ["Hi there!", "status: read"]
    assert page.texts("bdi") == ["WhatsApp from Asha", "Asha", "Sandbox Agent"]
    assert page.texts("span", "mark") == ["new", "internal note"]
    assert [each.attributes.get("class") for each in page.elements if each.name == "li"] == [None, "inward"]
    assert list(zip(page.texts("dt"), page.texts("dd"), strict=True)) == [("requester", "Asha"), ("tags", "whatsapp")]


async def test_messages_records_and_calls_stand_there(
    browser: Browser,
    slack: Caller,
    generic: Caller,
    sandbox: Sandbox,
    session: aiohttp.ClientSession,
    urls: SandboxUrls,
) -> None:
    await slack("POST", "/chat.postMessage", {"channel": CHANNEL, "text": "an alert"})
    aisoule = Caller(session, urls.aisoule, {"X-API-Key": "sandbox-aisoule-key"})
    developer = Caller(session, urls.aisoule_developer, {"Authorization": "Bearer sandbox-aisoule-developer-key"})
    sandbox.aisoule.account.customer_wrote(PHONE_E164)
    await aisoule("POST", "/messages/send", {"to": PHONE_E164, "type": "text", "text": "on its way"})
    image = {"to": PHONE_E164[1:], "type": "image", "image": {"link": "https://files.example.com/1", "caption": "look"}}
    await developer("POST", "/messages", image)
    await aisoule("POST", "/contacts", {"phone_number": PHONE_E164, "name": "Asha"})
    await generic("POST", "/orders", {"total": 12, "lines": [{"sku": "A"}]})
    await generic("POST", "/orders", {}, headers={"X-Sandbox-Fault": "status; status=503"})
    page = await browser("/")
    assert page.texts("p", "text") == ["an alert", "https://files.example.com/1 look", "on its way"]
    assert {("total", "12"), ("lines", '[{"sku":"A"}]')} <= set(zip(page.texts("dt"), page.texts("dd"), strict=True))
    assert {"503", "fault status", "201"} <= set(page.texts("span", "mark"))
    assert page.texts("a").count("POST /generic/orders") == 2
    call = await browser(f"/pages/calls/{len(sandbox.journal) - 1}")
    assert '"total": 12' in call.texts("pre")[0]
    assert '"authorization": "***"' in call.texts("pre")[0]


async def test_every_link_of_every_page_leads_somewhere(
    browser: Browser, hubspot: Caller, zendesk: Caller, generic: Caller
) -> None:
    await hubspot_story(hubspot, "Asha / & ? # % ü")
    await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": "b"}}})
    await generic("PUT", "/a b/c?d=1", {"n": 1})
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        links = [link for link in (await browser(path)).links() if not link.startswith("#")]
        waiting += [link for link in links if link not in seen and link not in waiting]
    assert len(seen) > 15


async def test_what_customers_and_senders_write_is_text_wherever_it_stands(
    browser: Browser, hubspot: Caller, zendesk: Caller, slack: Caller, generic: Caller
) -> None:
    ids = await hubspot_story(hubspot, ATTACK)
    person = {"user": {"name": ATTACK, "external_id": ATTACK, "user_fields": {ATTACK: ATTACK}}}
    user = (await zendesk("POST", "/users/create_or_update", person)).body["user"]
    comment = {"html_body": ATTACK, "author_id": user["id"]}
    ticket = {"subject": ATTACK, "requester_id": user["id"], "comment": comment, "external_id": ATTACK}
    made = (await zendesk("POST", "/tickets", {"ticket": ticket})).body["ticket"]
    await slack("POST", "/chat.postMessage", {"channel": CHANNEL, "text": ATTACK})
    await generic("POST", f"/{ATTACK}", {ATTACK: ATTACK})
    for path in ("/", "/pages/calls", "/pages/generic-records/1", f"/pages/zendesk-tickets/{made['id']}"):
        await browser(path)
    page = await browser(f"/pages/hubspot-tickets/{ids['ticket']}")
    assert page.texts("p", "text") == [f"first {ATTACK}", f"second {ATTACK}"]
    assert page.texts("bdi")[0] == f"About {ATTACK}"
    assert page.texts("title") == [f"About {ATTACK} · crm-bridge"]
    user_page = await browser(f"/pages/zendesk-users/{user['id']}")
    assert (ATTACK, ATTACK) in zip(user_page.texts("dt"), user_page.texts("dd"), strict=True)
    slack_page = await browser("/pages/slack-messages")
    assert slack_page.texts("p", "text") == [ATTACK]


async def test_of_a_long_text_lists_show_the_beginning_and_the_record_all(browser: Browser, slack: Caller) -> None:
    text = "x" * 39_000
    ts = (await slack("POST", "/chat.postMessage", {"channel": CHANNEL, "text": text})).body["ts"]
    assert (await browser("/")).texts("p", "text") == ["x" * 280 + " … (39,000 characters)"]
    assert (await browser(f"/pages/slack-messages/{ts}")).texts("p", "text") == [text]


async def test_lists_are_in_pages_and_the_newest_is_first(browser: Browser, sandbox: Sandbox) -> None:
    for number in range(PER_PAGE + 5):
        sandbox.slack._add(CHANNEL, {"text": str(number)}, "api")
    assert (await browser("/")).texts("p", "text") == ["104", "103", "102", "101", "100"]
    first, second = await browser("/pages/slack-messages"), await browser("/pages/slack-messages?page=2")
    assert [len(page.texts("article")) for page in (first, second)] == [PER_PAGE, 5]
    assert second.texts("p", "text") == ["4", "3", "2", "1", "0"]
    assert "/pages/slack-messages?page=2" in first.links()
    assert "/pages/slack-messages?page=1" in second.links()


async def test_a_page_loads_itself_again_only_when_asked(browser: Browser) -> None:
    def refreshes(page: Page) -> list[Any]:
        return [each.attributes["content"] for each in page.elements if "http-equiv" in each.attributes]

    assert refreshes(await browser("/")) == []
    again = await browser("/?refresh=5")
    assert refreshes(again) == ["5"]
    assert "/pages/zendesk-users/360000000001?refresh=5" in again.links()


@pytest.mark.parametrize("query", ["refresh=0", "refresh=-1", "refresh=x", "refresh=99999", "refresh=5;url=//evil"])
async def test_a_refresh_that_is_no_number_of_seconds_is_400(
    session: aiohttp.ClientSession, urls: SandboxUrls, query: str
) -> None:
    async with session.get(f"{urls.page}?{query}") as response:
        assert response.status == 400
        assert response.content_type == "text/plain"


@pytest.mark.parametrize("path", ["/pages/nothing", "/pages/slack-messages/1", "/pages/hubspot-tickets/../x"])
async def test_what_is_not_there_is_404_with_a_way_back(browser: Browser, path: str) -> None:
    assert "/" in (await browser(path, status=404)).links()


async def test_the_style_is_the_sandboxs_own(session: aiohttp.ClientSession, urls: SandboxUrls) -> None:
    async with session.get(f"{urls.page}pages/style.css") as response:
        text = await response.text()
        assert (response.status, response.content_type) == (200, "text/css")
    assert "url(" not in text
    assert "@import" not in text

"""The shipped limits: their figures, whom they count, and what the sandbox's real headers and refusals say of them."""

from typing import Any

import pytest

from bridge.connectors.answer import Answer
from bridge.connectors.library import shipped
from bridge.connectors.limits import CompiledLimit, Reading
from bridge.sandbox import HubSpotLimits, Sandbox, ZendeskLimits
from tests.canaries import PHONE_E164
from tests.connectors.builders import NOW_MS, call_of, json_answer, operation
from tests.connectors.catalog.conftest import Account

CONTACT = {"id": PHONE_E164, "id_property": "whatsapp_id", "properties": {"firstname": "A"}}
PAIR = {"from_type": "tickets", "from_id": 5, "to_type": "contacts", "to_id": 6}
USER = {"external_id": "WhatsApp:1", "name": "A"}
TICKET = {"comment": {"body": "b"}}


def limits(connector: str) -> dict[str, CompiledLimit]:
    return {limit.name: limit for limit in shipped(connector).limits}


def told(limit: CompiledLimit, answer: Answer) -> Reading:
    return limit.reading(answer, NOW_MS)


def refusing(connector: str, answer: Answer) -> list[str]:
    return [name for name, limit in limits(connector).items() if limit.refuses(answer)]


async def answered(account: Account, name: str, params: dict[str, Any]) -> Answer:
    compiled = operation(account.connector, name)
    return await account.send(compiled.request.build(account.call(compiled, params)))


@pytest.mark.parametrize(
    ("connector", "figures"),
    [
        (
            "hubspot",
            {"burst": (100, 10), "daily": (250_000, 86_400), "search": (5, 1), "associations": (100, 10)},
        ),
        (
            "zendesk",
            {
                "account": (400, 60),
                "ticket_updates": (100, 60),
                "updates_of_one_ticket": (30, 600),
                "user_upserts": (1, 1),
                "upserts_of_one_user": (5, 60),
                "side_conversations": (300, 600),
            },
        ),
        ("slack", {"messages_of_one_channel": (1, 1), "messages": (300, 60)}),
        ("slack-webhook", {"messages": (1, 1)}),
        ("aisoule", {"general": (120, 60), "messages": (300, 60), "burst": (5, 1), "media": (30, 60)}),
        ("aisoule-developer", {"general": (120, 60), "messages": (300, 60), "burst": (5, 1), "media": (30, 60)}),
        ("http", {}),
    ],
)
def test_the_figures_are_those_of_the_smallest_plan_that_is_usual(
    connector: str, figures: dict[str, tuple[int, int]]
) -> None:
    found = {name: (limit.calls, limit.per_ms // 1000) for name, limit in limits(connector).items()}
    assert found == figures
    assert not any(limit.fixed for limit in limits(connector).values())


@pytest.mark.parametrize(
    ("connector", "name", "method", "counting"),
    [
        ("hubspot", "contacts.upsert", "POST", ["burst", "daily"]),
        ("hubspot", "associations.create", "PUT", ["burst", "daily", "associations"]),
        ("hubspot", "contacts.search", "POST", ["daily", "search"]),
        ("hubspot", "contacts.search_by_phone", "POST", ["daily", "search"]),
        ("hubspot", "associations.label", "PUT", ["burst", "daily", "associations"]),
        ("hubspot", "stages.find", "GET", ["burst", "daily"]),
        ("zendesk", "tickets.create", "POST", ["account"]),
        ("zendesk", "tickets.update", "PUT", ["account", "ticket_updates", "updates_of_one_ticket"]),
        ("zendesk", "tickets.comment", "PUT", ["account", "ticket_updates", "updates_of_one_ticket"]),
        ("zendesk", "tickets.comment", "GET", ["account"]),
        ("zendesk", "users.upsert", "POST", ["account", "user_upserts", "upserts_of_one_user"]),
        ("zendesk", "users.get", "GET", ["account"]),
        ("slack", "messages.post", "POST", ["messages_of_one_channel", "messages"]),
        ("slack", "messages.post", "GET", []),
        ("slack-webhook", "messages.post", "POST", ["messages"]),
        ("aisoule", "messages.template", "POST", ["messages", "burst"]),
        ("aisoule", "messages.media", "POST", ["messages", "burst", "media"]),
    ],
)
def test_each_call_is_counted_where_the_vendor_counts_it(
    connector: str, name: str, method: str, counting: list[str]
) -> None:
    assert [each for each, limit in limits(connector).items() if limit.applies_to(name, method)] == counting


@pytest.mark.parametrize(("connector", "names"), [("hubspot", ["daily"]), ("zendesk", ["account"])])
def test_everybody_may_wait_for_the_limits_that_everybody_shares(connector: str, names: list[str]) -> None:
    assert [name for name, limit in limits(connector).items() if limit.covers_all] == names


def test_a_ticket_and_a_user_have_windows_of_their_own() -> None:
    zendesk = limits("zendesk")
    comment = call_of(operation("zendesk", "tickets.comment"), {"id": 7, "body": "b"})
    assert zendesk["updates_of_one_ticket"].key_of(comment) == "7"
    user = call_of(operation("zendesk", "users.upsert"), USER)
    assert zendesk["upserts_of_one_user"].key_of(user) == "whatsapp:1"


async def test_hubspots_headers_are_read_from_its_answers(hubspot: Account) -> None:
    answer = await answered(hubspot, "contacts.upsert", CONTACT)
    assert told(limits("hubspot")["burst"], answer) == Reading(100, 99, None)
    assert told(limits("hubspot")["daily"], answer) == Reading(250_000, 249_999, None)
    assert told(limits("hubspot")["associations"], answer) == Reading()


@pytest.mark.parametrize(
    ("enforced", "name", "params", "refused"),
    [
        (HubSpotLimits(enforced=True, burst=1), "contacts.upsert", CONTACT, ["burst"]),
        (HubSpotLimits(enforced=True, daily=1), "contacts.upsert", CONTACT, ["daily"]),
        (HubSpotLimits(enforced=True, associations=1), "associations.create", PAIR, ["associations"]),
    ],
)
async def test_hubspots_refusals_say_which_limit_they_are_about(
    hubspot: Account, sandbox: Sandbox, enforced: HubSpotLimits, name: str, params: dict[str, Any], refused: list[str]
) -> None:
    sandbox.hubspot.access.apply(enforced)
    first, second = await answered(hubspot, name, params), await answered(hubspot, name, params)
    assert (first.status, second.status) != (429, 429)
    assert second.status == 429
    covered = [each for each in refusing("hubspot", second) if limits("hubspot")[each].applies_to(name)]
    assert covered[:1] == refused
    assert refusing("hubspot", first) == []


def test_a_hubspot_refusal_in_an_odd_shape_is_about_no_limit_in_particular() -> None:
    bodies: list[object] = [{}, [], None, {"policyName": "NEW"}]
    for body in bodies:
        assert refusing("hubspot", json_answer(429, body)) == []


async def test_zendesks_headers_are_read_from_its_answers(zendesk: Account) -> None:
    user = await answered(zendesk, "users.upsert", USER)
    assert told(limits("zendesk")["account"], user) == Reading(400, 399, 60_000)
    assert told(limits("zendesk")["user_upserts"], user) == Reading(1, 0, 1_000)
    await answered(zendesk, "tickets.create", TICKET)
    update = await answered(zendesk, "tickets.update", {"id": 1, "priority": "high"})
    assert told(limits("zendesk")["ticket_updates"], update) == Reading(100, 99, 60_000)
    assert told(limits("zendesk")["updates_of_one_ticket"], update) == Reading()


@pytest.mark.parametrize(
    ("enforced", "name", "refused"),
    [
        (ZendeskLimits(enforced=True, updates_per_ticket_in_10_minutes=1), "tickets.update", "updates_of_one_ticket"),
        (ZendeskLimits(enforced=True, ticket_updates_per_minute=1), "tickets.update", "ticket_updates"),
        (ZendeskLimits(enforced=True, upserts_per_user_in_a_minute=1), "users.upsert", "upserts_of_one_user"),
        (ZendeskLimits(enforced=True), "users.upsert", "user_upserts"),
    ],
)
async def test_zendesks_refusals_say_by_words_or_by_headers_which_limit_they_are_about(
    zendesk: Account, sandbox: Sandbox, enforced: ZendeskLimits, name: str, refused: str
) -> None:
    await answered(zendesk, "tickets.create", TICKET)
    sandbox.zendesk.access.apply(enforced)
    params = {"id": 1, "priority": "high"} if name == "tickets.update" else USER
    await answered(zendesk, name, params)
    answer = await answered(zendesk, name, params)
    assert answer.status == 429
    own = {each: limit for each, limit in limits("zendesk").items() if limit.applies_to(name, "PUT")}
    named = [each for each, limit in own.items() if limit.refuses(answer)]
    exhausted = [each for each, limit in own.items() if told(limit, answer).remaining == 0]
    assert (named or exhausted) == [refused]

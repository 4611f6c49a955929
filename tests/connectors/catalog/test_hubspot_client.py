"""HubSpot's own client library reads back what the bridge wrote, and works against the sandbox by itself."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
from hubspot import HubSpot
from hubspot.crm.contacts.exceptions import ApiException as ContactRefused
from hubspot.crm.objects.exceptions import ApiException as ObjectRefused

from bridge.clock import ManualClock
from bridge.sandbox import HubSpotLimits, Sandbox
from bridge.sandbox.hubspot.api import SEARCH_LAG_MS
from tests.canaries import HUBSPOT_TOKEN, PHONE_E164
from tests.connectors.builders import operation
from tests.connectors.catalog.conftest import Account

TICKET = {"subject": "WhatsApp", "hs_pipeline": "0", "hs_pipeline_stage": "1"}
MOMENT = "2026-06-02T03:01:38.000Z"
LINE = {
    "hs_communication_channel_type": "WHATS_APP",
    "hs_communication_logged_from": "CRM",
    "hs_timestamp": MOMENT,
    "hs_communication_body": "Hello",
}
Call = Callable[[Any], Any]


class Library:
    """The vendor's client. It blocks, so its calls are made beside the loop that serves them."""

    def __init__(self, base: str, token: str) -> None:
        self._crm = HubSpot(access_token=token, host=f"{base}/hubspot").crm

    async def __call__(self, call: Call) -> Any:
        return await asyncio.to_thread(call, self._crm)


@pytest.fixture
async def library(base: str) -> Library:
    return Library(base, HUBSPOT_TOKEN)


async def written(hubspot: Account, name: str, **params: Any) -> str:
    """The id of what the bridge wrote."""
    verdict = await hubspot(name, params)
    assert verdict.succeeded, verdict
    return str(verdict.id)


async def customer(hubspot: Account, **properties: Any) -> str:
    given = {"firstname": "Asha", "phone": PHONE_E164, **properties}
    return await written(hubspot, "contacts.upsert", id=PHONE_E164, id_property="whatsapp_id", properties=given)


async def test_a_conversation_that_the_bridge_wrote_reads_back(hubspot: Account, library: Library) -> None:
    contact = await customer(hubspot)
    ticket = await written(hubspot, "tickets.upsert", id="m1", id_property="whatsapp_ticket_id", properties=TICKET)
    line = await written(hubspot, "communications.upsert", id="m1", id_property="wa_message_id", properties=LINE)
    pairs = [("tickets", ticket, "contacts", contact), ("communications", line, "tickets", ticket)]
    for from_type, from_id, to_type, to_id in pairs:
        ends = {"from_type": from_type, "from_id": from_id, "to_type": to_type, "to_id": to_id}
        await written(hubspot, "associations.create", **ends)

    read = await library(
        lambda crm: crm.contacts.basic_api.get_by_id(
            PHONE_E164, id_property="whatsapp_id", properties=["firstname", "phone"], associations=["tickets"]
        )
    )
    assert (read.id, read.properties["firstname"], read.properties["phone"]) == (contact, "Asha", PHONE_E164)
    assert [item.id for item in read.associations["tickets"].results] == [ticket]
    shown = await library(lambda crm: crm.tickets.basic_api.get_by_id(ticket, properties=["subject"]))
    assert shown.properties["subject"] == "WhatsApp"
    names = ["hs_communication_body", "hs_timestamp", "wa_message_id"]
    said = await library(lambda crm: crm.objects.communications.basic_api.get_by_id(line, properties=names))
    assert [said.properties[name] for name in names] == ["Hello", MOMENT, "m1"]
    page = await library(lambda crm: crm.associations.v4.basic_api.get_page("communications", line, "tickets"))
    assert [(str(item.to_object_id), item.association_types[0].type_id) for item in page.results] == [(ticket, 83)]
    back = await library(lambda crm: crm.associations.v4.basic_api.get_page("tickets", ticket, "communications"))
    assert [item.association_types[0].type_id for item in back.results] == [84]


async def test_notes_tasks_companies_deals_and_custom_objects_read_back(hubspot: Account, library: Library) -> None:
    for name, kind in (
        ("notes.upsert", "notes"),
        ("tasks.upsert", "tasks"),
        ("companies.upsert", "companies"),
        ("deals.upsert", "deals"),
        ("objects.upsert", "p_orders"),
    ):
        params = operation("hubspot", name).operation.sample.params
        record = await written(hubspot, name, **params)
        properties: Any = params["properties"]
        read = await library(partial(_record, kind, record, [*properties]))
        assert {key: str(value) for key, value in properties.items()}.items() <= read.properties.items()


def _record(kind: str, record: str, names: list[str], crm: Any) -> Any:
    return crm.objects.basic_api.get_by_id(kind, record, properties=names)


async def test_labels_have_a_direction(hubspot: Account, library: Library) -> None:
    contact = await customer(hubspot)
    company = await written(
        hubspot, "companies.upsert", id="e", id_property="bridge_company_id", properties={"name": "Acme"}
    )
    types = [
        {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1},
        {"associationCategory": "USER_DEFINED", "associationTypeId": 1001},
    ]
    ends = {"from_type": "contacts", "from_id": contact, "to_type": "companies", "to_id": company}
    await written(hubspot, "associations.label", **ends, types=types)

    page = await library(lambda crm: crm.associations.v4.basic_api.get_page("companies", company, "contacts"))
    found = {(each.category, each.type_id, each.label) for each in page.results[0].association_types}
    assert found == {("HUBSPOT_DEFINED", 2, "Primary"), ("USER_DEFINED", 1002, "Billing contact")}
    listed = await hubspot("associations.list", {"from_type": "companies", "from_id": company, "to_type": "contacts"})
    assert listed.id == contact


async def test_its_upsert_finds_the_contact_of_the_bridge(hubspot: Account, library: Library) -> None:
    contact = await customer(hubspot)
    inputs = [
        {"id": PHONE_E164, "idProperty": "whatsapp_id", "properties": {"lastname": "Rao"}},
        {"id": "+44", "idProperty": "whatsapp_id", "properties": {"lastname": "New"}},
    ]
    answer = await library(lambda crm: crm.contacts.batch_api.upsert({"inputs": inputs}))
    assert {item.id: item.new for item in answer.results}[contact] is False
    assert sorted(item.new for item in answer.results) == [False, True]
    wanted = {"inputs": [{"id": contact}, {"id": "999"}], "properties": ["lastname"], "propertiesWithHistory": []}
    some = await library(lambda crm: crm.contacts.batch_api.read(wanted))
    assert [item.properties["lastname"] for item in some.results] == ["Rao"]
    assert (some.num_errors, some.errors[0].context["ids"]) == (1, ["999"])


async def test_a_second_contact_of_one_address_is_a_409_that_names_the_first(
    hubspot: Account, library: Library
) -> None:
    contact = await customer(hubspot, email="asha@example.com")
    body = {"properties": {"email": "ASHA@example.com"}, "associations": []}
    with pytest.raises(ContactRefused) as refused:
        await library(lambda crm: crm.contacts.basic_api.create(body))
    answer = orjson.loads(refused.value.body)
    assert (refused.value.status, answer["category"]) == (409, "CONFLICT")
    assert answer["message"].endswith(f"Existing ID: {contact}")


async def test_its_search_sees_a_new_contact_only_after_a_while(
    hubspot: Account, library: Library, clock: ManualClock
) -> None:
    contact = await customer(hubspot)

    async def found(operator: str, value: str) -> list[str]:
        condition = {"propertyName": "hs_searchable_calculated_phone_number", "operator": operator, "value": value}
        groups = [{"filters": [condition]}]
        body = {"filterGroups": groups, "sorts": ["createdate"], "properties": [], "limit": 5, "after": "0"}
        answer = await library(lambda crm: crm.contacts.search_api.do_search(body))
        return [item.id for item in answer.results]

    assert await found("EQ", "8856879188") == []
    clock.advance(SEARCH_LAG_MS)
    assert await found("EQ", "8856879188") == await found("CONTAINS_TOKEN", "*56879188") == [contact]


async def test_pipelines_properties_and_owners_are_read_by_it(library: Library) -> None:
    pipelines = await library(lambda crm: crm.pipelines.pipelines_api.get_all("deals"))
    assert [stage.id for stage in pipelines.results[0].stages][-1] == "closedlost"
    owners = await library(lambda crm: crm.owners.owners_api.get_page(email="support@example.com"))
    owner = await library(lambda crm: crm.owners.owners_api.get_by_id(int(owners.results[0].id)))
    assert owner.email == "support@example.com"
    names = {"groupName": "contactinformation", "name": "erp_id", "label": "ERP", "type": "string"}
    wanted = {**names, "fieldType": "text", "hasUniqueValue": True}
    made = await library(lambda crm: crm.properties.core_api.create("contacts", wanted))
    assert (made.name, made.has_unique_value) == ("erp_id", True)


async def test_what_is_too_much_is_refused(library: Library, sandbox: Sandbox) -> None:
    many = [{"properties": {"firstname": "A"}, "associations": []}] * 101
    with pytest.raises(ContactRefused) as refused:
        await library(lambda crm: crm.contacts.batch_api.create({"inputs": many}))
    assert refused.value.status == 400
    long = {"properties": {"hs_timestamp": MOMENT, "hs_note_body": "x" * 65_537}, "associations": []}
    with pytest.raises(ObjectRefused) as refused_note:
        await library(lambda crm: crm.objects.basic_api.create("notes", long))
    assert "VALUE_TOO_LONG" in refused_note.value.body
    sandbox.hubspot.access.apply(HubSpotLimits(enforced=True, burst=1))
    await library(lambda crm: crm.contacts.basic_api.get_page())
    with pytest.raises(ContactRefused) as limited:
        await library(lambda crm: crm.contacts.basic_api.get_page())
    body = orjson.loads(limited.value.body)
    assert (limited.value.status, body["errorType"], body["policyName"]) == (429, "RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert limited.value.headers["X-HubSpot-RateLimit-Remaining"] == "0"

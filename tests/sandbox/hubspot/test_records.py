import pytest

from bridge.sandbox import Sandbox
from tests.canaries import CUSTOMER_NAME, PHONE_E164, TEXT
from tests.sandbox.conftest import Caller

CONTACT = {"firstname": CUSTOMER_NAME, "phone": PHONE_E164, "whatsapp_id": PHONE_E164}
TICKET = {"subject": TEXT, "hs_pipeline_stage": "1"}
COMMUNICATION = {
    "hs_communication_channel_type": "WHATS_APP",
    "hs_communication_logged_from": "CRM",
    "hs_communication_body": TEXT,
    "hs_timestamp": "2026-06-02T03:01:38Z",
}


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v3/objects/contacts",
        "/crm/objects/2026-03/contacts",
        "/crm/objects/2026-09/0-1",
        "/crm/v3/objects/contact",
    ],
)
async def test_a_created_contact_is_read_back_under_every_version(hubspot: Caller, path: str) -> None:
    created = await hubspot("POST", path, {"properties": CONTACT, "associations": []})
    assert created.status == 201
    assert created.body["id"].isdecimal()
    assert created.body["properties"]["hs_object_id"] == created.body["id"]
    read = await hubspot("GET", f"{path}/{created.body['id']}", params={"properties": "phone,whatsapp_id"})
    assert read.status == 200
    assert read.body["properties"]["phone"] == PHONE_E164
    assert "firstname" not in read.body["properties"]


async def test_a_record_is_read_and_changed_by_its_unique_property(hubspot: Caller) -> None:
    created = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})
    path = f"/crm/v3/objects/contacts/{PHONE_E164}"
    changed = await hubspot("PATCH", path, {"properties": {"city": "Pune"}}, params={"idProperty": "whatsapp_id"})
    assert (changed.status, changed.body["id"]) == (200, created.body["id"])
    read = await hubspot("GET", path, params={"idProperty": "whatsapp_id", "properties": "city"})
    assert read.body["properties"]["city"] == "Pune"
    refused = await hubspot("GET", path, params={"idProperty": "phone"})
    assert refused.status == 400
    assert "non-unique" in refused.body["message"]


async def test_an_unknown_property_of_a_contact_is_a_validation_error(hubspot: Caller) -> None:
    answer = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"nickname": CUSTOMER_NAME}})
    assert answer.status == 400
    assert answer.body["category"] == "VALIDATION_ERROR"
    assert "PROPERTY_DOESNT_EXIST" in answer.body["message"]
    assert answer.body["errors"][0]["context"] == {"propertyName": ["nickname"]}
    assert answer.body["correlationId"]
    assert CUSTOMER_NAME not in answer.body["message"]


async def test_an_unknown_property_of_a_communication_is_ignored(hubspot: Caller) -> None:
    answer = await hubspot("POST", "/crm/v3/objects/communications", {"properties": {**COMMUNICATION, "mood": "x"}})
    assert answer.status == 201
    assert "mood" not in answer.body["properties"]


@pytest.mark.parametrize(
    ("kind", "properties", "missing"),
    [
        ("tickets", {"subject": TEXT}, ["hs_pipeline_stage"]),
        ("notes", {"hs_note_body": TEXT}, ["hs_timestamp"]),
        (
            "communications",
            {"hs_communication_body": TEXT},
            ["hs_communication_channel_type", "hs_communication_logged_from", "hs_timestamp"],
        ),
    ],
)
async def test_required_properties_are_named(
    hubspot: Caller, kind: str, properties: dict[str, str], missing: list[str]
) -> None:
    answer = await hubspot("POST", f"/crm/v3/objects/{kind}", {"properties": properties})
    assert answer.status == 400
    assert answer.body["context"] == {"properties": missing}


@pytest.mark.parametrize(
    ("kind", "properties", "code"),
    [
        ("tickets", {**TICKET, "hs_ticket_priority": "urgent"}, "INVALID_OPTION"),
        ("tickets", {**TICKET, "hs_pipeline_stage": "99"}, "INVALID_OPTION"),
        ("tickets", {**TICKET, "hs_object_id": "1"}, "READ_ONLY_VALUE"),
        ("communications", {**COMMUNICATION, "hs_communication_channel_type": "FAX"}, "INVALID_OPTION"),
        ("communications", {**COMMUNICATION, "hs_communication_logged_from": "API"}, "INVALID_OPTION"),
        ("notes", {"hs_timestamp": "yesterday"}, "INVALID_DATE"),
        ("contacts", {"firstname": "x" * 65_537}, "VALUE_TOO_LONG"),
        ("contacts", {"firstname": {"first": "x"}}, "INVALID_VALUE"),
    ],
)
async def test_values_that_a_property_does_not_take_are_refused(
    hubspot: Caller, kind: str, properties: dict[str, object], code: str
) -> None:
    answer = await hubspot("POST", f"/crm/v3/objects/{kind}", {"properties": properties})
    assert answer.status == 400
    assert answer.body["errors"][0]["code"] == code


async def test_numbers_become_text_and_moments_one_notation(hubspot: Caller) -> None:
    note = await hubspot("POST", "/crm/v3/objects/notes", {"properties": {"hs_timestamp": 1780369298000}})
    assert note.body["properties"]["hs_timestamp"] == "2026-06-02T03:01:38.000Z"
    contact = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"zip": 411001}})
    assert contact.body["properties"]["zip"] == "411001"


async def test_a_ticket_stands_in_the_default_pipeline(hubspot: Caller) -> None:
    ticket = await hubspot("POST", "/crm/v3/objects/tickets", {"properties": TICKET})
    assert ticket.body["properties"]["hs_pipeline"] == "0"


async def test_a_duplicate_create_names_the_existing_record(hubspot: Caller) -> None:
    first = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})
    again = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})
    assert (again.status, again.body["category"]) == (409, "CONFLICT")
    assert again.body["message"].endswith(f"Existing ID: {first.body['id']}")


async def test_e_mail_addresses_are_unique_whatever_their_case(hubspot: Caller) -> None:
    await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"email": "Asha@example.com"}})
    again = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"email": "asha@EXAMPLE.com"}})
    assert again.status == 409


async def test_an_update_to_a_taken_value_is_refused(hubspot: Caller) -> None:
    first = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})
    other = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"firstname": "Other"}})
    path = f"/crm/v3/objects/contacts/{other.body['id']}"
    refused = await hubspot("PATCH", path, {"properties": {"whatsapp_id": PHONE_E164}})
    assert refused.status == 400
    assert f"{first.body['id']} already has that value" in refused.body["message"]


async def test_clearing_or_archiving_frees_a_unique_value(hubspot: Caller) -> None:
    first = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})
    await hubspot("PATCH", f"/crm/v3/objects/contacts/{first.body['id']}", {"properties": {"whatsapp_id": ""}})
    second = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})
    assert second.status == 201
    assert (await hubspot("DELETE", f"/crm/v3/objects/contacts/{second.body['id']}")).status == 204
    assert (await hubspot("GET", f"/crm/v3/objects/contacts/{second.body['id']}")).status == 404
    assert (await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})).status == 201


async def test_a_missing_record_is_404(hubspot: Caller) -> None:
    answer = await hubspot("PATCH", "/crm/v3/objects/tickets/5", {"properties": {"subject": "x"}})
    assert (answer.status, answer.body["category"]) == (404, "OBJECT_NOT_FOUND")


async def test_a_record_is_created_with_its_associations(hubspot: Caller, sandbox: Sandbox) -> None:
    contact = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": CONTACT})
    link = {
        "to": {"id": contact.body["id"]},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 16}],
    }
    ticket = await hubspot("POST", "/crm/v3/objects/tickets", {"properties": TICKET, "associations": [link]})
    assert ticket.status == 201
    read = await hubspot(
        "GET", f"/crm/v3/objects/tickets/{ticket.body['id']}", params={"associations": "contacts,companies"}
    )
    assert read.body["associations"] == {
        "contacts": {"results": [{"id": contact.body["id"], "type": "ticket_to_contact"}]}
    }
    assert len(sandbox.hubspot.records_of("tickets")) == 1


@pytest.mark.parametrize(
    "link",
    [
        {"to": {"id": "77"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 16}]},
        {"to": {"id": "77"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 15}]},
        {"to": {"id": "77"}, "types": []},
        {"to": {}},
    ],
    ids=["nobody there", "wrong direction", "no type", "no id"],
)
async def test_a_bad_association_refuses_the_create(hubspot: Caller, sandbox: Sandbox, link: dict[str, object]) -> None:
    answer = await hubspot("POST", "/crm/v3/objects/tickets", {"properties": TICKET, "associations": [link]})
    assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
    assert sandbox.hubspot.records_of("tickets") == []


@pytest.mark.parametrize("body", [[], {"properties": "x"}, {}], ids=["a list", "no object", "nothing"])
async def test_a_body_of_the_wrong_shape_is_refused(hubspot: Caller, body: object) -> None:
    assert (await hubspot("POST", "/crm/v3/objects/contacts", body)).status == 400


async def test_records_are_listed_in_pages(hubspot: Caller) -> None:
    for name in ("a", "b", "c"):
        await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"firstname": name}})
    page = await hubspot("GET", "/crm/v3/objects/contacts", params={"limit": "2"})
    assert [item["properties"]["firstname"] for item in page.body["results"]] == ["a", "b"]
    rest = await hubspot(
        "GET", "/crm/v3/objects/contacts", params={"limit": "2", "after": page.body["paging"]["next"]["after"]}
    )
    assert [item["properties"]["firstname"] for item in rest.body["results"]] == ["c"]
    assert "paging" not in rest.body

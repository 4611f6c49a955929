import pytest

from tests.sandbox.conftest import Caller

LABEL = {"associationCategory": "HUBSPOT_DEFINED"}


async def make(hubspot: Caller, kind: str) -> str:
    properties = {
        "contacts": {"firstname": "A"},
        "tickets": {"subject": "S", "hs_pipeline_stage": "1"},
        "companies": {"name": "C"},
        "notes": {"hs_timestamp": "0"},
    }
    answer = await hubspot("POST", f"/crm/v3/objects/{kind}", {"properties": properties[kind]})
    return str(answer.body["id"])


@pytest.mark.parametrize("prefix", ["/crm/v4/objects", "/crm/objects/2026-03", "/crm/v3/objects"])
async def test_the_default_association_is_idempotent_and_seen_from_both_ends(hubspot: Caller, prefix: str) -> None:
    ticket, contact = await make(hubspot, "tickets"), await make(hubspot, "contacts")
    path = f"{prefix}/tickets/{ticket}/associations/default/contacts/{contact}"
    first, answer = await hubspot("PUT", path), await hubspot("PUT", path)
    assert (first.status, answer.status) == (200, 200)
    assert [item["associationSpec"]["associationTypeId"] for item in answer.body["results"]] == [16, 15]
    there = await hubspot("GET", f"{prefix}/tickets/{ticket}/associations/contacts")
    assert there.body["results"] == [
        {
            "toObjectId": contact if "2026" in prefix else int(contact),  # undated versions give numbers
            "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 16, "label": None}],
        }
    ]
    back = await hubspot("GET", f"{prefix}/contacts/{contact}/associations/tickets")
    assert [item["toObjectId"] for item in back.body["results"]] == [ticket if "2026" in prefix else int(ticket)]


async def test_both_records_must_exist(hubspot: Caller) -> None:
    ticket = await make(hubspot, "tickets")
    answer = await hubspot("PUT", f"/crm/v4/objects/tickets/{ticket}/associations/default/contacts/5")
    assert (answer.status, answer.body["category"]) == (404, "OBJECT_NOT_FOUND")
    assert answer.body["context"] == {"CONTACT": ["5"]}


async def test_kinds_without_an_association_type_are_refused(hubspot: Caller) -> None:
    note = await make(hubspot, "notes")
    answer = await hubspot("PUT", f"/crm/v4/objects/notes/{note}/associations/default/communications/5")
    assert answer.status == 400


async def test_labelled_associations_take_a_list_of_types(hubspot: Caller) -> None:
    ticket, company = await make(hubspot, "tickets"), await make(hubspot, "companies")
    path = f"/crm/v4/objects/tickets/{ticket}/associations/companies/{company}"
    answer = await hubspot("PUT", path, [{**LABEL, "associationTypeId": 339}, {**LABEL, "associationTypeId": 26}])
    assert (answer.status, answer.body["labels"]) == (201, ["Primary"])
    wrong = await hubspot("PUT", path, [{**LABEL, "associationTypeId": 16}])
    assert wrong.status == 400
    assert (await hubspot("PUT", path, [])).status == 400
    assert (await hubspot("DELETE", path)).status == 204
    read = await hubspot("GET", f"/crm/v4/objects/tickets/{ticket}/associations/companies")
    assert read.body["results"] == []


async def test_a_label_of_the_account_itself_is_of_another_category_and_has_two_ends(hubspot: Caller) -> None:
    contact, company = await make(hubspot, "contacts"), await make(hubspot, "companies")
    path = f"/crm/objects/2026-03/contacts/{contact}/associations/companies/{company}"
    label = {"associationCategory": "USER_DEFINED", "associationTypeId": 1001}
    assert (await hubspot("PUT", path, [{**label, "associationCategory": "HUBSPOT_DEFINED"}])).status == 400
    made = await hubspot("PUT", path, [label])
    assert (made.status, made.body["labels"], made.body["toObjectId"]) == (201, ["Billing contact"], company)
    back = await hubspot("GET", f"/crm/objects/2026-03/companies/{company}/associations/contacts")
    types = [{"category": "USER_DEFINED", "typeId": 1002, "label": "Billing contact"}]
    assert back.body["results"] == [{"toObjectId": contact, "associationTypes": types}]
    listed = await hubspot("GET", "/crm/associations/2026-03/contacts/companies/labels")
    assert {item["typeId"] for item in listed.body["results"]} == {279, 1, 1001}


@pytest.mark.parametrize("prefix", ["/crm/v4/associations", "/crm/associations/2026-09"])
async def test_associations_in_batches(hubspot: Caller, prefix: str) -> None:
    ticket, contact = await make(hubspot, "tickets"), await make(hubspot, "contacts")
    pair = {"from": {"id": ticket}, "to": {"id": contact}}
    base = f"{prefix}/tickets/contacts/batch"
    assert (await hubspot("POST", f"{base}/associate/default", {"inputs": [pair]})).status == 200
    labelled = {**pair, "types": [{**LABEL, "associationTypeId": 16}]}
    assert (await hubspot("POST", f"{base}/create", {"inputs": [labelled]})).status == 201
    read = await hubspot("POST", f"{base}/read", {"inputs": [{"id": ticket}]})
    assert [item["toObjectId"] for item in read.body["results"][0]["to"]] == [
        contact if "2026" in prefix else int(contact)
    ]
    gone = {"from": {"id": ticket}, "to": [{"id": contact}]}
    assert (await hubspot("POST", f"{base}/archive", {"inputs": [gone]})).status == 204
    assert (await hubspot("POST", f"{base}/read", {"inputs": [{"id": ticket}]})).body["results"] == []
    assert (await hubspot("POST", f"{base}/create", {"inputs": [{"from": {"id": ticket}}]})).status == 400


async def test_an_archived_record_leaves_its_associations(hubspot: Caller) -> None:
    ticket, contact = await make(hubspot, "tickets"), await make(hubspot, "contacts")
    await hubspot("PUT", f"/crm/v4/objects/tickets/{ticket}/associations/default/contacts/{contact}")
    await hubspot("DELETE", f"/crm/v3/objects/contacts/{contact}")
    read = await hubspot("GET", f"/crm/v4/objects/tickets/{ticket}/associations/contacts")
    assert read.body["results"] == []

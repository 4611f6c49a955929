from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.clock import ManualClock
from bridge.sandbox import Sandbox
from bridge.sandbox.hubspot.batches import Batches
from bridge.sandbox.hubspot.records import Records
from bridge.sandbox.hubspot.schema import Schema
from tests.canaries import PHONE_E164, TEXT
from tests.sandbox.conftest import Caller

CONTACTS = "/crm/v3/objects/contacts/batch"
COMMUNICATION = {
    "hs_communication_channel_type": "WHATS_APP",
    "hs_communication_logged_from": "CRM",
    "hs_timestamp": "1780369298000",
}


def upsert_input(key: str, trace: str | None = None, **properties: Any) -> dict[str, Any]:
    item: dict[str, Any] = {"id": key, "idProperty": "whatsapp_id", "properties": properties}
    return item if trace is None else {**item, "objectWriteTraceId": trace}


async def test_upsert_says_which_records_are_new_and_echoes_traces(hubspot: Caller) -> None:
    first = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": [upsert_input("a", "t1", firstname="A")]})
    assert first.status == 200
    assert first.body["status"] == "COMPLETE"
    assert [(item["new"], item["objectWriteTraceId"]) for item in first.body["results"]] == [(True, "t1")]
    inputs = [upsert_input("a", "t2", firstname="Anna"), upsert_input("b", "t3", firstname="B")]
    second = await hubspot("POST", "/crm/objects/2026-09/contacts/batch/upsert", {"inputs": inputs})
    by_trace = {item["objectWriteTraceId"]: item for item in second.body["results"]}
    assert (by_trace["t2"]["new"], by_trace["t2"]["id"]) == (False, first.body["results"][0]["id"])
    assert by_trace["t3"]["new"] is True
    assert by_trace["t3"]["properties"]["whatsapp_id"] == "b"


async def test_results_do_not_come_in_the_order_of_the_inputs(hubspot: Caller) -> None:
    answer = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": [upsert_input("a"), upsert_input("b")]})
    assert [item["properties"]["whatsapp_id"] for item in answer.body["results"]] == ["b", "a"]


async def test_with_traces_a_bad_input_fails_alone(hubspot: Caller, sandbox: Sandbox) -> None:
    inputs = [upsert_input("a", "t1", firstname="A"), upsert_input("b", "t2", nickname="B")]
    answer = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": inputs})
    assert (answer.status, answer.body["numErrors"], len(answer.body["results"])) == (207, 1, 1)
    error = answer.body["errors"][0]
    assert error["category"] == "VALIDATION_ERROR"
    assert error["context"]["objectWriteTraceId"] == ["t2"]
    assert len(sandbox.hubspot.records_of("contacts")) == 1


@pytest.mark.parametrize("call", ["create", "upsert"])
async def test_without_traces_a_bad_input_refuses_the_whole_call(hubspot: Caller, sandbox: Sandbox, call: str) -> None:
    inputs = [upsert_input("a", firstname="A"), upsert_input("b", nickname="B")]
    answer = await hubspot("POST", f"{CONTACTS}/{call}", {"inputs": inputs})
    assert answer.status == 400
    assert sandbox.hubspot.records_of("contacts") == []


async def test_upsert_by_e_mail_has_no_partial_success(hubspot: Caller, sandbox: Sandbox) -> None:
    inputs = [
        {"id": "a@example.com", "idProperty": "email", "properties": {"firstname": "A"}, "objectWriteTraceId": "1"},
        {"id": "b@example.com", "idProperty": "email", "properties": {"nickname": "B"}, "objectWriteTraceId": "2"},
    ]
    answer = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": inputs})
    assert answer.status == 400
    assert sandbox.hubspot.records_of("contacts") == []
    assert (await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": inputs[:1]})).status == 200


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"idProperty": "phone"}, "non-unique 0-1 property phone"),
        ({"idProperty": "nickname"}, "PROPERTY_DOESNT_EXIST"),
        ({"idProperty": None}, "idProperty"),
        ({"id": ""}, "needs an id"),
    ],
)
async def test_upsert_needs_a_unique_property_and_a_key(hubspot: Caller, change: dict[str, Any], text: str) -> None:
    answer = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": [{**upsert_input(PHONE_E164), **change}]})
    assert answer.status == 400
    assert text in answer.body["message"]


async def test_equal_keys_in_one_batch_are_an_error(hubspot: Caller) -> None:
    inputs = [upsert_input("a", "t1"), upsert_input("a", "t2")]
    answer = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": inputs})
    assert answer.status == 400
    assert "Duplicate IDs" in answer.body["message"]


async def test_two_inputs_cannot_take_one_unique_value(hubspot: Caller) -> None:
    inputs = [
        {"properties": {"whatsapp_id": "a"}, "objectWriteTraceId": "1"},
        {"properties": {"whatsapp_id": "a"}, "objectWriteTraceId": "2"},
    ]
    answer = await hubspot("POST", f"{CONTACTS}/create", {"inputs": inputs})
    assert (answer.status, len(answer.body["results"])) == (207, 1)


async def test_a_conflict_in_a_batch_names_the_existing_record(hubspot: Caller) -> None:
    first = await hubspot("POST", f"{CONTACTS}/create", {"inputs": [{"properties": {"whatsapp_id": "a"}}]})
    assert first.status == 201
    again = await hubspot("POST", f"{CONTACTS}/create", {"inputs": [{"properties": {"whatsapp_id": "a"}}]})
    assert again.status == 409
    assert again.body["message"].endswith(f"Existing ID: {first.body['results'][0]['id']}")


@pytest.mark.parametrize("inputs", [[], [upsert_input(str(n)) for n in range(101)], "x", [1]])
async def test_a_batch_has_1_to_100_objects(hubspot: Caller, inputs: object) -> None:
    assert (await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": inputs})).status == 400


async def test_communications_upsert_by_message_id(hubspot: Caller, sandbox: Sandbox) -> None:
    path = "/crm/v3/objects/communications/batch/upsert"
    item = {"id": "wamid.1", "idProperty": "wa_message_id"}
    body = {**COMMUNICATION, "hs_communication_body": TEXT}
    for status in ("sent", "read"):
        answer = await hubspot("POST", path, {"inputs": [{**item, "properties": {**body, "wa_status": status}}]})
        assert answer.status == 200
    records = sandbox.hubspot.records_of("communications")
    assert [record.properties["wa_status"] for record in records] == ["read"]


async def test_update_reports_missing_records_beside_the_changed_ones(hubspot: Caller) -> None:
    made = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": [upsert_input("a")]})
    inputs = [
        {"id": made.body["results"][0]["id"], "properties": {"city": "Pune"}},
        {"id": "5", "properties": {"city": "Pune"}},
    ]
    answer = await hubspot("POST", f"{CONTACTS}/update", {"inputs": inputs})
    assert (answer.status, len(answer.body["results"])) == (207, 1)
    assert answer.body["errors"][0]["context"] == {"ids": ["5"]}


async def test_read_and_archive_by_batch(hubspot: Caller) -> None:
    made = await hubspot("POST", f"{CONTACTS}/upsert", {"inputs": [upsert_input("a"), upsert_input("b")]})
    query = {"idProperty": "whatsapp_id", "properties": ["whatsapp_id"], "inputs": [{"id": "a"}, {"id": "zz"}]}
    read = await hubspot("POST", f"{CONTACTS}/read", query)
    assert read.status == 207
    assert [item["properties"]["whatsapp_id"] for item in read.body["results"]] == ["a"]
    ids = [{"id": item["id"]} for item in made.body["results"]]
    assert (await hubspot("POST", f"{CONTACTS}/archive", {"inputs": ids})).status == 204
    assert (await hubspot("POST", f"{CONTACTS}/read", query)).body["results"] == []


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True), max_size=8))
def test_upserts_never_make_two_records_of_one_key(batches: list[list[str]]) -> None:
    clock, schema = ManualClock(), Schema()
    records = Records(clock, schema, search_lag_ms=0)
    calls = Batches(clock, schema, records)
    contacts = schema.kind("contacts")
    for keys in batches:
        calls.upsert(contacts, {"inputs": [upsert_input(key) for key in keys]})
    held = [record.properties["whatsapp_id"] for record in records.all_of(contacts)]
    assert sorted(held) == sorted({key for keys in batches for key in keys})

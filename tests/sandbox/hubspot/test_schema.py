from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.sandbox.answers import Answer, Refused
from bridge.sandbox.hubspot.schema import Schema
from tests.sandbox.conftest import Caller

DEFINITION = {
    "groupName": "contactinformation",
    "name": "erp_id",
    "label": "ERP id",
    "type": "string",
    "fieldType": "text",
    "hasUniqueValue": True,
}


@pytest.mark.parametrize("path", ["/crm/v3/properties/contacts", "/crm/properties/2026-03/contacts"])
async def test_a_unique_property_is_made_and_then_serves_as_a_key(hubspot: Caller, path: str) -> None:
    made = await hubspot("POST", path, DEFINITION)
    assert (made.status, made.body["hasUniqueValue"], made.body["hubspotDefined"]) == (201, True, False)
    assert (await hubspot("GET", f"{path}/erp_id")).body["label"] == "ERP id"
    assert "erp_id" in [item["name"] for item in (await hubspot("GET", path)).body["results"]]
    item = {"id": "7", "idProperty": "erp_id", "properties": {}}
    assert (await hubspot("POST", "/crm/v3/objects/contacts/batch/upsert", {"inputs": [item]})).status == 200
    assert (await hubspot("DELETE", f"{path}/erp_id")).status == 204
    assert (await hubspot("GET", f"{path}/erp_id")).status == 404
    assert (await hubspot("POST", "/crm/v3/objects/contacts/batch/upsert", {"inputs": [item]})).status == 400


async def test_a_property_name_is_taken_once(hubspot: Caller) -> None:
    path = "/crm/v3/properties/contacts"
    assert (await hubspot("POST", path, {**DEFINITION, "name": "whatsapp_id"})).status == 409
    assert (await hubspot("POST", path, {**DEFINITION, "name": "Not a name"})).status == 400
    assert (await hubspot("POST", path, {"name": "erp_id"})).status == 400


async def test_an_object_has_at_most_ten_unique_properties(hubspot: Caller) -> None:
    path = "/crm/v3/properties/tickets"
    answers = [await hubspot("POST", path, {**DEFINITION, "name": f"key_{place}"}) for place in range(10)]
    assert [answer.status for answer in answers] == [201] * 9 + [400]
    plain = {**DEFINITION, "name": "plain", "hasUniqueValue": False}
    assert (await hubspot("POST", path, plain)).status == 201


@pytest.mark.parametrize(
    ("kind", "name"),
    [("contacts", "whatsapp_id"), ("tickets", "whatsapp_ticket_id"), ("communications", "wa_message_id")],
)
async def test_the_recipes_properties_are_there(hubspot: Caller, kind: str, name: str) -> None:
    assert (await hubspot("GET", f"/crm/v3/properties/{kind}/{name}")).body["hasUniqueValue"] is True


async def test_the_ticket_pipeline_can_be_read(hubspot: Caller) -> None:
    listed = await hubspot("GET", "/crm/v3/pipelines/tickets")
    assert [item["id"] for item in listed.body["results"]] == ["0"]
    one = await hubspot("GET", "/crm/pipelines/2026-03/tickets/0")
    assert [stage["id"] for stage in one.body["stages"]] == ["1", "2", "3", "4"]
    stages = await hubspot("GET", "/crm/v3/pipelines/tickets/0/stages")
    assert stages.body["results"][-1]["metadata"]["isClosed"] == "true"
    assert (await hubspot("GET", "/crm/v3/pipelines/tickets/9")).status == 404


async def test_an_unknown_kind_is_refused(hubspot: Caller) -> None:
    assert (await hubspot("GET", "/crm/v3/objects/unicorns/1")).status == 400


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)
NAMES = (
    st.sampled_from(["email", "hs_timestamp", "hs_note_body", "hs_pipeline_stage", "lifecyclestage", "x"]) | st.text()
)


@settings(deadline=None)
@given(kind=st.sampled_from(["contacts", "tickets", "notes", "communications"]), raw=st.dictionaries(NAMES, VALUES))
def test_any_values_are_either_stored_as_text_or_refused_with_400(kind: str, raw: dict[str, Any]) -> None:
    schema = Schema()
    answer, stored = cleaned(schema, kind, raw)
    assert answer.status in (200, 400)
    assert answer.content()
    assert all(isinstance(value, str) for value in stored.values())
    assert cleaned(schema, kind, stored) == (Answer(200, {}), stored)


def cleaned(schema: Schema, kind: str, raw: dict[str, Any]) -> tuple[Answer, dict[str, str]]:
    try:
        return Answer(200, {}), schema.clean(schema.kind(kind), raw)
    except Refused as refusal:
        return refusal.answer, {}

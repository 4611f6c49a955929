"""Every request that the HubSpot connector makes has the documented shape, and the check of it can fail."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bridge.connectors.call import Call
from bridge.connectors.library import shipped
from tests.connectors.builders import OPERATIONS, call_of, operation
from tests.connectors.catalog import requests

NAMES = [name for connector, name in OPERATIONS if connector == "hubspot"]
BATCHED = [name for name in NAMES if operation("hubspot", name).batch is not None]
PROBED = [name for name in NAMES if operation("hubspot", name).probe is not None]
VERSIONS = ["v3", "2026-03", "2026-09"]
TEXT: Mapping[str, Any] = {"hs_timestamp": "2026-06-02T03:01:38.000Z", "hs_note_body": "Hello"}
UPSERT = "/crm/objects/2026-03/{}/batch/upsert"

each_version = pytest.mark.parametrize("version", VERSIONS)


def sample(name: str, version: str) -> Call:
    return replace(call_of(operation("hubspot", name)), settings={"api_version": version})


@each_version
@pytest.mark.parametrize("name", NAMES)
def test_the_sample_of_every_operation_goes_out_as_documented(name: str, version: str) -> None:
    assert requests.of_request(operation("hubspot", name).request.build(sample(name, version))) == []


@each_version
@pytest.mark.parametrize("name", BATCHED)
def test_so_does_every_batch(name: str, version: str) -> None:
    batch = operation("hubspot", name).batch
    assert batch is not None
    call = sample(name, version)
    assert requests.of_request(batch.build([call, replace(call, key="other")])) == []


@each_version
@pytest.mark.parametrize("name", PROBED)
def test_so_does_every_look_before_a_repeat(name: str, version: str) -> None:
    probe = operation("hubspot", name).probe
    assert probe is not None
    assert requests.of_request(probe.request.build(sample(name, version))) == []


@each_version
def test_so_does_all_that_a_live_check_asks_and_creates(version: str) -> None:
    live = shipped("hubspot").live
    assert live is not None
    settings = {"api_version": version, "client_id": "app", "client_secret": "secret"}
    asked = [live.account.build(settings), *(each.build(settings, "token") for each in live.scopes)]
    for look in live.looks.values():
        asked += [look.build(settings, kind) for kind in ("contacts", "tickets", "deals")]
        if look.create is not None:
            like = {"groupName": "contactinformation"}
            asked.append(look.create.build(settings, "contacts", "whatsapp_id", like, unique=True))
    assert len(asked) > 6
    assert [requests.of_request(request) for request in asked] == [[]] * len(asked)


@pytest.mark.parametrize("name", NAMES)
def test_no_operation_sets_a_marketing_status_or_a_lifecycle_stage_by_itself(name: str) -> None:
    template = shipped("hubspot").operations[name].operation.model_dump_json()
    assert "hs_marketable_status" not in template
    assert "lifecyclestage" not in template


def test_a_search_whose_optional_parameters_are_null_is_one_without_them() -> None:
    search = operation("hubspot", "contacts.search")
    nothing = dict.fromkeys(("query", "properties", "limit", "after"))
    given = {"filter_groups": [{"filters": [{"propertyName": "email", "operator": "HAS_PROPERTY"}]}]}
    with_nulls, without = (search.request.build(call_of(search, {**given, **more})) for more in (nothing, {}))
    assert with_nulls.body == without.body
    assert requests.of_request(with_nulls) == []


def upsert(properties: Mapping[str, Any] = TEXT, **more: Any) -> dict[str, Any]:
    return {"inputs": [{"id": "m1", "idProperty": "wa_note_id", "properties": properties, **more}]}


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "word"),
    [
        ("POST", UPSERT.format("notes"), {}, upsert(idProprty="x"), "idProprty"),
        ("POST", UPSERT.format("notes"), {}, {"input": []}, "inputs"),
        ("POST", UPSERT.format("notes"), {}, {"inputs": []}, "non-empty"),
        ("POST", UPSERT.format("notes"), {}, {"inputs": upsert()["inputs"] * 101}, "too long"),
        ("POST", UPSERT.format("notes"), {}, upsert({"hs_note_body": "Hello"}), "hs_timestamp"),
        ("POST", UPSERT.format("notes"), {}, upsert({**TEXT, "hs_timestamp": "yesterday"}), "yesterday"),
        ("POST", UPSERT.format("notes"), {}, upsert({**TEXT, "hs_note_bodi": "x"}), "hs_note_bodi"),
        ("POST", UPSERT.format("notes"), {}, upsert({**TEXT, "age": 7}), "7"),
        ("POST", UPSERT.format("notes"), {}, upsert({**TEXT, "age": None}), "None"),
        ("POST", UPSERT.format("notes"), {}, upsert({**TEXT, "hs_note_body": "x" * 65_537}), "too long"),
        ("POST", UPSERT.format("notes"), {"idProperty": ["x"]}, upsert(), "query"),
        ("POST", "/crm/objects/2026-04/notes/batch/upsert", {}, upsert(), "no documented request"),
        ("PUT", UPSERT.format("notes"), {}, upsert(), "no documented request"),
        ("POST", "/crm/objects/2026-03/contacts", {}, {"properties": {"firstname": "A"}}, "associations"),
        ("PATCH", "/crm/objects/2026-03/contacts/1", {}, {"property": {}}, "property"),
        ("PUT", "/crm/v4/objects/tickets/1/associations/default/contacts/2", {}, {}, "body"),
        ("PUT", "/crm/v4/objects/tickets/1/associations/contacts/2", {}, [{"associationTypeId": 16}], "Category"),
        ("GET", "/crm/owners/2026-03", {"e-mail": ["x"]}, None, "e-mail"),
    ],
)
def test_what_is_misspelt_too_much_or_of_the_wrong_kind_is_found(
    method: str, path: str, query: Mapping[str, Any], body: object, word: str
) -> None:
    found = requests.hubspot().problems(method, path, query, body)
    assert word in " ".join(found)


def test_a_good_one_passes() -> None:
    assert requests.hubspot().problems("POST", UPSERT.format("notes"), {}, upsert(objectWriteTraceId="k")) == []

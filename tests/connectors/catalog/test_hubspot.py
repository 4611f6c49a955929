from typing import Any

import orjson
import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer
from bridge.connectors.library import shipped
from bridge.model import Outcome
from bridge.sandbox import FaultKind, FaultSpec, Match, Sandbox
from bridge.sandbox.hubspot.api import SEARCH_LAG_MS
from tests.canaries import CUSTOMER_NAME, PHONE_E164
from tests.connectors.builders import call_of, json_answer, judged, operation
from tests.connectors.catalog.conftest import Account

CONTACT = {"id": PHONE_E164, "id_property": "whatsapp_id", "properties": {"firstname": CUSTOMER_NAME}}
UPSERTS = ["contacts.upsert", "tickets.upsert", "communications.upsert"]


@pytest.mark.parametrize("name", UPSERTS)
@pytest.mark.parametrize(
    ("category", "outcome"),
    [
        ("VALIDATION_ERROR", Outcome.REJECTED),
        ("CONFLICT", Outcome.CONFLICT),
        ("OBJECT_NOT_FOUND", Outcome.GONE),
        ("RATE_LIMITS", Outcome.RATE_LIMITED),
        ("MISSING_SCOPES", Outcome.UNAUTHORIZED),
        ("INTERNAL_ERROR", Outcome.RETRY_LATER),
        ("SOMETHING_NEW", Outcome.REJECTED),
    ],
)
def test_a_207_is_judged_by_the_category_of_the_one_input_that_failed(
    name: str, category: str, outcome: Outcome
) -> None:
    body = {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [{"status": "error", "category": category}]}
    verdict = judged(operation("hubspot", name), json_answer(207, body))
    assert (verdict.outcome, verdict.code) == (outcome, category)


@pytest.mark.parametrize("body", [{"results": [{"id": "1"}]}, {"errors": []}, {"errors": [{}]}, {}, []])
def test_a_207_that_names_no_failed_input_is_unknown(body: object) -> None:
    assert judged(operation("hubspot", "contacts.upsert"), json_answer(207, body)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("results", [[], [{"id": "1"}, {"id": "2"}], [{}], None])
def test_an_upsert_must_answer_for_the_one_record_that_was_sent(results: object) -> None:
    verdict = judged(operation("hubspot", "contacts.upsert"), json_answer(200, {"results": results}))
    assert verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code", "wait_ms"),
    [
        (400, {"category": "VALIDATION_ERROR"}, Outcome.REJECTED, "VALIDATION_ERROR", None),
        (403, {"category": "MISSING_SCOPES"}, Outcome.UNAUTHORIZED, "MISSING_SCOPES", None),
        (403, {}, Outcome.UNAUTHORIZED, "http_403", None),
        (404, {}, Outcome.GONE, "http_404", None),
        (409, {"category": "CONFLICT"}, Outcome.CONFLICT, "CONFLICT", None),
        (414, {}, Outcome.REJECTED, "http_414", None),
        (423, {}, Outcome.RETRY_LATER, "locked", 2_000),
        (429, {"policyName": "TEN_SECONDLY_ROLLING"}, Outcome.RATE_LIMITED, "TEN_SECONDLY_ROLLING", None),
        (429, {"policyName": "DAILY"}, Outcome.RATE_LIMITED, "DAILY", 900_000),
        (429, None, Outcome.RATE_LIMITED, "rate_limit", None),
        (477, {}, Outcome.RATE_LIMITED, "migrating", 60_000),
        (524, {}, Outcome.RETRY_LATER, "http_524", None),
    ],
)
def test_errors_mean_what_hubspots_pages_say(
    status: int, body: object, outcome: Outcome, code: str, wait_ms: int | None
) -> None:
    verdict = judged(operation("hubspot", "contacts.update"), json_answer(status, body))
    assert (verdict.outcome, verdict.code, verdict.wait_ms) == (outcome, code, wait_ms)


def test_null_clears_a_property_and_numbers_are_sent_as_text() -> None:
    update = operation("hubspot", "contacts.update")
    call = call_of(update, {"id": 501, "properties": {"company": None, "age": 7, "vip": True, "interests": ["a", "b"]}})
    request = update.request.build(call)
    assert request.url == "/crm/objects/2026-03/contacts/501"
    properties = {"company": "", "age": "7", "vip": "true", "interests": "a;b"}
    assert orjson.loads(request.body) == {"properties": properties}


ROOMS = {
    "associations.create": "objects",
    "associations.label": "objects",
    "associations.list": "objects",
    "owners.find": "owners",
    "pipelines.find": "pipelines",
    "stages.find": "pipelines",
    "lists.add": "lists",
}
"""Operations that do not speak of one kind of record, and the room of the API in which they are."""


def address(name: str, version: str, *, batch: bool = False) -> str:
    """The path of an operation's sample under a version."""
    compiled = operation("hubspot", name)
    call = call_of(compiled)
    call = type(call)(call.params, {"api_version": version}, call.key, call.since)
    if batch:
        assert compiled.batch is not None
        return compiled.batch.build([call, call]).url
    return compiled.request.build(call).url


@pytest.mark.parametrize("name", [*ROOMS])
def test_every_other_path_follows_the_version_setting_too(name: str) -> None:
    legacy = "v4" if name.startswith("associations.") else "v3"
    for version in ("2026-03", "2026-09"):
        assert address(name, version).startswith(f"/crm/{ROOMS[name]}/{version}")
    assert address(name, "v3") == address(name, "2026-03").replace(f"{ROOMS[name]}/2026-03", f"{legacy}/{ROOMS[name]}")


@pytest.mark.parametrize("name", ["associations.create", "associations.label"])
def test_batches_of_associations_follow_it_as_well(name: str) -> None:
    dated = address(name, "2026-03", batch=True)
    assert dated.startswith("/crm/associations/2026-03/")
    assert address(name, "v3", batch=True) == dated.replace("associations/2026-03", "v4/associations")


@pytest.mark.parametrize(
    "name", [name for name in shipped("hubspot").operations if name not in {*ROOMS, "sequences.enroll"}]
)
def test_every_object_path_follows_the_version_setting(name: str) -> None:
    dated, legacy = address(name, "2026-03"), address(name, "v3")
    assert dated.startswith("/crm/objects/2026-03/")
    assert legacy == dated.replace("/crm/objects/2026-03/", "/crm/v3/objects/")


async def test_the_same_upsert_twice_is_one_contact(hubspot: Account, sandbox: Sandbox) -> None:
    first, second = await hubspot("contacts.upsert", CONTACT), await hubspot("contacts.upsert", CONTACT)
    assert first.succeeded
    assert first.id == second.id
    assert len(sandbox.hubspot.snapshot()["contacts"]) == 1


async def test_records_are_made_updated_and_associated(hubspot: Account) -> None:
    contact = await hubspot("contacts.upsert", CONTACT)
    ticket = await hubspot(
        "tickets.upsert",
        {
            "id": "msg_1",
            "id_property": "whatsapp_ticket_id",
            "properties": {"subject": "WhatsApp", "hs_pipeline": 0, "hs_pipeline_stage": 1},
        },
    )
    entry = await hubspot(
        "communications.upsert", operation("hubspot", "communications.upsert").operation.sample.params
    )
    assert [contact.succeeded, ticket.succeeded, entry.succeeded] == [True] * 3
    for kind, record in (("tickets", ticket), ("communications", entry)):
        link = {"from_type": kind, "from_id": record.id, "to_type": "contacts", "to_id": contact.id}
        assert (await hubspot("associations.create", link)).succeeded
        assert (await hubspot("associations.create", link)).succeeded
    assert (await hubspot("contacts.update", {"id": contact.id, "properties": {"firstname": None}})).id == contact.id
    assert (await hubspot("tickets.update", {"id": ticket.id, "properties": {"subject": "x"}})).id == ticket.id
    assert (await hubspot("communications.update", {"id": entry.id, "properties": {"wa_status": "read"}})).succeeded


async def test_a_refused_property_is_rejected_with_hubspots_words(hubspot: Account) -> None:
    verdict = await hubspot("contacts.upsert", {**CONTACT, "properties": {"colour_of_hair": "x"}})
    assert verdict.outcome is Outcome.REJECTED
    assert "colour_of_hair" in verdict.message
    assert verdict.advice


async def test_a_record_that_is_not_there_is_gone(hubspot: Account) -> None:
    assert (await hubspot("contacts.update", {"id": 999, "properties": {}})).outcome is Outcome.GONE


async def test_a_second_create_names_the_first_contact(hubspot: Account) -> None:
    params: dict[str, Any] = {"email": "asha@example.com", "properties": {"firstname": "Asha"}}
    first = await hubspot("contacts.create", params)
    create = operation("hubspot", "contacts.create")
    call = hubspot.call(create, params)
    answer = await hubspot.send(create.request.build(call))
    assert create.classify(call, answer, now_ms=0).outcome is Outcome.CONFLICT
    assert create.existing_id(call, answer) == first.id
    found = await hubspot.look("contacts.create", call)
    assert (found.found, found.id) == (True, first.id)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (FaultKind.HTML_200, Outcome.UNKNOWN),
        (FaultKind.EMPTY_200, Outcome.UNKNOWN),
        (FaultKind.HALF_BODY, Outcome.UNKNOWN),
        (FaultKind.GIANT, Outcome.UNKNOWN),
        (FaultKind.RESET, Outcome.RETRY_LATER),
        (FaultKind.REDIRECT, Outcome.REJECTED),
    ],
)
async def test_broken_answers_are_never_success(
    hubspot: Account, sandbox: Sandbox, fault: FaultKind, outcome: Outcome
) -> None:
    sandbox.faults.add(FaultSpec(fault=fault, match=Match(api="hubspot"), size=2 * 1024 * 1024))
    verdict = await hubspot("contacts.upsert", CONTACT)
    assert verdict.outcome is outcome
    assert verdict.may_have_applied is (outcome is not Outcome.REJECTED)


@pytest.mark.parametrize(("status", "outcome"), [(429, Outcome.RATE_LIMITED), (503, Outcome.RETRY_LATER)])
async def test_retry_after_comes_through(hubspot: Account, sandbox: Sandbox, status: int, outcome: Outcome) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=status, retry_after=7, match=Match(api="hubspot")))
    verdict = await hubspot("contacts.upsert", CONTACT)
    assert (verdict.outcome, verdict.retry_after_ms) == (outcome, 7_000)


def test_an_association_says_complete_or_is_unknown() -> None:
    create = operation("hubspot", "associations.create")
    assert judged(create, json_answer(200, {"status": "PENDING"})).outcome is Outcome.UNKNOWN
    assert judged(create, Answer(204)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("version", "list_path", "sequence_path"),
    [
        (
            "2026-03",
            "/crm/lists/2026-03/17/memberships/add",
            "/automation/sequences/2026-03/enrollments?userId=2222222",
        ),
        ("v3", "/crm/v3/lists/17/memberships/add", "/automation/v4/sequences/enrollments?userId=2222222"),
    ],
)
def test_lists_and_sequences_have_versions_of_their_own(version: str, list_path: str, sequence_path: str) -> None:
    for name, path in (("lists.add", list_path), ("sequences.enroll", sequence_path)):
        compiled = operation("hubspot", name)
        call = call_of(compiled)
        call = type(call)(call.params, {"api_version": version}, call.key, call.since)
        assert compiled.request.build(call).url == path


async def test_a_contact_is_read_by_its_id_or_by_a_unique_property(hubspot: Account) -> None:
    made = await hubspot("contacts.upsert", {**CONTACT, "properties": {"phone": PHONE_E164}})
    by_id = await hubspot("contacts.get", {"id": made.id, "properties": ["phone", "firstname"]})
    by_property = await hubspot("contacts.get", {"id": PHONE_E164, "id_property": "whatsapp_id"})
    assert by_id.id == by_property.id == made.id
    assert isinstance(by_id.body, dict)
    assert by_id.body["properties"]["phone"] == PHONE_E164
    assert (await hubspot("contacts.get", {"id": 999})).outcome is Outcome.GONE


async def test_a_contact_is_added_to_a_list_once_and_one_that_is_not_there_is_gone(
    hubspot: Account, sandbox: Sandbox
) -> None:
    contact = await hubspot("contacts.upsert", CONTACT)
    for _ in range(2):
        assert (await hubspot("lists.add", {"list_id": 17, "record_id": contact.id})).succeeded
    assert sandbox.hubspot.enrolments.lists == {"17": [contact.id]}
    missing = await hubspot("lists.add", {"list_id": 17, "record_id": 999})
    assert (missing.outcome, missing.code) == (Outcome.GONE, "record_missing")


async def test_an_enrolment_whose_answer_was_lost_is_found_and_another_one_is_refused(hubspot: Account) -> None:
    contact = await hubspot("contacts.upsert", CONTACT)
    enroll = operation("hubspot", "sequences.enroll")
    params = {"contact_id": contact.id, "sequence_id": 9, "user_id": 1, "sender_email": "sales@example.com"}
    call = hubspot.call(enroll, params)
    assert enroll.probe is not None
    before = await hubspot.send(enroll.probe.request.build(call))
    assert enroll.classify_probe(call, before, now_ms=0).outcome is Outcome.GONE
    first = await hubspot("sequences.enroll", params)
    found = await hubspot.look("sequences.enroll", call)
    assert (found.found, found.id) == (True, first.id)
    other = hubspot.call(enroll, {**params, "sequence_id": 10})
    assert not (await hubspot.look("sequences.enroll", other)).found
    assert (await hubspot("sequences.enroll", params)).outcome is Outcome.REJECTED


async def test_contacts_of_others_are_found_by_phone_whatever_the_spelling_once_the_index_knows_them(
    hubspot: Account, clock: ManualClock
) -> None:
    made = await hubspot("contacts.upsert", {**CONTACT, "properties": {"mobilephone": "+91 88568-79188"}})
    too_early = await hubspot("contacts.search_by_phone", {"phone": PHONE_E164})
    assert (too_early.succeeded, too_early.id) == (True, None)
    clock.advance(SEARCH_LAG_MS)
    for spelling in (PHONE_E164, PHONE_E164.removeprefix("+"), "0091 88568 79188"):
        assert (await hubspot("contacts.search_by_phone", {"phone": spelling})).id == made.id
    assert (await hubspot("contacts.search_by_phone", {"phone": "+447911123456"})).id is None


async def test_a_search_gives_the_first_and_the_number_of_all(hubspot: Account, clock: ManualClock) -> None:
    made = [await hubspot("deals.upsert", deal(f"d{number}")) for number in range(3)]
    clock.advance(SEARCH_LAG_MS)
    group = {"filters": [{"propertyName": "dealname", "operator": "EQ", "value": "Renewal"}]}
    found = await hubspot("deals.search", {"filter_groups": [group], "properties": ["dealname"], "limit": 2})
    assert isinstance(found.body, dict)
    assert (found.id, found.body["total"], len(found.body["results"])) == (made[0].id, 3, 2)
    rest = await hubspot("deals.search", {"filter_groups": [group], "after": found.body["paging"]["next"]["after"]})
    assert rest.id == made[2].id
    nothing = await hubspot("deals.search", {"query": "nowhere"})
    assert (nothing.succeeded, nothing.id) == (True, None)


def deal(external_id: str) -> dict[str, Any]:
    properties = {"dealname": "Renewal", "dealstage": "contractsent", "amount": 1200}
    return {"id": external_id, "id_property": "bridge_deal_id", "properties": properties}


async def test_an_owner_is_found_by_address_and_one_that_is_not_there_is_gone(hubspot: Account) -> None:
    assert (await hubspot("owners.find", {"email": "support@example.com"})).id == "41629780"
    missing = await hubspot("owners.find", {"email": "nobody@example.com"})
    assert (missing.outcome, missing.code) == (Outcome.GONE, "owner_missing")
    assert "address" in missing.advice


@pytest.mark.parametrize(
    ("kind", "pipeline", "stage", "result"),
    [
        ("tickets", "Support Pipeline", "Waiting on us", "3"),
        ("deals", "Sales Pipeline", "Closed Won", "closedwon"),
        ("tickets", "Support Pipeline", "waiting on us", "stage_missing"),
        ("tickets", "Sales Pipeline", "New", "pipeline_missing"),
    ],
)
async def test_a_stage_is_found_by_the_names_that_people_see(
    hubspot: Account, kind: str, pipeline: str, stage: str, result: str
) -> None:
    found = await hubspot("stages.find", {"object_type": kind, "pipeline": pipeline, "stage": stage})
    assert result in (found.id, found.code)
    assert found.outcome is (Outcome.REJECTED if result.endswith("_missing") else Outcome.SUCCEEDED)


async def test_a_pipeline_is_found_by_its_name(hubspot: Account) -> None:
    assert (await hubspot("pipelines.find", {"object_type": "deals", "pipeline": "Sales Pipeline"})).id == "default"
    missing = await hubspot("pipelines.find", {"object_type": "deals", "pipeline": "Sales"})
    assert (missing.outcome, missing.code) == (Outcome.REJECTED, "pipeline_missing")


async def test_a_custom_object_goes_by_its_name_or_its_type_id(hubspot: Account) -> None:
    order = {"id": "7", "id_property": "order_number", "properties": {"name": "Order 7"}}
    made = await hubspot("objects.upsert", {**order, "object_type": "p_orders"})
    again = await hubspot("objects.upsert", {**order, "object_type": "2-3465404"})
    assert made.succeeded
    assert again.id == made.id
    read = await hubspot("objects.get", {"object_type": "p_orders", "id": "7", "id_property": "order_number"})
    assert read.id == made.id
    unknown = await hubspot("objects.get", {"object_type": "p_boats", "id": "7"})
    assert unknown.outcome is Outcome.REJECTED


async def test_a_label_is_associated_and_one_of_another_direction_is_refused(hubspot: Account) -> None:
    contact = await hubspot("contacts.upsert", CONTACT)
    ticket = await hubspot(
        "tickets.upsert",
        {"id": "m", "id_property": "whatsapp_ticket_id", "properties": {"subject": "x", "hs_pipeline_stage": 1}},
    )
    ends = {"from_type": "tickets", "from_id": ticket.id, "to_type": "contacts", "to_id": contact.id}
    nobody = await hubspot("associations.list", {key: ends[key] for key in ("from_type", "from_id", "to_type")})
    assert (nobody.succeeded, nobody.id) == (True, None)
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 16}]
    assert (await hubspot("associations.label", {**ends, "types": types})).succeeded
    back = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 15}]
    assert (await hubspot("associations.label", {**ends, "types": back})).outcome is Outcome.REJECTED
    listed = await hubspot("associations.list", {"from_type": "contacts", "from_id": contact.id, "to_type": "tickets"})
    assert listed.id == ticket.id

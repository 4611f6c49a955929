"""What is special in Pipedrive, Intercom, Jira Service Management and Attio, beside what every connector must hold."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.destination import DestinationShape, compile_destination
from bridge.connectors.library import shipped
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.request import OutboundRequest
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.model import Outcome
from tests.connectors.builders import KEY, NOW_MS, SETTINGS, SINCE, call_of, json_answer, operation

JIRA = "jira-service-management"
FIELD = "9f" * 20
CLOUD = "11223344-a1b2-3b33-c444-def123456789"
BEFORE, AFTER = "2026-06-02T03:00:39Z", "2026-06-02T03:00:41Z"  # a minute before the first try is ours


def call_with(compiled: CompiledOperation, params: Mapping[str, object], **settings: object) -> Call:
    return Call(compiled.fit(params), {**SETTINGS[compiled.connector.name], **settings}, KEY, SINCE)


def body_of(request: OutboundRequest) -> Any:
    return orjson.loads(request.body)


def sent(connector: str, name: str, params: Mapping[str, object]) -> Any:
    compiled = operation(connector, name)
    return body_of(compiled.request.build(call_of(compiled, params)))


def base_url(connector: str, **given: object) -> str:
    shape = DestinationShape.model_validate({"connector": connector, **given})
    destination, problems = compile_destination("d", shape, shipped(connector))
    assert destination is not None, problems
    return destination.base_url


@pytest.mark.parametrize(
    ("connector", "given", "url"),
    [
        ("pipedrive", {"api_token": "t"}, "https://api.pipedrive.com"),
        ("pipedrive", {"api_token": "t", "company": "acme"}, "https://acme.pipedrive.com"),
        ("intercom", {"token": "t"}, "https://api.intercom.io"),
        ("intercom", {"token": "t", "region": "eu"}, "https://api.eu.intercom.io"),
        ("intercom", {"token": "t", "region": "au"}, "https://api.au.intercom.io"),
        (JIRA, {"site": "acme", "email": "a@example.com", "api_token": "t"}, "https://acme.atlassian.net"),
        (
            JIRA,
            {"site": "acme", "access_token": "t", "cloud_id": CLOUD},
            f"https://api.atlassian.com/ex/jira/{CLOUD}",
        ),
        ("attio", {"token": "t"}, "https://api.attio.com"),
    ],
)
def test_the_settings_lead_to_the_account_s_own_host(connector: str, given: dict[str, object], url: str) -> None:
    assert base_url(connector, **given) == url


@pytest.mark.parametrize("wrong", ["evil.example/", "us.evil.example", "US"])
def test_a_region_cannot_lead_to_another_host(wrong: str) -> None:
    shape = DestinationShape.model_validate({"connector": "intercom", "token": "t", "region": wrong})
    destination, problems = compile_destination("d", shape, shipped("intercom"))
    assert destination is None
    assert [problem.key for problem in problems] == ["region"]


def test_intercoms_version_is_a_setting_and_goes_with_every_request_and_look() -> None:
    for compiled in shipped("intercom").operations.values():
        call = call_with(compiled, compiled.operation.sample.params, api_version="2.14")
        builders = [compiled.request, *([compiled.probe.request] if compiled.probe is not None else [])]
        assert {each.build(call).headers["Intercom-Version"] for each in builders} == {"2.14"}


def test_an_intercom_contact_that_is_there_is_updated_instead() -> None:
    upsert = operation("intercom", "contacts.upsert")
    message = "A contact matching those details already exists with id=667d607c8a68186f43bafd1e"
    refused = json_answer(409, {"type": "error.list", "errors": [{"code": "conflict", "message": message}]})
    call = call_of(upsert)
    assert upsert.existing_id(call, refused) == "667d607c8a68186f43bafd1e"
    assert upsert.update is not None
    assert upsert.update.name == "contacts.update"
    unnamed = json_answer(
        409, {"errors": [{"code": "conflict", "message": "Multiple existing users match this email"}]}
    )
    assert upsert.existing_id(call, unnamed) is None


@pytest.mark.parametrize("name", ["tickets.reply", "conversations.reply"])
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"contact_id": "c1"}, {"message_type": "comment", "type": "user", "intercom_user_id": "c1"}),
        ({"contact_id": "c1", "admin_id": 7}, {"message_type": "comment", "type": "user", "intercom_user_id": "c1"}),
        ({}, {"message_type": "note", "type": "admin", "admin_id": "991267"}),
        ({"contact_id": None}, {"message_type": "note", "type": "admin", "admin_id": "991267"}),
        ({"admin_id": 7, "public": False}, {"message_type": "note", "type": "admin", "admin_id": "7"}),
        ({"admin_id": 7, "public": True}, {"message_type": "comment", "type": "admin", "admin_id": "7"}),
    ],
)
def test_an_intercom_reply_is_the_customers_or_a_teammates_and_a_note_unless_told_otherwise(
    name: str, params: dict[str, object], expected: dict[str, str]
) -> None:
    compiled = operation("intercom", name)
    call = call_with(compiled, {"id": "489", "body": "Hello", **params}, admin_id="991267")
    body = body_of(compiled.request.build(call))
    assert {name: value for name, value in body.items() if value is not None} == {**expected, "body": "Hello"}


def test_pipedrives_mark_in_a_field_of_ones_own_decides_alone() -> None:
    create = operation("pipedrive", "deals.create")
    params = {"title": "T", "person_id": 4711, "custom_fields": {"a" * 40: 1}}
    call = call_with(create, params, key_field=FIELD)
    assert body_of(create.request.build(call))["custom_fields"] == {"a" * 40: 1, FIELD: KEY}
    assert create.probe is not None
    twin = {"id": 1, "title": "T", "add_time": AFTER, "custom_fields": {FIELD: "another"}}
    ours = {"id": 2, "title": "renamed since", "add_time": BEFORE, "custom_fields": {FIELD: KEY}}
    assert not create.probe.read(call, {"data": [twin, {"id": 3, "title": "T", "add_time": AFTER}]}).found
    assert create.probe.read(call, {"data": [twin, ours]}).id == 2


def test_a_pipedrive_person_is_looked_for_by_what_there_is() -> None:
    create = operation("pipedrive", "persons.create")
    assert create.probe is not None
    for given, query in (
        ({"phone": "+918856879188", "email": "asha@example.com"}, "term=%2B918856879188&fields=phone"),
        ({"phone": None, "email": "asha@example.com"}, "term=asha%40example.com&fields=email"),
        ({"phone": "", "email": "asha@example.com"}, "term=asha%40example.com&fields=email"),
    ):
        call = call_of(create, {"name": "Asha", **given})
        assert query in create.probe.request.build(call).url
        assert "phones" in body_of(create.request.build(call)) or not given["phone"]
        assert not create.probe.read(
            call, {"data": {"items": [{"item": {"id": 1, "phones": [""], "emails": [""]}}]}}
        ).found
    with pytest.raises(ParameterRefused):
        create.fit({"name": "Asha", "phone": None})


@pytest.mark.parametrize("field", ["person_id", "org_id"])
def test_a_pipedrive_deal_needs_a_person_or_an_organization(field: str) -> None:
    assert sent("pipedrive", "deals.create", {"title": "T", field: 5})[field] == 5
    with pytest.raises(ParameterRefused):
        operation("pipedrive", "deals.create").fit({"title": "T"})


def test_a_web_page_from_pipedrives_doorkeeper_is_no_lack_of_permission() -> None:
    compiled = operation("pipedrive", "persons.update")
    blocked = Answer(403, {"content-type": "text/html"}, b"<!DOCTYPE html>Cloudflare")
    verdict = compiled.classify(call_of(compiled), blocked, now_ms=NOW_MS)
    assert (verdict.outcome, verdict.code) == (Outcome.RATE_LIMITED, "blocked")
    forbidden = json_answer(403, {"success": False, "error": "Forbidden"})
    assert compiled.classify(call_of(compiled), forbidden, now_ms=NOW_MS).outcome is Outcome.UNAUTHORIZED


def test_pipedrives_day_is_shared_out_by_what_calls_cost() -> None:
    limits = {limit.name: limit for limit in shipped("pipedrive").limits}
    tokens = {"daily_writes": 5, "daily_writes_v1": 10, "daily_looks": 20}
    assert sum(limits[name].calls * cost for name, cost in tokens.items()) == 30_000
    for name, compiled in shipped("pipedrive").operations.items():
        methods = {compiled.operation.request.method, *({"GET"} if compiled.probe is not None else ())}
        for method in methods:
            days = [day for day in tokens if limits[day].applies_to(name, method)]
            version_1 = name.startswith(("notes.", "leads."))
            wanted = "daily_looks" if method == "GET" else "daily_writes_v1" if version_1 else "daily_writes"
            assert days == [wanted], (name, method)


def test_jiras_mark_in_a_field_of_ones_own_decides_alone() -> None:
    create = operation(JIRA, "requests.create")
    params = {"service_desk_id": "10", "request_type_id": "25", "summary": "S", "fields": {"priority": {"id": "1"}}}
    call = call_with(create, params, key_field="customfield_10050")
    values = body_of(create.request.build(call))["requestFieldValues"]
    assert values == {"priority": {"id": "1"}, "summary": "S", "customfield_10050": KEY}
    assert create.probe is not None
    assert "fields=summary%2Ccreated%2Ccustomfield_10050" in create.probe.request.build(call).url
    fields = {"summary": "S", "created": AFTER}
    twin = {"id": "1", "key": "H-1", "fields": {**fields, "customfield_10050": None}}
    ours = {"id": "2", "key": "H-2", "fields": {"summary": "changed", "created": BEFORE, "customfield_10050": KEY}}
    assert not create.probe.read(call, {"issues": [twin]}).found
    assert create.probe.read(call, {"issues": [twin, ours]}).id == "H-2"


def test_a_jira_summary_is_one_line_of_255_characters_and_is_found_as_it_was_sent() -> None:
    create = operation(JIRA, "requests.create")
    call = call_of(create, {"service_desk_id": 10, "request_type_id": 25, "summary": " two\nlines " + "é" * 300})
    summary = body_of(create.request.build(call))["requestFieldValues"]["summary"]
    assert (len(summary), summary[:10], summary[-1]) == (255, "two lines ", "…")
    assert create.probe is not None
    issue = {"id": "1", "key": "H-1", "fields": {"summary": summary, "created": "2026-06-02T08:31:41.000+0530"}}
    assert create.probe.read(call, {"issues": [issue]}).found


def test_a_customers_account_id_cannot_change_the_search_for_a_jira_request() -> None:
    create = operation(JIRA, "requests.create")
    hostile = 'x" OR project = SECRET OR reporter = "y'
    call = call_of(create, {"service_desk_id": 10, "request_type_id": 25, "summary": "S", "on_behalf_of": hostile})
    assert create.probe is not None
    jql = create.probe.request.build(call).url
    assert "reporter+%3D+%22x%5C%22+OR" in jql


def test_a_jira_comment_is_internal_unless_told_otherwise() -> None:
    assert sent(JIRA, "requests.comment", {"id": "H-1", "body": "b"})["public"] is False
    assert sent(JIRA, "requests.comment", {"id": "H-1", "body": "b", "public": True})["public"] is True


def test_a_jira_document_without_its_mark_is_known_by_time_and_content() -> None:
    comment = operation(JIRA, "issues.comment")
    call = call_of(comment)
    document = comment.operation.sample.params["document"]
    assert comment.probe is not None
    for created, content, found in ((AFTER, document, True), (BEFORE, document, False), (AFTER, {}, False)):
        item = {"id": "1", "created": created, "body": content}
        assert comment.probe.read(call, {"comments": [item]}).found is found


@pytest.mark.parametrize(
    ("reason", "refusing"),
    [
        ("jira-burst-based", ["reads", "posts", "changes"]),
        ("jira-per-issue-on-write", ["writes_of_one_request", "more_writes_of_one_request"]),
        ("jira-quota-tenant-based", ["quota"]),
        ("jira-quota-global-based", ["quota"]),
        ("something-new", []),
        (None, []),
    ],
)
def test_jiras_reason_says_which_of_its_limits_refused(reason: str | None, refusing: list[str]) -> None:
    headers = {"retry-after": "5"} if reason is None else {"retry-after": "5", "ratelimit-reason": reason}
    answer = json_answer(429, {"errorMessages": ["no"]}, headers)
    assert [limit.name for limit in shipped(JIRA).limits if limit.refuses(answer)] == refusing


def test_each_jira_request_has_a_window_of_its_own_and_a_new_one_has_none() -> None:
    own = next(limit for limit in shipped(JIRA).limits if limit.name == "writes_of_one_request")
    assert own.key_of(call_of(operation(JIRA, "requests.comment"))) == "HELPDESK-1"
    assert own.key_of(call_of(operation(JIRA, "requests.create"))) is None


@pytest.mark.parametrize(
    ("date", "wait_ms"),
    [("Tue, 02 Jun 2026 03:01:41 GMT", 1_000), ("Tue, 02 Jun 2026 03:02:40 GMT", 60_000), ("soon", None)],
)
def test_attios_retry_after_is_a_date(date: str, wait_ms: int | None) -> None:
    compiled = operation("attio", "people.upsert")
    answer = json_answer(429, {"code": "rate_limit_exceeded"}, {"retry-after": date})
    verdict = compiled.classify(call_of(compiled), answer, now_ms=NOW_MS)
    assert (verdict.outcome, verdict.retry_after_ms) == (Outcome.RATE_LIMITED, wait_ms)


def test_an_attio_deal_has_the_values_that_are_given_and_no_others() -> None:
    deal = {"name": "N", "stage": "Lead", "owner": "sales@example.com"}
    assert sent("attio", "deals.create", deal)["data"]["values"] == deal
    more = {"person_id": "p", "company_id": None, "value": 5, "values": {"source": "WhatsApp", "name": "not this"}}
    assert sent("attio", "deals.create", {**deal, **more})["data"]["values"] == {
        **deal,
        "source": "WhatsApp",
        "value": 5,
        "associated_people": [{"target_object": "people", "target_record_id": "p"}],
    }


def test_an_attio_note_with_a_time_of_its_own_is_known_by_title_and_words() -> None:
    note = operation("attio", "notes.create")
    assert note.probe is not None
    item = {
        "id": {"note_id": "n"},
        "title": "t",
        "content_plaintext": "two  words",
        "created_at": "2025-01-01T00:00:00Z",
    }
    given = {"id": "p", "title": "t", "content": "two\nwords"}
    assert not note.probe.read(call_of(note, given), {"data": [item]}).found
    dated = call_of(note, {**given, "created_at": "2025-01-01T00:00:00Z"})
    assert note.probe.read(dated, {"data": [item]}).found


@pytest.mark.parametrize(
    ("connector", "name"),
    [
        (connector, name)
        for connector in ("pipedrive", "intercom", JIRA, "attio")
        for name, compiled in shipped(connector).operations.items()
        if compiled.probe is not None
    ],
)
def test_an_answer_to_a_look_in_another_shape_is_never_taken_for_nothing_there(connector: str, name: str) -> None:
    compiled = operation(connector, name)
    assert compiled.probe is not None
    odd: list[object] = [{}, {"data": {"items": "x"}}, "text", {"errorMessages": ["no"]}]
    for body in odd:
        with pytest.raises(RenderError):
            compiled.probe.read(call_of(compiled), body)


@pytest.mark.parametrize(
    ("connector", "answer", "shown"),
    [
        (
            "pipedrive",
            {"success": True, "data": {"name": "Bo", "company_name": "Acme"}},
            {"company": "Acme", "user": "Bo"},
        ),
        (
            "intercom",
            {"type": "admin", "name": "Bridge", "app": {"name": "Acme"}},
            {"workspace": "Acme", "app": "Bridge"},
        ),
        (JIRA, {"accountId": "1", "displayName": "Bridge"}, {"user": "Bridge"}),
        ("attio", {"data": [{"api_slug": "people"}]}, {"objects": "1"}),
    ],
)
def test_a_live_check_says_whose_account_it_is(connector: str, answer: object, shown: dict[str, str]) -> None:
    live = shipped(connector).live
    assert live is not None
    assert live.account.classify(json_answer(200, answer), now_ms=NOW_MS).succeeded
    assert live.account.shown(answer) == shown
    assert live.account.classify(json_answer(401, {}), now_ms=NOW_MS).outcome is Outcome.UNAUTHORIZED


def test_attio_tells_the_scopes_of_a_token_and_of_a_bad_one_none() -> None:
    live = shipped("attio").live
    assert live is not None
    [scopes] = live.scopes
    assert scopes.read({"active": True, "scope": "note:read-write record_permission:read"}) == frozenset(
        {"note:read-write", "record_permission:read"}
    )
    assert scopes.read({"active": False}) is None

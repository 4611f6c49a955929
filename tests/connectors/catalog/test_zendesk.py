from typing import Any

import orjson
import pytest

from bridge.connectors.answer import Answer
from bridge.connectors.wire import ParameterRefused
from bridge.model import Outcome
from bridge.sandbox import Sandbox
from tests.canaries import CUSTOMER_NAME, EMOJI_TEXT, PHONE_E164, TEXT
from tests.connectors.builders import KEY, call_of, json_answer, judged, operation
from tests.connectors.catalog.conftest import Account

USER: dict[str, Any] = {"external_id": f"whatsapp:{PHONE_E164}", "name": CUSTOMER_NAME, "phone": PHONE_E164}
OTHER_KEY = "5f0c5b1e-0000-4000-8000-000000000002"


async def ticket_of(zendesk: Account, key: str = KEY, **more: Any) -> int:
    user = await zendesk("users.upsert", USER)
    params = {"requester_id": user.id, "comment": {"author_id": user.id, "body": TEXT}, "subject": "s", **more}
    created = await zendesk("tickets.create", params, key)
    assert created.succeeded, created
    assert isinstance(created.id, int)
    return created.id


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (400, {"error": "IdempotentRequestError"}, Outcome.REJECTED, "IdempotentRequestError"),
        (400, {"error": {"title": "t", "message": "m"}}, Outcome.REJECTED, "http_400"),
        (400, {"errors": [{"detail": "d"}]}, Outcome.REJECTED, "http_400"),
        (403, {"error": "Forbidden"}, Outcome.UNAUTHORIZED, "http_403"),
        (404, {"error": "RecordNotFound"}, Outcome.GONE, "RecordNotFound"),
        (404, {"error": {"title": "InvalidEndpoint"}}, Outcome.GONE, "RecordNotFound"),
        (404, {"error": "InvalidEndpoint"}, Outcome.REJECTED, "InvalidEndpoint"),
        (409, {"error": "UpdateConflict"}, Outcome.RETRY_LATER, "conflicting_state"),
        (422, {"error": "RecordInvalid"}, Outcome.REJECTED, "RecordInvalid"),
        (422, {"error": None}, Outcome.REJECTED, "RecordInvalid"),
        (429, {"error": "TooManyJobs"}, Outcome.RATE_LIMITED, "http_429"),
        (503, {}, Outcome.RETRY_LATER, "http_503"),
    ],
)
def test_errors_mean_what_zendesks_pages_say(status: int, body: object, outcome: Outcome, code: str) -> None:
    verdict = judged(operation("zendesk", "tickets.update"), json_answer(status, body))
    assert (verdict.outcome, verdict.code) == (outcome, code)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "RecordInvalid", "description": "Record validation errors"}, "Record validation errors"),
        ({"error": {"title": "t", "message": "in words"}}, "in words"),
        ({"errors": [{"code": "c", "detail": "a detail"}]}, "a detail"),
        ({"error": "just text"}, "just text"),
    ],
)
def test_the_vendors_words_are_found_in_all_four_shapes(body: object, message: str) -> None:
    assert judged(operation("zendesk", "tickets.update"), json_answer(422, body)).message == message


def test_a_rate_limit_may_come_as_plain_text() -> None:
    answer = Answer(429, {"content-type": "text/plain", "retry-after": "41"}, b"Number of allowed updates exceeded")
    verdict = judged(operation("zendesk", "tickets.comment"), answer)
    assert (verdict.outcome, verdict.retry_after_ms) == (Outcome.RATE_LIMITED, 41_000)


@pytest.mark.parametrize("field", ["body", "html_body"])
@pytest.mark.parametrize("name", ["tickets.create", "tickets.comment"])
def test_text_that_zendesk_would_cut_silently_is_refused(name: str, field: str) -> None:
    compiled = operation("zendesk", name)
    for size, fits in ((32_768, True), (32_769, False)):
        comment = {field: "é" * size}
        params = {"id": 7, **comment} if name == "tickets.comment" else {"comment": comment}
        if fits:
            compiled.fit(params)
            continue
        with pytest.raises(ParameterRefused, match="65536 bytes") as refused:
            compiled.fit(params)
        assert "truncate_bytes(65536)" in refused.value.mend


@pytest.mark.parametrize(
    "empty", [{}, {"body": None}, {"body": ""}, {"body": " \n\t"}, {"body": None, "html_body": ""}]
)
def test_a_comment_without_words_is_refused_because_zendesk_may_drop_it_silently(empty: dict[str, Any]) -> None:
    with pytest.raises(ParameterRefused):
        operation("zendesk", "tickets.comment").fit({"id": 7, **empty})
    with pytest.raises(ParameterRefused):
        operation("zendesk", "tickets.create").fit({"comment": {"author_id": 1, **empty}})


def test_ids_are_numbers_on_the_wire_and_absent_fields_are_left_out() -> None:
    create = operation("zendesk", "tickets.create")
    params = {"requester_id": "9001", "comment": {"body": EMOJI_TEXT, "author_id": "9001"}}
    ticket = orjson.loads(create.request.build(call_of(create, params)).body)["ticket"]
    assert ticket == {"comment": {"body": EMOJI_TEXT, "author_id": 9001}, "requester_id": 9001, "external_id": KEY}


@pytest.mark.parametrize("external_id", [None, ""])
def test_a_ticket_without_an_external_id_of_its_own_gets_the_key(external_id: str | None) -> None:
    create = operation("zendesk", "tickets.create")
    call = call_of(create, {"comment": {"body": TEXT}, "external_id": external_id})
    assert orjson.loads(create.request.build(call).body)["ticket"]["external_id"] == KEY
    assert create.probe is not None
    assert create.probe.request.build(call).url == f"/api/v2/tickets?external_id={KEY}"
    strangers = {"tickets": [{"id": 1, "external_id": None}, {"id": 2}, {"id": 3, "external_id": ""}]}
    assert not create.probe.read(call, strangers).found


async def test_a_user_is_upserted_by_external_id(zendesk: Account) -> None:
    first, second = await zendesk("users.upsert", USER), await zendesk("users.upsert", {**USER, "name": "Other"})
    assert first.succeeded
    assert (first.status, second.status, second.id) == (201, 200, first.id)


async def test_a_ticket_created_twice_with_one_key_is_one_ticket(zendesk: Account, sandbox: Sandbox) -> None:
    assert await ticket_of(zendesk) == await ticket_of(zendesk)
    assert len(sandbox.zendesk.tickets) == 1


async def test_a_created_ticket_is_found_by_its_external_id(zendesk: Account) -> None:
    ticket = await ticket_of(zendesk)
    create = operation("zendesk", "tickets.create")
    found = await zendesk.look("tickets.create", zendesk.call(create, {"comment": {"body": TEXT}}))
    assert (found.found, found.id) == (True, ticket)
    assert isinstance(found.body, dict)
    assert found.body["ticket"]["id"] == ticket
    other = zendesk.call(create, {"comment": {"body": TEXT}}, OTHER_KEY)
    assert not (await zendesk.look("tickets.create", other)).found


async def test_a_comment_is_found_by_its_mark_whatever_zendesk_did_to_its_text(zendesk: Account) -> None:
    ticket = await ticket_of(zendesk)
    params = {"id": ticket, "body": f"  {EMOJI_TEXT}   <b>{TEXT}</b> "}
    assert (await zendesk("tickets.comment", params)).id == ticket
    comment = operation("zendesk", "tickets.comment")
    found = await zendesk.look("tickets.comment", zendesk.call(comment, params))
    assert (found.found, found.id) == (True, ticket)


async def test_the_same_words_under_another_mark_are_another_comment(zendesk: Account) -> None:
    ticket = await ticket_of(zendesk)
    params = {"id": ticket, "body": "ok"}
    await zendesk("tickets.comment", params)
    comment = operation("zendesk", "tickets.comment")
    assert not (await zendesk.look("tickets.comment", zendesk.call(comment, params, OTHER_KEY))).found


def unmarked(**more: Any) -> dict[str, Any]:
    item = {"id": 1, "author_id": 9001, "body": "one two", "created_at": "2026-06-02T03:01:45Z", "metadata": {}}
    return {"comments": [{**item, **more}], "meta": {"has_more": False}}


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({}, True),
        ({"body": " one \n\n two "}, True),
        ({"metadata": None}, True),
        ({"created_at": "2026-06-02T03:01:40Z"}, True),
        ({"created_at": "2026-06-02T03:01:39Z"}, False),
        ({"created_at": None}, False),
        ({"author_id": 9002}, False),
        ({"body": "one"}, False),
        ({"body": None}, False),
        ({"metadata": {"custom": {"crm_bridge_key": OTHER_KEY}}}, False),
        ({"metadata": {"custom": {"crm_bridge_key": KEY}}, "body": "changed by Zendesk"}, True),
    ],
)
def test_a_comment_without_any_mark_is_known_by_author_time_and_words(item: dict[str, Any], *, found: bool) -> None:
    comment = operation("zendesk", "tickets.comment")
    assert comment.probe is not None
    call = call_of(comment, {"id": 7, "body": "one  two", "author_id": 9001})
    assert comment.probe.read(call, unmarked(**item)).found is found


def test_an_html_comment_is_never_taken_for_an_empty_one() -> None:
    comment = operation("zendesk", "tickets.comment")
    assert comment.probe is not None
    call = call_of(comment, {"id": 7, "html_body": "<p>x</p>"})
    assert not comment.probe.read(call, unmarked(body="")).found


async def test_further_pages_of_comments_are_read(zendesk: Account) -> None:
    comment = operation("zendesk", "tickets.comment")
    ticket = await ticket_of(zendesk)
    await zendesk("tickets.comment", {"id": ticket, "body": "looked for"})
    for number in range(25):  # beyond the account's limit of 30 in ten minutes for one ticket
        await zendesk("tickets.comment", {"id": ticket, "body": f"comment {number}"}, OTHER_KEY)
    assert comment.probe is not None
    call = zendesk.call(comment, {"id": ticket, "body": "looked for"})
    request = comment.probe.request.build(call)
    small = type(request)("GET", request.url.replace("=100", "=10"), request.headers)
    pages = 0
    while True:
        pages += 1
        seen = comment.probe.read(call, (await zendesk.send(small)).json)
        if seen.found or seen.next_url is None:
            break
        small = type(request)("GET", seen.next_url, request.headers)
    assert (seen.found, pages) == (True, 3)


async def test_a_deleted_ticket_is_gone_and_a_closed_one_rejects(zendesk: Account, sandbox: Sandbox) -> None:
    ticket = await ticket_of(zendesk)
    assert (await zendesk("tickets.update", {"id": ticket, "status": "closed"})).succeeded
    assert (await zendesk("tickets.comment", {"id": ticket, "body": TEXT})).outcome is Outcome.REJECTED
    sandbox.zendesk.tickets.delete(ticket)
    for name, more in (("tickets.comment", {"body": TEXT}), ("tickets.update", {"priority": "high"})):
        assert (await zendesk(name, {"id": ticket, **more})).outcome is Outcome.GONE


@pytest.mark.parametrize(
    "params", [{"priority": "urgentest"}, {"type": "wish"}, {"status": "opened"}, {"comment": {"Body": "x"}}]
)
def test_values_that_zendesk_does_not_know_are_refused_early(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterRefused):
        operation("zendesk", "tickets.create").fit({"comment": {"body": "x"}, **params})

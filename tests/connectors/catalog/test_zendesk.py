from dataclasses import replace
from typing import Any

import orjson
import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.model import Outcome
from bridge.outbound.client import HttpClient
from bridge.outbound.fetching import FileRules
from bridge.sandbox import Sandbox
from bridge.sandbox.answers import Call
from bridge.sandbox.zendesk.search import LAG_MS
from tests.canaries import CUSTOMER_NAME, EMOJI_TEXT, PHONE_E164, TEXT
from tests.connectors.builders import KEY, call_of, json_answer, judged, operation
from tests.connectors.catalog.conftest import ZENDESK_LOGIN, Account

USER: dict[str, Any] = {"external_id": f"whatsapp:{PHONE_E164}", "name": CUSTOMER_NAME, "phone": PHONE_E164}
PICTURE = b"\xff\xd8\xff\xe0 not text"
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


@pytest.mark.parametrize("name", ["tickets.create", "tickets.comment"])
def test_html_that_zendesk_would_cut_silently_is_refused(name: str) -> None:
    compiled = operation("zendesk", name)
    compiled.fit(comment_of(name, html_body="é" * 32_768))
    with pytest.raises(ParameterRefused, match="65536 bytes"):
        compiled.fit(comment_of(name, html_body="é" * 32_769))


@pytest.mark.parametrize("author", [{}, {"author_id": 9001}])
@pytest.mark.parametrize("name", ["tickets.create", "tickets.comment"])
def test_text_that_zendesk_would_cut_silently_is_cut_with_a_mark(name: str, author: dict[str, Any]) -> None:
    assert body_of(name, body="é" * 32_768, **author) == "é" * 32_768
    cut = body_of(name, body="é" * 40_000, **author)
    assert cut.endswith("é… [cut: longer than the 64 kB that Zendesk takes]")
    assert 65_534 <= len(cut.encode()) <= 65_536
    assert len(body_of(name, body="{{" * 32_768, **author).encode()) <= 65_536


def comment_of(name: str, **comment: Any) -> dict[str, Any]:
    return {"id": 7, **comment} if name == "tickets.comment" else {"comment": comment}


def body_of(name: str, key: str = "body", **comment: Any) -> str:
    """The text as it goes out."""
    compiled = operation("zendesk", name)
    call = call_of(compiled, comment_of(name, **comment))
    return str(orjson.loads(compiled.request.build(call).body)["ticket"]["comment"][key])


@pytest.mark.parametrize("name", ["tickets.create", "tickets.comment"])
@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, r"a \{{ticket.id}} { % if x %}"),
        ({"author_id": 9001}, "a {{ticket.id}} {% if x %}"),
        ({"author_id": 9001, "placeholders": "escape"}, r"a \{{ticket.id}} { % if x %}"),
        ({"placeholders": "keep"}, "a {{ticket.id}} {% if x %}"),
    ],
)
def test_placeholders_are_harmless_where_an_agent_writes(name: str, more: dict[str, Any], text: str) -> None:
    assert body_of(name, body="a {{ticket.id}} {% if x %}", **more) == text


async def test_a_placeholder_in_a_note_arrives_as_it_was_written(zendesk: Account, sandbox: Sandbox) -> None:
    ticket = await ticket_of(zendesk)
    for more in ({"body": "see {{ticket.id}}"}, {"html_body": "<p>see {{ticket.id}}</p>"}):
        assert (await zendesk("tickets.comment", {"id": ticket, "public": False, **more}, OTHER_KEY)).succeeded
    [shown] = list(sandbox.zendesk.tickets)
    assert [comment.body for comment in shown.comments[1:]] == ["see {{ticket.id}}"] * 2


def test_custom_fields_have_names_that_the_destination_gives_them() -> None:
    update = operation("zendesk", "tickets.update")
    given = {"id": 7, "fields": {"Status": "read"}, "custom_fields": [{"id": 5, "value": 1}]}
    call = replace(call_of(update, given), settings={"ticket_fields": {"Status": 360_000_000_101}})
    ticket = orjson.loads(update.request.build(call).body)["ticket"]
    assert ticket["custom_fields"] == [{"id": 360_000_000_101, "value": "read"}, {"id": 5, "value": 1}]
    for settings in ({}, {"ticket_fields": {"Other": 1}}):
        with pytest.raises(RenderError, match="not among the known names"):
            update.request.build(replace(call, settings=settings))


async def test_tags_are_added_and_taken_and_the_others_stay(zendesk: Account, sandbox: Sandbox) -> None:
    ticket = await ticket_of(zendesk, tags=["vip"])
    assert (await zendesk("tickets.add_tags", {"id": ticket, "tags": ["whatsapp", "new"]})).id == ticket
    assert (await zendesk("tickets.remove_tags", {"id": ticket, "tags": ["new"]})).id == ticket
    assert [each.tags for each in sandbox.zendesk.tickets] == [["vip", "whatsapp"]]


async def test_a_safe_update_fails_when_somebody_was_faster_and_is_found_when_it_arrived(zendesk: Account) -> None:
    ticket = await ticket_of(zendesk)
    read = await zendesk("tickets.get", {"id": ticket})
    assert isinstance(read.body, dict)
    stamp = read.body["ticket"]["updated_at"]
    zendesk.clock.advance(2_000)
    params = {"id": ticket, "updated_at": stamp, "status": "solved"}
    assert (await zendesk("tickets.update_safely", params)).id == ticket
    late = await zendesk("tickets.update_safely", {**params, "priority": "high"}, OTHER_KEY)
    assert (late.outcome, late.code) == (Outcome.CONFLICT, "UpdateConflict")
    safely = operation("zendesk", "tickets.update_safely")
    assert (await zendesk.look("tickets.update_safely", zendesk.call(safely, params))).found
    assert not (await zendesk.look("tickets.update_safely", zendesk.call(safely, params, OTHER_KEY))).found


async def test_tickets_are_found_at_once_by_external_id_and_later_by_words(zendesk: Account) -> None:
    ticket = await ticket_of(zendesk, external_id="whatsapp:m1")
    assert (await zendesk("tickets.find", {"external_id": "whatsapp:m1"})).id == ticket
    nobody = await zendesk("tickets.find", {"external_id": "whatsapp:m2"})
    assert (nobody.succeeded, nobody.id) == (True, None)
    assert (await zendesk("tickets.search", {"query": "status<solved"})).id is None
    zendesk.clock.advance(LAG_MS)
    assert (await zendesk("tickets.search", {"query": "status<solved", "sort_by": "created_at"})).id == ticket
    assert (await zendesk("users.search", {"external_id": USER["external_id"]})).id == (
        await zendesk("users.search", {"query": f"phone:{PHONE_E164}"})
    ).id


async def test_an_identity_is_added_once_and_found_again(zendesk: Account) -> None:
    user = (await zendesk("users.upsert", USER)).id
    params = {"id": user, "type": "phone_number", "value": PHONE_E164}
    added = await zendesk("identities.create", params)
    assert added.succeeded
    assert (await zendesk("identities.list", {"id": user})).id == added.id
    create = operation("zendesk", "identities.create")
    found = await zendesk.look("identities.create", zendesk.call(create, params))
    assert (found.found, found.id) == (True, added.id)
    assert (await zendesk("identities.create", params)).outcome is Outcome.REJECTED


async def test_an_import_keeps_its_times_and_is_found_again(zendesk: Account, sandbox: Sandbox) -> None:
    user = (await zendesk("users.upsert", USER)).id
    params = {
        "external_id": "old:1",
        "requester_id": user,
        "created_at": "2026-05-01T09:00:00Z",
        "comments": [{"author_id": user, "value": TEXT, "created_at": "2026-05-01T10:00:00Z"}],
    }
    made = await zendesk("tickets.import", params)
    assert made.succeeded
    compiled = operation("zendesk", "tickets.import")
    assert (await zendesk.look("tickets.import", zendesk.call(compiled, params))).id == made.id
    [ticket] = list(sandbox.zendesk.tickets)
    assert ticket.comments[0].shown()["created_at"] == "2026-05-01T10:00:00Z"


async def test_a_side_conversation_is_begun_once_and_found_again(zendesk: Account) -> None:
    ticket = await ticket_of(zendesk)
    params = {"id": ticket, "to": [{"email": "supplier@example.com"}], "subject": "s", "body": "b"}
    begun = await zendesk("side_conversations.create", params)
    assert begun.succeeded
    compiled = operation("zendesk", "side_conversations.create")
    assert (await zendesk.look("side_conversations.create", zendesk.call(compiled, params))).id == begun.id
    assert not (await zendesk.look("side_conversations.create", zendesk.call(compiled, params, OTHER_KEY))).found


async def test_a_file_is_fetched_uploaded_and_attached(
    zendesk: Account, base: str, sandbox: Sandbox, clock: ManualClock
) -> None:
    _, [file] = sandbox.zendesk.uploads.add(picture(base))  # any file at an address will do: the sandbox has some
    address = file.shown(f"{base}/zendesk")["content_url"]
    rules = FileRules((base.removeprefix("http://"),))
    client = HttpClient(f"{base}/zendesk", timeout_ms=5_000, allow_private_addresses=True, files=rules)
    account = Account("zendesk", clock, lambda request: client.send(request, {"Authorization": ZENDESK_LOGIN}), {})
    uploaded = await account("uploads.create", {"url": address, "filename": "b.jpg"})
    gone = await account("uploads.create", {"url": f"{address.partition('/token/')[0]}/token/none/", "filename": "b"})
    await client.close()
    assert (gone.outcome, gone.code) == (Outcome.REJECTED, "file_gone")
    ticket = await ticket_of(zendesk, comment={"body": TEXT, "uploads": [uploaded.id]})
    [attached] = sandbox.zendesk.tickets.get(ticket).comments[0].attachments
    assert (attached.name, attached.type, attached.content) == ("b.jpg", "image/jpeg", PICTURE)
    again = await zendesk("tickets.comment", {"id": ticket, "body": TEXT, "uploads": [uploaded.id]})
    assert again.outcome is Outcome.REJECTED


def picture(base: str) -> Call:
    headers = {"content-type": "image/jpeg"}
    return Call("POST", "/api/v2/uploads", base, {}, {"filename": ["a.jpg"]}, headers, PICTURE)


async def test_a_closed_ticket_and_a_full_one_have_codes_of_their_own(
    zendesk: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.sandbox.zendesk.tickets.MAX_COMMENTS", 1)
    ticket = await ticket_of(zendesk)
    full = await zendesk("tickets.comment", {"id": ticket, "body": TEXT})
    assert (full.outcome, full.code) == (Outcome.REJECTED, "too_many_comments")
    sandbox.zendesk.tickets.get(ticket).values["status"] = "closed"
    closed = await zendesk("tickets.comment", {"id": ticket, "body": TEXT})
    assert (closed.outcome, closed.code) == (Outcome.REJECTED, "ticket_closed")
    assert "via_followup_source_id" in closed.advice
    followed = await zendesk("tickets.create", {"comment": {"body": TEXT}, "via_followup_source_id": ticket}, OTHER_KEY)
    assert sandbox.zendesk.tickets.get(int(str(followed.id))).follows == ticket


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
        ({"created_at": "2026-06-02T03:00:40Z"}, True),
        ({"created_at": "2026-06-02T03:00:39Z"}, False),
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

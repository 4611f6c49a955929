"""The tables of design.md section 10 and fact C13: every answer has one outcome, and only a real success is one."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.answer import ABOUT_FILE, Answer, Trouble
from bridge.connectors.classify import default_outcome, status_fits
from bridge.connectors.verdict import Verdict
from bridge.model import DeadKind, Outcome
from tests.canaries import PHONE, TEXT
from tests.connectors.builders import OPERATIONS, SILENT, json_answer, judged, loaded, operation
from tests.connectors.catalog.recorded import recording

CALLS = [each for each in OPERATIONS if each not in SILENT]
CREATE = operation("zendesk", "tickets.create")
every_operation = pytest.mark.parametrize(("connector", "name"), OPERATIONS)

DEFAULTS = {
    Outcome.UNKNOWN: {*range(100, 400)},
    Outcome.UNAUTHORIZED: {401, 403},
    Outcome.GONE: {404, 410},
    Outcome.CONFLICT: {409},
    Outcome.RATE_LIMITED: {429},
    Outcome.RETRY_LATER: {408, 423, 425, *range(500, 600)},
}


def test_the_default_table_is_the_one_of_the_contract() -> None:
    wanted = {status: outcome for outcome, statuses in DEFAULTS.items() for status in statuses}
    wanted |= {status: Outcome.REJECTED for status in range(400, 500) if status not in wanted}
    assert {status: default_outcome(status) for status in range(100, 600)} == wanted


@every_operation
def test_every_status_gives_exactly_one_outcome_and_success_only_with_content(connector: str, name: str) -> None:
    compiled = operation(connector, name)
    table = {status: judged(compiled, Answer(status, {}, b"")) for status in range(100, 600)}
    assert {type(verdict.outcome) for verdict in table.values()} == {Outcome}
    succeeded = [status for status, verdict in table.items() if verdict.succeeded]
    shown = "\n".join(f"{status} {verdict.outcome} {verdict.code}" for status, verdict in table.items())
    file = recording(connector)
    empty = [str(row) for each in (name, "*") for row in file.empty_success.get(each, ())]
    assert succeeded == [status for status in table if any(status_fits(row, status) for row in empty)], shown
    redirected = [status for status, verdict in table.items() if verdict.dead_kind is DeadKind.REDIRECTED]
    assert redirected == [status for status in range(300, 400) if str(status) not in file.statuses], shown
    for status in (401, 403):
        assert table[status].outcome is file.statuses.get(str(status), Outcome.UNAUTHORIZED), shown
    for status in range(500, 600):
        assert table[status].outcome is Outcome.RETRY_LATER, shown
        assert table[status].may_have_applied, shown
    assert table[429].outcome is Outcome.RATE_LIMITED, shown


@every_operation
def test_the_sample_answer_is_a_success(connector: str, name: str) -> None:
    compiled = operation(connector, name)
    assert judged(compiled, compiled.sample_answer()).succeeded


def said_nothing(connector: str, name: str) -> list[object]:
    """Recorded answers that are a success without a record: a search that found nobody."""
    exchanges = [each for each in recording(connector).exchanges if each.operation == name and each.is_plain]
    found = [each.answer for each in exchanges if each.outcome is Outcome.SUCCEEDED and each.id is None]
    return [answer.json_ for answer in found if "json_" in answer.model_fields_set]


HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


EMPTY_HANDED = (
    b"",
    HTML,
    b"OK",
    b"null",
    b"[]",
    b"{}",
    b'"done"',
    b"\xff\xfe\x00",
    b'{"results": [], "status": "PENDING"}',
    b'{"results": [{"id": ""}], "id": null, "ticket": null, "user": {"id": {}}}',
    b'{"results": [{"id": true}], "id": [1], "ticket": {"id": 1.5}, "user": {}}',
)


@pytest.mark.parametrize(("connector", "name"), CALLS)
def test_a_2xx_that_does_not_show_its_content_is_unknown(connector: str, name: str) -> None:
    for broken in EMPTY_HANDED:
        answer = Answer(200, {"content-type": "application/json"}, broken)
        verdict = judged(operation(connector, name), answer)
        if answer.json in said_nothing(connector, name):
            assert (verdict.succeeded, verdict.id) == (True, None), broken
            continue
        assert verdict.outcome is Outcome.UNKNOWN, broken
        assert verdict.may_have_applied, broken
        assert verdict.dead_kind is DeadKind.UNANSWERED, broken


@pytest.mark.parametrize(("connector", "name"), CALLS)
def test_half_of_a_good_answer_is_unknown(connector: str, name: str) -> None:
    compiled = operation(connector, name)
    whole = compiled.sample_answer()
    half = Answer(whole.status, whole.headers, whole.body[: len(whole.body) // 2])
    cut = Answer(whole.status, whole.headers, half.body, Trouble.CUT, "connection reset")
    broken = (half, cut) if whole.body else (cut,)  # an id in a header comes before any body
    assert {judged(compiled, answer).outcome for answer in broken} == {Outcome.UNKNOWN}


@pytest.mark.parametrize(("connector", "name"), CALLS)
def test_a_status_that_the_call_does_not_document_is_no_success(connector: str, name: str) -> None:
    compiled = operation(connector, name)
    documented = compiled.operation.success.status
    for status in (202, 203, 204, 205, 206, 226):
        if any(status_fits(row, status) for row in documented):
            continue
        verdict = judged(compiled, json_answer(status, compiled.operation.sample.json_))
        assert verdict.outcome is Outcome.UNKNOWN, status


@pytest.mark.parametrize(
    ("trouble", "outcome", "applied"),
    [
        (Trouble.CONNECT, Outcome.RETRY_LATER, False),
        (Trouble.NO_ANSWER, Outcome.RETRY_LATER, True),
        (Trouble.CUT, Outcome.RETRY_LATER, True),
        (Trouble.TLS, Outcome.REJECTED, False),
        (Trouble.ADDRESS, Outcome.REJECTED, False),
        (Trouble.FILE_LATER, Outcome.RETRY_LATER, False),
        (Trouble.FILE_GONE, Outcome.REJECTED, False),
        (Trouble.FILE_REFUSED, Outcome.REJECTED, False),
        (Trouble.FILE_TOO_LARGE, Outcome.REJECTED, False),
        (Trouble.FILE_UNUSABLE, Outcome.REJECTED, False),
    ],
)
def test_no_answer_is_judged_by_whether_anything_was_sent(trouble: Trouble, outcome: Outcome, *, applied: bool) -> None:
    verdict = judged(CREATE, Answer(None, trouble=trouble, detail="some reason"))
    assert (verdict.outcome, verdict.may_have_applied, verdict.status) == (outcome, applied, None)
    assert verdict.message.endswith("some reason")


def test_an_answer_without_status_or_reason_is_a_lost_answer() -> None:
    verdict = judged(CREATE, Answer(None))
    assert (verdict.outcome, verdict.may_have_applied) == (Outcome.RETRY_LATER, True)


@pytest.mark.parametrize(
    ("location", "ending"),
    [
        ("https://login.example.com/in?next=" + PHONE, "redirect to login.example.com, which"),
        ("/elsewhere/" + PHONE, "redirect, which"),
        ("http://[bad", "redirect, which"),
        ("https://" + PHONE + "\u00e9/", "redirect, which"),
        ("", "redirect, which"),
    ],
)
def test_a_redirect_is_named_by_its_host_and_nothing_more(location: str, ending: str) -> None:
    verdict = judged(CREATE, Answer(302, {"location": location}))
    assert ending in verdict.message
    assert PHONE not in verdict.message
    assert (verdict.outcome, verdict.dead_kind) == (Outcome.REJECTED, DeadKind.REDIRECTED)


@pytest.mark.parametrize(("status", "applied"), [(408, True), (423, False), (425, False), (409, False), (503, True)])
def test_a_refusal_to_come_back_to_says_whether_the_work_may_be_done(status: int, *, applied: bool) -> None:
    assert judged(CREATE, Answer(status)).may_have_applied is applied


def test_a_lock_is_waited_for_at_least_two_seconds() -> None:
    assert judged(operation("http", "post"), Answer(423)).wait_ms == 2000
    assert judged(operation("hubspot", "contacts.update"), Answer(423)).wait_ms == 2000


def test_retry_after_is_kept_with_every_refusal() -> None:
    for status in (429, 503, 400):
        assert judged(CREATE, Answer(status, {"retry-after": "9"})).retry_after_ms == 9000


WAITS = """
    name: own
    title: Own
    doc: An API that says in its body when to come again
    retry_after: [body.retry_in, body.error.until]
    operations:
      go:
        doc: Go
        repeat: upsert
        request: {method: POST, path: /go}
        sample: {params: {}, status: 200, json: {}}
"""


@pytest.mark.parametrize(
    ("body", "headers", "wanted"),
    [
        ({"retry_in": 7}, {}, 7_000),
        ({"retry_in": "7.2"}, {}, 7_200),
        ({"error": {"until": "Tue, 02 Jun 2026 03:02:10 GMT"}}, {}, 30_000),
        ({"retry_in": None, "error": {"until": 3}}, {}, 3_000),
        ({"retry_in": 7}, {"retry-after": "2"}, 2_000),
        ({"retry_in": 7}, {"retry-after": "soon"}, 7_000),
        ({"retry_in": "soon"}, {}, None),
        (["retry_in"], {}, None),
    ],
)
def test_a_wait_in_the_body_counts_where_no_header_gives_one(
    tmp_path: Path, body: object, headers: dict[str, str], wanted: int | None
) -> None:
    connector = loaded(tmp_path, WAITS).connector
    assert connector is not None
    assert judged(connector.operations["go"], json_answer(429, body, headers)).retry_after_ms == wanted


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"), [("404", 404, 405), (404, 404, 403), ("5xx", 599, 499), ("500-503", 502, 504)]
)
def test_a_status_pattern_covers_what_it_says(pattern: str | int, inside: int, outside: int) -> None:
    assert status_fits(pattern, inside)
    assert not status_fits(pattern, outside)


def code_of(body: object) -> Verdict:
    return judged(operation("hubspot", "contacts.update"), json_answer(400, body))


@pytest.mark.parametrize(
    ("category", "code"),
    [
        ("VALIDATION_ERROR", "VALIDATION_ERROR"),
        (f"{TEXT}!", "Hi_there__I_need_pricing_info__"),
        (PHONE, "vendor_code"),
        (None, "http_400"),
        ("", "http_400"),
        ({"a": 1}, "http_400"),
        ("x" * 5000, "x" * 64),
    ],
)
def test_a_code_is_one_short_word_without_numbers_of_people(category: object, code: str) -> None:
    assert code_of({"category": category}).code == code


def test_the_vendors_own_words_are_kept_and_have_a_limit() -> None:
    assert code_of({"message": "Property x does not exist"}).message == "Property x does not exist"
    assert len(code_of({"message": "y" * 5000}).message) == 1000


@pytest.mark.parametrize("body", [{}, [], None, "words", {"message": None}, {"message": {"a": 1}}, 7])
def test_an_error_in_an_unexpected_shape_still_says_what_happened(body: object) -> None:
    assert code_of(body).message == "the API answered 400 Bad Request"


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_may_be_the_record_or_the_address(status: int) -> None:
    advice = judged(operation("http", "post"), json_answer(status, {})).advice
    assert all(word in advice for word in ("record", "link", "path", "`base_url`", "replay"))


@pytest.mark.parametrize("trouble", [trouble for trouble in ABOUT_FILE if trouble is not Trouble.FILE_LATER])
def test_a_file_that_will_never_come_has_words_and_a_mend(trouble: Trouble) -> None:
    verdict = judged(operation("http", "post"), Answer(None, trouble=trouble, detail="its host answered 403"))
    assert (verdict.code, verdict.dead_kind) == (str(trouble), DeadKind.REJECTED)
    assert verdict.message.endswith(": its host answered 403")
    assert "replay" in verdict.advice


@given(st.integers(100, 599), st.binary(max_size=60), st.sampled_from(OPERATIONS))
def test_no_answer_breaks_the_verdict(status: int, body: bytes, which: tuple[str, str]) -> None:
    verdict = judged(operation(*which), Answer(status, {"content-type": "application/json"}, body))
    assert not (verdict.succeeded and verdict.may_have_applied)
    orjson.dumps([verdict.id, verdict.body, verdict.code])

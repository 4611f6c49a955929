"""Every status 100-599 of every shipped connector has a row: what it means, alone, in a batch, to a probe, to a poll.

Three bodies for each: none, the vendor's own error, a web page. None of them is a success that anybody promised, except
for the `http` connector, which takes any 2xx that is no web page.
"""

from collections.abc import Callable, Iterable, Mapping

import pytest

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.batching import UNNAMED, Split
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.verdict import Verdict
from bridge.model import Outcome
from tests.connectors.builders import KEY, NOW_MS, OPERATIONS, call_of, json_answer, operation

STATUSES = range(100, 600)
OTHER_KEY = "5f0c5b1e-0000-4000-8000-000000000002"
PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"

Table = Mapping[Outcome, Iterable[int]]

PLAIN: Table = {
    Outcome.UNKNOWN: [*range(100, 300)],
    Outcome.UNAUTHORIZED: [401, 403],
    Outcome.GONE: [404, 410],
    Outcome.CONFLICT: [409],
    Outcome.RATE_LIMITED: [429],
    Outcome.RETRY_LATER: [408, 423, 425, *range(500, 600)],
}
"""What is not listed is rejected: the redirects, and the other 4xx."""

TABLES: Mapping[str, Table] = {
    "http": PLAIN,
    "hubspot": {**PLAIN, Outcome.RATE_LIMITED: [429, 477]},
    # `ok: false` and `status: error` are refusals whatever the status says
    "slack": PLAIN,
    "aisoule": PLAIN,
    "slack-webhook": {**PLAIN, Outcome.GONE: []},
    "zendesk": {**PLAIN, Outcome.CONFLICT: [], Outcome.RETRY_LATER: [408, 409, 423, 425, *range(500, 600)]},
}
ERRORS: Mapping[str, object] = {
    "http": {"error": {"message": "no"}},
    "hubspot": {"status": "error", "message": "no", "category": "SOMETHING", "correlationId": "c"},
    "zendesk": {"error": "Something", "description": "no"},
    "slack": {"ok": False, "error": "something"},
    "slack-webhook": {"error": "something"},
    "aisoule": {"message": "no", "status": "error"},
}
SAYS_NO_WITH_200 = {"slack", "aisoule"}
"""Connectors whose own error is a refusal under any 2xx, too."""
BODIES: Mapping[str, Callable[[str, int], Answer]] = {
    "nothing": lambda _, status: Answer(status),
    "an error": lambda connector, status: json_answer(status, ERRORS[connector]),
    "a web page": lambda _, status: Answer(status, {"content-type": "text/html"}, PAGE),
}
BATCHED = [(connector, name) for connector, name in OPERATIONS if operation(connector, name).batch is not None]

each_body = pytest.mark.parametrize("body", BODIES)


def table_of(connector: str, body: str, *, successes: Iterable[int] = ()) -> dict[int, Outcome]:
    """The outcome of each status."""
    listed = {status: outcome for outcome, statuses in TABLES[connector].items() for status in statuses}
    if connector in SAYS_NO_WITH_200 and body == "an error":
        listed |= dict.fromkeys(range(200, 300), Outcome.REJECTED)
    listed |= dict.fromkeys(successes, Outcome.SUCCEEDED)
    return {status: listed.get(status, Outcome.REJECTED) for status in STATUSES}


def judged(
    connector: str, body: str, judge: Callable[[Answer], Verdict], *, statuses: Iterable[int] = STATUSES
) -> dict[int, Outcome]:
    return {status: judge(BODIES[body](connector, status)).outcome for status in statuses}


@each_body
@pytest.mark.parametrize(("connector", "name"), OPERATIONS)
def test_every_status_of_every_operation_has_its_row(connector: str, name: str, body: str) -> None:
    compiled = operation(connector, name)
    call = call_of(compiled)
    takes_any = connector == "http" and body != "a web page"
    assert judged(connector, body, lambda answer: compiled.classify(call, answer, now_ms=NOW_MS)) == table_of(
        connector, body, successes=range(200, 300) if takes_any else ()
    )


@each_body
@pytest.mark.parametrize(("connector", "name"), [each for each in OPERATIONS if operation(*each).probe is not None])
def test_every_status_of_every_probe_has_its_row(connector: str, name: str, body: str) -> None:
    compiled = operation(connector, name)
    call = call_of(compiled)
    successes = [200] if body == "an error" and connector not in SAYS_NO_WITH_200 else []
    found = judged(connector, body, lambda answer: compiled.classify_probe(call, answer, now_ms=NOW_MS))
    assert found == table_of(connector, body, successes=successes)


@each_body
@pytest.mark.parametrize("name", ["tickets.create", "tickets.update"])
def test_every_status_of_every_poll_has_its_row(name: str, body: str) -> None:
    compiled = operation("zendesk", name)
    call = call_of(compiled)
    successes = [200] if body == "an error" else []
    found = judged("zendesk", body, lambda answer: compiled.classify_poll(call, answer, now_ms=NOW_MS))
    assert found == table_of("zendesk", body, successes=successes)


def split_of(compiled: CompiledOperation, answer: Answer) -> tuple[Split, set[Outcome]]:
    """A batch of two under one answer: the split, and what the answers in it mean."""
    assert compiled.batch is not None
    calls = [call_of(compiled), call_of(compiled, key=OTHER_KEY)]
    split = compiled.batch.split(calls, answer)
    unnamed = Answer(answer.status, trouble=Trouble.CUT, detail=UNNAMED)
    verdicts = [
        compiled.classify(call, own or unnamed, now_ms=NOW_MS) for call, own in zip(calls, split.answers, strict=True)
    ]
    return split, {verdict.outcome for verdict in verdicts}


@each_body
@pytest.mark.parametrize(("connector", "name"), BATCHED)
def test_every_status_of_every_batch_has_its_row(connector: str, name: str, body: str) -> None:
    compiled = operation(connector, name)
    splits = {status: split_of(compiled, BODIES[body](connector, status)) for status in STATUSES}
    wanted = table_of(connector, body)
    assert {status: outcomes for status, (_, outcomes) in splits.items()} == {
        status: {outcome} for status, outcome in wanted.items()
    }
    definite = {Outcome.REJECTED, Outcome.GONE, Outcome.CONFLICT}
    narrowed = [status for status in range(400, 500) if wanted[status] in definite]
    assert [status for status, (split, _) in splits.items() if split.refused] == narrowed
    assert not any(split.handles for split, _ in splits.values())


@pytest.mark.parametrize(("connector", "name"), [each for each in BATCHED if each[0] == "hubspot"])
@pytest.mark.parametrize(
    ("category", "outcome"),
    [
        ("VALIDATION_ERROR", Outcome.REJECTED),
        ("CONFLICT", Outcome.CONFLICT),
        ("OBJECT_NOT_FOUND", Outcome.GONE),
        ("RATE_LIMITS", Outcome.RATE_LIMITED),
        ("MISSING_SCOPES", Outcome.UNAUTHORIZED),
        ("INTERNAL_ERROR", Outcome.RETRY_LATER),
        ("TIMEOUT", Outcome.RETRY_LATER),
        ("SOMETHING_NEW", Outcome.REJECTED),
        (None, Outcome.REJECTED),
    ],
)
def test_one_failed_input_of_a_hubspot_batch_is_judged_by_its_category(
    connector: str, name: str, category: str | None, outcome: Outcome
) -> None:
    compiled = operation(connector, name)
    pair = {"fromObjectId": ["601"], "toObjectId": ["501"]}
    error = {"status": "error", "message": "no", "context": {"objectWriteTraceId": [KEY], **pair}}
    if category is not None:
        error["category"] = category
    elif name.endswith(".upsert"):
        outcome = Outcome.UNKNOWN  # as the single upsert, whose answer has the same shape
    assert compiled.batch is not None
    calls = [call_of(compiled)]
    [answer] = compiled.batch.split(calls, json_answer(207, {"results": [], "errors": [error]})).answers
    assert answer is not None
    verdict = compiled.classify(calls[0], answer, now_ms=NOW_MS)
    assert verdict.outcome is outcome
    assert calls[0].key == KEY


@pytest.mark.parametrize("name", ["tickets.create", "tickets.update"])
@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        ({"error": "RecordNotFound", "details": "Not found"}, Outcome.GONE),
        ({"error": "TicketNotFound"}, Outcome.GONE),
        ({"error": "UpdateConflict"}, Outcome.RETRY_LATER),
        ({"error": "DatabaseConflict"}, Outcome.RETRY_LATER),
        ({"error": "RecordInvalid", "details": {"status": []}}, Outcome.REJECTED),
        ({"error": None, "details": "no words"}, Outcome.REJECTED),
        ({"error": {"title": "t"}}, Outcome.REJECTED),
    ],
)
def test_one_failed_ticket_of_a_zendesk_batch_is_judged_by_its_error(
    name: str, item: dict[str, object], outcome: Outcome
) -> None:
    compiled = operation("zendesk", name)
    assert compiled.batch is not None
    call = call_of(compiled)
    result = {"index": 0, "success": False, **item} | ({"id": 7001} if name == "tickets.update" else {})
    done = json_answer(200, {"job_status": {"id": "b", "status": "completed", "results": [result]}})
    answer = compiled.batch.read_poll(call, {"job": "b", "index": 0}, done)
    assert answer is not None
    assert compiled.classify(call, answer, now_ms=NOW_MS).outcome is outcome


@pytest.mark.parametrize("status", ["failed", "killed"])
@pytest.mark.parametrize("name", ["tickets.create", "tickets.update"])
def test_a_zendesk_batch_that_failed_as_a_whole_is_tried_again_later(name: str, status: str) -> None:
    compiled = operation("zendesk", name)
    assert compiled.batch is not None
    call = call_of(compiled)
    failed = json_answer(200, {"job_status": {"id": "b", "status": status, "message": "Timed out", "results": None}})
    answer = compiled.batch.read_poll(call, {"job": "b", "index": 0}, failed)
    assert answer is not None
    verdict = compiled.classify(call, answer, now_ms=NOW_MS)
    assert (verdict.outcome, verdict.may_have_applied, verdict.message) == (Outcome.RETRY_LATER, True, "Timed out")

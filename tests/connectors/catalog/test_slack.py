import pytest

from bridge.connectors.answer import Answer
from bridge.model import Outcome
from bridge.sandbox import FaultKind, FaultSpec, Sandbox
from bridge.sandbox.slack import CHANNEL
from tests.canaries import TEXT
from tests.connectors.builders import json_answer, judged, operation
from tests.connectors.catalog.conftest import Account

MESSAGE = {"channel": CHANNEL, "text": TEXT}


async def test_a_message_is_posted_and_its_id_is_the_time_stamp(slack: Account, sandbox: Sandbox) -> None:
    verdict = await slack("messages.post", MESSAGE)
    [message] = sandbox.slack.messages
    assert (verdict.succeeded, verdict.id) == (True, message.ts)
    assert (message.text, message.channel, message.via) == (TEXT, CHANNEL, "api")


async def test_a_message_whose_answer_was_lost_is_found_by_its_key_and_no_other_is(slack: Account) -> None:
    post = operation("slack", "messages.post")
    call, other = slack.call(post, MESSAGE, "key-1"), slack.call(post, MESSAGE, "key-2")
    assert not (await slack.look("messages.post", call)).found
    made = await slack("messages.post", MESSAGE, "key-1")
    found = await slack.look("messages.post", call)
    assert (found.found, found.id) == (True, made.id)
    assert not (await slack.look("messages.post", other)).found


async def test_a_look_without_the_scope_is_about_this_message_and_pauses_nothing(
    slack: Account, sandbox: Sandbox
) -> None:
    sandbox.slack.scopes.remove("channels:history")
    post = operation("slack", "messages.post")
    assert post.probe is not None
    call = slack.call(post, MESSAGE)
    verdict = post.classify_probe(call, await slack.send(post.probe.request.build(call)), now_ms=0)
    assert (verdict.outcome, verdict.code) == (Outcome.REJECTED, "missing_scope")
    assert "channels:history" in verdict.advice


async def test_a_channel_that_cannot_be_written_to_is_rejected(slack: Account, sandbox: Sandbox) -> None:
    unknown = await slack("messages.post", {**MESSAGE, "channel": "C0UNKNOWN"})
    assert (unknown.outcome, unknown.code, unknown.message) == (
        Outcome.REJECTED,
        "channel_not_found",
        "channel_not_found",
    )
    assert "/invite" in unknown.advice
    sandbox.slack.archived.add(CHANNEL)
    assert (await slack("messages.post", MESSAGE)).code == "is_archived"


@pytest.mark.parametrize(
    ("error", "outcome", "in_doubt"),
    [
        ("ratelimited", Outcome.RATE_LIMITED, False),
        ("internal_error", Outcome.RETRY_LATER, True),
        ("fatal_error", Outcome.RETRY_LATER, True),
        ("invalid_auth", Outcome.UNAUTHORIZED, False),
        ("token_revoked", Outcome.UNAUTHORIZED, False),
        ("missing_scope", Outcome.UNAUTHORIZED, False),
        ("not_in_channel", Outcome.REJECTED, False),
        ("msg_too_long", Outcome.REJECTED, False),
    ],
)
def test_an_error_under_200_means_what_it_says(error: str, outcome: Outcome, in_doubt: bool) -> None:  # noqa: FBT001 - a table's column
    verdict = judged(operation("slack", "messages.post"), json_answer(200, {"ok": False, "error": error}))
    assert (verdict.outcome, verdict.code, verdict.may_have_applied) == (outcome, error, in_doubt)


@pytest.mark.parametrize("body", [{"ok": True}, {"ok": True, "ts": 1.5}, {"ok": "true", "ts": "1.2"}, {"ts": "1.2"}])
def test_success_says_ok_and_has_an_id(body: object) -> None:
    assert judged(operation("slack", "messages.post"), json_answer(200, body)).outcome is Outcome.UNKNOWN


async def test_a_rate_limit_says_how_long(slack: Account, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=30))
    verdict = await slack("messages.post", MESSAGE)
    assert (verdict.outcome, verdict.retry_after_ms) == (Outcome.RATE_LIMITED, 30_000)


async def test_a_webhook_takes_a_message_at_its_bare_address(slack_webhook: Account, sandbox: Sandbox) -> None:
    assert (await slack_webhook("messages.post", {"text": TEXT})).succeeded
    [message] = sandbox.slack.messages
    assert (message.text, message.via) == (TEXT, "webhook")


async def test_an_archived_channel_refuses_a_webhooks_message(slack_webhook: Account, sandbox: Sandbox) -> None:
    sandbox.slack.archived.add(CHANNEL)
    verdict = await slack_webhook("messages.post", {"text": TEXT})
    assert (verdict.outcome, verdict.code) == (Outcome.REJECTED, "channel_is_archived")


@pytest.mark.parametrize("body", [b"", b"OK", b"invalid_payload", b"<html>ok</html>"])
def test_a_webhooks_success_is_the_word_ok_whatever_it_is_labelled(body: bytes) -> None:
    post = operation("slack-webhook", "messages.post")
    for label in ("text/html", "text/plain"):
        assert judged(post, Answer(200, {"content-type": label}, b"ok")).succeeded
        assert judged(post, Answer(200, {"content-type": label}, body)).outcome is Outcome.UNKNOWN


async def test_an_answer_in_a_thread_is_looked_for_in_the_thread(slack: Account) -> None:
    first = await slack("messages.post", MESSAGE, "key-1")
    answer = {**MESSAGE, "thread_ts": first.id}
    call = slack.call(operation("slack", "messages.post"), answer, "key-2")
    assert not (await slack.look("messages.post", call)).found
    made = await slack("messages.post", answer, "key-2")
    found = await slack.look("messages.post", call)
    assert (found.found, found.id) == (True, made.id)

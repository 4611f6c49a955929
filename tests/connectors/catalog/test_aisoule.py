import pytest

from bridge.connectors.library import shipped
from bridge.connectors.limits import CompiledLimit, Reading
from bridge.model import Outcome
from bridge.outbound.client import HttpClient
from bridge.sandbox import Sandbox
from bridge.sandbox.aisoule import WINDOW_MS
from tests.canaries import PHONE_E164, TEXT
from tests.connectors.builders import NOW_MS, json_answer, judged, operation
from tests.connectors.catalog.conftest import Account

TEMPLATE = {
    "to": PHONE_E164,
    "name": "welcome",
    "language": "en",
    "components": [{"type": "body", "parameters": [{"type": "text", "text": "Asha"}]}],
}


async def test_a_template_is_sent_at_any_time(aisoule: Account, sandbox: Sandbox) -> None:
    verdict = await aisoule("messages.template", TEMPLATE)
    [message] = sandbox.aisoule.sent
    assert (verdict.succeeded, verdict.id) == (True, message.message_id)
    assert (message.to, message.type) == (PHONE_E164, "template")
    assert message.content == {"name": "welcome", "language": "en", "components": TEMPLATE["components"]}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("messages.text", {"to": PHONE_E164, "text": TEXT}),
        ("messages.media", {"to": PHONE_E164, "type": "image", "url": "https://files.example.com/1.jpg"}),
    ],
)
async def test_free_messages_are_for_the_24_hours_after_the_customer_wrote(
    aisoule: Account, sandbox: Sandbox, name: str, params: dict[str, str]
) -> None:
    refused = await aisoule(name, params)
    assert (refused.outcome, refused.code) == (Outcome.REJECTED, "outside_window")
    assert "messages.template" in refused.advice
    sandbox.aisoule.customer_wrote(PHONE_E164)
    assert (await aisoule(name, params)).succeeded
    aisoule.clock.advance(WINDOW_MS)
    assert (await aisoule(name, params)).code == "outside_window"


@pytest.mark.parametrize("status", [200, 400, 403, 409, 422])
@pytest.mark.parametrize(
    "words",
    [
        "Free text outside the 24-hour window is not allowed",
        "Re-engagement message",
        "More than 24 hours have passed since the customer last replied",
        "Outside of the messaging window",
    ],
)
def test_the_closed_window_is_known_by_its_words(status: int, words: str) -> None:
    verdict = judged(operation("aisoule", "messages.text"), json_answer(status, {"message": words, "status": "error"}))
    assert (verdict.outcome, verdict.code, verdict.may_have_applied) == (Outcome.REJECTED, "outside_window", False)


@pytest.mark.parametrize(
    ("params", "words"),
    [({"to": "918856879188"}, "E.164"), ({"name": "unknown_template"}, "not approved")],
)
async def test_a_wrong_number_or_template_is_rejected_with_its_words(
    aisoule: Account, params: dict[str, str], words: str
) -> None:
    verdict = await aisoule("messages.template", {**TEMPLATE, **params})
    assert verdict.outcome is Outcome.REJECTED
    assert words in verdict.message


async def test_the_wait_of_a_429_is_read_from_its_body(aisoule: Account, sandbox: Sandbox) -> None:
    sandbox.aisoule.enforced = True
    sandbox.aisoule._window.limit = 1
    assert (await aisoule("messages.template", TEMPLATE)).succeeded
    verdict = await aisoule("messages.template", TEMPLATE)
    assert (verdict.outcome, verdict.retry_after_ms) == (Outcome.RATE_LIMITED, 60_000)


async def test_the_limit_headers_are_read(aisoule: Account) -> None:
    send = operation("aisoule", "messages.template")
    answer = await aisoule.send(send.request.build(aisoule.call(send, TEMPLATE)))
    limit = next(each for each in _limits() if each.name == "messages")
    reading = limit.reading(answer, aisoule.clock.now_ms())
    assert (reading.limit, reading.remaining, reading.resets_in_ms) == (300, 299, 60_000)


def test_a_reset_in_unix_seconds_is_understood() -> None:
    headers = {"x-ratelimit-limit": "300", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW_MS // 1000 + 7)}
    limit = next(each for each in _limits() if each.name == "messages")
    assert limit.reading(json_answer(429, {}, headers), NOW_MS) == Reading(300, 0, 7_000)


def _limits() -> tuple[CompiledLimit, ...]:
    return shipped("aisoule").limits


async def test_a_wrong_key_is_unauthorized(base: str, aisoule: Account) -> None:
    send = operation("aisoule", "messages.template")
    client = HttpClient(f"{base}/aisoule", timeout_ms=10_000, allow_private_addresses=True)
    call = aisoule.call(send, TEMPLATE)
    answer = await client.send(send.request.build(call), {"X-API-Key": "wrong"})
    await client.close()
    assert send.classify(call, answer, now_ms=0).outcome is Outcome.UNAUTHORIZED

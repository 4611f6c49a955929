import pytest

from bridge.connectors.library import shipped
from bridge.connectors.limits import CompiledLimit, Reading
from bridge.model import Outcome
from bridge.outbound.client import HttpClient
from bridge.sandbox import AISouleLimits, Sandbox
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
    sandbox.aisoule.account.customer_wrote(PHONE_E164)
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
    sandbox.aisoule.traffic.apply(AISouleLimits(enforced=True, messages=1))
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


@pytest.mark.parametrize("kind", ["image", "video", "document", "audio"])
async def test_media_stand_in_an_object_of_their_own_name(aisoule: Account, sandbox: Sandbox, kind: str) -> None:
    sandbox.aisoule.account.customer_wrote(PHONE_E164)
    params = {"to": PHONE_E164, "type": kind, "url": "https://files.example.com/1", "caption": TEXT}
    assert (await aisoule("messages.media", params)).succeeded
    [message] = sandbox.aisoule.sent
    assert (message.type, message.content) == (kind, {"url": "https://files.example.com/1", "caption": TEXT})


async def test_buttons_are_sent_as_they_are(aisoule: Account, sandbox: Sandbox) -> None:
    sandbox.aisoule.account.customer_wrote(PHONE_E164)
    interactive = operation("aisoule", "messages.interactive").operation.sample.params["interactive"]
    assert (await aisoule("messages.interactive", {"to": PHONE_E164, "interactive": interactive})).succeeded
    assert [message.content for message in sandbox.aisoule.sent] == [interactive]
    refused = await aisoule("messages.interactive", {"to": PHONE_E164, "interactive": {"type": "dial"}})
    assert refused.outcome is Outcome.REJECTED


async def test_a_contact_is_created_read_and_changed(aisoule: Account) -> None:
    made = await aisoule("contacts.create", {"phone_number": PHONE_E164, "name": "Asha", "tags": ["lead"]})
    assert made.succeeded
    changed = await aisoule("contacts.update", {"id": made.id, "name": "Asha Rao"})
    read = await aisoule("contacts.get", {"id": made.id})
    assert (changed.id, read.id) == (made.id, made.id)
    assert isinstance(read.body, dict)
    assert read.body["data"] == {
        "id": made.id,
        "phone_number": PHONE_E164,
        "name": "Asha Rao",
        "tags": ["lead"],
        "stage": None,
    }
    assert (await aisoule("contacts.get", {"id": "elsewhere"})).outcome is Outcome.GONE
    assert (await aisoule("contacts.create", {"phone_number": PHONE_E164})).outcome is Outcome.CONFLICT


async def test_contacts_and_messages_are_counted_apart(aisoule: Account, sandbox: Sandbox) -> None:
    sandbox.aisoule.traffic.apply(AISouleLimits(enforced=True, general=1, burst=2))
    assert (await aisoule("contacts.create", {"phone_number": PHONE_E164})).succeeded
    assert (await aisoule("contacts.get", {"id": "x"})).outcome is Outcome.RATE_LIMITED
    assert [(await aisoule("messages.template", TEMPLATE)).outcome for _ in range(3)] == [
        Outcome.SUCCEEDED,
        Outcome.SUCCEEDED,
        Outcome.RATE_LIMITED,
    ]
    aisoule.clock.advance(1_000)
    assert (await aisoule("messages.template", TEMPLATE)).succeeded

import pytest

from bridge.model import Outcome
from bridge.sandbox import AISouleLimits, FaultKind, FaultSpec, Sandbox
from bridge.sandbox.aisoule import WINDOW_MS
from tests.canaries import PHONE_E164, TEXT
from tests.connectors.builders import json_answer, judged, operation
from tests.connectors.catalog.conftest import Account

TEMPLATE = {"to": PHONE_E164, "name": "welcome", "language": "en"}
LINK = "https://files.example.com/invoice.pdf"


async def test_a_template_goes_to_digits_with_its_language_in_an_object(
    aisoule_developer: Account, sandbox: Sandbox
) -> None:
    verdict = await aisoule_developer("messages.template", TEMPLATE)
    [message] = sandbox.aisoule_developer.sent
    assert (verdict.succeeded, verdict.id, message.to) == (True, message.message_id, PHONE_E164)
    assert message.content == {"name": "welcome", "language": {"code": "en"}, "components": []}
    [entry] = sandbox.journal.of("aisoule-developer", "POST", "/messages")
    assert entry.body["to"] == PHONE_E164.removeprefix("+")


async def test_free_messages_are_for_the_24_hours_after_the_customer_wrote_whichever_api_sends(
    aisoule_developer: Account, aisoule: Account, sandbox: Sandbox
) -> None:
    params = {"to": PHONE_E164, "text": TEXT}
    for account in (aisoule_developer, aisoule):
        refused = await account("messages.text", params)
        assert (refused.outcome, refused.code) == (Outcome.REJECTED, "outside_window")
        assert "messages.template" in refused.advice
    sandbox.aisoule.account.customer_wrote(PHONE_E164)
    assert (await aisoule_developer("messages.text", params)).succeeded
    assert (await aisoule("messages.text", params)).succeeded
    aisoule_developer.clock.advance(WINDOW_MS)
    assert (await aisoule_developer("messages.text", params)).code == "outside_window"
    assert [message.content for message in sandbox.aisoule.account.sent] == [TEXT, TEXT]


async def test_a_document_has_a_link_words_and_a_name(aisoule_developer: Account, sandbox: Sandbox) -> None:
    sandbox.aisoule.account.customer_wrote(PHONE_E164)
    params = {"to": PHONE_E164, "type": "document", "url": LINK, "caption": TEXT, "filename": "invoice.pdf"}
    assert (await aisoule_developer("messages.media", params)).succeeded
    [message] = sandbox.aisoule_developer.sent
    assert message.content == {"link": LINK, "caption": TEXT, "filename": "invoice.pdf"}


async def test_the_same_step_serves_both_apis(aisoule_developer: Account, aisoule: Account, sandbox: Sandbox) -> None:
    sandbox.aisoule.account.customer_wrote(PHONE_E164)
    for name in ("template", "text", "media", "interactive"):
        params = operation("aisoule", f"messages.{name}").operation.sample.params
        assert (await aisoule_developer(f"messages.{name}", params)).succeeded
        assert (await aisoule(f"messages.{name}", params)).succeeded
    assert len(sandbox.aisoule.sent) == len(sandbox.aisoule_developer.sent) == 4


async def test_the_contact_with_a_number_is_changed_not_doubled(aisoule_developer: Account, sandbox: Sandbox) -> None:
    made = await aisoule_developer("contacts.upsert", {"phone": PHONE_E164, "first_name": "Asha", "tags": ["lead"]})
    again = await aisoule_developer("contacts.upsert", {"phone": PHONE_E164, "last_name": "Rao"})
    assert made.succeeded
    assert again.id == made.id
    [contact] = sandbox.snapshot()["aisoule-developer"]["contacts"]
    assert (contact["first_name"], contact["last_name"], contact["tags"]) == ("Asha", "Rao", ["lead"])


@pytest.mark.parametrize("number", ["+91 88568 79188", "+0123", "+"])
async def test_a_number_that_is_none_is_rejected(aisoule_developer: Account, number: str) -> None:
    assert (await aisoule_developer("messages.template", {**TEMPLATE, "to": number})).outcome is Outcome.REJECTED


async def test_the_wait_of_a_429_is_read_from_its_body(aisoule_developer: Account, sandbox: Sandbox) -> None:
    sandbox.aisoule_developer.traffic.apply(AISouleLimits(enforced=True, messages=1))
    assert (await aisoule_developer("messages.template", TEMPLATE)).succeeded
    verdict = await aisoule_developer("messages.template", TEMPLATE)
    assert (verdict.outcome, verdict.code) == (Outcome.RATE_LIMITED, "rate_limit_exceeded")
    assert verdict.retry_after_ms == 60_000
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429))
    assert (await aisoule_developer("messages.template", TEMPLATE)).retry_after_ms == 15_000


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "forbidden")])
async def test_a_key_that_may_not_is_unauthorized(
    aisoule_developer: Account, sandbox: Sandbox, status: int, code: str
) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=status))
    verdict = await aisoule_developer("messages.template", TEMPLATE)
    assert verdict.outcome is Outcome.UNAUTHORIZED
    error = {"success": False, "error": {"code": code, "message": "no"}}
    assert judged(operation("aisoule-developer", "messages.text"), json_answer(status, error)).message == "no"


@pytest.mark.parametrize(
    "body", [{"success": True}, {"success": "true", "message_id": "m"}, {"message_id": "m"}, {"success": True, "id": 1}]
)
def test_success_says_so_and_has_an_id(body: object) -> None:
    assert judged(operation("aisoule-developer", "messages.text"), json_answer(200, body)).outcome is Outcome.UNKNOWN

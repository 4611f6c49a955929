from typing import Any

from bridge.clock import ManualClock
from bridge.sandbox import Sandbox
from bridge.sandbox.zendesk.idempotency import LIFE_MS
from tests.sandbox.conftest import Caller, Reply

TICKET: dict[str, Any] = {"ticket": {"subject": "S", "comment": {"body": "B"}}}


async def post(zendesk: Caller, key: str, body: dict[str, Any] = TICKET) -> Reply:
    return await zendesk("POST", "/tickets", body, headers={"Idempotency-Key": key})


async def test_the_same_key_gives_the_first_answer(zendesk: Caller, sandbox: Sandbox) -> None:
    first, second = await post(zendesk, "k"), await post(zendesk, "k")
    assert (first.headers["x-idempotency-lookup"], second.headers["x-idempotency-lookup"]) == ("miss", "hit")
    assert (second.status, second.body) == (201, first.body)
    assert len(sandbox.zendesk.tickets) == 1


async def test_the_same_key_with_another_body_is_400(zendesk: Caller) -> None:
    await post(zendesk, "k")
    other = await post(zendesk, "k", {"ticket": {"subject": "T", "comment": {"body": "B"}}})
    assert (other.status, other.body["error"]) == (400, "IdempotentRequestError")


async def test_a_key_is_forgotten_after_two_hours(zendesk: Caller, sandbox: Sandbox, clock: ManualClock) -> None:
    await post(zendesk, "k")
    clock.advance(LIFE_MS)
    assert (await post(zendesk, "k")).headers["x-idempotency-lookup"] == "miss"
    assert len(sandbox.zendesk.tickets) == 2


async def test_a_refused_create_leaves_its_key_free(zendesk: Caller) -> None:
    assert (await post(zendesk, "k", {"ticket": {"subject": "S"}})).status == 422
    assert (await post(zendesk, "k")).status == 201


async def test_a_key_has_at_most_255_characters(zendesk: Caller) -> None:
    assert (await post(zendesk, "k" * 255)).status == 201
    assert (await post(zendesk, "k" * 256)).status == 400


async def test_updates_know_no_key(zendesk: Caller) -> None:
    await post(zendesk, "k")
    for _ in range(2):
        await zendesk("PUT", "/tickets/1", {"ticket": {"comment": {"body": "x"}}}, headers={"Idempotency-Key": "u"})
    assert (await zendesk("GET", "/tickets/1/comments")).body["count"] == 3

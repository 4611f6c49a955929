"""Carrying out one delivery: retries, limits, credentials, refusals, and what is dead in the end."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from bridge.sandbox import FaultKind
from bridge.store.protocol import DeliveryFilter
from tests.canaries import ERP_TOKEN
from tests.engine.conftest import MakeWorld
from tests.engine.world import ORDER_RULE, World

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
C11 = (2 * SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 8 * HOUR)


async def only_letter(world: World) -> dict[str, Any]:
    [letter] = await world.letters()
    return letter


async def test_an_order_is_posted_once_with_a_stable_key(world: World) -> None:
    await world.order(1)
    await world.settle()
    assert await world.states() == ["done"]
    [record] = world.sandbox.generic.records
    assert record.body == {"order": "o1"}
    assert record.key is not None


async def test_failures_are_tried_again_on_the_schedule_and_then_expire(world: World) -> None:
    world.fault(FaultKind.STATUS, status=500, times=None)
    await world.order(1)
    await world.settle()
    at = [entry.at_ms for entry in world.sandbox.journal.of("generic")]
    waits = [late - early for early, late in pairwise(at)]
    for wait, expected in zip(waits[:-1], C11, strict=False):
        assert expected / 2 <= wait <= expected
    assert at[-1] - at[0] == 24 * HOUR  # the last try starts at the horizon
    letter = await only_letter(world)
    assert (letter["kind"], letter["attempts"]) == ("expired", len(at))
    assert letter["response"]["status"] == 500


async def test_a_failure_that_passes_is_no_death(world: World) -> None:
    world.fault(FaultKind.STATUS, status=503, times=4)
    await world.order(1)
    await world.settle()
    assert await world.states() == ["done"]
    [delivery] = await world.store.store.deliveries(DeliveryFilter())
    assert delivery.attempts == 4


@pytest.mark.parametrize(("said", "held_ms"), [(7, 7_000), ("3600", 3_600_000), (0, 1_000), (None, 10_000)])
async def test_a_limit_holds_the_destination_to_the_second_and_is_no_attempt(
    world: World, said: int | str | None, held_ms: int
) -> None:
    world.fault(FaultKind.STATUS, status=429, retry_after=said)
    await world.order(1)
    await world.calm()
    await world.order(2, customer="somebody else")
    await world.calm()
    assert world.calls("POST", "/orders") == 1
    world.clock.advance(held_ms - 1)
    await world.calm()
    assert world.calls("POST", "/orders") == 1
    world.clock.advance(1)
    await world.sandbox.wait_for(lambda: world.calls("POST", "/orders") == 3)
    await world.calm()
    assert await world.states() == ["done", "done"]
    assert [found.attempts for found in await world.store.store.deliveries(DeliveryFilter())] == [0, 0]


async def test_a_wait_that_a_503_asks_for_is_obeyed_although_the_schedule_is_shorter(world: World) -> None:
    world.fault(FaultKind.STATUS, status=503, retry_after=90)
    await world.order(1)
    await world.calm()
    world.clock.advance(89_999)
    await world.calm()
    assert world.calls("POST", "/orders") == 1
    world.clock.advance(1)
    await world.sandbox.wait_for(lambda: world.calls("POST", "/orders") == 2)
    await world.settle()
    assert await world.states() == ["done"]


async def test_an_unreadable_success_is_dead_after_three(world: World) -> None:
    world.fault(FaultKind.HTML_200, times=None)
    await world.order(1)
    await world.settle()
    letter = await only_letter(world)
    assert (letter["kind"], letter["attempts"]) == ("unanswered", 3)


async def test_a_redirect_is_dead_at_once(world: World) -> None:
    world.fault(FaultKind.REDIRECT)
    await world.order(1)
    await world.settle()
    assert (await only_letter(world))["kind"] == "redirected"
    assert world.calls("POST", "/orders") == 1


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 422])
async def test_a_refusal_is_dead_at_once(world: World, status: int) -> None:
    world.fault(FaultKind.STATUS, status=status)
    await world.order(1)
    await world.settle()
    letter = await only_letter(world)
    assert (letter["kind"], letter["attempts"]) == ("rejected", 1)
    assert letter["request"]["headers"]["Authorization"] == "••••"


async def test_a_private_address_is_dead_as_rejected_and_nothing_is_sent(make_world: MakeWorld) -> None:
    world = make_world()
    configuration = world.configuration()
    sealed = {
        name: replace(destination, allow_private_addresses=False)
        for name, destination in configuration.destinations.items()
    }
    await world.start(replace(configuration, destinations=sealed))
    await world.order(1)
    await world.settle()
    assert (await only_letter(world))["kind"] == "rejected"
    assert len(world.sandbox.journal) == 0


async def test_wrong_credentials_pause_the_destination_until_a_reload(world: World) -> None:
    refused = world.fault(FaultKind.STATUS, status=401, times=None)
    await world.order(1)
    await world.calm()
    await world.order(2, customer="somebody else")
    await world.settle()
    assert world.calls("POST", "/orders") == 1
    assert await world.states() == ["pending", "pending"]
    status: Any = await world.console.status()
    assert status["destinations"]["erp"]["paused"] == "unauthorized"
    world.sandbox.faults.remove(refused.id)
    await world.reload()
    await world.settle()
    assert await world.states() == ["done", "done"]
    assert await world.letters() == []


ZENDESK_RULE = """\
- name: note
  on: orders/*
  steps:
    - {id: user, use: zendesk.users.upsert, with: {external_id: "{{ body.id }}", name: Somebody}}
"""


async def test_a_token_that_was_revoked_is_fetched_once_more(make_world: MakeWorld) -> None:
    world = make_world(rules=ZENDESK_RULE)
    await world.start()
    await world.order(1)
    await world.settle()
    world.sandbox.zendesk.access.void_tokens()
    await asyncio.gather(*(world.order(number) for number in range(2, 8)))
    await world.settle()
    assert await world.states() == ["done"] * 7
    assert world.calls("POST", "/oauth/tokens", "zendesk") == 2


async def test_a_second_401_after_the_new_token_pauses_and_nothing_dies(make_world: MakeWorld) -> None:
    world = make_world(rules=ZENDESK_RULE)
    await world.start()
    refused = world.fault(FaultKind.STATUS, api="zendesk", path="/api/v2/users/*", status=401, times=None)
    await world.order(1)
    await world.settle()
    assert world.calls("POST", "/oauth/tokens", "zendesk") == 2
    assert await world.states() == ["pending"]
    world.sandbox.faults.remove(refused.id)
    await world.reload()
    await world.settle()
    assert await world.states() == ["done"]


async def test_a_token_endpoint_that_refuses_pauses_the_destination(make_world: MakeWorld) -> None:
    world = make_world(rules=ZENDESK_RULE)
    await world.start()
    world.fault(FaultKind.STATUS, api="zendesk", path="/oauth/*", status=400)
    await asyncio.gather(*(world.order(number) for number in range(5)))
    await world.settle()
    assert await world.states() == ["pending"] * 5
    assert world.calls("POST", "/oauth/tokens", "zendesk") == 1


async def test_a_token_endpoint_that_fails_is_asked_again_later_and_costs_no_attempt(make_world: MakeWorld) -> None:
    world = make_world(rules=ZENDESK_RULE)
    await world.start()
    world.fault(FaultKind.STATUS, api="zendesk", path="/oauth/*", status=503, retry_after=60, times=2)
    await asyncio.gather(*(world.order(number) for number in range(5)))
    await world.settle()
    assert await world.states() == ["done"] * 5
    assert [found.attempts for found in await world.store.store.deliveries(DeliveryFilter())] == [0] * 5
    at = [entry.at_ms for entry in world.sandbox.journal.of("zendesk", "POST", "/oauth/tokens")]
    assert [late - early for early, late in pairwise(at)] == [60_000, 60_000]


async def test_a_rule_that_moved_to_another_destination_takes_its_waiting_deliveries_along(world: World) -> None:
    world.fault(FaultKind.STATUS, status=429)  # surely not applied at the old one
    await world.order(1)
    await world.calm()
    world.rules = ORDER_RULE.replace("erp.post", "erp2.post")
    second = f'{{connector: http, base_url: "{world.urls.generic}/second", auth: {{type: bearer, token: {ERP_TOKEN}}}'
    world.erp_more = f"}}\n  erp2: {second}, allow_private_addresses: true"
    await world.reload()
    await world.settle()
    assert await world.states() == ["done"]
    assert [record.path for record in world.sandbox.generic.records] == ["/second/orders"]


async def test_an_invalid_header_is_dead_at_once_instead_of_being_tried_for_a_day(make_world: MakeWorld) -> None:
    rule = ORDER_RULE.replace("with: {path", 'with: {headers: {X-Note: "{{ body.note }}"}, path')
    world = make_world(rules=rule)
    await world.start()
    await world.order(1, note="two\r\nlines")
    await world.settle()
    [letter] = await world.letters()
    assert letter["attempts"] <= 1
    assert await world.states() == ["dead"]


async def test_a_reload_in_the_middle_of_a_request_does_not_cut_it_off(world: World) -> None:
    world.fault(FaultKind.SLOW, delay_ms=5_000)
    await world.order(1)
    await world.sandbox.wait_for(lambda: world.calls("POST", "/orders"))
    world.erp_more = ", concurrency: 3"  # another destination by this: the old one is retired
    await world.reload()
    world.clock.advance(5_000)
    await world.settle()
    assert await world.states() == ["done"]
    assert world.calls("POST", "/orders") == 1


async def test_numbers_of_any_size_do_not_stop_a_delivery(world: World) -> None:
    body = b'{"kind":"placed","id":"o1","customer":"c1","note":123456789012345678901234567890}'
    await world.send("orders", body)
    await world.order(2)
    await world.settle()
    assert (await world.states())[1] == "done"
    assert (await world.states())[0] in {"done", "dead"}
    assert world.failures == []

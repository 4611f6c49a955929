"""kill -9 at every boundary of a delivery: checkpoint, batch, bulk write, refresh, replay.

In one process first, exhaustively: at each call of the store, before it was carried out and after it was, everything
ends at once and another process goes on over what is on the disk. Then with real processes, killed while the API has
the request in its hands.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.engine.query import Query
from bridge.model import DeliveryState
from bridge.outbound.gate import PauseReason
from bridge.sandbox import FaultKind, FaultSpec, Match
from bridge.store.protocol import DeliveryFilter
from tests.e2e.mortal import REFRESH_TOKEN, MortalWorld
from tests.e2e.virtual import PREAMBLE

TEXT = (
    PREAMBLE.replace(
        'client_secret: "${ZENDESK_CLIENT_SECRET}"',
        f'client_secret: "${{ZENDESK_CLIENT_SECRET}}", refresh_token: {REFRESH_TOKEN}, batch: on',
    )
    + """\
rules:
  - name: contact
    on: orders/placed
    key: "{{ body.customer }}"
    steps:
      - id: contact
        use: hubspot.contacts.upsert
        with: {id_property: whatsapp_id, id: "{{ body.id }}", properties: {firstname: "{{ body.id }}"}}
        remember: {contact: "{{ body.id }}"}
      - {id: post, use: erp.post, with: {path: /orders, json: {order: "{{ body.id }}", of: "{{ steps.contact.id }}"}}}
  - name: ticket
    on: orders/placed
    key: "{{ body.customer }}"
    steps:
      - {id: ticket, use: zendesk.tickets.create, with: {subject: "{{ body.id }}", comment: {body: "{{ body.id }}"}}}
  - name: letter
    on: orders/lost
    key: "{{ body.customer }}"
    steps:
      - {id: post, use: erp.post, with: {path: /letters, json: {letter: "{{ body.id }}"}}}
"""
)
ORDERS = [{"kind": "placed", "id": f"o{number}", "customer": f"c{number % 3}"} for number in range(5)]
LETTERS = [{"kind": "lost", "id": f"l{number}", "customer": f"c{number % 3}"} for number in range(3)]
DESTINATIONS = ("hubspot", "zendesk", "erp")


async def prepare(world: MortalWorld) -> None:
    """Letters that are dead, and orders that wait at closed gates."""
    world.sandbox.faults.add(
        FaultSpec(fault=FaultKind.STATUS, status=422, match=Match(api="generic", path="/letters"), times=len(LETTERS))
    )
    await world.accept(*LETTERS)
    await world.until(world.settled)
    assert await world.counts("letter") == {"dead": len(LETTERS)}
    world.sandbox.faults.clear()
    for name in DESTINATIONS:
        world.engine.outlets[name].gate.close(PauseReason.OPERATOR, "until all is there")
    await world.accept(*ORDERS)
    await world.quiet()


async def go(world: MortalWorld) -> None:
    """A replay, then everything at once: batches, a bulk write, its polls, a refresh, what was replayed."""
    replaying = world.background(world.console.replay(Query(), dry_run=False))
    await world.until(lambda: replaying.done() or world.mortal.died.is_set())
    for name in DESTINATIONS:
        world.engine.outlets[name].gate.open(PauseReason.OPERATOR)
    world.engine.wake(frozenset(DESTINATIONS))
    await world.until(world.dead_or_settled)
    replaying.cancel()


async def replay_the_rest(world: MortalWorld) -> None:
    """What the kill kept from being replayed; the person asks once more."""
    await world.console.replay(Query(), dry_run=False)
    await world.until(world.settled)


def assert_each_once(world: MortalWorld) -> None:
    state = world.sandbox.snapshot()
    orders = Counter(order["id"] for order in ORDERS)
    contacts = Counter(record.properties["whatsapp_id"] for record in world.sandbox.hubspot.records_of("contacts"))
    assert contacts == orders
    assert Counter(ticket["subject"] for ticket in state["zendesk"]["tickets"]) == orders
    bodies = [record.body for record in world.sandbox.generic.records]
    assert Counter(body["order"] for body in bodies if "order" in body) == orders
    assert Counter(body["letter"] for body in bodies if "letter" in body) == Counter(one["id"] for one in LETTERS)
    by_customer: dict[str, list[str]] = {}
    for body in bodies:
        if "order" in body:
            by_customer.setdefault(str(int(body["order"][1:]) % 3), []).append(body["order"])
    assert all(found == sorted(found) for found in by_customer.values())


async def assert_sound(world: MortalWorld) -> None:
    deliveries = await world.store.deliveries(DeliveryFilter(limit=1_000))
    assert {delivery.state for delivery in deliveries} == {DeliveryState.DONE}
    assert len(deliveries) == 2 * len(ORDERS) + len(LETTERS)
    assert await world.store.check_books() == []
    assert_each_once(world)


async def calls_of_a_life(folder: Path) -> Counter[str]:
    """How many writing calls of each name the store gets in one run that nothing ends."""
    async with MortalWorld(TEXT, folder) as world:
        await prepare(world)
        world.mortal.lives()
        await go(world)
        calls = Counter(world.mortal.calls)
        await assert_sound(world)
        return calls


async def dies_at(name: str, number: int, folder: Path, *, before: bool) -> bool:
    """One run that ends at that call of the store; false when it had fewer such calls and lived.

    Threads decide which writes share a call, so two runs may differ by a few.
    """
    async with MortalWorld(TEXT, folder) as world:
        await prepare(world)
        world.mortal.dies_at(name, number, before=before)
        await go(world)
        has_died = world.mortal.died.is_set()
        world.mortal.lives()  # what the person does afterwards is another matter
        if has_died:
            await world.kill()
            await world.reborn()
            await world.until(world.settled)
        await replay_the_rest(world)
        await assert_sound(world)
        return has_died


@pytest.mark.timeout(150)
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.full_size)])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_kill_at_each_call_of_the_store_loses_nothing_and_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], *, before: bool, every: int
) -> None:
    begun, kills = time.perf_counter(), Counter[str]()
    for name, count in (await calls_of_a_life(tmp_path_factory.mktemp("life"))).items():
        for number in range(1, count + 1, every):
            kills[name] += await dies_at(name, number, tmp_path_factory.mktemp("kill"), before=before)
    assert {name for name, count in kills.items() if count} >= {"claim", "advance", "settle", "replay"}
    with capsys.disabled():
        print(  # noqa: T201 - said, not asserted
            f"\n{kills.total()} kills {'before' if before else 'after'} the store's calls {dict(kills)}: "
            f"{time.perf_counter() - begun:.1f} s"
        )


AIMS: dict[str, dict[str, Any]] = {
    "batch": {"api": "hubspot", "path": "*/contacts/batch/upsert"},
    "bulk write": {"api": "zendesk", "path": "*/tickets/create_many"},
    "poll": {"api": "zendesk", "path": "*/job_statuses/*"},
    "second step": {"api": "generic", "path": "/orders"},
    "replay": {"api": "generic", "path": "/letters"},
}


@pytest.mark.parametrize("applied", [False, True], ids=["not applied", "applied"])
@pytest.mark.parametrize("aim", AIMS)
async def test_a_kill_while_the_api_has_the_request_in_its_hands(aim: str, tmp_path: Path, *, applied: bool) -> None:
    async with MortalWorld(TEXT, tmp_path) as world:
        await prepare(world)
        match = Match(**AIMS[aim])
        hang = world.sandbox.faults.add(FaultSpec(fault=FaultKind.SLOW, delay_ms=10**8, match=match, applied=applied))
        for name in DESTINATIONS:
            world.engine.outlets[name].gate.open(PauseReason.OPERATOR)
        world.engine.wake(frozenset(DESTINATIONS))
        await world.console.replay(Query(), dry_run=False)
        await world.until(lambda: hang.struck)
        await world.kill()
        world.sandbox.faults.clear()
        await world.reborn()
        await world.until(world.settled)
        await replay_the_rest(world)
        await assert_sound(world)

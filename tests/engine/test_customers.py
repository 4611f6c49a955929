"""The recipes over real stores and APIs: one contact, one ticket, every message once and in order, whatever happens."""

import asyncio
from typing import Any

import pytest

from bridge.sandbox import FaultKind
from bridge.sandbox.zendesk import ZendeskLimits
from tests.canaries import EMOJI_TEXT, PHONE, TEXT
from tests.connectors.catalog.requests.zendesk import strange
from tests.engine.conftest import MakeWorld
from tests.engine.world import World, patience

TEXTS = [TEXT, EMOJI_TEXT]
ZENDESK, HUBSPOT = "aisoule-to-zendesk.yaml", "aisoule-to-hubspot.yaml"


async def begin(make_world: MakeWorld, recipe: str, **options: Any) -> World:
    world = make_world(recipes=(recipe,), rules="", **options)
    await world.start()
    return world


@pytest.fixture
async def zendesk(make_world: MakeWorld) -> World:
    return await begin(make_world, ZENDESK)


@pytest.fixture
async def hubspot(make_world: MakeWorld) -> World:
    return await begin(make_world, HUBSPOT)


def comments(world: World) -> list[list[str]]:
    """The comments of each Zendesk ticket."""
    return [
        [comment["body"] for comment in ticket["comments"]] for ticket in world.sandbox.snapshot()["zendesk"]["tickets"]
    ]


def customers(world: World) -> list[Any]:
    return [user for user in world.sandbox.snapshot()["zendesk"]["users"] if user["external_id"]]


def entries(world: World) -> list[str]:
    """The bodies of HubSpot's timeline entries that hang on a ticket and a contact."""
    state = world.sandbox.snapshot()["hubspot"]
    assert len(state["contacts"]) == 1
    assert len(state["tickets"]) == 1
    for entry in state["communications"]:
        assert entry["associations"]["tickets"] == [state["tickets"][0]["id"]]
        assert entry["associations"]["contacts"] == [state["contacts"][0]["id"]]
    return [entry["properties"]["hs_communication_body"] for entry in state["communications"]]


async def talk(world: World) -> None:
    """Two messages of one customer at the same time, delivered as far as it goes."""
    await asyncio.gather(*(world.message(number, text) for number, text in enumerate(TEXTS)))
    await world.settle()
    assert await world.states() == ["done", "done"]
    await world.assert_balanced()


async def test_two_messages_at_once_make_one_zendesk_ticket_in_order(zendesk: World) -> None:
    await talk(zendesk)
    assert comments(zendesk) == [TEXTS]
    assert len(customers(zendesk)) == 1
    assert zendesk.calls("POST", "/api/v2/users/create_or_update", "zendesk") == 1


async def test_two_messages_at_once_make_one_hubspot_ticket_in_order(hubspot: World) -> None:
    await talk(hubspot)
    assert entries(hubspot) == TEXTS


async def test_two_messages_five_milliseconds_apart_make_one_ticket_in_order(zendesk: World) -> None:
    await zendesk.message(0, TEXTS[0])
    zendesk.clock.advance(5)
    await zendesk.message(1, TEXTS[1])
    await zendesk.settle()
    assert comments(zendesk) == [TEXTS]


async def test_a_message_never_overtakes_one_that_a_limit_holds(zendesk: World) -> None:
    zendesk.fault(FaultKind.STATUS, api="zendesk", path="/api/v2/users/*", status=429, retry_after=45)
    await talk(zendesk)
    assert comments(zendesk) == [TEXTS]
    assert len(customers(zendesk)) == 1


async def test_a_second_handset_spelling_is_the_same_customer(zendesk: World) -> None:
    await zendesk.message(0, TEXTS[0], customer=PHONE)
    await zendesk.message(1, TEXTS[1], customer=f"+{PHONE}")
    await zendesk.settle()
    assert comments(zendesk) == [TEXTS]


def customer(number: int) -> str:
    return f"91885687{9100 + number}"


async def test_the_limit_of_user_upserts_never_holds_customers_who_are_known(zendesk: World) -> None:
    """Zendesk takes one upsert a second. A link makes a known customer cost one call, and no upsert."""
    zendesk.sandbox.zendesk.access.apply(ZendeskLimits(enforced=True))
    known, unknown = range(12), range(12, 24)
    began_ms = zendesk.clock.now_ms()
    await asyncio.gather(*(zendesk.message(number, TEXT, customer=customer(number)) for number in known))
    await zendesk.settle()
    assert zendesk.clock.now_ms() - began_ms >= 11_000  # the first messages had to wait: one upsert a second
    before, now_ms = zendesk.sandbox.journal.seen, zendesk.clock.now_ms()
    second = [zendesk.message(100 + number, EMOJI_TEXT, customer=customer(number)) for number in (*unknown, *known)]
    await asyncio.gather(*second)
    await zendesk.calm()
    assert zendesk.clock.now_ms() == now_ms  # the clock has not moved: nobody who is known has waited
    calls = [entry for entry in zendesk.sandbox.journal.of("zendesk") if entry.seq > before]
    assert sum(entry.method == "PUT" for entry in calls) == len(known)
    assert sum(entry.path.endswith("/create_or_update") for entry in calls) <= 2
    assert comments(zendesk)[: len(known)] == [TEXTS] * len(known)
    await zendesk.settle()
    assert await zendesk.states() == ["done"] * 36
    assert all(entry.status != 429 for entry in zendesk.sandbox.journal.of("zendesk"))
    assert strange(zendesk.sandbox.journal) == []
    assert zendesk.calls("POST", "/api/v2/users/create_or_update", "zendesk") == len(known) + len(unknown)


LOST = [
    (FaultKind.RESET, {"applied": True}),
    (FaultKind.HALF_BODY, {}),
    (FaultKind.TIMEOUT, {"applied": True}),
    (FaultKind.HTML_200, {"applied": True}),
    (FaultKind.STATUS, {"status": 502, "applied": True}),
    (FaultKind.RESET, {}),
    (FaultKind.TIMEOUT, {}),
]


@pytest.mark.parametrize(("kind", "more"), LOST)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v2/users/*"), ("POST", "/api/v2/tickets"), ("PUT", "/api/v2/tickets/*"), ("POST", "/oauth/*")],
)
async def test_a_lost_answer_doubles_nothing_in_zendesk(
    make_world: MakeWorld, method: str, path: str, kind: FaultKind, more: dict[str, Any]
) -> None:
    zendesk = await begin(make_world, ZENDESK, timeout=patience(kind))
    lost = zendesk.fault(kind, api="zendesk", method=method, path=path, **more)
    await talk(zendesk)
    assert lost.struck == 1
    assert comments(zendesk) == [TEXTS]
    assert len(customers(zendesk)) == 1


@pytest.mark.parametrize(("kind", "more"), LOST)
@pytest.mark.parametrize("nth", range(0, 9, 2))
async def test_a_lost_answer_doubles_nothing_in_hubspot(
    make_world: MakeWorld, nth: int, kind: FaultKind, more: dict[str, Any]
) -> None:
    hubspot = await begin(make_world, HUBSPOT, timeout=patience(kind))
    lost = hubspot.fault(kind, api="hubspot", after=nth, **more)
    await talk(hubspot)
    assert lost.struck == 1
    assert entries(hubspot) == TEXTS


async def test_a_comment_whose_answer_is_lost_again_and_again_is_there_once(zendesk: World) -> None:
    await zendesk.message(0, TEXTS[0])
    await zendesk.settle()
    zendesk.fault(FaultKind.RESET, api="zendesk", method="PUT", applied=True, times=1)
    zendesk.fault(FaultKind.STATUS, api="zendesk", method="GET", path="*/comments*", status=500, times=3)
    await zendesk.message(1, TEXTS[1])
    await zendesk.settle()
    assert comments(zendesk) == [TEXTS]
    assert await zendesk.states() == ["done", "done"]


async def test_a_ticket_whose_key_has_run_out_is_looked_for_before_it_is_made_again(zendesk: World) -> None:
    zendesk.fault(FaultKind.RESET, api="zendesk", path="/api/v2/tickets", method="POST", applied=True)
    zendesk.fault(
        FaultKind.STATUS, api="zendesk", path="/api/v2/tickets", method="POST", status=503, retry_after=10_800
    )
    await zendesk.message(0, TEXTS[0])
    await zendesk.settle()
    assert comments(zendesk) == [TEXTS[:1]]
    assert await zendesk.states() == ["done"]


async def test_a_deleted_ticket_is_replaced_by_a_new_one(zendesk: World) -> None:
    await zendesk.message(0, TEXTS[0])
    await zendesk.settle()
    zendesk.sandbox.zendesk.tickets.delete(1)
    await zendesk.message(1, TEXTS[1])
    await zendesk.settle()
    assert comments(zendesk) == [[TEXTS[1]]]


async def test_receipts_within_the_window_cost_one_call_and_the_furthest_wins(hubspot: World) -> None:
    await hubspot.message(0, TEXTS[0])
    await hubspot.settle()
    before = len(hubspot.sandbox.journal)
    for word in ("sent", "read", "delivered"):
        await hubspot.receipt(0, word)
    await hubspot.settle()
    assert len(hubspot.sandbox.journal) == before + 1
    [entry] = hubspot.sandbox.snapshot()["hubspot"]["communications"]
    assert entry["properties"]["wa_status"] == "read"
    assert sorted(await hubspot.states("whatsapp-receipt-to-hubspot")) == ["done", "superseded", "superseded"]


async def test_a_receipt_never_goes_backwards(hubspot: World) -> None:
    await hubspot.message(0, TEXTS[0])
    await hubspot.receipt(0, "read")
    await hubspot.settle()
    before = len(hubspot.sandbox.journal)
    await hubspot.receipt(0, "delivered")
    await hubspot.settle()
    assert len(hubspot.sandbox.journal) == before
    assert (await hubspot.states())[-1] == "superseded"
    await hubspot.assert_balanced()


async def test_a_receipt_that_waits_while_a_further_one_is_written_is_superseded(hubspot: World) -> None:
    await hubspot.message(0, TEXTS[0])
    await hubspot.receipt(0, "sent")
    await hubspot.calm()
    hubspot.clock.advance(30_000)
    hubspot.fault(FaultKind.STATUS, api="hubspot", method="PATCH", status=500, times=30, body_contains="sent")
    await hubspot.settle(at_most_ms=6 * 60_000)
    await hubspot.receipt(0, "read")
    await hubspot.settle()
    [entry] = hubspot.sandbox.snapshot()["hubspot"]["communications"]
    assert entry["properties"]["wa_status"] == "read"
    await hubspot.assert_balanced()

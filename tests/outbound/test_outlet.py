"""Destinations in use, and what a reload does to them."""

import asyncio

from bridge.clock import ManualClock
from bridge.connectors.destination import Destination
from bridge.outbound.gate import PauseReason
from bridge.outbound.outlet import Outlet, Outlets
from tests.outbound.conftest import destination
from tests.outbound.peer import GET, Peer, answers


def http(name: str = "erp", *, timeout: str = "2s", base: str = "https://erp.example") -> dict[str, Destination]:
    return {name: destination("http", name, base_url=base, timeout=timeout)}


async def test_an_unchanged_destination_keeps_its_outlet_and_its_hold(clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure(http())
    before = outlets["erp"]
    before.gate.hold(clock.now_ms() + 100)
    assert outlets.configure(http()) == []
    assert outlets["erp"] is before
    assert before.gate.held_until_ms is not None


async def test_a_reload_ends_a_pause_for_credentials_but_not_one_of_a_person(clock: ManualClock) -> None:
    outlets = Outlets(clock)
    both = http("a") | http("b")
    outlets.configure(both)
    outlets["a"].gate.close(PauseReason.UNAUTHORIZED, "401")
    outlets["b"].gate.close(PauseReason.OPERATOR, "by hand")
    outlets.configure(both)
    assert outlets["a"].gate.is_open
    assert not outlets["b"].gate.is_open


async def test_a_changed_or_removed_destination_retires_its_outlet(clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure(http("a") | http("b"))
    a, b = outlets["a"], outlets["b"]
    retired = outlets.configure(http("a", timeout="1s"))
    assert retired == [a, b]
    assert outlets["a"] is not a
    assert outlets.get("b") is None
    assert set(outlets.all()) == {"a"}
    await outlets.close()


async def test_closing_waits_for_whoever_still_uses_the_outlet(clock: ManualClock) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with Peer(answers(said)).running() as peer:
        outlet = Outlet(http(base=peer.base)["erp"], clock)
        with outlet.in_use():
            closing = asyncio.create_task(outlet.close())
            answer = await outlet.client.send(GET, {})
            assert answer.status == 200
            assert not closing.done()
        await closing


async def test_an_edited_destination_is_still_held_as_long_as_the_api_asked(clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure(http())
    outlets["erp"].gate.hold(clock.now_ms() + 5_000)
    outlets.configure(http(timeout="1s"))
    assert outlets["erp"].gate.held_until_ms == clock.now_ms() + 5_000

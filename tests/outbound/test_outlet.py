"""Destinations in use, and what a reload does to them."""

import asyncio
import dataclasses
from pathlib import Path

import orjson
import pytest

from bridge.clock import ManualClock
from bridge.connectors.destination import Destination
from bridge.outbound.breaker import BreakerState
from bridge.outbound.gate import PauseReason
from bridge.outbound.outlet import Outlet, Outlets
from bridge.sandbox import Sandbox
from tests.canaries import ZENDESK_SECRET
from tests.outbound.api import example
from tests.outbound.conftest import destination
from tests.outbound.peer import GET, Peer, answers


def http(name: str = "erp", *, timeout: str = "2s", base: str = "https://erp.example") -> dict[str, Destination]:
    return {name: destination("http", name, base_url=base, timeout=timeout)}


async def test_an_unchanged_destination_keeps_its_outlet_and_its_hold(clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure(http())
    before = outlets["erp"]
    before.budgets.hold("", None, clock.now_ms() + 100)
    assert outlets.configure(http()) == []
    assert outlets["erp"] is before
    assert before.held_until_ms is not None


async def test_a_reload_ends_a_pause_for_credentials_but_not_one_of_a_person(clock: ManualClock) -> None:
    outlets = Outlets(clock)
    both = http("a") | http("b")
    outlets.configure(both)
    outlets["a"].gate.close(PauseReason.UNAUTHORIZED, "401")
    outlets["b"].gate.close(PauseReason.OPERATOR, "by hand")
    outlets.configure(both)
    assert outlets["a"].gate.pause is None
    assert outlets["b"].gate.pause is not None


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
    outlets["erp"].budgets.hold("", None, clock.now_ms() + 5_000)
    outlets.configure(http(timeout="1s"))
    assert outlets["erp"].held_until_ms == clock.now_ms() + 5_000


async def test_an_edited_destination_goes_on_with_its_limits_and_a_persons_pause(
    tmp_path: Path, clock: ManualClock
) -> None:
    outlets = Outlets(clock)
    outlets.configure({"crm": example(tmp_path)})
    before = outlets["crm"]
    before.budgets.hold("burst", None, clock.now_ms() + 5_000)
    spending = before.budgets.take((("search", None),))
    before.pause("maintenance")
    before.gate.close(PauseReason.SCOPE, "tickets")
    clock.advance(1_000)
    outlets.configure({"crm": example(tmp_path, timeout="1s")})
    after = outlets["crm"]
    assert after is not before
    assert after.budgets.holds() == [("burst", None, clock.now_ms() + 4_000)]
    spending.end(None)
    assert after.budgets.room("search") == 1
    pause = after.gate.pause
    assert pause is not None
    assert (pause.reason, pause.since_ms, pause.detail) == (
        PauseReason.OPERATOR,
        clock.now_ms() - 1_000,
        "maintenance",
    )
    after.resume()
    assert after.gate.pause is None


async def test_an_edit_of_other_keys_costs_no_token(zendesk: Destination, sandbox: Sandbox, clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure({"zendesk": zendesk})
    before = outlets["zendesk"]
    headers = await before.credentials.headers()
    retired = outlets.configure({"zendesk": dataclasses.replace(zendesk, timeout_ms=1_000)})
    assert await outlets["zendesk"].credentials.headers() == headers
    await outlets["zendesk"].credentials.refresh(1)
    assert await before.credentials.headers() != headers  # whoever is still under way there
    assert len(sandbox.journal.of("zendesk", "POST", "/oauth/tokens")) == 2
    other = {"client_secret": ZENDESK_SECRET + "2"}
    retired += outlets.configure({"zendesk": dataclasses.replace(zendesk, secrets={**zendesk.secrets, **other})})
    assert outlets["zendesk"].credentials.version == 0
    for outlet in retired:
        await outlet.close()
    await outlets.close()


async def test_a_restart_keeps_limits_and_outages(tmp_path: Path, clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure({"crm": example(tmp_path)} | http())
    crm = outlets["crm"]
    crm.budgets.hold("search", None, clock.now_ms() + 5_000)
    for delivery in "abcde":
        crm.breaker.ended(failed=True, deliveries=[delivery], probe=crm.breaker.departed())
    kept = orjson.loads(orjson.dumps(outlets.snapshot()))
    again = Outlets(clock)
    again.configure({"crm": example(tmp_path)})
    again.restore(kept)
    other = again["crm"]
    assert other.budgets.holds() == crm.budgets.holds()
    assert other.breaker.state is BreakerState.OPEN


async def test_a_pause_for_credentials_does_not_outlive_a_restart(clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure(http())
    outlets["erp"].gate.close(PauseReason.UNAUTHORIZED, "401")
    again = Outlets(clock)
    again.configure(http())
    again.restore(outlets.snapshot())
    assert again["erp"].gate.pause is None


@pytest.mark.parametrize("kept", [{}, {"erp": None}, {"erp": {"budgets": 5, "breaker": []}}])
async def test_what_is_no_snapshot_is_left_out(kept: dict[str, object], clock: ManualClock) -> None:
    outlets = Outlets(clock)
    outlets.configure(http())
    outlets.restore(kept)
    assert outlets["erp"].gate.pause is None

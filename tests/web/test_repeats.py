"""Repeats at the door: one is stored, all hear its id, each source has its own window, and all are counted."""

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest

from bridge.sandbox import FaultKind
from tests.engine import world as engine_world
from tests.engine.world import CONFIGURATION, DAY_MS
from tests.web.conftest import Doors, order

HOUR_MS = 3_600_000
MORE_SOURCES = """\
  shop:
    verify: {{type: hmac, secrets: [{orders}], signature: {{from: "header:X-Orders-Signature", encoding: hex}}}}
    event: {{type: "{{{{ body.kind }}}}", id: "{{{{ body.id }}}}"}}
    dedupe: 1h
  nameless:
    verify: {{type: hmac, secrets: [{orders}], signature: {{from: "header:X-Orders-Signature", encoding: hex}}}}
    event: {{type: "{{{{ body.kind }}}}", id: body}}
  tokens:                                  # as Mailgun does it: nothing but a token is signed
    verify: {{type: hmac, secrets: [{orders}], signature: {{from: "header:X-Orders-Signature", encoding: hex}},
             message: "{{json:token}}", replay: {{id: "json:token", keep_s: 600}}}}
    event: {{type: "{{{{ body.kind }}}}", id: "{{{{ body.id }}}}"}}
destinations:
"""


async def duplicate(doors: Doors, source: str = "orders", note: str = "") -> bool:
    reply = await doors.post(order(note=note), source=source)
    assert reply.status == 200
    return bool(reply.body["duplicate"])


async def counts(doors: Doors, source: str = "orders") -> dict[str, Any]:
    status = (await doors.ask_admin("GET", "/api/v1/status")).body
    assert status["books"]["balanced"]
    found: dict[str, Any] = status["sources"][source]
    return {name: found[name] for name in ("accepted", "redelivered", "duplicates", "differing", "refused")}


@pytest.fixture
async def more_sources(monkeypatch: pytest.MonkeyPatch, doors: Doors) -> Doors:
    """Doors to sources with other windows, too."""
    text = CONFIGURATION.replace("destinations:\n", MORE_SOURCES)
    monkeypatch.setattr(engine_world, "CONFIGURATION", text)
    await doors.world.reload()
    return doors


async def test_of_five_hundred_copies_at_once_one_is_stored_and_all_hear_its_id(doors: Doors) -> None:
    body = orjson.dumps(order())
    headers = dict(doors.signed(body))
    connector = aiohttp.TCPConnector(limit=500)

    async def post(session: aiohttp.ClientSession) -> tuple[int, Any]:
        async with session.post(f"{doors.public}/hooks/orders", data=body, headers=headers) as reply:
            return reply.status, orjson.loads(await reply.read())

    json = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=json) as session:
        replies = await asyncio.gather(*(post(session) for _ in range(500)))
    assert {status for status, _ in replies} == {200}
    assert len({answer["id"] for _, answer in replies}) == 1
    assert sum(not answer["duplicate"] for _, answer in replies) == 1
    await doors.world.settle()
    assert doors.world.orders() == ["o1"]
    assert await counts(doors) == {"accepted": 1, "redelivered": 0, "duplicates": 499, "differing": 0, "refused": {}}


@pytest.mark.parametrize(("hours", "known"), [(7 * 24 + 23, True), (8 * 24 + 1, False)])
async def test_an_id_is_known_for_eight_days_though_its_body_is_gone(doors: Doors, hours: int, *, known: bool) -> None:
    assert not await duplicate(doors)
    await doors.world.settle()
    doors.world.clock.advance(hours * HOUR_MS)
    await doors.world.engine._housekeeping.prune()
    assert (await doors.ask_admin("GET", "/api/v1/events")).body == []
    assert await duplicate(doors) is known


async def test_each_source_has_a_window_of_its_own(more_sources: Doors) -> None:
    for source in ("orders", "shop", "nameless"):
        assert not await duplicate(more_sources, source)
    for step_ms, known in (
        (600_000 - 1, {"orders": True, "shop": True, "nameless": True}),
        (1, {"orders": True, "shop": True, "nameless": False}),
        (3_000_000 - 1, {"orders": True, "shop": True, "nameless": False}),
        (1, {"orders": True, "shop": False, "nameless": True}),
    ):
        more_sources.world.clock.advance(step_ms)
        assert {source: await duplicate(more_sources, source) for source in known} == known


async def test_the_window_of_a_reload_counts_at_once(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not await duplicate(doors)
    doors.world.clock.advance(2 * DAY_MS)
    assert await duplicate(doors)
    shorter = CONFIGURATION.replace("  orders:\n", "  orders:\n    dedupe: 1d\n")
    monkeypatch.setattr(engine_world, "CONFIGURATION", shorter)
    await doors.world.reload()
    assert not await duplicate(doors)


async def test_bytes_are_an_identity_only_where_the_source_says_so(more_sources: Doors) -> None:
    """Of a source with ids, equal bytes are found by their id; of one without, other bytes are another event."""
    assert not await duplicate(more_sources, "nameless")
    assert not await duplicate(more_sources, "nameless", note="other")
    assert await duplicate(more_sources, "nameless")
    reply = await more_sources.post(orjson.dumps({"kind": "placed"}), source="orders")
    assert (reply.status, reply.body["error"]["code"]) == (400, "event_id_missing")


async def test_a_repeat_of_a_dead_event_is_a_duplicate(doors: Doors) -> None:
    doors.world.fault(FaultKind.STATUS, status=422)
    assert not await duplicate(doors)
    await doors.world.settle()
    assert await doors.world.states() == ["dead"]
    assert await duplicate(doors)


@pytest.mark.parametrize("doors", [{"max_body": "1KiB"}], indirect=True)
async def test_what_each_source_sends_is_counted(doors: Doors) -> None:
    await doors.post(order())
    await doors.post(order())
    await doors.post(order(note="other bytes"))
    for data, headers in ((b"{}", {}), (b"{}", {"X-Orders-Signature": "00" * 32}), (b"x" * 1025, {})):
        await doors.ask("POST", f"{doors.public}/hooks/orders", data=data, headers=headers)
    await doors.ask("GET", f"{doors.public}/hooks/orders")
    await doors.post(b"{")
    refused = {"body_unreadable": 1, "signature_missing": 1, "signature_mismatch": 1, "too_large": 1, "wrong_method": 1}
    assert await counts(doors) == {"accepted": 1, "redelivered": 0, "duplicates": 2, "differing": 1, "refused": refused}
    assert (await counts(doors, "aisoule"))["accepted"] == 0


async def test_the_admin_api_takes_events_in_again_and_lets_repeats_in(doors: Doors) -> None:
    first = (await doors.post(order())).body["id"]
    await doors.world.settle()
    again = (await doors.ask_admin("POST", "/api/v1/events/replay", json={"ids": [first]})).body
    [row] = again["replayed"]
    assert row["repeats"] == first
    let = (await doors.ask_admin("POST", "/api/v1/events/let-through", json={"ids": [first], "within": "1h"})).body
    assert [each["event_id"] for each in let["waiting"]] == ["o1"]
    assert not await duplicate(doors)
    assert await duplicate(doors)
    await doors.world.settle()
    assert doors.world.orders() == ["o1", "o1", "o1"]
    assert (await counts(doors))["redelivered"] == 2


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("replay", {}),
        ("replay", {"ids": []}),
        ("replay", {"ids": "x y"}),
        ("replay", {"ids": ["evt_1"], "within": "1h"}),
        ("let-through", {"ids": ["evt_1"], "within": "soon"}),
        ("let-through", {"ids": ["evt_1"], "within": 7}),
    ],
)
async def test_what_makes_no_sense_is_refused(doors: Doors, path: str, given: dict[str, object]) -> None:
    assert (await doors.ask_admin("POST", f"/api/v1/events/{path}", json=given)).status == 400


# --- requests that are good for one body ------------------------------------------------------------------------------


async def test_a_token_that_comes_again_with_other_bytes_is_refused_and_counted(more_sources: Doors) -> None:
    first = await more_sources.post(order(token="t1"), source="tokens")
    assert first.status == 200
    more_sources.world.clock.advance(599_999)
    stolen = await more_sources.post(order(2, token="t1"), source="tokens")
    assert (stolen.status, stolen.body["error"]["code"]) == (401, "replayed")
    retry = await more_sources.post(order(token="t1"), source="tokens")
    assert (retry.status, retry.body) == (200, {"ok": True, "id": first.body["id"], "duplicate": True})
    assert (await counts(more_sources, "tokens"))["refused"] == {"replayed": 1}
    assert (await counts(more_sources, "tokens"))["accepted"] == 1


async def test_after_its_time_a_token_is_good_again(more_sources: Doors) -> None:
    assert (await more_sources.post(order(token="t1"), source="tokens")).status == 200
    more_sources.world.clock.advance(600_000)
    assert (await more_sources.post(order(2, token="t1"), source="tokens")).status == 200


async def test_a_token_is_used_up_only_by_what_was_signed_and_stored(more_sources: Doors) -> None:
    body = orjson.dumps(order(token="t1"))
    forged = {"X-Orders-Signature": "00" * 32}
    assert (
        await more_sources.ask("POST", f"{more_sources.public}/hooks/tokens", data=body, headers=forged)
    ).status == 401
    assert (await more_sources.post({"token": "t1"}, source="tokens")).status == 400
    assert (await more_sources.post(order(3, token="t1"), source="tokens")).status == 200


async def test_of_many_bodies_with_one_token_at_once_one_is_stored(more_sources: Doors) -> None:
    posts = [more_sources.post(order(number % 10, token="t1"), source="tokens") for number in range(50)]
    replies = await asyncio.gather(*posts)
    assert sum(reply.status == 401 for reply in replies) == 45
    assert len({reply.body["id"] for reply in replies if reply.status == 200}) == 1
    found = await counts(more_sources, "tokens")
    assert (found["accepted"], found["duplicates"], found["refused"]) == (1, 4, {"replayed": 45})


async def test_two_sources_may_use_the_same_token(more_sources: Doors) -> None:
    assert (await more_sources.post(order(token="t1"), source="tokens")).status == 200
    assert (await more_sources.post(order(2, token="t1"), source="orders")).status == 200

"""One source's traffic is no other's trouble: limits of its own, a share of the queue, few lines in the log."""

import asyncio
from collections import Counter
from dataclasses import replace

import orjson
import pytest

from bridge.clock import ManualClock
from bridge.engine.lines import LINES, LineBound
from bridge.engine.room import Room
from bridge.sources import RequestLimit, parse_verification, sign
from bridge.web import bodies
from tests.canaries import ORDERS_SECRET
from tests.conftest import log_text
from tests.web.conftest import MARK, Doors, order

UNPROVEN_BURST = 300
UNPROVEN_RATE = 10


def message(number: int) -> dict[str, object]:
    data = {"message_id": f"m{number}", "sender": "4915112345678", "type": "text", "body": "x"}
    return {"event": "message.received", "timestamp": 1_780_369_298, "data": data}


async def stranger(doors: Doors, signature: str | None = None, source: str = "orders") -> int:
    headers = {} if signature is None else {"X-Orders-Signature": signature}
    return (await doors.ask("POST", f"{doors.public}/hooks/{source}", data=b"{}", headers=headers)).status


def use(doors: Doors, **sources: RequestLimit | None) -> None:
    """From now on there are only these sources, with these limits."""
    present = doors.world.engine.present
    known = present.configuration.sources
    limited = {name: replace(known[name], limit=limit) for name, limit in sources.items()}
    present.configuration = replace(present.configuration, sources=limited)


def lines(event: str) -> list[dict[str, object]]:
    printed = (orjson.loads(line) for line in log_text().splitlines())
    return [line for line in printed if line["event"] == event]


async def test_while_one_source_floods_every_event_of_another_is_taken(doors: Doors) -> None:
    doors.world.engine._tasks["router"].cancel()  # nothing leaves the queue: there is no harder case
    flood: Counter[int] = Counter()
    for number in range(12):
        for step in range(5):
            flood[(await doors.post(order(5 * number + step))).status] += 1
        assert (await doors.post(message(number), source="aisoule")).status == 200
    assert flood[200] <= 25
    assert flood == {200: flood[200], 503: 60 - flood[200]}
    status = (await doors.ask_admin("GET", "/api/v1/status")).body["sources"]
    assert (status["aisoule"]["taken"], status["aisoule"]["refused"]) == (12, {})
    assert status["orders"]["refused"] == {"unavailable": flood[503]}


@pytest.mark.parametrize("doors", [{"source_rate": 2}], indirect=True)
async def test_a_source_over_its_limit_takes_no_token_of_another(doors: Doors) -> None:
    answers = Counter([(await doors.post(order(number))).status for number in range(50)])
    assert answers == {200: 4, 429: 46}
    assert [(await doors.post(message(number), source="aisoule")).status for number in range(4)] == [200] * 4


@pytest.mark.parametrize("doors", [{"source_rate": 1}], indirect=True)
@pytest.mark.parametrize("signature", [None, "00" * 32, MARK])
async def test_strangers_use_up_no_token_of_the_sender(doors: Doors, signature: str | None) -> None:
    for _ in range(UNPROVEN_BURST):
        assert await stranger(doors, signature) == 401
    assert await stranger(doors) == 429
    assert [(await doors.post(order(number))).status for number in range(3)] == [200, 200, 429]
    assert await stranger(doors, signature, "aisoule") == 401  # a bucket for each source


async def test_after_a_flood_of_strangers_some_are_looked_at_each_second(doors: Doors) -> None:
    for _ in range(UNPROVEN_BURST):
        await stranger(doors)
    doors.world.clock.advance(1_000)
    answers = Counter([await stranger(doors) for _ in range(30)])
    assert answers == {401: UNPROVEN_RATE, 429: 30 - UNPROVEN_RATE}


async def test_in_a_flood_of_strangers_no_body_without_a_proof_is_read(doors: Doors) -> None:
    for _ in range(UNPROVEN_BURST):
        await stranger(doors)
    said = await doors.say(b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")  # and no body
    assert said.startswith(b"HTTP/1.1 429 ")
    assert b"Connection: close" in said
    assert await stranger(doors, "00" * 32) == 401  # who shows a proof is told that it is wrong, flood or not


@pytest.mark.parametrize("doors", [{"max_connections": 8}], indirect=True)
async def test_slow_bodies_for_one_source_never_take_all_connections(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SOON_S", 0.0)
    raw = orjson.dumps(order())
    lines = [f"{name}: {value}" for name, value in doors.signed(raw)]
    head = "\r\n".join(["POST /hooks/orders HTTP/1.1", "Host: x", f"Content-Length: {len(raw)}", *lines, "", ""])
    dialled = [await doors.dial() for _ in range(5)]
    for _, writer in dialled:
        writer.write(head.encode() + raw[:-1])
    answers = [asyncio.create_task(reader.readuntil(b"\r\n")) for reader, _ in dialled]
    done, waiting = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [b"HTTP/1.1 503 Service Unavailable\r\n"]  # a 4xx is final to some
    assert (await doors.post(message(1), source="aisoule")).status == 200
    assert len(waiting) == 4
    for _, writer in dialled:
        writer.write(raw[-1:])
    assert {await task for task in waiting} == {b"HTTP/1.1 200 OK\r\n"}
    assert doors.ingest._arrivals.slow.taken_by("orders") == 0
    for _, writer in dialled:
        writer.close()


@pytest.mark.parametrize("doors", [{"max_body": "1MiB"}], indirect=True)
async def test_bodies_on_their_way_take_only_so_much_memory_and_each_source_has_room_for_one(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors.ingest._arrivals, "bytes", Room(1_000_000))
    half = b" " * 300_000
    head = f"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: {2 * len(half)}\r\n\r\n".encode()
    dialled = [await doors.dial() for _ in range(4)]
    for _, writer in dialled:
        writer.write(head + half)
    answers = [asyncio.create_task(reader.readuntil(b"\r\n")) for reader, _ in dialled]
    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    assert doors.ingest._arrivals.bytes.taken_by("orders") < 1_000_000
    assert (await doors.post(message(1), source="aisoule")).status == 200
    padded = orjson.dumps(message(2)) + b" " * 1_000_000
    assert (await doors.post(padded, source="aisoule")).status == 200
    for _, writer in dialled:
        writer.write(half)
    assert set(await asyncio.gather(*answers)) == {
        b"HTTP/1.1 503 Service Unavailable\r\n",
        b"HTTP/1.1 401 Unauthorized\r\n",
    }
    assert doors.ingest._arrivals.bytes.taken_by("orders") == 0
    for _, writer in dialled:
        writer.close()


async def test_a_signed_request_that_cannot_be_read_counts_as_the_senders_own(doors: Doors) -> None:
    use(doors, orders=RequestLimit(rate=1, burst=2))
    assert [(await doors.post(b"{")).status for _ in range(4)] == [400, 400, 429, 429]
    assert await stranger(doors) == 401


async def test_a_limit_of_the_source_wins_over_the_servers(doors: Doors) -> None:
    use(doors, orders=RequestLimit(rate=5, burst=7), aisoule=None)
    assert Counter([(await doors.post(order(number))).status for number in range(20)]) == {200: 7, 429: 13}
    doors.world.clock.advance(1_000)
    assert Counter([(await doors.post(order(20 + number))).status for number in range(20)]) == {200: 5, 429: 15}


async def test_a_changed_limit_takes_effect_and_one_of_a_source_that_is_gone_is_dropped(doors: Doors) -> None:
    use(doors, orders=RequestLimit(rate=1, burst=1), aisoule=None)
    assert [(await doors.post(order(number))).status for number in range(2)] == [200, 429]
    use(doors, orders=RequestLimit(rate=1, burst=4), aisoule=None)
    assert [(await doors.post(order(2 + number))).status for number in range(4)] == [200, 200, 200, 429]
    use(doors, orders=RequestLimit(rate=1, burst=1), aisoule=None)
    assert [(await doors.post(order(6))).status] == [429]  # what was used up stays used up
    known = doors.world.engine.present.configuration
    use(doors, aisoule=None)
    assert (await doors.ask("POST", f"{doors.public}/hooks/orders", data=b"{}")).status == 404
    assert doors.ingest._limits._by_source.keys() == {"aisoule"}
    assert doors.world.engine.present.visitors._by_source.keys() == set()
    doors.world.engine.present.configuration = known
    assert (await doors.post(order(7))).status == 200  # a source that comes back begins anew


async def test_a_flood_leaves_few_lines_in_the_log_and_all_of_it_in_the_status(doors: Doors) -> None:
    for _ in range(40):
        await stranger(doors)
        await stranger(doors, "00" * 32)
    assert len(lines("hook.refused")) == 2 * LINES
    doors.world.clock.advance(60_000)
    await stranger(doors)
    left_out = {line["code"]: line["lines"] for line in lines("hook.left_out")}
    assert left_out == {"signature_missing": 40 - LINES, "signature_mismatch": 40 - LINES}
    assert len(lines("hook.refused")) == 2 * LINES + 1
    found = (await doors.ask_admin("GET", "/api/v1/status")).body["sources"]["orders"]
    assert found["refused"] == {"signature_missing": 41, "signature_mismatch": 40}
    assert (found["last_sent_away"]["status"], found["last_sent_away"]["code"]) == (401, "signature_missing")
    assert "X-Orders-Signature" in found["last_sent_away"]["why"]
    schemes = {found["last_sent_away"]["scheme"], lines("hook.refused")[0]["scheme"]}
    assert schemes == {"hmac sha256 of X-Orders-Signature"}
    assert found["taken"] == 0
    assert found["last_taken_at"] is None


async def test_what_was_left_out_is_said_at_the_end(doors: Doors) -> None:
    for _ in range(LINES + 3):
        await stranger(doors)
    await doors.ingest.finish()
    assert [(line["source"], line["lines"]) for line in lines("hook.left_out")] == [("orders", 3)]


@pytest.mark.parametrize("doors", [{"max_body": "1KiB"}], indirect=True)
async def test_a_body_that_is_too_large_is_told_too(doors: Doors) -> None:
    assert (await doors.post(b" " * 2_000)).status == 413
    [line] = lines("hook.refused")
    assert (line["source"], line["status"], line["code"]) == ("orders", 413, "too_large")


async def test_what_was_taken_is_in_the_status(doors: Doors) -> None:
    await doors.post(order())
    found = (await doors.ask_admin("GET", "/api/v1/status")).body["sources"]["orders"]
    assert (found["path"], found["taken"], found["secret_number"]) == ("/hooks/orders", 1, 1)
    assert found["last_taken_at"] == "2026-06-02T03:01:40.000Z"
    assert (found["older_secret_at"], found["last_sent_away"], found["refused"]) == (None, None, {})


async def test_an_older_secret_in_use_is_mentioned_once_an_hour_and_told_by_the_status(doors: Doors) -> None:
    present = doors.world.engine.present
    known = present.configuration.sources
    newer, older = "another-secret-0123456789abcdef", ORDERS_SECRET
    block = {"type": "hmac", "secrets": [newer, older], "signature": {"from": "header:X-Orders-Signature"}}
    rotated = replace(known["orders"], verification=parse_verification(block))
    present.configuration = replace(present.configuration, sources={**known, "orders": rotated})

    async def post(number: int, secret_index: int) -> None:
        body = orjson.dumps(order(number))
        now_ms = doors.world.clock.now_ms()
        headers = list(sign(rotated.verification, body, now_ms=now_ms, secret_index=secret_index).headers)
        reply = await doors.ask("POST", f"{doors.public}/hooks/orders", data=body, headers=headers)
        assert reply.status == 200

    for number in range(3):
        await post(number, 1)
        await post(10 + number, 0)
    [line] = lines("hook.older_secret")
    assert (line["source"], line["number"]) == ("orders", 2)
    found = (await doors.ask_admin("GET", "/api/v1/status")).body["sources"]["orders"]
    assert (found["secret_number"], found["older_secret_at"]) == (1, "2026-06-02T03:01:40.000Z")
    doors.world.clock.advance(3_600_000)
    await post(20, 0)
    assert len(lines("hook.older_secret")) == 1
    await post(21, 1)
    assert len(lines("hook.older_secret")) == 2


def test_lines_pass_again_in_the_next_minute_and_what_was_left_out_is_told_once() -> None:
    clock = ManualClock()
    bound = LineBound(clock, lines=2)
    assert [bound.passes("a", "x") for _ in range(5)] == [True, True, False, False, False]
    assert bound.passes("a", "y")
    assert bound.passes("b", "x")
    assert list(bound.left_out()) == []
    clock.advance(60_000)
    assert list(bound.left_out()) == [("a", "x", 3)]
    assert list(bound.left_out(at_once=True)) == []
    assert bound.passes("a", "x")
    assert bound._windows.keys() == {("a", "x")}


async def test_a_time_that_cannot_be_read_is_told_to_the_log_and_not_with_every_event(doors: Doors) -> None:
    for number in range(2 * LINES):
        assert (await doors.post(message(number) | {"timestamp": "gestern"}, source="aisoule")).status == 200
    noted = lines("hook.noted")
    assert len(noted) == LINES
    assert {(line["source"], line["why"]) for line in noted} == {
        ("aisoule", "`event.time` is missing or is no time; the event is kept without one")
    }
    assert "gestern" not in log_text()


@pytest.mark.parametrize("doors", [{"max_body": "2KiB"}], indirect=True)
async def test_a_body_that_is_too_large_is_told_to_the_log_with_the_limit(doors: Doors) -> None:
    body = b"x" * 2_049
    assert (await doors.ask("POST", f"{doors.public}/hooks/orders", data=body)).status == 413
    [line] = lines("hook.refused")
    assert line["why"] == "it is longer than `max_body`, which is 2KiB here"

"""`POST /hooks/{source}`: every answer of the contract, and that a 200 means synced."""

import asyncio
import gzip
import sqlite3
import threading
from typing import Any

import orjson
import pytest

from bridge.settings import ServerSettings
from bridge.store.sqlite import SqliteStore
from bridge.web.ingest import Phase
from tests.canaries import TEXT
from tests.engine.world import World
from tests.web.conftest import MARK, Doors, order

SECURITY = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


async def stored(doors: Doors) -> int:
    return (await doors.world.store.store.books()).accepted


async def test_a_stored_event_is_200_with_its_id(doors: Doors) -> None:
    reply = await doors.post(order(note=TEXT))
    assert reply.status == 200
    assert reply.body == {"ok": True, "id": reply.body["id"], "duplicate": False}
    assert reply.body["id"].startswith("evt_")
    assert reply.headers["Content-Type"] == "application/json"
    assert {name: reply.headers[name] for name in SECURITY} == SECURITY
    await doors.world.settle()
    assert doors.world.orders() == ["o1"]


async def test_a_duplicate_is_200_with_the_first_id_and_a_header(doors: Doors) -> None:
    first = await doors.post(order())
    second = await doors.post(order(note="other bytes"))
    assert (second.status, second.body) == (200, {"ok": True, "id": first.body["id"], "duplicate": True})
    assert second.headers["Webhook-Duplicate"] == "1"
    assert "Webhook-Duplicate" not in first.headers
    assert await stored(doors) == 1


async def test_a_hundred_copies_at_once_are_stored_once(doors: Doors) -> None:
    replies = await asyncio.gather(*(doors.post(order()) for _ in range(100)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["id"] for reply in replies}) == 1
    assert sum(not reply.body["duplicate"] for reply in replies) == 1
    assert await stored(doors) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[1,", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b'{"kind":"placed"}'])
async def test_what_is_signed_but_not_readable_is_400_and_nothing_is_stored(doors: Doors, body: bytes) -> None:
    assert (await doors.post(body)).status == 400
    assert await stored(doors) == 0


async def test_an_unreadable_body_is_not_quoted(doors: Doors) -> None:
    assert (await doors.post(f'{{"{MARK}": "{MARK}",,'.encode())).status == 400


@pytest.mark.parametrize("body", [b"{", b"", orjson.dumps(order())])
@pytest.mark.parametrize("signature", [None, "", "00" * 32, MARK, "é"])
async def test_a_wrong_signature_is_401_before_anything_is_parsed(
    doors: Doors, body: bytes, signature: str | None
) -> None:
    headers = {} if signature is None else {"X-Orders-Signature": signature}
    reply = await doors.ask("POST", f"{doors.public}/hooks/orders", data=body, headers=headers)
    assert reply.status == 401
    way = "capture" if reply.body["error"]["code"] == "signature_malformed" else "send"
    assert f"crm-bridge {way} orders" in reply.body["error"]["help"]
    assert await stored(doors) == 0


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/{MARK}",
        "/hooks",
        "/hooks/",
        f"/hooks/{MARK}",
        "/hooks/orders/",
        "/hooks%2Forders",
        "/hooks/%6Frders",
        "/hooks/orders%2F",
        "/hooks/%2e%2e/hooks/orders",
        "/hooks/../hooks/orders",
        "//hooks/orders",
        "/HOOKS/orders",
        "/hooks/orders;a=b",
    ],
)
async def test_a_path_that_is_not_exactly_a_sources_is_404(doors: Doors, path: str) -> None:
    body = orjson.dumps(order())
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    signed = "".join(f"{name}: {value}\r\n" for name, value in doors.signed(body))
    said = await doors.say(f"{head}{signed}\r\n".encode() + body)
    assert said.startswith(b"HTTP/1.1 404 ")
    assert MARK.encode() not in said
    assert await stored(doors) == 0


async def test_a_query_does_not_change_the_source(doors: Doors) -> None:
    body = orjson.dumps(order())
    url = f"{doors.public}/hooks/orders?a=1&a=2&b=%2F"
    assert (await doors.ask("POST", url, data=body, headers=doors.signed(body))).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_another_method_is_405_and_says_which_one_is_right(doors: Doors, method: str) -> None:
    async with doors.session.request(method, f"{doors.public}/hooks/orders") as reply:
        assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("doors", [{"receive_timeout": "50ms"}], indirect=True)
async def test_a_body_that_does_not_arrive_in_time_is_408(doors: Doors) -> None:
    said = await doors.say(b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", b"{")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in said
    assert b"Connection: close" in said


@pytest.mark.parametrize("doors", [{"max_body": "1KiB"}], indirect=True)
async def test_a_body_that_is_declared_too_large_is_413_without_waiting_for_it(doors: Doors) -> None:
    said = await doors.say(b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("doors", [{"max_body": "1KiB"}], indirect=True)
async def test_a_chunked_body_is_413_as_soon_as_it_is_too_large(doors: Doors) -> None:
    head = b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = await doors.say(head, b"401\r\n" + b"a" * 1025 + b"\r\n")  # and no end
    assert said.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("doors", [{"max_body": "1KiB"}], indirect=True)
async def test_a_body_of_exactly_the_limit_is_taken(doors: Doors) -> None:
    body = orjson.dumps(order())
    body = body[:-1] + b" " * (1024 - len(body)) + b"}"
    assert (await doors.post(body)).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_a_compressed_body_is_415_and_not_inflated(doors: Doors, encoding: str) -> None:
    body = gzip.compress(bytes(1_000_000))
    reply = await doors.post(body, headers={"Content-Encoding": encoding})
    assert reply.status == 415


@pytest.mark.parametrize("doors", [{"source_rate": 2}], indirect=True)
async def test_a_source_that_sends_too_fast_is_429_until_it_has_waited(doors: Doors) -> None:
    for number in range(4):  # a burst of twice the rate
        assert (await doors.post(order(number))).status == 200
    reply = await doors.post(order(9))
    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
    doors.world.clock.advance(499)
    assert (await doors.post(order(9))).status == 429
    doors.world.clock.advance(1)
    assert (await doors.post(order(9))).status == 200
    assert await stored(doors) == 5


@pytest.mark.parametrize("doors", [{"source_rate": 1}], indirect=True)
async def test_requests_with_a_wrong_signature_do_not_use_up_the_sources_rate(doors: Doors) -> None:
    for _ in range(10):
        assert (await doors.ask("POST", f"{doors.public}/hooks/orders", data=b"{}")).status == 401
    assert (await doors.post(order())).status == 200


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.STOPPING])
async def test_a_door_that_is_not_open_says_503_and_when_to_come_back(doors: Doors, phase: Phase) -> None:
    doors.ingest.phase = phase
    reply = await doors.post(order())
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert await stored(doors) == 0


async def test_a_full_queue_is_503(doors: Doors) -> None:
    router = doors.world.engine.router
    doors.world.engine._tasks["router"].cancel()  # events wait from here on
    for number in range(25):  # of 50 places: a source among others may have as many as are still free
        assert (await doors.post(order(number))).status == 200
    reply = await doors.post(order(25))
    assert (reply.status, reply.headers["Retry-After"], router.waiting) == (503, "5", 25)
    assert await stored(doors) == 25


async def test_an_expecting_sender_is_invited_to_send_its_body(doors: Doors) -> None:
    body = orjson.dumps(order())
    signed = "".join(f"{name}: {value}\r\n" for name, value in doors.signed(body))
    head = (
        f"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n{signed}\r\n"
    )
    reader, writer = await doors.dial()
    writer.write(head.encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    writer.close()


@pytest.mark.parametrize("doors", [{"max_body": "1KiB"}], indirect=True)
async def test_an_expecting_sender_of_too_much_is_not_invited(doors: Doors) -> None:
    head = b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n"
    assert (await doors.say(head)).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_says_ok_and_no_more(doors: Doors, path: str) -> None:
    reply = await doors.ask("GET", doors.public + path)
    assert (reply.status, reply.body) == (200, {"ok": True})
    async with doors.session.head(doors.public + path) as head:
        assert (head.status, await head.read()) == (200, b"")
    async with doors.session.post(doors.public + path) as posted:
        assert (posted.status, posted.headers["Allow"]) == (405, "GET, HEAD")


async def test_a_stopping_bridge_is_alive_but_not_ready(doors: Doors) -> None:
    doors.ingest.phase = Phase.STOPPING
    assert (await doors.ask("GET", f"{doors.public}/healthz")).status == 200
    assert (await doors.ask("GET", f"{doors.public}/readyz")).status == 503


# --- durable before the answer --------------------------------------------------------------------------------


class Gated(sqlite3.Connection):
    """A file whose commits wait until a test lets them go, and fail when it says so."""

    open = threading.Event()
    waiting = threading.Event()
    error: int | None = None

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and not Gated.open.is_set():
            Gated.waiting.set()
            Gated.open.wait()
        if sql == "COMMIT" and Gated.error is not None:
            error = sqlite3.OperationalError("refused")
            error.sqlite_errorcode, Gated.error = Gated.error, None
            error.sqlite_errorname = "SQLITE_TEST"
            raise error
        return super().execute(sql, *given)


@pytest.fixture
async def gated(world: World) -> World:
    """A world whose store is gated; the gate is open at first."""
    Gated.open.set()
    Gated.error = None
    await world.store.store.close()
    world.store.store = await SqliteStore.open(world.folder / "bridge.db", connection_class=Gated)
    return world


def close_gate() -> None:
    Gated.waiting.clear()
    Gated.open.clear()


async def test_no_answer_comes_before_the_commit(gated: World, doors: Doors) -> None:
    await gated.calm()
    close_gate()
    body = orjson.dumps(order())
    signed = "".join(f"{name}: {value}\r\n" for name, value in doors.signed(body))
    reader, writer = await doors.dial()
    answer = asyncio.create_task(reader.readline())
    writer.write(
        f"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{signed}\r\n".encode() + body
    )
    await asyncio.to_thread(Gated.waiting.wait)
    assert (await doors.ask("GET", f"{doors.public}/healthz")).status == 200  # the bridge itself goes on
    assert not answer.done()
    Gated.open.set()
    assert await answer == b"HTTP/1.1 200 OK\r\n"
    writer.close()


async def test_a_commit_is_synced(world: World) -> None:
    def synchronous(tx: Any) -> tuple[Any, Any]:
        rows = (tx.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode"))
        return next(rows), next(rows)

    assert await world.store.store._writer.run(synchronous) == (2, "wal")


async def test_the_work_goes_on_when_the_sender_hangs_up(gated: World, doors: Doors) -> None:
    await gated.calm()
    close_gate()
    body = orjson.dumps(order())
    signed = "".join(f"{name}: {value}\r\n" for name, value in doors.signed(body))
    _, writer = await doors.dial()
    writer.write(
        f"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{signed}\r\n".encode() + body
    )
    await asyncio.to_thread(Gated.waiting.wait)
    writer.transport.abort()
    Gated.open.set()
    await gated.sandbox.wait_for(lambda: gated.orders() == ["o1"])


@pytest.mark.parametrize("doors", [{"answer_timeout": "30ms"}], indirect=True)
async def test_a_commit_that_takes_too_long_is_503_and_the_repeat_a_duplicate(gated: World, doors: Doors) -> None:
    await gated.calm()
    close_gate()
    assert (await doors.post(order())).status == 503
    patient = ServerSettings.model_validate({"answer_timeout": "2m"})
    doors.ingest._settings = patient  # the repeat is to be answered, however busy the machine is
    Gated.open.set()
    await doors.ingest.finish()
    while (repeat := await doors.post(order())).status == 503:  # on a busy machine that takes as long
        await doors.ingest.finish()
    assert (repeat.status, repeat.body["duplicate"]) == (200, True)
    await gated.settle()
    assert gated.orders() == ["o1"]


async def test_a_repeat_that_comes_while_the_first_is_being_stored_waits_for_it(gated: World, doors: Doors) -> None:
    await gated.calm()
    close_gate()
    replies = [asyncio.create_task(doors.post(order()))]
    await asyncio.to_thread(Gated.waiting.wait)
    replies.append(asyncio.create_task(doors.post(order())))
    while len(doors.ingest._accepting) < 2:
        await doors.ask("GET", f"{doors.public}/healthz")
    assert not any(reply.done() for reply in replies)
    Gated.open.set()
    first, second = await asyncio.gather(*replies)
    assert (first.status, second.status, second.body["id"]) == (200, 200, first.body["id"])
    assert (first.body["duplicate"], second.body["duplicate"]) == (False, True)


@pytest.mark.parametrize(("code", "fatal"), [(sqlite3.SQLITE_FULL, False), (sqlite3.SQLITE_BUSY, False), (10, True)])
async def test_a_store_that_cannot_write_is_503_and_a_broken_one_ends_the_process(
    gated: World, doors: Doors, code: int, *, fatal: bool
) -> None:
    await gated.calm()
    Gated.error = code
    reply = await doors.post(order())
    assert (reply.status, reply.body["error"]["code"]) == (503, "unavailable")
    assert bool(gated.failures) is fatal
    if not fatal:
        assert (await doors.post(order())).status == 200

"""What reaches no handler: broken HTTP, silence, too many connections, and faults of ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
import uvloop
from aiohttp import web

from bridge.web.answers import answer
from bridge.web.server import LEAST_TAKEN, GuardedServer, is_shared, owner_of
from tests.conftest import log_text
from tests.web.conftest import MARK, TOKEN, Doors

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def fine(_: web.BaseRequest) -> web.StreamResponse:
    return answer({"ok": True})


@asynccontextmanager
async def listening(
    handler: Handler = fine,
    *,
    header_timeout_s: float = 10,
    max_connections: int = 10,
    max_per_address: int = 10,
    keep_alive_s: float = 10,
    shared: Callable[[str], bool] = is_shared,
) -> AsyncIterator[int]:
    server = GuardedServer(
        handler,
        header_timeout_s=header_timeout_s,
        max_connections=max_connections,
        max_per_address=max_per_address,
        keep_alive_s=keep_alive_s,
        shared=shared,
    )
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def say(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(said)
        return await reader.read()
    finally:
        writer.close()


def refused(raw: bytes) -> tuple[int, str]:
    """Status and code of a refusal in the one shape."""
    head, _, body = raw.partition(b"\r\n\r\n")
    parsed = orjson.loads(body)
    assert set(parsed) == {"ok", "error"}
    assert MARK.encode() not in raw
    assert b"nosniff" in head
    return int(head.split()[1]), parsed["error"]["code"]


BROKEN = [
    f"{MARK}\r\n\r\n".encode(),
    f"GE\x00T /{MARK} HTTP/1.1\r\n\r\n".encode(),
    f"GET /{MARK} HTTP/9.9\r\n\r\n".encode(),
    f"GET / HTTP/1.1\r\n{MARK}\r\n\r\n".encode(),
    f"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {MARK}\r\n\r\n".encode(),
    f"GET / HTTP/1.1\r\nHost: x\r\nX: {MARK * 2000}\r\n\r\n".encode(),
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting \r\n\r\n",
]


@pytest.mark.parametrize("said", BROKEN)
async def test_what_is_not_http_is_400_without_an_echo(said: bytes) -> None:
    async with listening() as port:
        assert refused(await say(port, said)) == (400, "not_http")


@pytest.mark.parametrize("said", BROKEN)
async def test_the_admin_listener_echoes_nothing_either(doors: Doors, said: bytes) -> None:
    assert refused(await doors.say(said, url=doors.admin)) == (400, "not_http")


async def test_a_fault_of_ours_is_500_without_its_text() -> None:
    async def broken(_: web.BaseRequest) -> web.StreamResponse:
        raise RuntimeError(MARK)

    async with listening(broken) as port:
        assert refused(await say(port, GET)) == (500, "fault")
    assert MARK not in log_text()
    assert "RuntimeError" in log_text()


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_headers_that_do_not_arrive_in_time_close_the_connection(said: bytes) -> None:
    async with listening(header_timeout_s=0.03) as port:
        assert await say(port, said) == b""


async def test_a_connection_that_has_spoken_is_not_closed_by_the_header_deadline() -> None:
    release = asyncio.Event()

    async def slow(_: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return answer({"ok": True})

    async with listening(slow, header_timeout_s=0.3) as port:  # a busy machine may take a while to speak
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert await say(port, b"") == b""  # a silent one, opened later, is closed by now
        release.set()
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()


async def test_an_idle_connection_is_closed() -> None:
    async with listening(keep_alive_s=0.02) as port:
        assert (await say(port, GET)).startswith(b"HTTP/1.1 200 OK")


async def test_half_a_second_request_is_closed_with_the_idle_ones() -> None:
    async with listening(keep_alive_s=0.02) as port:
        assert (await say(port, GET + b"GET / HT")).count(b"HTTP/1.1 200") == 1


async def test_who_does_not_take_its_answers_is_let_go() -> None:
    async with listening(header_timeout_s=0.03) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)  # which reads no more than its buffer holds
        with pytest.raises(ConnectionError):
            await _asked_for_ever(writer)
        writer.close()


async def _asked_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(GET * 1_000)
        await writer.drain()


def test_who_does_not_take_its_answers_is_let_go_on_the_fast_event_loop_too() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_who_does_not_take_its_answers_is_let_go())


@pytest.mark.parametrize("more", [b"", b"\r\nConnection: close"])
async def test_a_few_answers_that_nobody_takes_hold_no_connection_either(more: bytes) -> None:
    heard, lying, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def noted(request: web.BaseRequest) -> web.StreamResponse:
        heard.set()
        assert request.transport is not None
        if lying.is_set():
            request.protocol.left = gone.set  # type: ignore[attr-defined]
            request.protocol.patience_s = 0.0  # type: ignore[attr-defined] # no other time-out ends it
        if request.transport.get_write_buffer_size():
            lying.set()
        return answer({"ok": True, "more": "x" * 8_000})

    async with listening(noted) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        while not lying.is_set():  # one after another, so that they stop before so many lie there that ours stops, too
            heard.clear()
            writer.write(GET)
            await heard.wait()
        writer.write(GET.replace(b"\r\n\r\n", more + b"\r\n\r\n"))
        await gone.wait()
        writer.close()


class Line(asyncio.Transport):
    """A line over which so many bytes have gone each time somebody looks."""

    def __init__(self, *takes: int) -> None:
        super().__init__()
        self._left = 1_000_000
        self.takes = list(takes)
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        self._left -= self.takes.pop(0)
        return self._left

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        """It is only looked at."""


async def test_who_takes_a_long_answer_slowly_is_let_go_once_it_takes_next_to_nothing() -> None:
    server = GuardedServer(fine, header_timeout_s=0.0, max_connections=1, max_per_address=1, keep_alive_s=1)
    connection = server.admit("")
    assert connection is not None
    line = connection.transport = Line(0, LEAST_TAKEN, 0, LEAST_TAKEN, 0, LEAST_TAKEN - 1)
    connection.pause_writing()
    await line.aborted.wait()
    assert line.takes == []


async def test_who_takes_its_answers_after_a_while_gets_all_of_them() -> None:
    async with listening(header_timeout_s=10) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET * 5_000)
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        raw = await reader.read()
        writer.close()
    assert raw.count(b"HTTP/1.1 200") == 5_001


async def test_one_connection_too_many_is_503_and_the_others_go_on() -> None:
    async with listening(max_connections=2) as port:
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in pairs:
            writer.write(GET)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        raw = await say(port, b"")
        assert refused(raw) == (503, "full")
        assert b"Retry-After: 1\r\n" in raw
        pairs[0][1].close()
        await pairs[0][0].read()
        for _, writer in pairs:
            writer.close()


def test_one_connection_too_many_is_503_on_the_fast_event_loop_too() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_one_connection_too_many_is_503_and_the_others_go_on())


async def test_one_address_cannot_take_all_connections_and_gets_its_place_back() -> None:
    async with listening(max_per_address=1, shared=lambda _: False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert refused(await say(port, b"")) == (503, "full")
        assert refused(await say(port, b"")) == (503, "full")
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await reader.read()
        writer.close()
        assert (await say(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).startswith(b"HTTP/1.1 200")
    assert log_text().count("http.full") == 1
    assert "server.max_connections_per_address" in log_text()


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("64:ff9b:1::203.0.113.7", "64:ff9b:1::/64"),
        ("", ""),
        ("/run/bridge.sock", "/run/bridge.sock"),
    ],
)
def test_an_owner_of_ipv6_addresses_has_a_whole_network_of_them(address: str, owner: str) -> None:
    assert owner_of(address) == owner


async def test_a_network_of_addresses_gets_no_more_connections_than_one_address() -> None:
    server = GuardedServer(fine, header_timeout_s=10, max_connections=9, max_per_address=2, keep_alive_s=1)
    admitted = [server.admit(f"2001:db8::{number}") for number in range(1, 5)]
    assert [each is not None for each in admitted] == [True, True, False, False]
    assert server.admit("2001:db8:0:1::1") is not None
    assert server.admit("203.0.113.7") is not None


async def test_one_address_that_floods_does_not_silence_the_line_that_there_are_too_many_in_all() -> None:
    server = GuardedServer(fine, header_timeout_s=10, max_connections=2, max_per_address=1, keep_alive_s=1)
    for number in (1, 1, 2, 3, 3):
        connection = server.admit(f"203.0.113.{number}")
        if connection is not None:
            connection.connection_made(Line())
    told = log_text()
    assert told.count("http.full") == 2
    assert "raise server.max_connections_per_address" in told
    assert 'raise server.max_connections"' in told


async def test_a_reverse_proxy_on_this_machine_may_have_all_connections() -> None:
    async with listening(max_per_address=1) as port:
        first = await asyncio.open_connection("127.0.0.1", port)
        assert (await say(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).startswith(b"HTTP/1.1 200")
        first[1].close()


@pytest.mark.parametrize(
    ("address", "shared"),
    [("127.0.0.1", True), ("::1", True), ("", True), ("192.0.2.7", False), ("fe80::1%eth0", False)],
)
def test_only_this_machine_is_an_address_of_many(address: str, shared: bool) -> None:  # noqa: FBT001 - a table
    assert is_shared(address) is shared


async def test_an_admin_application_works_behind_the_guards(doors: Doors) -> None:
    said = (
        f"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    )
    assert (await doors.say(said.encode(), url=doors.admin)).startswith(b"HTTP/1.1 200 OK")

"""One request, one answer, and nothing behind our back."""

import asyncio
import gzip
import socket
import ssl
import struct
from pathlib import Path

import pytest
from aiohttp import TCPConnector

from bridge.connectors.answer import Trouble
from bridge.connectors.request import OutboundRequest
from bridge.outbound.addresses import AddressRefused, PublicResolver
from bridge.outbound.client import MAX_ANSWER_BYTES
from tests.canaries import ERP_TOKEN
from tests.outbound.peer import GET, HASTY_MS, POST, Peer, answers, client_of
from tests.outbound.test_addresses import Names

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"
BODY = b'{"id":1}'
RESET = struct.pack("ii", 1, 0)
CREDENTIALS = {"Authorization": f"Bearer {ERP_TOKEN}"}


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def test_an_answer_comes_back_whole_and_its_header_names_are_lower_case() -> None:
    async with Peer(answers(OK, BODY)).running() as peer, client_of(peer.base) as client:
        answer = await client.send(POST, CREDENTIALS)
    assert (answer.status, answer.body, answer.trouble) == (200, BODY, None)
    assert answer.headers["content-type"] == "application/json"
    [head] = peer.heads
    assert f"Authorization: Bearer {ERP_TOKEN}".encode() in head
    assert b"Accept-Encoding: identity" in head
    assert b"User-Agent: crm-bridge" in head
    assert peer.bodies == [b'{"a":1}']


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    async with Peer(answers(OK, BODY)).running() as elsewhere:
        said = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.base}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with Peer(answers(said)).running() as peer, client_of(peer.base) as client:
            answer = await client.send(POST, CREDENTIALS)
    assert answer.status == status
    assert elsewhere.connections == 0


async def test_an_answer_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    for size, trouble in ((MAX_ANSWER_BYTES, None), (MAX_ANSWER_BYTES + 1, Trouble.CUT)):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
        async with Peer(answers(head, b"a" * size)).running() as peer, client_of(peer.base) as client:
            answer = await client.send(GET, {})
        assert (answer.status, answer.trouble) == (200, trouble)
        assert len(answer.body) in {0, size}


async def endless(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await peer.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
        await writer.drain()


async def test_an_endless_answer_is_cut_at_the_largest_size() -> None:
    async with Peer(endless).running() as peer, client_of(peer.base) as client:
        answer = await client.send(GET, {})
    assert (answer.status, answer.trouble, answer.body) == (200, Trouble.CUT, b"")


async def test_a_compressed_answer_is_not_inflated() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with Peer(answers(head, bomb)).running() as peer, client_of(peer.base) as client:
        answer = await client.send(GET, {})
    assert (answer.trouble, answer.detail, answer.body) == (Trouble.CUT, "compressed unasked", b"")


async def test_a_refusal_counts_by_its_status_whatever_became_of_its_body() -> None:
    cut = b"HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\n{"
    async with Peer(answers(cut)).running() as peer, client_of(peer.base) as client:
        answer = await client.send(POST, {})
    assert (answer.status, answer.trouble) == (422, None)


async def twice_with_a_cookie(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await peer.read(reader):
        writer.write(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=abc\r\n\r\n") + BODY)


async def test_cookies_are_not_kept() -> None:
    async with Peer(twice_with_a_cookie).running() as peer, client_of(peer.base) as client:
        await client.send(GET, {})
        await client.send(GET, {})
    assert peer.connections == 1
    assert not any(b"cookie" in head.lower() for head in peer.heads)


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with Peer(answers(OK, BODY)).running() as proxy, Peer(answers(OK, BODY)).running() as peer:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base)
        async with client_of(peer.base) as client:
            await client.send(GET, {})
    assert proxy.connections == 0
    assert not any(b"authorization" in head.lower() for head in peer.heads)


async def answer_once_then_die(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keeps the connection, reads the next request on it, and dies without a word."""
    if await peer.read(reader):
        writer.write(OK + BODY)
        if await peer.read(reader):
            reset(writer)


async def reset_after_reading(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await peer.read(reader)
    reset(writer)


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize("method", METHODS)
async def test_nothing_is_repeated_silently_on_a_kept_connection_that_dies(method: str) -> None:
    request = OutboundRequest(method, "/things/1", {}, b"{}")
    async with Peer(answer_once_then_die).running() as peer, client_of(peer.base) as client:
        await client.send(GET, {})
        answer = await client.send(request, {})
    assert answer.trouble is Trouble.NO_ANSWER
    assert (len(peer.heads), peer.connections) == (2, 1)


@pytest.mark.parametrize("method", METHODS)
async def test_nothing_is_repeated_silently_on_a_new_connection_that_dies(method: str) -> None:
    request = OutboundRequest(method, "/things/1", {}, b"{}")
    async with Peer(reset_after_reading).running() as peer, client_of(peer.base) as client:
        answer = await client.send(request, {})
    assert answer.trouble is Trouble.NO_ANSWER
    assert (len(peer.heads), peer.connections) == (1, 1)


async def silent(peer: Peer, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await peer.read(reader)
    await reader.read()


async def test_no_answer_in_time_may_have_been_applied() -> None:
    async with Peer(silent).running() as peer, client_of(peer.base, timeout_ms=HASTY_MS) as client:
        answer = await client.send(POST, {})
    assert (answer.status, answer.trouble, answer.detail) == (None, Trouble.NO_ANSWER, "timed out")


async def test_a_body_that_stalls_is_cut() -> None:
    stalled = answers(OK, b'{"i', then_close=False)
    async with Peer(stalled).running() as peer, client_of(peer.base, timeout_ms=HASTY_MS) as client:
        answer = await client.send(POST, {})
    assert (answer.status, answer.trouble, answer.detail) == (200, Trouble.CUT, "timed out")


async def test_a_reset_after_the_request_may_have_been_applied() -> None:
    async with Peer(reset_after_reading).running() as peer, client_of(peer.base) as client:
        answer = await client.send(POST, {})
    assert (answer.trouble, answer.detail) == (Trouble.NO_ANSWER, "connection reset")


async def test_a_refused_connection_sent_nothing() -> None:
    async with Peer(silent).running() as peer:
        base = peer.base
    async with client_of(base) as client:
        answer = await client.send(POST, {})
    assert (answer.trouble, answer.detail) == (Trouble.CONNECT, "connection refused")


async def test_half_a_body_is_cut() -> None:
    async with Peer(answers(OK, b'{"id')).running() as peer, client_of(peer.base) as client:
        answer = await client.send(POST, {})
    assert (answer.status, answer.trouble, answer.body) == (200, Trouble.CUT, b"")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
)
async def test_an_answer_that_is_none_is_one_trouble_and_no_exception(said: bytes) -> None:
    async with Peer(answers(said)).running() as peer, client_of(peer.base) as client:
        answer = await client.send(POST, CREDENTIALS)
    assert answer.trouble in {Trouble.NO_ANSWER, Trouble.CUT}
    assert ERP_TOKEN not in answer.detail


async def test_an_answer_before_the_body_was_read_is_taken_and_the_connection_dropped() -> None:
    async def early(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        peer.heads.append(b"")

    large = OutboundRequest("POST", "/things", {}, b"a" * 100_000)
    async with Peer(early).running() as peer, client_of(peer.base) as client:
        answer = await client.send(large, {})
    assert answer.status == 413 or answer.trouble is Trouble.NO_ANSWER
    assert peer.connections == 1


async def plain_text(_peer: Peer, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + BODY)


async def test_a_plain_text_server_behind_https_is_a_tls_trouble() -> None:
    async with Peer(plain_text).running() as peer, client_of(f"https://127.0.0.1:{peer.port}") as client:
        answer = await client.send(POST, CREDENTIALS)
    assert (answer.status, answer.trouble) == (None, Trouble.TLS)
    assert peer.bodies == []


async def test_a_certificate_that_nobody_vouches_for_is_a_tls_trouble_and_nothing_is_sent() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    async with (
        Peer(answers(OK, BODY)).running(tls=context) as peer,
        client_of(f"https://127.0.0.1:{peer.port}") as client,
    ):
        answer = await client.send(POST, CREDENTIALS)
    assert (answer.status, answer.trouble) == (None, Trouble.TLS)
    assert peer.heads == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_refused_in_any_spelling_and_nothing_is_sent(host: str) -> None:
    async with (
        Peer(answers(OK, BODY)).running() as peer,
        client_of(f"http://{host}:{peer.port}", private=False) as client,
    ):
        answer = await client.send(POST, CREDENTIALS)
    assert (answer.status, answer.trouble) == (None, Trouble.ADDRESS)
    assert peer.connections == 0


async def test_a_name_that_resolves_to_a_private_address_is_refused_at_the_connection() -> None:
    async with Peer(answers(OK, BODY)).running() as peer, client_of(f"http://crm:{peer.port}", private=False) as client:
        connector = client._opened().connector
        assert isinstance(connector, TCPConnector)
        connector._resolver = PublicResolver(Names(crm=[["127.0.0.1"]]))
        answer = await client.send(POST, CREDENTIALS)
    assert (answer.trouble, answer.detail) == (Trouble.ADDRESS, "the name resolves to a private address")
    assert peer.connections == 0


async def test_a_name_that_does_not_exist_sent_nothing() -> None:
    async with client_of("http://nowhere.invalid") as client:
        answer = await client.send(POST, {})
    assert answer.trouble is Trouble.CONNECT


@pytest.mark.parametrize(
    ("url", "sent"),
    [("{base}/things?page=2", True), ("http://127.0.0.2:{port}/things", False), ("https://127.0.0.1:{port}/x", False)],
)
async def test_the_next_page_is_only_asked_of_the_same_origin(url: str, *, sent: bool) -> None:
    async with Peer(answers(OK, BODY)).running() as peer, client_of(peer.base) as client:
        page = OutboundRequest("GET", url.format(base=peer.base, port=peer.port))
        answer = await client.send(page, CREDENTIALS)
    assert peer.connections == int(sent)
    assert answer.trouble is (None if sent else Trouble.ADDRESS)


async def test_what_is_percent_encoded_goes_out_as_it_is() -> None:
    async with Peer(answers(OK, BODY)).running() as peer, client_of(f"{peer.base}/api") as client:
        await client.send(OutboundRequest("GET", "/a%2Fb%20c?q=%26%3D&r=%2B1"), {})
    assert peer.heads[0].startswith(b"GET /api/a%2Fb%20c?q=%26%3D&r=%2B1 HTTP/1.1\r\n")


async def test_a_line_break_in_a_header_is_refused_and_not_sent() -> None:
    request = OutboundRequest("POST", "/things", {"X-Note": "a\r\nX-Admin: 1"}, b"{}")
    async with Peer(answers(OK, BODY)).running() as peer, client_of(peer.base) as client:
        answer = await client.send(request, {})
    assert answer.trouble is Trouble.ADDRESS
    assert peer.heads == []


async def test_address_refused_is_an_os_error_so_that_no_caller_misses_it() -> None:
    assert issubclass(AddressRefused, OSError)

"""A file elsewhere becomes the body of a request: from allowed hosts only, of a bounded size, without credentials."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.request import OutboundRequest
from bridge.outbound.client import HttpClient
from bridge.outbound.fetching import FileRules
from tests.canaries import ERP_TOKEN
from tests.outbound.peer import HASTY_MS, PATIENT_MS, Peer, Script, answers

PICTURE = b"\xff\xd8\xff\xe0 not only text"
CREDENTIALS = {"Authorization": f"Bearer {ERP_TOKEN}"}
OK = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def file(content: bytes = PICTURE, kind: str = "image/jpeg; x=y", status: str = "200 OK", more: str = "") -> Script:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(content)}\r\n\r\n"
    return answers(head.encode(), content)


@asynccontextmanager
async def between(media: Script, *, max_bytes: int = 1024) -> AsyncIterator[tuple[Peer, Peer, HttpClient]]:
    """A host of files, an API, and a client of the API that may fetch from that host."""
    async with Peer(media).running() as files, Peer(answers(OK)).running() as api:
        rules = FileRules((f"127.0.0.1:{files.port}",), max_bytes)
        client = HttpClient(api.base, timeout_ms=PATIENT_MS, allow_private_addresses=True, files=rules)
        yield files, api, client
        await client.close()


def upload(address: str) -> OutboundRequest:
    return OutboundRequest("POST", "/uploads?filename=a.jpg", {"Accept": "application/json"}, fetch=address)


async def sent(media: Script, path: str = "/m?sig=abc", *, max_bytes: int = 1024) -> tuple[Answer, Peer, Peer]:
    async with between(media, max_bytes=max_bytes) as (files, api, client):
        answer = await client.send(upload(f"{files.base}{path}"), CREDENTIALS)
    return answer, files, api


async def test_the_bytes_and_the_type_of_the_file_reach_the_api_and_no_credential_its_host() -> None:
    answer, files, api = await sent(file())
    assert (answer.status, answer.trouble) == (201, None)
    assert api.bodies == [PICTURE]
    assert b"\r\nContent-Type: image/jpeg\r\n" in api.heads[0]
    assert f"Bearer {ERP_TOKEN}".encode() in api.heads[0]
    assert files.heads[0].startswith(b"GET /m?sig=abc HTTP/1.1\r\n")
    assert ERP_TOKEN.encode() not in files.heads[0]
    assert b"authorization" not in files.heads[0].lower()


@pytest.mark.parametrize("kind", ["", "nonsense", "image/png\x00", "a" * 200 + "/b"])
async def test_a_type_that_is_none_becomes_the_general_one(kind: str) -> None:
    _, _, api = await sent(file(kind=kind.replace("\x00", "(")))
    assert b"\r\nContent-Type: application/octet-stream\r\n" in api.heads[0]


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        ("403 Forbidden", Trouble.FILE_GONE),
        ("404 Not Found", Trouble.FILE_GONE),
        ("410 Gone", Trouble.FILE_GONE),
        ("401 Unauthorized", Trouble.FILE_UNUSABLE),
        ("206 Partial Content", Trouble.FILE_UNUSABLE),
        ("429 Too Many", Trouble.FILE_LATER),
        ("503 Busy", Trouble.FILE_LATER),
    ],
)
async def test_without_a_file_nothing_is_sent_and_the_reason_is_told(status: str, trouble: Trouble) -> None:
    answer, _, api = await sent(file(status=status))
    assert (answer.status, answer.trouble) == (None, trouble)
    assert answer.detail == f"its host answered {status[:3]}"
    assert api.connections == 0


@pytest.mark.parametrize(
    ("media", "trouble"),
    [
        (file(b""), Trouble.FILE_UNUSABLE),
        (file(b"<html>", "text/html; charset=utf-8"), Trouble.FILE_UNUSABLE),
        (file(more="Content-Encoding: gzip\r\n"), Trouble.FILE_UNUSABLE),
        (answers(b""), Trouble.FILE_LATER),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), Trouble.FILE_LATER),
    ],
)
async def test_what_is_no_whole_file_is_never_passed_on(media: Script, trouble: Trouble) -> None:
    answer, _, api = await sent(media)
    assert (answer.status, answer.trouble, api.connections) == (None, trouble, 0)


@pytest.mark.parametrize("head", [b"Content-Length: 1025\r\n", b""])
async def test_a_file_of_the_largest_size_is_taken_and_one_byte_more_is_not(head: bytes) -> None:
    answer, _, api = await sent(file(b"a" * 1024))
    assert (answer.trouble, api.bodies) == (None, [b"a" * 1024])
    too_long = answers(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", b"a" * 1025)
    answer, _, api = await sent(too_long)
    assert (answer.trouble, answer.detail, api.connections) == (
        Trouble.FILE_TOO_LARGE,
        "it is larger than 1024 bytes",
        0,
    )


async def here_then_there(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    asked = await peer.read(reader)
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    there = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n" + PICTURE
    writer.write(there if asked.startswith(b"GET /there ") else moved)
    await writer.drain()


async def test_a_redirect_is_followed_on_the_same_host_and_nowhere_else() -> None:
    answer, files, api = await sent(here_then_there)
    assert (answer.trouble, api.bodies, files.connections) == (None, [PICTURE], 2)
    async with Peer(file()).running() as elsewhere:
        away = file(b"", status="302 Found", more=f"Location: {elsewhere.base}/there\r\n")
        answer, _, api = await sent(away)
    assert (answer.trouble, elsewhere.connections, api.connections) == (Trouble.FILE_UNUSABLE, 0, 0)
    circle = file(b"", status="302 Found", more="Location: /m\r\nConnection: close\r\n")
    answer, files, _ = await sent(circle)
    assert (answer.detail, files.connections) == ("more than 3 redirects", 4)


@pytest.mark.parametrize(
    ("address", "hosts", "trouble"),
    [
        ("https://media.example.com/a", (), Trouble.FILE_REFUSED),
        ("https://media.example.com/a", ("example.com",), Trouble.FILE_REFUSED),
        ("https://example.com/a", ("*.example.com",), Trouble.FILE_REFUSED),
        ("https://evilexample.com/a", ("*.example.com",), Trouble.FILE_REFUSED),
        ("https://media.example.com:8443/a", ("media.example.com",), Trouble.FILE_REFUSED),
        ("http://media.example.com/a", ("media.example.com",), Trouble.FILE_REFUSED),
        ("ftp://media.example.com/a", ("media.example.com",), Trouble.FILE_REFUSED),
        ("file:///etc/passwd", ("*.example.com",), Trouble.FILE_REFUSED),
        ("https://u:p@media.example.com/a", ("media.example.com",), Trouble.FILE_REFUSED),
        ("https://127.0.0.1/a", ("127.0.0.1",), Trouble.FILE_REFUSED),
        ("https://2130706433/a", ("2130706433",), Trouble.FILE_REFUSED),
        ("https://localhost/a", ("localhost",), Trouble.FILE_REFUSED),
        ("https://[::1", ("*.example.com",), Trouble.FILE_UNUSABLE),
        ("https://evil.com%2f.example.com/a", ("*.example.com",), Trouble.FILE_UNUSABLE),
        ("https://evil.com%00.example.com/a", ("*.example.com",), Trouble.FILE_UNUSABLE),
        ("https://..example.com/a", ("*.example.com",), Trouble.FILE_UNUSABLE),
        ("https://xn--zzzzzz.example.org/a", ("*.example.com",), Trouble.FILE_REFUSED),
        ("https://xn--.example.org/a", ("*.example.com",), Trouble.FILE_REFUSED),
        ("no address", ("*.example.com",), Trouble.FILE_REFUSED),
    ],
)
async def test_only_allowed_public_hosts_are_asked(address: str, hosts: tuple[str, ...], trouble: Trouble) -> None:
    client = HttpClient(
        "https://api.example.com", timeout_ms=PATIENT_MS, allow_private_addresses=False, files=FileRules(hosts)
    )
    answer = await client.send(upload(address), CREDENTIALS)
    await client.close()
    assert (answer.status, answer.trouble) == (None, trouble)
    assert "passwd" not in answer.detail


async def test_a_host_that_never_ends_takes_no_longer_than_the_request_may() -> None:
    async def slow(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await asyncio.Event().wait()

    async with between(slow) as (files, api, client):
        answer = await client.send(upload(f"{files.base}/m"), CREDENTIALS, timeout_ms=HASTY_MS)
    assert (answer.trouble, answer.detail, api.connections) == (Trouble.FILE_LATER, "timed out", 0)

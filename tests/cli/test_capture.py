"""Raw requests, seen before there are rules: beside a daemon and alone, written down, masked, bounded."""

import asyncio
import base64
import json
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml

from bridge.app import Daemon
from bridge.cli.capture import _listened
from bridge.cli.captured import Printer
from bridge.clock import SystemClock
from bridge.configuration.load import load_configuration
from bridge.configuration.model import Configuration
from bridge.diagnostics import parse_yaml
from bridge.engine import capture_files, captures
from bridge.engine.capture_files import Answered, CaptureFolder, RawRequest
from bridge.engine.captures import Capture, Space, begin_capture
from bridge.engine.console import Query
from bridge.settings import Address
from bridge.sources import sign
from tests.canaries import AISOULE_SECRET
from tests.cli.conftest import Place, message

JSON: Mapping[str, str] = {"Content-Type": "application/json"}
GITHUB = {**JSON, "X-Hub-Signature-256": "sha256=" + "ab" * 32, "X-GitHub-Event": "ping", "X-GitHub-Delivery": "d-1"}
SECRET_WORD = "Zx9Qsecretword0123"
BASE64 = base64.b64encode(b"0123456789abcdef" * 2).decode()
DAY_MS = 86_400_000


class Notes(Printer):
    """Prints as always, and says when it listens."""

    def __init__(self, name: str, base_dir: Path, *, json: bool = False) -> None:
        super().__init__(name, base_dir, json=json)
        self.url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.over: dict[str, Any] = {}
        self.requests: list[dict[str, Any]] = []

    def begun(self, capture: dict[str, Any], url: str, *, is_daemon: bool) -> None:
        super().begun(capture, url, is_daemon=is_daemon)
        self.url.set_result(url + capture["path"])

    def request(self, request: dict[str, Any]) -> None:
        super().request(request)
        self.requests.append(request)

    def ended(self, capture: dict[str, Any]) -> None:
        super().ended(capture)
        self.over = capture


def configured(place: Place) -> Configuration:
    found = load_configuration(place.config, place.environ).configuration
    assert found is not None
    return found


@asynccontextmanager
async def catching(place: Place, name: str, count: int = 5) -> AsyncIterator[tuple[str, Notes, Capture]]:
    """A capture without a daemon; it must end by itself."""
    clock, configuration = SystemClock(), configured(place)
    now_ms = clock.now_ms()
    begun = begin_capture(configuration, name, now_ms=now_ms, until_ms=now_ms + DAY_MS, count=count)
    notes = Notes(name, place.folder)
    listening = asyncio.create_task(_listened(configuration, begun, Address("127.0.0.1", 0), notes, clock))
    try:
        yield await notes.url, notes, begun
        begun.end("the test is over")
        await listening
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def send(url: str, body: bytes, method: str = "POST", headers: Mapping[str, str] = JSON) -> int:
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body, headers=headers) as got:
        return got.status


def folder_of(place: Place, name: str) -> Path:
    return place.folder / "var" / "captures" / name


def records(place: Place, name: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(folder_of(place, name).glob("*.request.json"))]


# --- alone -----------------------------------------------------------------------------------------------------


async def test_a_name_that_no_configuration_knows_is_served_written_and_recognised(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    async with catching(place, "newcomer", count=2) as (url, notes, _):
        assert url.endswith("/hooks/newcomer")
        body = b'{"zen": "x", "hook_id": 7, "token": "' + SECRET_WORD.encode() + b'"}'
        async with aiohttp.ClientSession() as session:
            async with session.post(url + f"?token={SECRET_WORD}&a=1", data=body, headers=GITHUB) as got:
                assert (got.status, await got.json()) == (200, {"ok": True})
            async with session.post(url, data=b"\xff\x00", headers={"Authorization": f"Bearer {SECRET_WORD}"}) as got:
                assert got.status == 200
    assert notes.over["ended"] == "all requests that were asked for came"
    first, second = records(place, "newcomer")
    assert (first["method"], first["path"], first["query"]) == ("POST", "/hooks/newcomer", f"token={SECRET_WORD}&a=1")
    assert ["X-Hub-Signature-256", GITHUB["X-Hub-Signature-256"]] in first["headers"]
    assert base64.b64decode(first["body_base64"]) == body
    assert (folder_of(place, "newcomer") / first["body_file"]).read_bytes() == body
    assert (folder_of(place, "newcomer") / second["body_file"]).read_bytes() == b"\xff\x00"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder_of(place, "newcomer").iterdir()}
    assert (modes, stat.S_IMODE(folder_of(place, "newcomer").stat().st_mode)) == ({0o600}, 0o700)
    out = capsys.readouterr().out
    assert "X-Hub-Signature-256: sha256=<64 hex>" in out
    assert "Authorization: Bearer <18 base64>" in out
    assert "?token=<18 base64>" in out
    assert "looks like preset `github`" in out
    assert "event ping" in out
    assert SECRET_WORD not in out
    assert "ab" * 32 not in out


async def test_a_request_is_on_the_disk_before_its_sender_hears_200(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    write = capture_files._write_synced

    def noted(path: Path, content: bytes) -> None:
        write(path, content)
        synced.append(path.name)

    monkeypatch.setattr(capture_files, "_write_synced", noted)
    async with catching(place, "newcomer") as (url, _, _begun):
        assert await send(url, b"{}") == 200
        assert synced == ["0001.body.json", "0001.request.json"]


async def test_a_known_source_gets_its_verdict_at_its_own_path(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    source = configured(place).sources["aisoule"]
    good, bad = message("m1"), message("m2")
    async with catching(place, "aisoule", count=2) as (url, _, _begun), aiohttp.ClientSession() as session:
        assert url.endswith("/webhook")
        for body, signed in ((good, good), (bad, good)):
            headers = dict(sign(source.verification, signed, now_ms=0).headers)
            async with session.post(url, data=body, headers=headers | {"Content-Type": "application/json"}) as got:
                assert got.status == 200  # the sender is content, whatever its signature is worth
    assert [each["answered"]["code"] for each in records(place, "aisoule")] == [None, "signature_mismatch"]
    out = capsys.readouterr().out
    assert "signature_mismatch" in out
    assert AISOULE_SECRET not in out


GREETED = """
version: 1
sources:
  chat:
    verify: {type: hmac, secrets: ["${AISOULE_WEBHOOK_SECRET}"], signature: {from: "header:X-Chat-Signature"}}
    handshake: [{kind: echo_json, when: {json: {type: url_verification}}, field: challenge, as: text, signed: true}]
    event: {type: "{{ body.type }}", id: body}
destinations: {}
rules: []
"""


async def test_a_handshake_is_answered_as_the_sender_wants_it(place: Place) -> None:
    place.config.write_text(GREETED)
    source = configured(place).sources["chat"]
    body = b'{"type": "url_verification", "challenge": "c-4711"}'
    async with catching(place, "chat") as (url, notes, _), aiohttp.ClientSession() as session:
        signed = sign(source.verification, body, now_ms=SystemClock().now_ms())
        async with session.post(url, data=body, headers={**dict(signed.headers), **JSON}) as got:
            assert (got.status, "c-4711" in await got.text()) == (200, True)
        assert await send(url, body) == 200  # unsigned: the sender is content, and no stranger's text comes back
    assert [each["code"] for each in notes.requests] == [None, "signature_missing"]


async def test_only_the_one_path_is_served(place: Place) -> None:
    async with catching(place, "newcomer") as (url, notes, _):
        assert await send(url.replace("newcomer", "other"), b"{}") == 404
        assert await send(url, b"", "GET") == 200
    assert [each["method"] for each in notes.requests] == ["GET"]


async def test_a_full_disk_ends_the_capture_and_tells_the_sender(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_files, "FREE_BYTES", 2**62)
    async with catching(place, "newcomer") as (url, notes, _):
        assert await send(url, b"{}") == 503
    assert "of the disk are free" in notes.over["ended"]
    assert records(place, "newcomer") == []


async def test_a_capture_ends_at_its_bound_of_bytes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "MOST_BYTES", 20_000)
    async with catching(place, "newcomer") as (url, notes, _):
        assert await send(url, b"x" * 5_000) == 200
        assert await send(url, b"x" * 5_000) == 503
    assert (notes.over["taken"], "more than" in notes.over["ended"]) == (1, True)
    result = await asyncio.to_thread(place.run, "capture", "newcomer", "--listen", "127.0.0.1:0", "--for", "1s")
    assert result.exit_code == 0  # some bytes are left, and it ends by its time


def test_what_earlier_captures_left_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "MOST_REQUESTS", 100)
    folder = folder_of(place, "newcomer")
    folder.mkdir(parents=True)
    for number in range(100):
        (folder / f"{number + 1:04}.request.json").write_text("{}")
    result = place.run("capture", "newcomer", "--listen", "127.0.0.1:0")
    assert (result.exit_code, "delete what you do not need" in result.stderr) == (2, True)


def aged(file: Path, days: float) -> Path:
    """Written so many days ago."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"{}")
    moment_s = time.time() - days * DAY_MS / 1000
    os.utime(file, (moment_s, moment_s))
    return file


async def test_a_capture_removes_what_earlier_ones_left_beyond_the_retention(place: Place) -> None:
    old = [
        aged(folder_of(place, name) / file, 7.1)
        for name in ("newcomer", "other")
        for file in ("0001.request.json", "0001.body.txt")
    ]
    kept = [
        aged(folder_of(place, "other") / "0002.request.json", 6.9),
        aged(folder_of(place, "other") / "notes.txt", 99),
    ]
    async with catching(place, "newcomer", count=1) as (url, _, _begun):
        assert await send(url, b"{}") == 200
    assert [file for file in (*old, *kept) if file.exists()] == [
        folder_of(place, "newcomer") / "0001.request.json",
        *kept,
    ]
    assert len(records(place, "newcomer")) == 1


async def test_a_running_capture_leaves_out_what_was_removed_before_anybody_looked(place: Place) -> None:
    clock = SystemClock()
    async with catching(place, "newcomer", count=3) as (url, _, begun):
        for _ in range(2):
            assert await send(url, b"{}") == 200
        (folder_of(place, "newcomer") / "0001.request.json").unlink()
        found = await begun.after(0, clock, within_ms=0, rows=10)
    assert ([each["number"] for each in found["requests"]], found["next"]) == ([2], 2)  # type: ignore[attr-defined]


async def test_the_captures_of_all_sources_together_have_a_bound(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "MOST_BYTES_OF_ALL", 20_000)
    other = aged(folder_of(place, "other") / "0001.body.bin", 0)
    other.write_bytes(b"x" * 10_000)
    async with catching(place, "newcomer") as (url, notes, _):
        assert await send(url, b"x" * 1_000) == 200
        assert await send(url, b"x" * 5_000) == 503
    assert "the files of all captures would take more than" in notes.over["ended"]
    other.write_bytes(b"x" * 20_000)
    result = await asyncio.to_thread(place.run, "capture", "newcomer", "--listen", "127.0.0.1:0")
    assert (result.exit_code, "MiB already: delete what you do not need" in result.stderr) == (2, True)


async def test_what_one_capture_takes_is_gone_for_another_of_the_same_daemon(place: Place) -> None:
    configuration, space = configured(place), Space()
    one, two = (
        begin_capture(configuration, name, now_ms=0, until_ms=DAY_MS, count=5, space=space) for name in ("one", "two")
    )
    request, answered = RawRequest(0, "POST", "/hooks/one", "", (), b"x" * 5_000), Answered(200)
    space.left = 2 * request.size - 1
    assert await one.write(request, answered)
    assert not await two.write(request, answered)
    assert two.ended is not None


async def test_numbers_go_on_where_an_earlier_capture_ended(place: Place) -> None:
    for _ in range(2):
        async with catching(place, "newcomer", count=1) as (url, _, _begun):
            assert await send(url, b"{}") == 200
    assert [each["number"] for each in records(place, "newcomer")] == [1, 2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("newcomer", "--listen", "0.0.0.0:8080"), "add --public"),
        (("newcomer", "--listen", "bridge.example.com:8080"), "add --public"),
        (("newcomer", "--listen", "nonsense"), "is no address"),
        (("newcomer", "--for", "soon"), "--for"),
        (("newcomer", "--for", "2d"), "a second to a day"),
        (("../etc", "--listen", "127.0.0.1:0"), "a source's name"),
        (("new/comer", "--listen", "127.0.0.1:0"), "a source's name"),
    ],
)
def test_wrong_use_gives_2(place: Place, words: tuple[str, ...], expected: str) -> None:
    result = place.run("capture", *words)
    assert (result.exit_code, expected in result.stderr) == (2, True), result.stderr


async def test_a_port_that_is_taken_gives_3(place: Place) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await asyncio.to_thread(place.run, "capture", "newcomer", "--listen", f"127.0.0.1:{port}")
    server.close()
    assert (result.exit_code, "another address with --listen" in result.stderr) == (3, True)


# --- what can be made of it ------------------------------------------------------------------------------------


async def test_the_yaml_of_a_known_sender_names_its_preset(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async with catching(place, "newcomer", count=1) as (url, notes, _):
        assert await send(url, b'{"zen": "x", "hook_id": 7}', headers=GITHUB) == 200
    capsys.readouterr()
    notes.starter()
    text = capsys.readouterr().out
    assert yaml.safe_load(text)["sources"] == {"newcomer": {"preset": "github", "secret": "${NEWCOMER_SECRET}"}}
    assert "on: newcomer/ping" in text.replace('"', "")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"X-New-Hash": "sha256=" + "0f" * 32}, {"algorithm": "sha256", "encoding": "hex", "prefix": "sha256="}),
        ({"X-New-Hash": "0f" * 20}, {"algorithm": "sha1", "encoding": "hex"}),
        (
            {"X-New-Hash": base64.b64encode(b"0123456789abcdef" * 2).decode()},
            {"algorithm": "sha256", "encoding": "base64"},
        ),
    ],
)
async def test_the_yaml_of_an_unknown_sender_is_a_configuration_that_check_takes(
    place: Place, capsys: pytest.CaptureFixture[str], header: dict[str, str], expected: dict[str, str]
) -> None:
    body = orjson.dumps({"event": "order.placed", "id": "o1", "timestamp": 1_780_369_298, "total": 3})
    async with catching(place, "newcomer", count=1) as (url, notes, _):
        assert await send(url, body, headers={**header, **JSON}) == 200
    capsys.readouterr()
    notes.starter()
    text = capsys.readouterr().out
    assert parse_yaml(text, "made.yaml").findings == ()
    source = yaml.safe_load(text)["sources"]["newcomer"]
    assert {"algorithm": source["verify"]["algorithm"], **source["verify"]["signature"]} == {
        "from": "header:X-New-Hash",
        **expected,
    }
    assert source["event"] == {
        "type": "{{ body.event }}",
        "id": "{{ body.id }}",
        "time": "{{ body.timestamp }}",
    }
    destination = 'destinations:\n  crm: {connector: http, base_url: "https://crm.example.com", auth: {type: none}}\n'
    place.config.write_text("version: 1\n" + destination + text)
    result = place.run("check", environ={"NEWCOMER_SECRET": "0123456789abcdef0123456789"})
    assert result.exit_code == 0, result.output


# --- beside a daemon -------------------------------------------------------------------------------------------


async def captured_by(daemon: Daemon, path: str) -> None:
    """Wait until the daemon captures what comes to a path."""
    while daemon.engine.present.captures.at(path) is None:
        await daemon._clock.wait(asyncio.Event(), daemon._clock.now_ms() + 5)


async def test_beside_a_daemon_what_it_takes_and_what_it_refuses_is_shown(place: Place) -> None:
    async with place.load() as daemon:
        place.reach(daemon)
        source = daemon.configuration.sources["aisoule"]
        running = asyncio.create_task(asyncio.to_thread(place.run, "capture", "aisoule", "--count", "3", "--json"))
        await captured_by(daemon, "/webhook")
        url, body = f"{daemon.bound.public}/webhook", message("m1")
        headers = dict(sign(source.verification, body, now_ms=0).headers) | {"Content-Type": "application/json"}
        assert await send(url, body, headers=headers) == 200
        assert await send(url, body) == 401
        assert await send(url, body, "PUT") == 405
        result = await running
        assert (await daemon.store.books()).accepted == 1  # the daemon goes on as always
        assert daemon.engine.present.captures.at("/webhook") is None
        await daemon.engine.acceptor.refusals.save()
        refused = (await daemon.store.books()).sources["aisoule"]
        audit = (await daemon.console.audit(Query()))[0]
    assert result.exit_code == 0
    shown = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert [(each["status"], each["code"]) for each in shown] == [
        (200, None),
        (401, "signature_missing"),
        (405, "wrong_method"),
    ]
    assert (audit["action"], audit["source"]) == ("capture", "aisoule")
    counted = {name: count for name, count in refused.items() if count}
    assert counted == {"accepted": 1, "refused:signature_missing": 1, "refused:wrong_method": 1}
    kept = records(place, "aisoule")
    assert [base64.b64decode(each["body_base64"]) for each in kept] == [body, body, b""]


async def test_beside_a_daemon_a_new_name_is_served_for_as_long_as_it_is_captured(place: Place) -> None:
    async with place.load() as daemon:
        place.reach(daemon)
        url = f"{daemon.bound.public}/hooks/newcomer"
        assert await send(url, b"{}") == 404
        running = asyncio.create_task(asyncio.to_thread(place.run, "capture", "newcomer", "--count", "1"))
        await captured_by(daemon, "/hooks/newcomer")
        assert await send(url, b'{"a": 1}') == 200
        assert await send(url, b"{}") == 404
        result = await running
    assert result.exit_code == 0
    assert '"a": 1' in result.stdout
    assert "all requests that were asked for came" in result.stderr


async def test_it_ends_only_when_the_last_of_those_under_way_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    monkeypatch.setattr(CaptureFolder, "write", lambda _, number, *_given: slow.wait() if number == 1 else None)
    capture = Capture("a", "/hooks/a", CaptureFolder(tmp_path), DAY_MS, 2, 0, 1_000_000, Space(1_000_000))
    request, answered = RawRequest(0, "POST", "/hooks/a", "", (), b""), Answered(200)
    first = asyncio.create_task(capture.write(request, answered))
    await asyncio.sleep(0)
    assert await capture.write(request, answered)
    assert (capture.left, capture.ended) == (0, None)
    slow.set()
    assert await first
    assert (capture.written, capture.ended) == ([2, 1], "all requests that were asked for came")


def test_numbers_beyond_the_folder_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        CaptureFolder(tmp_path).shown(1)


async def test_what_a_process_left_that_died_between_two_files_stops_no_later_capture(place: Place) -> None:
    folder = folder_of(place, "newcomer")
    folder.mkdir(parents=True)
    (folder / "0003.body.json").write_bytes(b"{")
    async with catching(place, "newcomer", count=1) as (url, notes, _):
        assert await send(url, b"{}") == 200
    assert notes.over["ended"] == "all requests that were asked for came"
    assert [each["number"] for each in records(place, "newcomer")] == [4]


@pytest.mark.parametrize("body", [b'{"a": "\\ud800"}', b'{"a": 1' + b"0" * 30 + b"}", b"[" * 300 + b"]" * 300])
async def test_no_body_of_a_stranger_ends_the_command_of_whoever_looks(place: Place, body: bytes) -> None:
    async with place.load() as daemon:
        place.reach(daemon)
        running = asyncio.create_task(asyncio.to_thread(place.run, "capture", "newcomer", "--count", "2"))
        await captured_by(daemon, "/hooks/newcomer")
        assert await send(f"{daemon.bound.public}/hooks/newcomer", body) == 200
        assert await send(f"{daemon.bound.public}/hooks/newcomer", b'{"then": 1}') == 200
        result = await running
    assert result.exit_code == 0
    assert '"then": 1' in result.stdout

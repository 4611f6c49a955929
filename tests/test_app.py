import asyncio
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bridge.app import Daemon, ListenFailed, TokenFailed, admin_token
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.model import Configuration
from bridge.errors import UsageError
from bridge.sandbox import FaultKind, FaultSpec, Sandbox, SandboxUrls
from bridge.sources import sign
from tests.canaries import AISOULE_SECRET, ORDERS_SECRET, PHONE
from tests.e2e.daemon import DaemonProcess
from tests.e2e.sender import SCHEME, message

CONFIG = """\
version: 1
server: {{listen: "127.0.0.1:0", drain_delay: 0s}}
admin: {{listen: "127.0.0.1:0"}}
store: {{url: sqlite:///var/bridge.db}}
sources:
  aisoule: {{preset: aisoule, secret: "${{AISOULE_WEBHOOK_SECRET}}"}}
destinations:
  crm: {{connector: http, base_url: "{url}", auth: {{type: none}}, allow_private_addresses: true}}
rules: rules.yaml
"""

RULE = """\
rules:
  - name: log
    on: aisoule/message.received
    steps:
      - id: post
        use: crm.post
        with: {path: /PLACE, json: {id: "{{ fields.message_id }}"}}
"""


def write(folder: Path, url: str = "http://127.0.0.1:9", place: str = "first") -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(url=url))
    (folder / "rules.yaml").write_text(RULE.replace("PLACE", place))
    return path


def configuration(path: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    loaded = load_configuration(path, {"AISOULE_WEBHOOK_SECRET": AISOULE_SECRET, **(environ or {})})
    assert loaded.configuration is not None, loaded.findings
    return loaded.configuration


async def post(public: str, message_id: str) -> int:
    body = message(PHONE, message_id, "Hello")
    headers = [("Content-Type", "application/json"), *sign(SCHEME, body, now_ms=0).headers]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{public}/hooks/aisoule", data=body, headers=headers) as response,
    ):
        return response.status


@asynccontextmanager
async def running(config: Path, **environment: str) -> AsyncIterator[DaemonProcess]:
    """The daemon as a process, killed at the end if it is still there."""
    daemon = DaemonProcess(config, environment)
    await daemon.start()
    try:
        yield daemon
    finally:
        if daemon.process.returncode is None:
            await daemon.kill()


async def refused(config: Path, **environment: str) -> tuple[int | None, str]:
    """Exit code and stderr of a daemon that should not start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge", "run", "-c", str(config)),
        env={**os.environ, "AISOULE_WEBHOOK_SECRET": AISOULE_SECRET, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate()
    return process.returncode, stderr.decode()


def paths_of(sandbox: Sandbox) -> list[str]:
    return [entry.path for entry in sandbox.journal.of("generic")]


# --- as a process ------------------------------------------------------------------------------------------------


async def test_a_parser_that_takes_malformed_requests_is_warned_about(tmp_path: Path) -> None:
    async with running(write(tmp_path), AIOHTTP_NO_EXTENSIONS="1") as daemon:
        assert await daemon.terminate() == 0
    assert "http.slow_parser" in {line["event"] for line in daemon.lines}


async def test_the_shipped_configuration_serves_until_sigterm_and_ends_with_0(tmp_path: Path, repository: Path) -> None:
    dummies = dict(
        line.split("=", 1)
        for line in (repository / ".env.example").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    overrides = {
        "BRIDGE_SERVER__LISTEN": "127.0.0.1:0",
        "BRIDGE_SERVER__DRAIN_DELAY": "0s",
        "BRIDGE_ADMIN__LISTEN": "127.0.0.1:0",
        "BRIDGE_STORE__URL": f"sqlite:///{tmp_path}/bridge.db",
        "BRIDGE_DEAD_LETTERS__FILE": str(tmp_path / "dead.jsonl"),
    }
    async with running(repository / "config.example.yaml", **dummies, **overrides) as daemon:
        async with aiohttp.ClientSession() as session, session.get(f"{daemon.public}/readyz") as response:
            assert response.status == 200
        assert stat.S_IMODE((tmp_path / "admin-token").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "bridge.db").stat().st_mode) == 0o600
        assert await daemon.terminate() == 0
    assert [line["event"] for line in daemon.lines] == ["bridge.started", "bridge.stopping", "bridge.stopped", "end"]
    assert daemon.lines[0]["sources"] == {"aisoule": "/hooks/aisoule"}


async def test_while_it_drains_new_events_get_503_and_a_second_sigterm_ends_it_at_once(tmp_path: Path) -> None:
    async with running(write(tmp_path), BRIDGE_SERVER__DRAIN_DELAY="10m") as daemon:
        daemon.process.send_signal(signal.SIGTERM)
        await daemon.logged("bridge.stopping")
        assert await post(daemon.public, "m1") == 503
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.process.wait() == 128 + signal.SIGTERM


async def test_what_is_in_flight_at_sigterm_is_finished_first(tmp_path: Path) -> None:
    sandbox = Sandbox()
    sandbox.faults.add(FaultSpec(fault=FaultKind.SLOW, delay_ms=300))
    async with sandbox.running() as urls, running(write(tmp_path, urls.generic)) as daemon:
        assert await post(daemon.public, "m1") == 200
        await sandbox.wait_for(lambda: paths_of(sandbox) == ["/first"])
        assert await daemon.terminate() == 0
    async with Daemon(configuration(tmp_path / "config.yaml")) as again:
        books = await again.store.books()
    assert {str(state): count for state, count in books.rules["log"].items() if count} == {"done": 1}
    assert paths_of(sandbox) == ["/first"]


async def test_sighup_takes_good_rules_and_keeps_the_old_ones_when_the_file_is_bad(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with sandbox.running() as urls, running(write(tmp_path, urls.generic)) as daemon:
        assert await post(daemon.public, "m1") == 200
        await sandbox.wait_for(lambda: paths_of(sandbox) == ["/first"])

        write(tmp_path, urls.generic, "second")
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.logged("configuration.reloaded")
        assert await post(daemon.public, "m2") == 200
        await sandbox.wait_for(lambda: paths_of(sandbox) == ["/first", "/second"])

        (tmp_path / "rules.yaml").write_text(RULE.replace("crm.post", "crn.post"))
        daemon.process.send_signal(signal.SIGHUP)
        line = await daemon.logged("configuration.refused")
        assert "rules.yaml:6:14: BR201 step `post` uses destination `crn`" in str(line["findings"])
        assert "the old rules stay in use" in str(line["help"])
        assert await post(daemon.public, "m3") == 200
        await sandbox.wait_for(lambda: paths_of(sandbox) == ["/first", "/second", "/second"])
        assert await daemon.terminate() == 0


async def test_sighup_reads_the_file_of_variables_again(tmp_path: Path) -> None:
    config, variables = write(tmp_path), tmp_path / ".env"
    variables.write_text(f"AISOULE_WEBHOOK_SECRET={ORDERS_SECRET}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge", "run", "-c", str(config), "--env-file", str(variables)),
        env={name: value for name, value in os.environ.items() if name != "AISOULE_WEBHOOK_SECRET"},
        stderr=asyncio.subprocess.PIPE,
    )
    daemon = DaemonProcess(config)
    daemon.process, daemon._news = process, asyncio.Condition()
    daemon._reader = asyncio.create_task(daemon._read())
    public = str((await daemon.logged("bridge.started"))["public"])
    assert await post(public, "m1") == 401

    variables.write_text(f"AISOULE_WEBHOOK_SECRET={AISOULE_SECRET}\n")
    process.send_signal(signal.SIGHUP)
    await daemon.logged("configuration.reloaded")
    assert await post(public, "m1") == 200

    variables.unlink()
    process.send_signal(signal.SIGHUP)
    assert "cannot read the file of variables" in str(await daemon.logged("configuration.refused"))
    assert await post(public, "m2") == 200
    assert await daemon.terminate() == 0


async def test_sigusr1_does_no_harm(tmp_path: Path) -> None:
    async with running(write(tmp_path)) as daemon:
        daemon.process.send_signal(signal.SIGUSR1)
        assert (await daemon.logged("bridge.alive"))["in_flight"] == 0
        assert await post(daemon.public, "m1") == 200


async def test_a_store_that_is_deleted_while_it_runs_ends_it_with_71(tmp_path: Path) -> None:
    async with running(write(tmp_path)) as daemon:
        (tmp_path / "var" / "bridge.db").unlink()
        assert await daemon.process.wait() == 71
        assert (await daemon.logged("bridge.failed"))["exit"] == 71


async def test_a_second_daemon_on_one_store_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    path = write(tmp_path)
    async with Daemon(configuration(path)):
        code, text = await refused(path)

    assert code == 1
    assert "error[BR703]" in text
    assert f"is in use by process {os.getpid()}" in text
    assert "config.yaml:4:14" in text  # where `store.url` is written


@pytest.mark.parametrize(("section", "place"), [("server", "config.yaml:2:18"), ("admin", "config.yaml:3:17")])
async def test_a_port_in_use_is_refused_with_the_place_of_its_setting(tmp_path: Path, section: str, place: str) -> None:
    path = write(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        path.write_text(
            path.read_text().replace(f'{section}: {{listen: "127.0.0.1:0"', f'{section}: {{listen: "{address}"')
        )
        code, text = await refused(path)

    assert code == 1
    assert f"error[BR702]: cannot listen on {address}: address already in use" in text
    assert place in text


async def test_a_setting_of_the_environment_is_blamed_by_its_variable(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, text = await refused(write(tmp_path), BRIDGE_SERVER__LISTEN=address)

    assert code == 1
    assert "--> environment variable BRIDGE_SERVER__LISTEN" in text


async def test_a_rule_with_mistakes_keeps_it_from_starting(tmp_path: Path) -> None:
    path = write(tmp_path)
    wrong = RULE.replace("on:", "onn:").replace("crm.post", "crn.post").replace("message_id }}", "message_id | uper }}")
    (tmp_path / "rules.yaml").write_text(wrong)
    code, text = await refused(path)

    assert code == 1
    assert text.count("error[BR") == 3
    assert "2 files · 3 errors" in text
    assert not (tmp_path / "var").exists()


async def test_an_admin_token_that_a_crash_left_empty_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "admin-token").touch()
    code, text = await refused(path)

    assert code == 1
    assert "admin-token holds no token of at least 16 characters: delete it to get a new one" in text


# --- inside this process -------------------------------------------------------------------------------------------


async def test_a_public_address_in_use_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with sandbox.running() as urls:
        path = write(tmp_path, urls.generic)
        await leave_one_pending(path, urls)
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            environ = {"BRIDGE_SERVER__LISTEN": f"127.0.0.1:{taken.getsockname()[1]}"}
            with pytest.raises(ListenFailed, match="address already in use"):
                await Daemon(configuration(path, environ)).start()
        assert paths_of(sandbox) == []
        async with Daemon(configuration(path)):  # the store was let go
            await sandbox.wait_for(lambda: paths_of(sandbox) == ["/first"])


async def leave_one_pending(path: Path, urls: SandboxUrls) -> None:
    """Accept an event while its destination is away."""
    present = configuration(path)
    away = replace(present.destinations["crm"], base_url="http://127.0.0.1:9", schedule_ms=(1,))
    async with Daemon(replace(present, destinations={"crm": away})) as daemon:
        assert await post(daemon.bound.public, "m1") == 200
    assert urls.generic in present.destinations["crm"].base_url


async def test_a_reload_that_fails_for_any_reason_changes_nothing(tmp_path: Path) -> None:
    def gone() -> LoadedConfiguration:
        raise UsageError("cannot read the file of variables `.env`")

    def broken() -> LoadedConfiguration:
        raise RecursionError(PHONE)

    present = configuration(write(tmp_path))
    for load, expected in (
        (gone, "cannot read the file of variables `.env`"),
        (broken, "the configuration could not be read (RecursionError)"),
    ):
        async with Daemon(present, load=load) as daemon:
            assert await daemon.reload() == {"ok": False, "findings": [expected]}
            assert daemon.configuration is present
    async with Daemon(present) as daemon:
        assert (await daemon.reload())["ok"] is False


async def test_a_reload_says_what_takes_effect_only_at_the_next_start(tmp_path: Path) -> None:
    path = write(tmp_path)
    async with Daemon(configuration(path), load=lambda: load_configuration(path, ENVIRON)) as daemon:
        assert (await daemon.reload())["note"] is None
        path.write_text(path.read_text() + "log: {level: debug}\n")
        assert "at the next start" in str((await daemon.reload())["note"])


ENVIRON = {"AISOULE_WEBHOOK_SECRET": AISOULE_SECRET}


async def test_the_admin_api_needs_the_token_of_the_file(tmp_path: Path) -> None:
    async with Daemon(configuration(write(tmp_path))) as daemon, aiohttp.ClientSession() as session:
        token = (tmp_path / "var" / "admin-token").read_text()
        assert token == daemon.bound.token
        assert token not in repr(daemon.bound)
        for header, status in (({}, 401), ({"Authorization": f"Bearer {token}"}, 200)):
            async with session.get(f"{daemon.bound.admin}/api/v1/status", headers=header) as response:
                assert response.status == status


def test_the_token_is_made_once_and_kept_private(tmp_path: Path) -> None:
    present = configuration(write(tmp_path))
    path = tmp_path / "var" / "admin-token"
    path.parent.mkdir()
    first = admin_token(present)
    path.chmod(0o644)

    assert admin_token(present) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.glob("admin-token*")] == ["admin-token"]


def test_a_token_of_the_configuration_needs_no_file(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("admin: {", "admin: {token: 0123456789abcdef-given, "))

    assert admin_token(configuration(path)) == "0123456789abcdef-given"
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe\xff"])
def test_a_token_file_that_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    present = configuration(write(tmp_path))
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "admin-token").write_bytes(content)

    with pytest.raises(TokenFailed):
        admin_token(present)


async def test_a_listener_on_a_host_that_is_not_known_is_refused(tmp_path: Path) -> None:
    daemon = Daemon(configuration(write(tmp_path), {"BRIDGE_SERVER__LISTEN": "no-such-host.invalid:0"}))

    with pytest.raises(ListenFailed, match="its host name cannot be resolved"):
        await daemon.start()

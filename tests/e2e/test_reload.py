"""Rules that are edited under load: no event is lost, none is without rules, and the last version is in use."""

import asyncio
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge.configuration.load import load_configuration
from bridge.sandbox import FaultKind, FaultSpec, Sandbox
from tests.canaries import ERP_TOKEN
from tests.e2e.daemon import ENVIRONMENT, DaemonProcess
from tests.e2e.sender import message, post

CONFIG = """\
version: 1
server: {{listen: "127.0.0.1:0", drain_delay: 0s}}
admin: {{listen: "127.0.0.1:0"}}
log: {{format: json}}
reload: {{settle: 5ms}}
sources:
  aisoule: {{preset: aisoule, secret: "${{AISOULE_WEBHOOK_SECRET}}"}}
destinations:
  crm: {{connector: http, base_url: "{url}", auth: {{type: bearer, token: "${{ERP_TOKEN}}"}},
        allow_private_addresses: true, retry: {{schedule: [20ms]}}}}
rules: rules/*.yaml
"""
RULES = """\
rules:
  - name: other
    on: aisoule/message.failed
    steps:
      - {id: post, use: crm.post, with: {path: /other, json: {}}}
  - name: log
    on: aisoule/message.received
    key: "{{ fields.customer | person }}"
    steps:
      - {id: post, use: crm.post, with: {path: /messages, json: {id: "{{ fields.message_id }}", version: VERSION}}}
"""
CUSTOMERS = 5


@asynccontextmanager
async def bridge(folder: Path, sandbox: Sandbox) -> AsyncIterator[DaemonProcess]:
    async with sandbox.running() as urls:
        (folder / "config.yaml").write_text(CONFIG.format(url=urls.generic))
        (folder / "rules").mkdir()
        rules_of(folder).write_text(rules("v0"))
        daemon = DaemonProcess(folder / "config.yaml", {"ERP_TOKEN": ERP_TOKEN})
        await daemon.start()
        try:
            yield daemon
        finally:
            if daemon.process.returncode is None:
                await daemon.kill()


def rules_of(folder: Path) -> Path:
    return folder / "rules" / "rules.yaml"


def rules(version: str) -> str:
    return RULES.replace("VERSION", version)


def save_as_vim_does(path: Path, content: str) -> None:
    """What `strace vim -c wq` shows: a probe, the old file renamed to a backup, a new one written, no backup."""
    probe = path.with_name("4913")
    probe.touch()
    probe.unlink()
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    with path.open("w") as file:
        for start in range(0, len(content), 200):
            file.write(content[start : start + 200])
            file.flush()
    backup.unlink()


def save_with_vim(path: Path, content: str) -> None:
    edit = f"%s/version: v[0-9]*/version: v{_number(content)}/"
    command = ["vim", "-es", "-N", "-u", "NONE", "-c", "set backup writebackup", "-c", edit, "-c", "wq", str(path)]
    subprocess.run(command, check=True, timeout=20, capture_output=True)


async def settled(daemon: DaemonProcess) -> dict[str, Any]:
    """The status once nothing is open any more; each settled delivery is a log line to wait for."""
    while True:
        seen = len(daemon.lines)
        status: dict[str, Any] = await daemon.status()
        counts = status["rules"].get("log", {})
        if not status["events"]["unrouted"] and not any(counts.get(s) for s in ("pending", "running", "retrying")):
            return status
        await daemon.logged("delivery.settled", after=seen)


async def in_use(daemon: DaemonProcess, folder: Path) -> None:
    """Wait for the log line that says that the files as they are now are in use."""
    loaded = load_configuration(folder / "config.yaml", {**ENVIRONMENT, "ERP_TOKEN": ERP_TOKEN}).configuration
    assert loaded is not None
    after = 0
    while (await daemon.logged("configuration.reloaded", after=after))["revision"] != loaded.revision:
        after = 1 + next(
            at for at, line in enumerate(daemon.lines) if at >= after and line["event"] == "configuration.reloaded"
        )


async def save_under_load(
    folder: Path, sandbox: Sandbox, saves: int, save: Callable[[Path, str], None], *, awaited: Mapping[int, str]
) -> Counter[str]:
    """Save so many versions while customers write; those of `awaited` stay until the daemon has logged such a line.

    Returns how many messages each version delivered, and under `refused` how often the files were.
    """
    async with bridge(folder, sandbox) as daemon, aiohttp.ClientSession() as session:
        sent: list[str] = []
        saved, heard = asyncio.Event(), asyncio.Condition()

        async def write_messages(customer: int) -> None:
            number = 0
            while not saved.is_set() or number < 5:
                id_ = f"m{customer}-{number}"
                body = message(f"91980000000{customer}", id_, "text")
                assert await post(session, f"{daemon.public}/hooks/aisoule", body) == 200
                number += 1
                async with heard:
                    sent.append(id_)
                    heard.notify_all()

        async def save_all() -> None:
            for number in range(1, saves + 1):
                seen, said = len(sent), len(daemon.lines)
                await asyncio.to_thread(save, rules_of(folder), rules(f"v{number}"))
                async with heard:  # the customers go on between two saves
                    while len(sent) <= seen:
                        await heard.wait()
                if number in awaited:
                    await daemon.logged(awaited[number], after=said)
            saved.set()

        await asyncio.gather(save_all(), *(write_messages(customer) for customer in range(CUSTOMERS)))
        await in_use(daemon, folder)
        body = message("919800000009", "last", "text")
        assert await post(session, f"{daemon.public}/hooks/aisoule", body) == 200
        status = await settled(daemon)

        assert status["events"] == {
            "accepted": len(sent) + 1,
            "routed": len(sent) + 1,
            "unrouted": 0,
            "unmatched": 0,
        }
        assert status["rules"]["log"]["done"] == len(sent) + 1
        assert status["books"]["balanced"]
        assert status["configuration"]["refused"] is None
        assert {line["rules"] for line in daemon.lines if line["event"] == "configuration.reloaded"} == {2}
        assert await daemon.terminate() == 0
    bodies: list[Any] = [record.body for record in sandbox.generic.records]
    assert Counter(body["id"] for body in bodies) == Counter([*sent, "last"])
    assert [body["version"] for body in bodies if body["id"] == "last"] == [f"v{saves}"]
    refused = sum(line["event"] == "configuration.refused" for line in daemon.lines)
    return Counter({**Counter(body["version"] for body in bodies), "refused": refused})


async def test_saving_the_rules_100_times_under_load_loses_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    some = dict.fromkeys((20, 40, 60, 80), "configuration.reloaded")
    versions = await save_under_load(tmp_path, sandbox, 100, save_as_vim_does, awaited=some)
    assert len(versions) > 3  # new versions came into use while messages were delivered


async def test_mistakes_and_half_written_files_between_two_versions_lose_nothing(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    def wrong(path: Path, content: str) -> None:
        path.write_text(content.replace("use: crm.post", "use: crn.post"))

    def half_written(path: Path, content: str) -> None:
        path.write_text(content[: content.rindex("steps:") + 9])

    def gone(path: Path, _content: str) -> None:
        path.unlink(missing_ok=True)

    def right(path: Path, content: str) -> None:
        path.write_text(content)

    edits = (wrong, half_written, gone, right)
    mistakes = dict.fromkeys((1, 2, 3), "configuration.refused")  # later ones go as quickly as messages come
    refused = await save_under_load(
        tmp_path, sandbox, 20, lambda path, content: edits[_number(content) % 4 - 1](path, content), awaited=mistakes
    )
    assert refused["refused"] >= len(mistakes)


def _number(content: str) -> int:
    return int(content.partition("version: v")[2].partition("}")[0])


needs_vim = pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")


@needs_vim
async def test_saving_with_vim_itself_loses_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    await save_under_load(tmp_path, sandbox, 5, save_with_vim, awaited={})


@needs_vim
@pytest.mark.full_size
@pytest.mark.timeout(300)
async def test_saving_with_vim_itself_100_times_loses_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    await save_under_load(tmp_path, sandbox, 100, save_with_vim, awaited={})


async def test_a_mended_rule_applies_to_the_delivery_that_is_refused_now(tmp_path: Path, sandbox: Sandbox) -> None:
    refusal = {"fault": FaultKind.STATUS, "status": 429, "retry_after": 0, "times": None}
    sandbox.faults.add(FaultSpec.model_validate({**refusal, "match": {"body_contains": "v0"}}))
    async with bridge(tmp_path, sandbox) as daemon, aiohttp.ClientSession() as session:
        assert await post(session, f"{daemon.public}/hooks/aisoule", message("919800000001", "m1", "text")) == 200
        await daemon.logged("delivery.attempted")
        rules_of(tmp_path).write_text(rules("v1"))
        await settled(daemon)
        [row] = await ask(daemon, "/deliveries?rule=log")
        shown = await ask(daemon, f"/deliveries/{row['id']}")
    assert [record.body["version"] for record in sandbox.generic.records] == ["v1"]
    first, last = shown["tries"][0], shown["tries"][-1]
    assert (first["outcome"], last["outcome"]) == ("rate_limited", "succeeded")
    assert first["revision"] != last["revision"]  # each attempt tells by which version of the rule it was made


async def orphans(daemon: DaemonProcess) -> list[Any]:
    found: Any = (await daemon.status())["orphans"]
    return list(found)


async def ask(daemon: DaemonProcess, path: str) -> Any:
    token = (daemon.config.parent / "var" / "admin-token").read_text()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{daemon.admin}/api/v1{path}") as response,
    ):
        assert response.status == 200
        return await response.json()


async def test_a_rule_that_is_taken_out_leaves_its_deliveries_waiting_over_a_restart(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    fault = sandbox.faults.add(FaultSpec.model_validate({"fault": FaultKind.STATUS, "status": 503, "times": None}))
    async with bridge(tmp_path, sandbox) as daemon, aiohttp.ClientSession() as session:
        assert await post(session, f"{daemon.public}/hooks/aisoule", message("919800000001", "m1", "text")) == 200
        await daemon.logged("delivery.attempted")
        whole = rules_of(tmp_path).read_text()
        rules_of(tmp_path).write_text(whole.replace("name: log\n", "name: log\n    enabled: false\n"))
        await daemon.logged("delivery.orphaned")
        sandbox.faults.remove(fault.id)
        await daemon.kill()
        daemon.lines.clear()
        await daemon.start()
        [orphan] = await orphans(daemon)
        assert (orphan["rule"], orphan["destination"], orphan["deliveries"]) == ("log", "crm", 1)
        rules_of(tmp_path).write_text(whole)
        await daemon.logged("delivery.settled")
        assert await orphans(daemon) == []
    assert [record.body["id"] for record in sandbox.generic.records] == ["m1"]

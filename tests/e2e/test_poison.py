"""One event ends the process each time it is rendered: it is put aside, and all who waited with it go on."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from bridge.model import DeadKind
from bridge.sandbox import Sandbox
from tests.e2e.daemon import DaemonProcess, write_configuration
from tests.e2e.sender import Sender, message
from tests.e2e.test_kill import all_settled, zendesk_texts

CUSTOMERS = 200
POISON = "poison-pill-of-this-test"
EXIT_CODE = 86
HOOK = f"""\
import os
from bridge.rules import run

begin = run.Run.__init__

def die_over_it(self, rule, scope, **more):
    if {POISON!r} in repr(scope["body"]):
        os._exit({EXIT_CODE})
    begin(self, rule, scope, **more)

run.Run.__init__ = die_over_it
"""


@pytest.mark.timeout(120)
async def test_an_event_that_ends_the_process_is_dead_after_three_and_hundreds_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    sandbox = Sandbox()
    async with sandbox.running() as urls:
        config = write_configuration(tmp_path, urls)
        gentle = DaemonProcess(config)
        await gentle.start()
        await asyncio.gather(*(pause(gentle, name) for name in ("hubspot", "zendesk")))
        up = asyncio.Event()
        up.set()
        sender = Sender(lambda: f"{gentle.public}/hooks/aisoule", lambda: up)
        bodies = [[message(f"9188568{number:05}", f"msg_{number}", f"text {number}")] for number in range(CUSTOMERS)]
        await sender.send_all([*bodies, [message("918856899999", "msg_poison", POISON)]])
        assert await gentle.terminate() == 0

        deaths, daemon = 0, DaemonProcess(config, {"PYTHONPATH": str(tmp_path / "hook")})
        while deaths < 20:
            try:
                await daemon.start()
                await asyncio.gather(*(resume(daemon, name) for name in ("hubspot", "zendesk")))
                await all_settled(daemon)
                break
            except (AssertionError, aiohttp.ClientError):
                assert await daemon.process.wait() == EXIT_CODE
                deaths += 1
                daemon = DaemonProcess(config, {"PYTHONPATH": str(tmp_path / "hook")})
        assert await daemon.terminate() == 0
    letters = (tmp_path / "var" / "dead-letters.jsonl").read_text().splitlines()
    assert len(letters) == 2  # one of each rule: HubSpot's and Zendesk's
    assert all(f'"kind":"{DeadKind.POISON}"' in letter and "msg_poison" in letter for letter in letters)
    assert 2 * 3 <= deaths <= 2 * 3 + 1  # three times each
    assert len(zendesk_texts(sandbox)) == CUSTOMERS
    assert len(sandbox.hubspot.records_of("communications")) == CUSTOMERS
    with capsys.disabled():
        sys.stdout.write(f"\n{deaths} deaths, 2 dead letters, {2 * CUSTOMERS} deliveries done\n")


async def pause(daemon: DaemonProcess, name: str) -> None:
    await decide(daemon, "pause", {"destination": name, "reason": "until all is there"})


async def resume(daemon: DaemonProcess, name: str) -> None:
    await decide(daemon, "resume", {"destination": name})


async def decide(daemon: DaemonProcess, path: str, body: dict[str, str]) -> None:
    token = (daemon.config.parent / "var" / "admin-token").read_text()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.post(f"{daemon.admin}/api/v1/{path}", json=body) as response,
    ):
        assert response.status == 200

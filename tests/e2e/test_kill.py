"""kill -9 at random points under load: nothing acknowledged is lost, nothing exists twice, order holds."""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge.sandbox import Sandbox
from tests.e2e.daemon import DaemonProcess, write_configuration
from tests.e2e.sender import Sender, message, post, receipt

KILLS = 20
CUSTOMERS = 40
MESSAGES = 12


class Lifetimes:
    """The daemon over its lifetimes: killed when the sandbox has seen a given number of further requests."""

    def __init__(self, config: Path, sandbox: Sandbox) -> None:
        self._config = config
        self._sandbox = sandbox
        self.daemon = DaemonProcess(config)
        self.up = asyncio.Event()

    async def start(self) -> None:
        self.daemon = DaemonProcess(self._config)
        await self.daemon.start()
        self.up.set()

    async def kill_after(self, requests: int) -> None:
        target = self._sandbox.journal.seen + requests
        await self._sandbox.wait_for(lambda: self._sandbox.journal.seen >= target)
        self.up.clear()
        await self.daemon.kill()

    @property
    def hook(self) -> str:
        return f"{self.daemon.public}/hooks/aisoule"


def conversations() -> list[list[bytes]]:
    return [
        [
            message(f"9188568{customer:05}", f"msg_{customer}_{number}", f"{customer}/{number}")
            for number in range(MESSAGES)
        ]
        for customer in range(CUSTOMERS)
    ]


def entries_of(sandbox: Sandbox) -> Counter[str]:
    return Counter(entry.properties["wa_message_id"] for entry in sandbox.hubspot.records_of("communications"))


def zendesk_texts(sandbox: Sandbox) -> dict[str, list[str]]:
    """ticket's subject -> the texts of its comments, oldest first."""
    return {
        ticket["subject"]: [comment["body"] for comment in ticket["comments"]]
        for ticket in sandbox.snapshot()["zendesk"]["tickets"]
    }


@pytest.mark.timeout(200)
async def test_twenty_kills_under_load_lose_nothing_and_double_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(20261122)  # noqa: S311 - repeatable points in time, no secret
    sandbox = Sandbox()
    async with sandbox.running() as urls:
        lifetimes = Lifetimes(write_configuration(tmp_path, urls), sandbox)
        await lifetimes.start()
        sender = Sender(lambda: lifetimes.hook, lambda: lifetimes.up)
        sending = asyncio.create_task(sender.send_all(conversations()))
        for _ in range(KILLS):
            await lifetimes.kill_after(chance.randint(4, 28))
            await lifetimes.start()
        await sending
        expected = {f"msg_{customer}_{number}" for customer in range(CUSTOMERS) for number in range(MESSAGES)}
        await sandbox.wait_for(lambda: set(entries_of(sandbox)) == expected)
        await sandbox.wait_for(lambda: sum(map(len, zendesk_texts(sandbox).values())) >= CUSTOMERS * MESSAGES)
        await all_settled(lifetimes.daemon)
        assert await lifetimes.daemon.terminate() == 0
    state = sandbox.snapshot()
    assert set(entries_of(sandbox).values()) == {1}
    assert len(state["hubspot"]["contacts"]) == len(state["hubspot"]["tickets"]) == CUSTOMERS
    assert len([user for user in state["zendesk"]["users"] if user["external_id"]]) == CUSTOMERS
    in_order = [[f"{customer}/{number}" for number in range(MESSAGES)] for customer in range(CUSTOMERS)]
    assert sorted(zendesk_texts(sandbox).values()) == sorted(in_order)
    assert not (tmp_path / "var" / "dead-letters.jsonl").exists()
    with capsys.disabled():
        sys.stdout.write(f"\n{KILLS} kills: {report(sandbox, sender)}\n")


def report(sandbox: Sandbox, sender: Sender) -> str:
    calls = Counter((entry.method, entry.path, str(entry.body)) for entry in sandbox.journal if entry.method != "GET")
    repeated = sum(count - 1 for (_, path, _), count in calls.items() if "oauth" not in path)
    probes = sum(1 for entry in sandbox.journal if entry.method == "GET")
    total = CUSTOMERS * MESSAGES
    return (
        f"{total} events acknowledged in {sender.sent} requests, all delivered once; "
        f"of {sandbox.journal.seen} CRM calls {repeated} were repeats and {probes} looked before a repeat"
    )


async def all_settled(daemon: DaemonProcess) -> None:
    """The last delivery's end is a log line; ask the books after each."""
    while True:
        seen = len(daemon.lines)
        status: Any = await daemon.status()
        if not any(counts[s] for counts in status["rules"].values() for s in ("pending", "running", "retrying")):
            return
        await daemon.logged("delivery.settled", after=seen)


async def test_a_kill_between_two_messages_of_one_customer_keeps_their_order(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with sandbox.running() as urls:
        lifetimes = Lifetimes(write_configuration(tmp_path, urls), sandbox)
        await lifetimes.start()
        async with aiohttp.ClientSession() as session:
            assert await post(session, lifetimes.hook, message("918856800001", "msg_a", "first")) == 200
            await lifetimes.kill_after(1)
            await lifetimes.start()
            assert await post(session, lifetimes.hook, message("918856800001", "msg_b", "second")) == 200
            assert await post(session, lifetimes.hook, receipt("918856800001", "msg_b", "read")) == 200
        await sandbox.wait_for(lambda: list(zendesk_texts(sandbox).values()) == [["first", "second"]])
        await sandbox.wait_for(lambda: receipt_of(sandbox, "msg_b") == "read")
        await all_settled(lifetimes.daemon)
        await lifetimes.daemon.terminate()
    assert entries_of(sandbox) == {"msg_a": 1, "msg_b": 1}
    assert len(sandbox.snapshot()["hubspot"]["contacts"]) == len(sandbox.snapshot()["hubspot"]["tickets"]) == 1


def receipt_of(sandbox: Sandbox, message_id: str) -> str | None:
    for entry in sandbox.hubspot.records_of("communications"):
        if entry.properties["wa_message_id"] == message_id:
            return entry.properties.get("wa_status")
    return None

"""The shipped recipes in a real daemon, between a real sender and the sandbox."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from bridge.app import Daemon
from bridge.configuration.load import load_configuration
from bridge.model import DeliveryState
from bridge.sandbox import Sandbox, SandboxUrls
from bridge.sources import sign
from tests.canaries import BUSINESS, PHONE
from tests.connectors.catalog.requests import strange
from tests.e2e.daemon import ENVIRONMENT, write_configuration

OPEN = (DeliveryState.PENDING, DeliveryState.RUNNING, DeliveryState.RETRYING)
Body = dict[str, Any]


def received(message_id: str, text: str | None = "Hello", *, sender: str = PHONE, **more: object) -> Body:
    """A customer's message in the words of the developer pages."""
    data: Body = {"message_id": message_id, "sender": sender, "recipient": BUSINESS, "type": "text", **more}
    if text is not None:
        data["body"] = text
    return {"event": "message.received", "timestamp": 1_780_369_298, "data": data}


def incoming(message_id: str, text: str, *, sender: str = f"+{PHONE}", name: str | None = None) -> Body:
    """A customer's message in the words of the help centre."""
    data = {"message_id": message_id, "from": sender, "contact_name": name, "type": "text", "text": text}
    return {"event": "message.incoming", "timestamp": "2026-06-02T03:05:00Z", "data": data}


def receipt(status: str, message_id: str, *, customer: str = PHONE, **more: object) -> Body:
    """What became of a message: `sent`, `delivered`, `read` or `failed`."""
    data = {"message_id": message_id, "sender": BUSINESS, "recipient": customer, "status": status, **more}
    return {"event": f"message.{status}", "timestamp": 1_780_369_320, "data": data}


@dataclass
class Stage:
    """A daemon with the shipped recipes, and both CRMs in a sandbox."""

    daemon: Daemon
    sandbox: Sandbox
    urls: SandboxUrls
    session: aiohttp.ClientSession
    ids: list[str] = field(default_factory=list)

    async def send(self, *bodies: Body) -> None:
        """Post each body as AISoule does: the dialect of the help centre has a header of its own."""
        source = self.daemon.configuration.sources["aisoule"]
        for body in bodies:
            raw = orjson.dumps(body)
            header = "X-Webhook-Signature" if "from" in body.get("data", {}) else "X-AISoule-Signature"
            signed = sign(source.verification, raw, now_ms=0, header=header)
            headers = [("Content-Type", "application/json"), *signed.headers]
            url = self.daemon.bound.public + source.path
            async with self.session.post(url, data=raw, headers=headers) as response:
                assert response.status == 200
                self.ids.append(orjson.loads(await response.read())["id"])

    async def settled(self) -> dict[str, dict[str, int]]:
        """Wait until nothing is open; rule -> state -> how many."""
        while True:
            books = await self.daemon.store.books()
            waiting = sum(states.get(state, 0) for states in books.rules.values() for state in OPEN)
            if waiting + books.unrouted == 0:
                return {
                    rule: {str(state): count for state, count in states.items() if count}
                    for rule, states in books.rules.items()
                }
            now_ms = self.daemon._clock.now_ms()
            await self.daemon._clock.wait(self.sandbox.journal.changed, now_ms + 20)

    async def delivered(self, *bodies: Body) -> dict[str, dict[str, int]]:
        """Send, one after another, and wait until all is settled."""
        await self.send(*bodies)
        return await self.settled()

    async def delete(self, url: str, **headers: str) -> None:
        """Delete a record as a person in the CRM would."""
        async with self.session.delete(url, headers=headers) as response:
            assert response.status == 204

    def hubspot(self, kind: str) -> list[Any]:
        return list(self.sandbox.snapshot()["hubspot"][kind])

    def zendesk(self, kind: str) -> list[Any]:
        return list(self.sandbox.snapshot()["zendesk"][kind])

    def comments(self) -> list[list[tuple[str, bool]]]:
        """Of each ticket its comments: text, and whether it is public."""
        return [[(each["body"], each["public"]) for each in ticket["comments"]] for ticket in self.zendesk("tickets")]


MakeStage = Callable[..., Any]


@pytest.fixture
async def make_stage(tmp_path: Path) -> AsyncIterator[MakeStage]:
    """Build a stage; keyword arguments are variables of the recipes."""
    sandboxes: list[Sandbox] = []
    async with AsyncExitStack() as stack:

        async def make(**environ: str) -> Stage:
            sandbox = Sandbox()
            sandboxes.append(sandbox)
            urls = await stack.enter_async_context(sandbox.running())
            loaded = load_configuration(write_configuration(tmp_path, urls), {**ENVIRONMENT, **environ})
            assert loaded.configuration is not None, loaded.findings
            session = await stack.enter_async_context(aiohttp.ClientSession())
            daemon = await stack.enter_async_context(Daemon(loaded.configuration))
            return Stage(daemon, sandbox, urls, session)

        yield make
    assert [problem for sandbox in sandboxes for problem in strange(sandbox.journal)] == []


@pytest.fixture
async def stage(make_stage: MakeStage) -> Stage:
    made: Stage = await make_stage()
    return made

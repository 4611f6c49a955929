"""Both listeners over a real engine and store, and clients that can also speak broken HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from bridge.clock import ManualClock
from bridge.sandbox import Credentials, Sandbox
from bridge.settings import ServerSettings
from bridge.sources import sign
from bridge.web.admin import Admin
from bridge.web.handshakes import Greeter
from bridge.web.ingest import Ingest, Phase
from bridge.web.server import GuardedRunner, GuardedServer
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET
from tests.engine.world import World

TOKEN = "an-admin-token-for-tests"
MARK = "Zx9Qecho"
"""Stands in everything that a test sends wrong: no answer may hold it."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: CIMultiDictProxy[str]
    text: str


@dataclass
class Doors:
    """The public and the admin listener of one world."""

    world: World
    session: aiohttp.ClientSession
    ingest: Ingest
    public: str
    admin: str
    reloads: list[dict[str, object]] = field(default_factory=list)

    def signed(self, body: bytes, source: str = "orders") -> list[tuple[str, str]]:
        compiled = self.world.engine.present.configuration.sources[source]
        return list(sign(compiled.verification, body, now_ms=self.world.clock.now_ms()).headers)

    async def ask(self, method: str, url: str, **more: Any) -> Reply:
        async with self.session.request(method, URL(url, encoded=True), allow_redirects=False, **more) as got:
            raw = await got.read()
            body: Any = orjson.loads(raw) if got.content_type == "application/json" and raw else None
            if got.status >= 400:
                assert set(body) == {"ok", "error"}
                assert set(body["error"]) == {"code", "message", "help"}
                assert body["ok"] is False
                assert MARK not in raw.decode()
                assert MARK not in str(got.headers)
            return Reply(got.status, body, got.headers, raw.decode())

    async def post(self, body: bytes | Mapping[str, object], *, source: str = "orders", **more: Any) -> Reply:
        """A signed event."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = [*self.signed(raw, source), *more.pop("headers", {}).items()]
        return await self.ask("POST", f"{self.public}/hooks/{source}", data=raw, headers=headers, **more)

    async def say(self, *parts: bytes, url: str | None = None) -> bytes:
        """Send bytes over a plain connection and return the answer to them."""
        reader, writer = await self.dial(url)
        try:
            for part in parts:
                writer.write(part)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            return head + await reader.readexactly(int(length))
        finally:
            writer.close()

    async def dial(self, url: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        at = URL(url or self.public)
        return await asyncio.open_connection(at.host, at.port)

    async def ask_admin(self, method: str, path: str, **more: Any) -> Reply:
        headers = {"Authorization": f"Bearer {TOKEN}", **more.pop("headers", {})}
        return await self.ask(method, f"{self.admin}{path}", headers=headers, **more)


def order(number: int = 1, **more: object) -> dict[str, object]:
    return {"kind": "placed", "id": f"o{number}", "customer": "c1", **more}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    credentials = Credentials(
        hubspot_tokens=frozenset({HUBSPOT_TOKEN}), zendesk_client_secret=ZENDESK_SECRET, generic_token=ERP_TOKEN
    )
    sandbox = Sandbox(clock, credentials)
    async with sandbox.running() as urls:
        made = World(tmp_path, sandbox, urls, clock)
        await made.open()
        yield made
        await made.stop(within_s=1)


@pytest.fixture
async def doors(world: World, request: pytest.FixtureRequest) -> AsyncIterator[Doors]:
    """Open doors; `@pytest.mark.parametrize("doors", [{...settings}], indirect=True)` changes the settings."""
    options = {"answer_timeout": "2m", **getattr(request, "param", {})}  # however busy the machine is
    settings = ServerSettings(**options)
    engine = world.engine
    await engine.start()
    greeter = Greeter(engine.handshaking, failed=world.failures.append)
    ingest = Ingest(engine.present, engine.acceptor, world.clock, settings, greeter, failed=world.failures.append)
    ingest.phase = Phase.OPEN
    guards: dict[str, Any] = {
        "header_timeout_s": settings.header_timeout_ms / 1000,
        "max_connections": settings.max_connections,
        "max_per_address": settings.max_connections_per_address,
        "keep_alive_s": settings.keep_alive_ms / 1000,
    }
    reloads: list[dict[str, object]] = []

    async def reload() -> dict[str, object]:
        return reloads.pop(0)

    admin = Admin(world.console, TOKEN, reload, host="127.0.0.1")
    runners: list[web.BaseRunner] = [
        web.ServerRunner(GuardedServer(ingest.handle, **guards), shutdown_timeout=0.1),
        GuardedRunner(admin.application(), **guards, shutdown_timeout=0.1),
    ]
    bases = []
    for runner in runners:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        bases.append(f"http://{host}:{port}")
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:
        yield Doors(world, session, ingest, bases[0], bases[1], reloads)
    for runner in runners:
        await runner.cleanup()

"""A running sandbox on a clock that tests step, and clients that speak to its APIs over real connections."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from bridge.clock import ManualClock
from bridge.sandbox import Credentials, Sandbox, SandboxUrls
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: CIMultiDictProxy[str]


@dataclass
class Caller:
    """One API's client: a base URL and the headers that open it."""

    session: aiohttp.ClientSession
    base: str
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(
        self, method: str, path: str, json: Any = None, headers: dict[str, str] | None = None, **more: Any
    ) -> Reply:
        sent = {**self.headers, **(headers or {})}
        if json is not None:
            more["json"] = json
        async with self.session.request(method, self.base + path, headers=sent, allow_redirects=False, **more) as got:
            raw = await got.read()
            body = await got.json() if got.content_type == "application/json" and raw else raw.decode()
            return Reply(got.status, body, got.headers)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sandbox(clock: ManualClock) -> Sandbox:
    return Sandbox(
        clock,
        Credentials(
            hubspot_tokens=frozenset({HUBSPOT_TOKEN}), zendesk_client_secret=ZENDESK_SECRET, generic_token=ERP_TOKEN
        ),
    )


@pytest.fixture
async def urls(sandbox: Sandbox) -> AsyncIterator[SandboxUrls]:
    async with sandbox.running() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def hubspot(session: aiohttp.ClientSession, urls: SandboxUrls) -> Caller:
    return Caller(session, urls.hubspot, {"Authorization": f"Bearer {HUBSPOT_TOKEN}"})


@pytest.fixture
def zendesk(session: aiohttp.ClientSession, urls: SandboxUrls, sandbox: Sandbox) -> Caller:
    known = sandbox.credentials
    pair = base64.b64encode(f"{known.zendesk_email}/token:{known.zendesk_api_token}".encode()).decode()
    return Caller(session, urls.zendesk + "/api/v2", {"Authorization": f"Basic {pair}"})


@pytest.fixture
def generic(session: aiohttp.ClientSession, urls: SandboxUrls) -> Caller:
    return Caller(session, urls.generic, {"Authorization": f"Bearer {ERP_TOKEN}"})


@pytest.fixture
def control(session: aiohttp.ClientSession, urls: SandboxUrls) -> Caller:
    return Caller(session, urls.control)

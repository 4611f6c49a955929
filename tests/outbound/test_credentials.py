"""Who we are: static headers, and tokens that are fetched once for everybody."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from bridge.clock import ManualClock
from bridge.connectors.destination import Destination
from bridge.model import Outcome
from bridge.outbound.credentials import DEFAULT_LIFETIME_S, Credentials, TokenRefused
from bridge.outbound.outlet import Outlet
from bridge.sandbox import FaultKind, FaultSpec, Match, Sandbox
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET
from tests.outbound.conftest import destination
from tests.outbound.peer import Peer, answers, client_of


@pytest.fixture
async def outlet(zendesk: Destination, clock: ManualClock) -> AsyncIterator[Outlet]:
    made = Outlet(zendesk, clock)
    yield made
    await made.close()


def tokens_asked(sandbox: Sandbox) -> int:
    return len(sandbox.journal.of("zendesk", "POST", "/oauth/tokens"))


def trouble(sandbox: Sandbox, kind: FaultKind, **more: Any) -> None:
    sandbox.faults.add(FaultSpec(fault=kind, match=Match(path="/oauth/tokens"), **more))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"auth": {"type": "bearer", "token": ERP_TOKEN}}, {"Authorization": f"Bearer {ERP_TOKEN}"}),
        (
            {"auth": {"type": "basic", "username": "u", "password": ERP_TOKEN}},
            {"Authorization": "Basic " + base64.b64encode(f"u:{ERP_TOKEN}".encode()).decode()},
        ),
        ({"auth": {"type": "header", "name": "X-Api-Key", "value": ERP_TOKEN}}, {"X-Api-Key": ERP_TOKEN}),
        ({"auth": {"type": "none"}}, {}),
        ({}, {}),
    ],
)
async def test_a_credential_that_never_changes_is_a_header(
    settings: dict[str, Any], expected: dict[str, str], clock: ManualClock
) -> None:
    outlet = Outlet(destination("http", base_url="https://erp.example", **settings), clock)
    assert await outlet.credentials.headers() == expected
    assert not outlet.credentials.can_refresh


async def test_hubspot_takes_a_bearer_token_and_zendesk_the_legacy_one_as_basic(clock: ManualClock) -> None:
    hubspot = Outlet(destination("hubspot", token=HUBSPOT_TOKEN), clock)
    assert await hubspot.credentials.headers() == {"Authorization": f"Bearer {HUBSPOT_TOKEN}"}
    legacy = destination("zendesk", subdomain="acme", email="agent@example.com", api_token=ZENDESK_SECRET)
    expected = base64.b64encode(f"agent@example.com/token:{ZENDESK_SECRET}".encode()).decode()
    assert await Outlet(legacy, clock).credentials.headers() == {"Authorization": f"Basic {expected}"}


async def test_fifty_at_once_fetch_one_token(outlet: Outlet, sandbox: Sandbox) -> None:
    headers = await asyncio.gather(*(outlet.credentials.headers() for _ in range(50)))
    assert len({header["Authorization"] for header in headers}) == 1
    assert tokens_asked(sandbox) == 1


async def test_fifty_that_were_refused_with_one_token_fetch_one_new_one(outlet: Outlet, sandbox: Sandbox) -> None:
    before = await outlet.credentials.headers()
    seen = outlet.credentials.version
    await asyncio.gather(*(outlet.credentials.refresh(seen) for _ in range(50)))
    assert await outlet.credentials.headers() != before
    assert tokens_asked(sandbox) == 2


async def test_a_refusal_of_an_old_token_does_not_replace_the_new_one(outlet: Outlet, sandbox: Sandbox) -> None:
    await outlet.credentials.headers()
    seen = outlet.credentials.version
    await outlet.credentials.refresh(seen)
    await outlet.credentials.refresh(seen)
    assert tokens_asked(sandbox) == 2


async def test_a_token_is_replaced_a_minute_before_it_ends(
    outlet: Outlet, sandbox: Sandbox, clock: ManualClock
) -> None:
    await outlet.credentials.headers()
    clock.advance((DEFAULT_LIFETIME_S - 60) * 1000 - 1)
    await outlet.credentials.headers()
    assert tokens_asked(sandbox) == 1
    clock.advance(1)
    await outlet.credentials.headers()
    assert tokens_asked(sandbox) == 2


async def test_fifty_that_wait_for_a_refused_token_hear_one_refusal(outlet: Outlet, sandbox: Sandbox) -> None:
    trouble(sandbox, FaultKind.STATUS, status=503, retry_after=30, times=None)
    answers_ = await asyncio.gather(*(outlet.credentials.headers() for _ in range(50)), return_exceptions=True)
    assert tokens_asked(sandbox) == 1
    assert all(isinstance(answer, TokenRefused) for answer in answers_)
    with pytest.raises(TokenRefused) as caught:
        await outlet.credentials.headers()
    assert (caught.value.outcome, caught.value.retry_after_ms) == (Outcome.RETRY_LATER, 30_000)
    assert caught.value.failures == 2


@pytest.mark.parametrize(
    ("kind", "more", "outcome"),
    [
        (FaultKind.STATUS, {"status": 400}, Outcome.UNAUTHORIZED),
        (FaultKind.STATUS, {"status": 401}, Outcome.UNAUTHORIZED),
        (FaultKind.STATUS, {"status": 403}, Outcome.UNAUTHORIZED),
        (FaultKind.REDIRECT, {}, Outcome.UNAUTHORIZED),
        (FaultKind.STATUS, {"status": 429}, Outcome.RATE_LIMITED),
        (FaultKind.STATUS, {"status": 500}, Outcome.RETRY_LATER),
        (FaultKind.HTML_200, {}, Outcome.RETRY_LATER),
        (FaultKind.EMPTY_200, {}, Outcome.RETRY_LATER),
        (FaultKind.HALF_BODY, {}, Outcome.RETRY_LATER),
        (FaultKind.RESET, {}, Outcome.RETRY_LATER),
    ],
)
async def test_why_there_is_no_token_says_whether_asking_again_may_help(
    outlet: Outlet, sandbox: Sandbox, kind: FaultKind, more: dict[str, Any], outcome: Outcome
) -> None:
    trouble(sandbox, kind, **more)
    with pytest.raises(TokenRefused) as caught:
        await outlet.credentials.headers()
    assert caught.value.outcome is outcome
    assert await outlet.credentials.headers()


@pytest.mark.parametrize(
    "body",
    [{"access_token": 5}, {"access_token": ""}, {"access_token": "a\r\nX-Admin: 1"}, {"token": "a"}, [], None, "a"],
)
async def test_an_answer_without_a_usable_token_is_refused(
    body: object, zendesk: Destination, clock: ManualClock
) -> None:
    raw = orjson.dumps(body)
    said = f"HTTP/1.1 200 OK\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw
    async with Peer(answers(said)).running() as peer, client_of(peer.base) as client:
        with pytest.raises(TokenRefused):
            await Credentials(zendesk, client, clock).headers()


@pytest.mark.parametrize("expires_in", [None, "soon", 0, -1, True, 10**12])
async def test_a_lifetime_that_makes_no_sense_is_the_usual_one(
    expires_in: object, zendesk: Destination, clock: ManualClock
) -> None:
    raw = orjson.dumps({"access_token": ERP_TOKEN, "expires_in": expires_in})
    said = f"HTTP/1.1 200 OK\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw
    async with Peer(answers(said)).running() as peer, client_of(peer.base) as client:
        credentials = Credentials(zendesk, client, clock)
        await credentials.headers()
        clock.advance((DEFAULT_LIFETIME_S - 60) * 1000 - 1)
        await credentials.headers()
        assert peer.connections == 1


async def test_no_credential_shows_in_any_repr(outlet: Outlet, zendesk: Destination, sandbox: Sandbox) -> None:
    token = (await outlet.credentials.headers())["Authorization"].removeprefix("Bearer ")
    trouble(sandbox, FaultKind.STATUS, status=400, body={"access_token": token})
    with pytest.raises(TokenRefused) as caught:
        await outlet.credentials.refresh(outlet.credentials.version)
    erp = destination("http", base_url="https://erp.example", auth={"type": "bearer", "token": ERP_TOKEN})
    shown = " ".join(
        repr(each)
        for each in (zendesk, erp, outlet, outlet.client, outlet.credentials, outlet.gate, caught.value, caught)
    )
    for secret in (token, ZENDESK_SECRET, ERP_TOKEN):
        assert secret not in shown

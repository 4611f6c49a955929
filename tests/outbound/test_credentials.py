"""Who we are: static headers, and tokens that are fetched once for everybody."""

import asyncio
import base64
import dataclasses
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer
from bridge.connectors.destination import Destination
from bridge.connectors.request import OutboundRequest
from bridge.connectors.schema import Auth
from bridge.model import Outcome
from bridge.outbound.credentials import Credentials, TokenRefused
from bridge.outbound.outlet import Outlet
from bridge.outbound.token_endpoint import DEFAULT_LIFETIME_S, Granted
from bridge.outbound.vault import FILE_NAME, Vault
from bridge.sandbox import FaultKind, FaultSpec, Match, Sandbox
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET
from tests.outbound.api import turns
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
    assert caught.value.failures == 1


async def test_an_endpoint_that_wants_to_be_left_alone_is(outlet: Outlet, sandbox: Sandbox, clock: ManualClock) -> None:
    trouble(sandbox, FaultKind.STATUS, status=503, retry_after=30, times=2)
    seen = []
    for _ in range(4):
        with pytest.raises(TokenRefused) as caught:
            await outlet.credentials.headers()
        seen.append((caught.value.retry_after_ms, caught.value.failures, tokens_asked(sandbox)))
        clock.advance(10_000)
    assert seen == [(30_000, 1, 1), (20_000, 1, 1), (10_000, 1, 1), (30_000, 2, 2)]
    outlet.resume()  # a person knows better
    assert await outlet.credentials.headers()


async def test_an_endpoint_that_does_not_say_when_is_asked_no_sooner_than_the_schedule_would(
    outlet: Outlet, sandbox: Sandbox, clock: ManualClock
) -> None:
    trouble(sandbox, FaultKind.STATUS, status=500, times=None)
    for failures, least_ms in ((1, 1_000), (2, 5_000), (3, 30_000)):
        for advance_ms in (least_ms - 1, 1):
            with pytest.raises(TokenRefused) as caught:
                await outlet.credentials.headers()
            assert (caught.value.failures, tokens_asked(sandbox)) == (failures, failures)
            clock.advance(advance_ms)


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
    outlet: Outlet, sandbox: Sandbox, clock: ManualClock, kind: FaultKind, more: dict[str, Any], outcome: Outcome
) -> None:
    trouble(sandbox, kind, **more)
    with pytest.raises(TokenRefused) as caught:
        await outlet.credentials.headers()
    assert caught.value.outcome is outcome
    clock.advance(0 if outcome is Outcome.UNAUTHORIZED else 1_000)
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


# --- refresh tokens that the API replaces --------------------------------------------------------------------------


ROTATING = Auth(
    mode="oauth",
    needs=("refresh_token",),
    path="/oauth/token",
    body="form",
    fields={"grant_type": "refresh_token", "refresh_token": "{{ settings.refresh_token }}"},
    rotates="refresh_token",
)


class TokenEndpoint:
    """Gives a new pair for the refresh token that is good, and makes that void at once."""

    def __init__(self, good: str) -> None:
        self.good = good
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(
        self, request: OutboundRequest, _credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        del timeout_ms
        given = parse_qs(request.body.decode())["refresh_token"][0]
        self.asked.append(given)
        if given != self.good:
            return Answer(400, {}, b'{"error": "invalid_grant"}')
        self.good = f"refresh-{len(self.asked)}"
        await self.open.wait()
        granted = {"access_token": f"access-{len(self.asked)}", "refresh_token": self.good, "expires_in": 1800}
        return Answer(200, {}, orjson.dumps(granted))

    async def close(self) -> None:
        """Nothing is open."""


def rotating(
    client: TokenEndpoint, clock: ManualClock, vault: Vault | None, configured: str = ERP_TOKEN, *, scope: str = ""
) -> Credentials:
    plain = destination("http", base_url="https://crm.example")
    auth = ROTATING.model_copy(update={"fields": {**ROTATING.fields, "scope": scope}}) if scope else ROTATING
    made = dataclasses.replace(plain, auth=auth, secrets={"refresh_token": configured})
    return Credentials(made, client, clock, vault)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / FILE_NAME)


async def test_fifty_at_once_rotate_once_and_the_new_token_is_stored_before_use(
    vault: Vault, clock: ManualClock
) -> None:
    endpoint = TokenEndpoint(ERP_TOKEN)
    one = rotating(endpoint, clock, vault)
    headers = await asyncio.gather(*(one.headers() for _ in range(50)))
    assert {header["Authorization"] for header in headers} == {"Bearer access-1"}
    assert vault.read("crm", ERP_TOKEN) == endpoint.good
    await asyncio.gather(*(one.refresh(1) for _ in range(50)))
    assert endpoint.asked == [ERP_TOKEN, "refresh-1"]
    assert vault.read("crm", ERP_TOKEN) == "refresh-2"


async def test_a_restart_goes_on_with_the_stored_token(vault: Vault, clock: ManualClock) -> None:
    endpoint = TokenEndpoint(ERP_TOKEN)
    await rotating(endpoint, clock, vault).headers()
    assert await rotating(endpoint, clock, vault).headers() == {"Authorization": "Bearer access-2"}
    assert endpoint.asked == [ERP_TOKEN, "refresh-1"]


async def test_a_newly_configured_refresh_token_replaces_the_stored_one(vault: Vault, clock: ManualClock) -> None:
    endpoint = TokenEndpoint(ERP_TOKEN)
    await rotating(endpoint, clock, vault).headers()
    endpoint.good = HUBSPOT_TOKEN
    await rotating(endpoint, clock, vault, HUBSPOT_TOKEN).headers()
    assert endpoint.asked == [ERP_TOKEN, HUBSPOT_TOKEN]


async def test_where_the_vault_cannot_be_written_the_endpoint_is_not_even_asked(
    tmp_path: Path, clock: ManualClock
) -> None:
    endpoint = TokenEndpoint(ERP_TOKEN)
    for unusable in (None, Vault(tmp_path / "missing" / FILE_NAME)):
        with pytest.raises(TokenRefused) as caught:
            await rotating(endpoint, clock, unusable).headers()
        assert (caught.value.outcome, caught.value.code) == (Outcome.RETRY_LATER, "vault")
    assert endpoint.asked == []


async def test_a_token_that_could_not_be_stored_is_not_used_until_it_is(tmp_path: Path, clock: ManualClock) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    endpoint = TokenEndpoint(ERP_TOKEN)
    endpoint.open.clear()
    one = rotating(endpoint, clock, Vault(folder / FILE_NAME))
    asking = asyncio.create_task(one.headers())
    while not endpoint.asked:
        await turns()
    folder.rename(tmp_path / "away")  # between the question and its answer
    endpoint.open.set()
    with pytest.raises(TokenRefused) as caught:
        await asking
    assert caught.value.code == "vault"
    with pytest.raises(TokenRefused):
        await one.headers()
    (tmp_path / "away").rename(folder)
    assert await one.headers() == {"Authorization": "Bearer access-1"}
    assert endpoint.asked == [ERP_TOKEN]
    assert Vault(folder / FILE_NAME).read("crm", ERP_TOKEN) == endpoint.good


async def test_cancelling_all_who_wait_does_not_lose_the_new_token(vault: Vault, clock: ManualClock) -> None:
    endpoint = TokenEndpoint(ERP_TOKEN)
    endpoint.open.clear()
    one = rotating(endpoint, clock, vault)
    waiting = [asyncio.create_task(one.headers()) for _ in range(3)]
    while not endpoint.asked:
        await turns()
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    endpoint.open.set()
    await one.close()
    assert vault.read("crm", ERP_TOKEN) == endpoint.good
    assert await one.headers() == {"Authorization": "Bearer access-1"}


async def test_over_a_reload_one_refresh_token_is_used_once(vault: Vault, clock: ManualClock) -> None:
    endpoint = TokenEndpoint(ERP_TOKEN)
    endpoint.open.clear()
    before, after = (rotating(endpoint, clock, vault) for _ in range(2))
    asking = asyncio.create_task(before.headers())
    while not endpoint.asked:
        await turns()
    after.succeed(before)
    also = asyncio.create_task(after.headers())
    await turns()
    endpoint.open.set()
    assert await asking == await also == {"Authorization": "Bearer access-1"}
    await asyncio.gather(before.refresh(1), after.refresh(1))  # those who are under way at the former outlet
    assert endpoint.asked == [ERP_TOKEN, "refresh-1"]
    assert await after.headers() == {"Authorization": "Bearer access-2"}


@pytest.mark.parametrize("edited", [True, False])
async def test_credentials_that_differ_take_turns_with_the_same_refresh_token(
    vault: Vault, clock: ManualClock, *, edited: bool
) -> None:
    endpoint = TokenEndpoint(ERP_TOKEN)
    before, after = rotating(endpoint, clock, vault), rotating(endpoint, clock, vault, scope="more")
    if edited:
        after.succeed(before)
    headers = await asyncio.gather(before.headers(), after.headers())
    assert [header["Authorization"] for header in headers] == ["Bearer access-1", "Bearer access-2"]
    assert endpoint.asked == [ERP_TOKEN, "refresh-1"]


async def test_a_token_that_could_not_be_stored_goes_to_the_new_credentials(tmp_path: Path, clock: ManualClock) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    endpoint = TokenEndpoint(ERP_TOKEN)
    endpoint.open.clear()
    before, after = (rotating(endpoint, clock, Vault(folder / FILE_NAME), scope=scope) for scope in ("", "more"))
    asking = asyncio.create_task(before.headers())
    while not endpoint.asked:
        await turns()
    folder.rename(tmp_path / "away")
    endpoint.open.set()
    with pytest.raises(TokenRefused):
        await asking
    (tmp_path / "away").rename(folder)
    after.succeed(before)
    assert await after.headers() == {"Authorization": "Bearer access-1"}
    assert endpoint.asked == [ERP_TOKEN]


async def test_a_void_refresh_token_is_for_a_person(vault: Vault, clock: ManualClock) -> None:
    with pytest.raises(TokenRefused) as caught:
        await rotating(TokenEndpoint("another"), clock, vault).headers()
    assert caught.value.outcome is Outcome.UNAUTHORIZED


async def test_no_rotated_token_shows_in_any_repr(vault: Vault, clock: ManualClock) -> None:
    one = rotating(TokenEndpoint(ERP_TOKEN), clock, vault)
    await one.headers()
    assert ERP_TOKEN not in repr(one)
    assert "access-1" not in repr(Granted("access-1", 5, "refresh-1"))
    assert "refresh-1" not in repr(Granted("access-1", 5, "refresh-1"))

import asyncio
from typing import Any

import aiohttp
import pytest

from bridge.clock import ManualClock
from bridge.sandbox import FaultKind, FaultSpec, Match, Sandbox
from tests.sandbox.conftest import Caller

CONTACTS = "/crm/v3/objects/contacts"
CONTACT: dict[str, Any] = {"properties": {"firstname": "A"}}


def fault(kind: FaultKind, **more: Any) -> FaultSpec:
    return FaultSpec(fault=kind, match=Match(api="hubspot"), **more)


def contacts_of(sandbox: Sandbox) -> int:
    return len(sandbox.hubspot.records_of("contacts"))


@pytest.mark.parametrize("applied", [False, True])
async def test_a_server_error_before_or_after_the_work(hubspot: Caller, sandbox: Sandbox, *, applied: bool) -> None:
    sandbox.faults.add(fault(FaultKind.STATUS, status=500, applied=applied))
    answer = await hubspot("POST", CONTACTS, CONTACT)
    assert (answer.status, answer.body["status"]) == (500, "error")
    assert contacts_of(sandbox) == int(applied)
    assert (await hubspot("POST", CONTACTS, CONTACT)).status == 201


async def test_429_carries_retry_after_in_the_shape_of_each_api(
    hubspot: Caller, zendesk: Caller, generic: Caller, sandbox: Sandbox
) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=7, times=None))
    for call, key in ((hubspot, "policyName"), (zendesk, "error"), (generic, "error")):
        answer = await call("GET", "/anything")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert key in answer.body


async def test_a_status_can_have_its_own_body(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(fault(FaultKind.STATUS, status=477, body={"moved": True}, retry_after=86_400))
    answer = await hubspot("GET", CONTACTS)
    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (477, {"moved": True}, "86400")


@pytest.mark.parametrize("applied", [False, True])
async def test_a_reset_hides_whether_the_work_was_done(hubspot: Caller, sandbox: Sandbox, *, applied: bool) -> None:
    sandbox.faults.add(fault(FaultKind.RESET, applied=applied))
    with pytest.raises(aiohttp.ClientConnectionError):
        await hubspot("POST", CONTACTS, CONTACT)
    assert contacts_of(sandbox) == int(applied)
    (entry,) = sandbox.journal
    assert (entry.status, entry.fault) == (None, "reset")


@pytest.mark.parametrize("applied", [False, True])
async def test_a_timeout_holds_the_request_until_the_client_gives_up(
    hubspot: Caller, sandbox: Sandbox, *, applied: bool
) -> None:
    sandbox.faults.add(fault(FaultKind.TIMEOUT, applied=applied))
    request = asyncio.ensure_future(hubspot("POST", CONTACTS, CONTACT))
    await sandbox.wait_for(lambda: [entry for entry in sandbox.journal if entry.fault])
    assert not request.done()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert contacts_of(sandbox) == int(applied)


async def test_a_hanging_request_does_not_hold_up_the_end(session: aiohttp.ClientSession) -> None:
    sandbox = Sandbox()
    sandbox.faults.add(FaultSpec(fault=FaultKind.TIMEOUT))
    async with sandbox.running() as urls:
        request = asyncio.ensure_future(Caller(session, urls.generic)("GET", "/x"))
        await sandbox.wait_for(lambda: len(sandbox.journal))
    with pytest.raises(aiohttp.ClientConnectionError):
        await request


async def test_half_a_body_is_cut_after_the_work(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(fault(FaultKind.HALF_BODY))
    with pytest.raises(aiohttp.ClientPayloadError):
        await hubspot("POST", CONTACTS, CONTACT)
    assert contacts_of(sandbox) == 1


async def test_half_a_body_without_the_work(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(fault(FaultKind.HALF_BODY, applied=False))
    with pytest.raises(aiohttp.ClientPayloadError):
        await hubspot("POST", CONTACTS, CONTACT)
    assert contacts_of(sandbox) == 0


async def test_successes_that_are_none(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(fault(FaultKind.HTML_200))
    sandbox.faults.add(fault(FaultKind.EMPTY_200))
    page = await hubspot("POST", CONTACTS, CONTACT)
    assert (page.status, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    empty = await hubspot("POST", CONTACTS, CONTACT)
    assert (empty.status, empty.body) == (200, "")
    assert contacts_of(sandbox) == 0


async def test_a_redirect_names_another_place(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(fault(FaultKind.REDIRECT, location="https://example.com/sign-in"))
    answer = await hubspot("POST", CONTACTS, CONTACT)
    assert (answer.status, answer.headers["Location"]) == (302, "https://example.com/sign-in")


async def test_a_giant_answer_has_its_size(hubspot: Caller, sandbox: Sandbox) -> None:
    sandbox.faults.add(fault(FaultKind.GIANT, size=200_001))
    answer = await hubspot("GET", CONTACTS)
    assert len(answer.body["id"]) == 200_001 - len('{"id":""}')


async def test_a_client_may_hang_up_on_a_giant_answer(
    hubspot: Caller, sandbox: Sandbox, session: aiohttp.ClientSession
) -> None:
    sandbox.faults.add(fault(FaultKind.GIANT))
    async with session.get(hubspot.base + CONTACTS, headers=hubspot.headers) as got:
        assert len(await got.content.readexactly(1000)) == 1000
        got.close()
    assert (await hubspot("GET", CONTACTS)).status == 200


async def test_a_slow_answer_comes_when_the_clock_has_moved(
    hubspot: Caller, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.faults.add(fault(FaultKind.SLOW, delay_ms=5000))
    request = asyncio.ensure_future(hubspot("POST", CONTACTS, CONTACT))
    await sandbox.wait_for(lambda: contacts_of(sandbox))
    assert not request.done()
    clock.advance(5000)
    assert (await request).status == 201

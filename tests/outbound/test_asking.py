import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.clock import ManualClock
from bridge.connectors.destination import Destination
from bridge.outbound import asking as module
from bridge.outbound.asking import Asking, Told
from bridge.outbound.vault import Vault
from bridge.rules.claims import Exists, Spot, Subject
from bridge.rules.creations import Wanted, creations
from bridge.sandbox import FaultKind, FaultSpec, HubSpotLimits, Match, Sandbox, SandboxUrls
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET
from tests.outbound.conftest import destination

CONTACTS = Subject("hubspot", "properties", "contacts")
PIPELINES = Subject("hubspot", "pipelines", "tickets")
FIELDS = Subject("zendesk", "ticket_fields", "")
FORMS = Subject("zendesk", "ticket_forms", "")


class HurryingClock(ManualClock):
    """Nobody waits for it: it jumps to where a wait ends, and remembers how long that was."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_ms: list[int] = []

    async def wait(self, signal: asyncio.Event, until_ms: int | None) -> None:
        assert until_ms is not None, "nothing would end this wait"
        assert not signal.is_set()
        self.waits_ms.append(until_ms - self.now_ms())
        self.advance(self.waits_ms[-1])


@pytest.fixture
def clock() -> HurryingClock:
    return HurryingClock()


@pytest.fixture
def hubspot(urls: SandboxUrls) -> Destination:
    return destination("hubspot", "hubspot", base_url=urls.hubspot, token=HUBSPOT_TOKEN)


@asynccontextmanager
async def opened(asked: Destination, clock: ManualClock, vault: Vault | None = None) -> AsyncIterator[Asking]:
    asking = Asking(asked, clock, vault)
    try:
        yield asking
    finally:
        await asking.close()


async def told(asked: Destination, clock: ManualClock, *subjects: Subject, scopes: bool = True) -> Told:
    async with opened(asked, clock) as asking:
        return await asking.ask(subjects, scopes=scopes)


def calls(sandbox: Sandbox) -> list[str]:
    return [f"{entry.method} {entry.path}" for entry in sandbox.journal]


async def test_an_account_is_asked_with_one_call_for_each_list(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    found = await told(hubspot, clock, CONTACTS, PIPELINES)
    assert found.known is not None
    assert found.shown == {"portal": "1", "kind": "sandbox", "app": "app.hubspot.com"}
    assert found.known.things[CONTACTS]["whatsapp_id"].unique
    assert found.known.things[PIPELINES]["0"].inside is not None
    assert "tickets" in (found.known.scopes or ())
    assert found.calls == 4
    assert calls(sandbox) == [
        "GET /account-info/2026-03/details",
        "POST /oauth/v2/private-apps/get/access-token-info",
        "GET /crm/properties/2026-03/contacts",
        "GET /crm/pipelines/2026-03/tickets",
    ]


async def test_scopes_that_nobody_needs_are_not_asked_for(hubspot: Destination, clock: ManualClock) -> None:
    found = await told(hubspot, clock, scopes=False)
    assert (found.calls, found.known and found.known.scopes) == (1, None)


async def test_zendesk_is_asked_through_all_pages(zendesk: Destination, sandbox: Sandbox, clock: ManualClock) -> None:
    sandbox.zendesk.definitions.ticket_fields += [{"id": 1000 + n, "title": "x", "type": "text"} for n in range(250)]
    found = await told(zendesk, clock, FIELDS)
    assert found.known is not None
    assert len(found.known.things[FIELDS]) == len(sandbox.zendesk.definitions.ticket_fields)
    assert found.known.scopes == frozenset({"read", "write"})
    assert found.calls == 5


async def test_a_list_without_an_end_is_not_judged(
    zendesk: Destination, sandbox: Sandbox, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 2)
    sandbox.zendesk.definitions.ticket_fields += [{"id": 1000 + n, "title": "x", "type": "text"} for n in range(250)]
    found = await told(zendesk, clock, FIELDS)
    assert found.known is not None
    assert FIELDS not in found.known.things
    assert [str(each.why) for each in found.withheld] == ["it has more than 2 pages"]


async def test_a_wrong_token_is_refused_and_printed_nowhere(urls: SandboxUrls, clock: ManualClock) -> None:
    wrong = destination("hubspot", "hubspot", base_url=urls.hubspot, token=ERP_TOKEN)
    found = await told(wrong, clock, CONTACTS)
    assert found.refused == "The access token is not valid. (status 401)"
    assert ERP_TOKEN not in repr(found)


async def test_an_api_that_sends_the_token_back_does_not_bring_it_to_the_screen(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    body = {"message": f"no such token: {HUBSPOT_TOKEN}", "category": "INVALID_AUTHENTICATION"}
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=401, body=body, times=None))
    found = await told(hubspot, clock)
    assert found.refused == "no such token: •••• (status 401)"


async def test_an_api_that_sends_an_access_token_back_does_not_bring_it_to_the_screen(
    zendesk: Destination, sandbox: Sandbox, clock: HurryingClock
) -> None:
    granted = {"access_token": "at-0123456789", "expires_in": 1800}
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=200, body=granted, match=Match(path="/oauth/*")))
    body = {"error": "Forbidden", "description": "at-0123456789 may not"}
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=403, body=body, times=None))
    found = await told(zendesk, clock)
    assert found.refused == "every question is refused: •••• may not (status 403)"


async def test_an_oauth_client_that_is_refused_a_token_is_refused(urls: SandboxUrls, clock: ManualClock) -> None:
    asked = destination(
        "zendesk", "zendesk", base_url=urls.zendesk, subdomain="a", client_id="bridge", client_secret="not-this-one"
    )
    assert (await told(asked, clock)).refused == "the token endpoint gives no token: token_http_401"


async def test_an_expired_access_token_is_renewed_once(
    zendesk: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    async with opened(zendesk, clock) as asking:
        assert (await asking.ask([], scopes=True)).known is not None
        sandbox.zendesk.access.void_tokens()
        assert (await asking.ask([], scopes=True)).known is not None


async def test_a_refresh_token_that_is_replaced_is_kept(urls: SandboxUrls, clock: ManualClock, tmp_path: Path) -> None:
    asked = destination(
        "hubspot",
        "hubspot",
        base_url=urls.hubspot,
        client_id="c",
        client_secret="client-secret-1",
        refresh_token="sandbox-refresh-token",
    )
    vault = Vault(tmp_path / "credentials.json")
    async with opened(asked, clock, vault) as asking:
        found = await asking.ask([], scopes=True)
    assert found.known is not None
    assert "tickets" in (found.known.scopes or ())
    assert vault.read("hubspot", "sandbox-refresh-token") == "sandbox-refresh-token"


async def test_a_look_that_is_forbidden_proves_nothing_and_says_so(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.hubspot.access.restrict(HUBSPOT_TOKEN, frozenset({"crm.objects.contacts.write"}))
    found = await told(hubspot, clock, CONTACTS, PIPELINES)
    assert found.known is not None
    assert set(found.known.things) == {CONTACTS}
    (withheld,) = found.withheld
    assert withheld.what == "the list `pipelines` of tickets"
    assert withheld.why.endswith("(status 403)")


async def test_a_token_that_may_do_nothing_at_all_is_refused(
    urls: SandboxUrls, sandbox: Sandbox, clock: ManualClock
) -> None:
    asked = destination(
        "zendesk", base_url=urls.zendesk, subdomain="a", client_id="bridge", client_secret=ZENDESK_SECRET, scope="raed"
    )
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=403, match=Match(path="*/tokens/current")))
    found = await told(asked, clock, FIELDS)
    assert (found.refused or "").startswith("every question is refused")


async def test_a_plan_without_forms_tells_none(zendesk: Destination, sandbox: Sandbox, clock: ManualClock) -> None:
    sandbox.zendesk.definitions.ticket_forms = None
    found = await told(zendesk, clock, FORMS)
    assert [each.what for each in found.withheld] == ["the list `ticket_forms`"]


async def test_scopes_that_cannot_be_asked_for_stay_unknown(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    fault = FaultSpec(fault=FaultKind.STATUS, status=404, match=Match(path="*/access-token-info"))
    sandbox.faults.add(fault)
    found = await told(hubspot, clock, CONTACTS)
    assert found.known is not None
    assert found.known.scopes is None
    assert [(each.what, each.why) for each in found.withheld] == [("the scopes", "http_404")]


async def test_a_429_in_between_is_waited_for(hubspot: Destination, sandbox: Sandbox, clock: HurryingClock) -> None:
    fault = FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=7, match=Match(path="*/properties/*"))
    sandbox.faults.add(fault)
    assert (await told(hubspot, clock, CONTACTS)).known is not None
    assert clock.waits_ms == [7_000]
    assert calls(sandbox).count("GET /crm/properties/2026-03/contacts") == 2


async def test_a_429_that_does_not_say_how_long_holds_its_limit(
    hubspot: Destination, sandbox: Sandbox, clock: HurryingClock
) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429, match=Match(path="*/properties/*")))
    assert (await told(hubspot, clock, CONTACTS)).known is not None
    assert clock.waits_ms == [10_001]


async def test_an_api_that_refuses_for_ever_is_given_up(
    hubspot: Destination, sandbox: Sandbox, clock: HurryingClock
) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=20, times=None))
    assert (await told(hubspot, clock)).unreached == "its limits are used up, for another 20 s"
    assert clock.waits_ms == [20_000] * 4


async def test_limits_of_the_destination_are_kept(urls: SandboxUrls, sandbox: Sandbox, clock: HurryingClock) -> None:
    sandbox.hubspot.access.apply(HubSpotLimits(enforced=True, burst=2))
    asked = destination(
        "hubspot", "hubspot", base_url=urls.hubspot, token=HUBSPOT_TOKEN, limits={"burst": {"calls": 2, "per": "10s"}}
    )
    assert (await told(asked, clock, CONTACTS)).known is not None
    assert clock.waits_ms == [10_001]
    assert [entry.status for entry in sandbox.journal] == [200, 200, 200]


async def test_a_limit_that_lasts_longer_than_patience_is_not_waited_for(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=429, retry_after=900))
    assert (await told(hubspot, clock)).unreached == "its limits are used up, for another 900 s"


async def test_a_short_outage_is_waited_for_and_a_long_one_is_told(
    hubspot: Destination, sandbox: Sandbox, clock: HurryingClock
) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=503, times=5))
    assert ((await told(hubspot, clock)).unreached or "").endswith("(status 503)")
    assert (len(calls(sandbox)), clock.waits_ms) == (3, [1_000, 1_000])
    assert (await told(hubspot, clock)).known is not None


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (FaultKind.HTML_200, "the answer says success but is an HTML page (status 200)"),
        (FaultKind.REDIRECT, "the API answered with a redirect to elsewhere.invalid, which is never followed"),
        (FaultKind.EMPTY_200, "the answer says success but is not JSON (status 200)"),
        (FaultKind.RESET, "the request may have arrived, but no answer came: connection reset"),
    ],
)
async def test_an_answer_that_means_nothing_proves_nothing(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock, fault: FaultKind, why: str
) -> None:
    sandbox.faults.add(FaultSpec(fault=fault, times=None))
    found = await told(hubspot, clock, CONTACTS)
    assert (found.unreached or "").startswith(why)
    assert found.known is None


async def test_a_list_of_another_shape_is_not_taken_for_an_empty_one(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    fault = FaultSpec(fault=FaultKind.STATUS, status=200, body={"data": []}, match=Match(path="*/properties/*"))
    sandbox.faults.add(fault)
    assert "has no list of `results`" in ((await told(hubspot, clock, CONTACTS)).unreached or "")


async def test_what_was_learned_before_an_outage_counts(
    hubspot: Destination, sandbox: Sandbox, clock: HurryingClock
) -> None:
    sandbox.faults.add(FaultSpec(fault=FaultKind.RESET, match=Match(path="*/pipelines/*")))
    found = await told(hubspot, clock, CONTACTS, PIPELINES)
    assert found.known is not None
    assert set(found.known.things) == {CONTACTS}
    assert "no answer came" in (found.unreached or "")


async def test_a_list_of_more_than_a_mebibyte_is_read(
    hubspot: Destination, sandbox: Sandbox, clock: HurryingClock
) -> None:
    kind = sandbox.hubspot.schema.kind("contacts")
    wanted = {"groupName": "g", "type": "string", "fieldType": "text", "label": "x" * 900}
    for number in range(1_200):
        sandbox.hubspot.schema.define(kind, {**wanted, "name": f"p{number}"}, 0)
    found = await told(hubspot, clock, CONTACTS)
    assert found.known is not None
    assert len(found.known.things[CONTACTS]) > 1_200


async def test_a_connector_that_asks_nothing_says_so(hubspot: Destination, clock: HurryingClock) -> None:
    silent = replace(hubspot, connector=replace(hubspot.connector, live=None))
    found = await told(silent, clock)
    assert (found.calls, found.nothing) == (0, "the connector `hubspot` does not say what can be asked (`live`)")


async def test_a_host_that_is_not_there_is_not_reached(clock: ManualClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found = await told(destination("hubspot", "hubspot", base_url=url, token=HUBSPOT_TOKEN), clock)
    assert found.unreached == "no connection could be made: connection refused"


async def test_a_private_address_is_not_asked_unless_it_is_allowed(clock: ManualClock) -> None:
    asked = destination(
        "hubspot", "hubspot", base_url="https://127.0.0.1:9", token=HUBSPOT_TOKEN, allow_private_addresses=False
    )
    assert "address is not allowed" in ((await told(asked, clock)).unreached or "")


async def test_the_http_connector_asks_the_path_that_it_is_given(
    urls: SandboxUrls, sandbox: Sandbox, clock: ManualClock
) -> None:
    auth = {"type": "bearer", "token": ERP_TOKEN}
    silent = destination("http", "erp", base_url=urls.generic, auth=auth)
    assert "has no `check`" in ((await told(silent, clock)).nothing or "")
    good = destination("http", "erp", base_url=urls.generic, auth=auth, check="/orders?limit=1")
    assert [each.what for each in (await told(good, clock)).withheld] == ["the account"]  # there are no orders yet
    sandbox.faults.add(FaultSpec(fault=FaultKind.STATUS, status=200, body=[]))
    found = await told(good, clock)
    assert (found.taken, found.withheld, calls(sandbox)[-1]) == (True, (), "GET /orders")
    wrong = destination(
        "http", "erp", base_url=urls.generic, auth={"type": "bearer", "token": "wrong-1"}, check="/orders"
    )
    assert (await told(wrong, clock)).refused is not None


async def test_a_missing_property_is_created_and_then_there(
    hubspot: Destination, sandbox: Sandbox, clock: ManualClock
) -> None:
    kind = sandbox.hubspot.schema.kind("contacts")
    sandbox.hubspot.schema.remove(kind, "whatsapp_id")
    claim = Exists(Spot("r", ()), CONTACTS, "whatsapp_id", unique=True)
    async with opened(hubspot, clock) as asking:
        before = await asking.ask([CONTACTS], scopes=False)
        assert before.known is not None
        (wanted,) = creations([claim], {"hubspot": before.known})
        assert isinstance(wanted, Wanted)
        assert await asking.create(wanted) is None
        made = sandbox.hubspot.schema.find(kind, "whatsapp_id")
        assert made is not None
        assert (made.unique, made.group, made.type, made.field_type) == (True, "contactinformation", "string", "text")
        assert "already exists" in (await asking.create(wanted) or "")
        sandbox.hubspot.access.restrict(HUBSPOT_TOKEN, frozenset({"crm.objects.contacts.write"}))
        assert "(status 403)" in (await asking.create(wanted) or "")

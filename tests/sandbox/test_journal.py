import asyncio

import orjson

from bridge.clock import ManualClock
from bridge.sandbox import Journal, Sandbox
from bridge.sandbox.answers import Call
from tests.canaries import ERP_TOKEN, HUBSPOT_TOKEN, PHONE_E164, ZENDESK_SECRET
from tests.sandbox.conftest import Caller


async def test_requests_are_kept_in_order_with_body_and_status(
    hubspot: Caller, generic: Caller, sandbox: Sandbox, clock: ManualClock
) -> None:
    await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"phone": PHONE_E164}}, params={"a": "1"})
    await generic("GET", "/nothing")
    first, second = sandbox.journal
    assert (first.seq, first.api, first.method, first.path) == (1, "hubspot", "POST", "/crm/v3/objects/contacts")
    assert (first.body, first.query, first.status) == ({"properties": {"phone": PHONE_E164}}, {"a": ["1"]}, 201)
    assert first.at_ms == clock.now_ms()
    assert (second.seq, second.status) == (2, 404)
    assert sandbox.journal.of("hubspot", "POST") == [first]
    assert sandbox.journal.of("hubspot", "GET") == []


async def test_no_credential_is_in_the_journal(hubspot: Caller, generic: Caller, sandbox: Sandbox) -> None:
    secrets = {"client_id": "bridge", "client_secret": ZENDESK_SECRET, "refresh_token": ERP_TOKEN}
    await hubspot("POST", "/oauth/2026-03/token", data=secrets)
    await generic("POST", "/oauth", [secrets], params={"access_token": ERP_TOKEN})
    written = orjson.dumps([entry.shown() for entry in sandbox.journal]).decode()
    for secret in (HUBSPOT_TOKEN, ZENDESK_SECRET, ERP_TOKEN):
        assert secret not in written
    assert "bridge" in written


def test_bodies_that_are_no_json_are_kept_as_text() -> None:
    journal = Journal(ManualClock())
    for content, kept in ((b"", None), (b"plain", "plain"), (b"\xff", "\ufffd"), (b"[1]", [1])):
        assert journal.arrived("generic", Call("POST", "/", "", {}, {}, {}, content)).body == kept


def test_old_entries_make_room_but_are_counted() -> None:
    journal = Journal(ManualClock(), keep=2)
    for _ in range(3):
        journal.arrived("generic", Call("GET", "/", "", {}, {}, {}, b""))
    assert ([entry.seq for entry in journal], journal.seen, len(journal)) == ([2, 3], 3, 2)
    journal.clear()
    assert (list(journal), journal.seen) == ([], 0)


async def test_somebody_can_wait_for_a_request(generic: Caller, sandbox: Sandbox) -> None:
    waiting = asyncio.ensure_future(sandbox.wait_for(lambda: sandbox.journal.of("generic", "POST", "/orders")))
    await generic("GET", "/orders")
    assert not waiting.done()
    await generic("POST", "/orders", {"n": 1})
    (entry,) = await waiting
    assert entry.body == {"n": 1}

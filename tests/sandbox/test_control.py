from typing import Any

import aiohttp
import pytest

from bridge.sandbox import Sandbox, SandboxUrls
from bridge.sandbox.slack import CHANNEL
from tests.canaries import PHONE_E164, TEXT
from tests.sandbox.conftest import Caller


async def test_the_state_shows_records_with_their_associations_and_comments(
    hubspot: Caller, zendesk: Caller, generic: Caller, control: Caller
) -> None:
    contact = await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"firstname": "A"}})
    ticket = await hubspot(
        "POST", "/crm/v3/objects/tickets", {"properties": {"subject": "S", "hs_pipeline_stage": "1"}}
    )
    ids = (ticket.body["id"], contact.body["id"])
    await hubspot("PUT", "/crm/v4/objects/tickets/{}/associations/default/contacts/{}".format(*ids))
    await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": "B"}}})
    await generic("POST", "/orders", {"n": 1})
    state = (await control("GET", "/state")).body
    assert state["hubspot"]["tickets"][0]["associations"] == {"contacts": [contact.body["id"]]}
    assert [item["body"] for item in state["zendesk"]["tickets"][0]["comments"]] == ["B"]
    assert len(state["zendesk"]["users"]) == 1
    assert state["generic"]["records"][0]["body"] == {"n": 1}


async def test_the_state_shows_messages_to_channels_and_customers(
    session: aiohttp.ClientSession, urls: SandboxUrls, control: Caller
) -> None:
    slack = Caller(session, urls.slack, {"Authorization": "Bearer sandbox-slack-token"})
    aisoule = Caller(session, urls.aisoule, {"X-API-Key": "sandbox-aisoule-key"})
    message = {"to": PHONE_E164, "type": "text", "text": TEXT}
    assert (await slack("POST", "/chat.postMessage", {"channel": CHANNEL, "text": "alert"})).body["ok"]
    assert (await aisoule("POST", "/messages/send", message)).status == 400
    assert (await control("POST", "/customer-wrote", {"customer": PHONE_E164})).status == 204
    assert (await aisoule("POST", "/messages/send", message)).status == 200
    assert (await control("POST", "/customer-wrote", {"number": 1})).status == 400
    state = (await control("GET", "/state")).body
    assert [each["text"] for each in state["slack"]["messages"]] == ["alert"]
    assert [(each["to"], each["content"]) for each in state["aisoule"]["sent"]] == [(PHONE_E164, TEXT)]


async def test_the_journal_can_be_read_from_a_number_on(hubspot: Caller, generic: Caller, control: Caller) -> None:
    await hubspot("GET", "/crm/v3/objects/contacts")
    await generic("GET", "/x")
    everything = (await control("GET", "/journal")).body
    assert ([entry["api"] for entry in everything["entries"]], everything["seen"]) == (["hubspot", "generic"], 2)
    assert len((await control("GET", "/journal", params={"since": "1"})).body["entries"]) == 1
    assert len((await control("GET", "/journal", params={"api": "hubspot"})).body["entries"]) == 1
    assert (await control("GET", "/journal", params={"since": "x"})).status == 400


async def test_faults_are_set_listed_and_taken_out(generic: Caller, control: Caller) -> None:
    spec = {"match": {"api": "generic", "path": "/orders*"}, "fault": "status", "status": 503, "times": None}
    made = await control("POST", "/faults", spec)
    assert made.status == 201
    assert (await generic("GET", "/orders")).status == 503
    (listed,) = (await control("GET", "/faults")).body["faults"]
    assert (listed["id"], listed["struck"]) == (made.body["id"], 1)
    assert (await control("DELETE", f"/faults/{made.body['id']}")).status == 204
    assert (await control("DELETE", f"/faults/{made.body['id']}")).status == 404
    await control("POST", "/faults", spec)
    assert (await control("DELETE", "/faults")).status == 204
    assert (await generic("GET", "/orders")).status == 404


@pytest.mark.parametrize("body", [{"fault": "explode"}, {"fault": "reset", "tims": 1}, {}, []])
async def test_a_misspelt_fault_is_400(control: Caller, body: Any) -> None:
    assert (await control("POST", "/faults", body)).status == 400


async def test_limits_are_read_and_changed(hubspot: Caller, control: Caller) -> None:
    assert (await control("GET", "/limits")).body["hubspot"]["enforced"] is False
    changed = await control("PUT", "/limits", {"hubspot": {"enforced": True, "burst": 1}})
    assert (changed.status, changed.body["hubspot"]["burst"]) == (200, 1)
    statuses = [(await hubspot("GET", "/crm/v3/objects/contacts")).status for _ in range(2)]
    assert statuses == [200, 429]


@pytest.mark.parametrize(
    "body",
    [
        {"hubspot": {"brust": 1}},
        {"hubspot": {"burst": 0}},
        {"hubspot": {"burst": True}},
        {"zendesk": {"enforced": 1}},
        {"zendesk": 5},
        {"salesforce": {}},
        [],
    ],
)
async def test_limits_that_make_no_sense_change_nothing(control: Caller, body: Any) -> None:
    before = (await control("GET", "/limits")).body
    assert (await control("PUT", "/limits", body)).status == 400
    assert (await control("GET", "/limits")).body == before
    assert (await control("PUT", "/limits", data=b"{")).status == 400


async def test_a_reset_forgets_everything(
    hubspot: Caller, generic: Caller, zendesk: Caller, control: Caller, sandbox: Sandbox
) -> None:
    await hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"firstname": "A"}})
    await zendesk("POST", "/tickets", {"ticket": {"comment": {"body": "B"}}})
    await generic("POST", "/orders", {"n": 1})
    await control("POST", "/faults", {"fault": "reset", "times": None})
    assert (await control("POST", "/reset")).status == 204
    assert sandbox.snapshot() == Sandbox(sandbox.clock).snapshot()
    assert len(sandbox.journal) == 0
    assert (await generic("GET", "/orders")).status == 404

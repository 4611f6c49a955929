"""The newer recipes between real requests and a stateful sandbox: what canned answers cannot show.

That the sender's own way of signing and writing gets through the listener, that the CRMs know the properties and
associations, and that ids of one recipe serve the next.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from bridge.app import Daemon
from bridge.cli.recipes import recipes_folder
from bridge.configuration.load import load_configuration
from bridge.sandbox import Sandbox
from bridge.sandbox.slack import CHANNEL
from bridge.sources import sign
from tests.canaries import AISOULE_SECRET, ORDERS_SECRET, PHONE_E164
from tests.config.conftest import Stage, received
from tests.connectors.catalog.requests import strange

CONFIGURATION = """\
version: 1
server: {{listen: "127.0.0.1:0", drain_delay: 0s}}
admin: {{listen: "127.0.0.1:0"}}
sources:
  aisoule: {{preset: aisoule, secret: "${{AISOULE_WEBHOOK_SECRET}}"}}
  form: {{preset: form, secret: "${{OTHER_SECRET}}"}}
  github: {{preset: github, secret: "${{OTHER_SECRET}}"}}
  stripe: {{preset: stripe, secret: "${{OTHER_SECRET}}"}}
  hubspot: {{preset: hubspot, secret: "${{OTHER_SECRET}}", public_url: "https://bridge.example.com/hooks/hubspot"}}
  zendesk: {{preset: zendesk, secret: "${{OTHER_SECRET}}"}}
destinations:
  hubspot: {{connector: hubspot, base_url: "{hubspot}", token: sandbox-hubspot-token, allow_private_addresses: true}}
  zendesk: {{connector: zendesk, base_url: "{zendesk}", subdomain: sandbox, client_id: bridge,
            client_secret: sandbox-zendesk-secret, allow_private_addresses: true}}
  slack: {{connector: slack, base_url: "{slack}", token: sandbox-slack-token, allow_private_addresses: true}}
  aisoule: {{connector: aisoule, base_url: "{aisoule}", api_key: sandbox-aisoule-key, allow_private_addresses: true}}
rules:
{rules}
"""
RECIPES = (
    "aisoule-to-both",
    "failed-message-alert",
    "aisoule-contacts-to-hubspot",
    "aisoule-transfer-to-zendesk",
    "form-to-hubspot",
    "github-issue-to-zendesk",
    "stripe-payment-failed",
    "crm-to-whatsapp",
)
ENVIRONMENT = {
    "AISOULE_WEBHOOK_SECRET": AISOULE_SECRET,
    "OTHER_SECRET": ORDERS_SECRET,
    "ZENDESK_SUBDOMAIN": "sandbox",
    "SLACK_CHANNEL": CHANNEL,
    "FAILED_ALERT_WINDOW": "10ms",
    "WHATSAPP_RECEIPT_WINDOW": "10ms",
    "HUBSPOT_LIST_ID": "17",
    "PHONE_REGION": "IN",
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The recipes in one daemon, and all APIs in a sandbox."""
    async with AsyncExitStack() as stack:
        sandbox = Sandbox()
        urls = await stack.enter_async_context(sandbox.running())
        rules = "".join(f'  - "{recipes_folder()}/{name}.yaml"\n' for name in RECIPES)
        path = tmp_path / "config.yaml"
        path.write_text(
            CONFIGURATION.format(
                hubspot=urls.hubspot, zendesk=urls.zendesk, slack=urls.slack, aisoule=urls.aisoule, rules=rules
            )
        )
        loaded = load_configuration(path, ENVIRONMENT)
        assert loaded.configuration is not None, loaded.findings
        session = await stack.enter_async_context(aiohttp.ClientSession())
        daemon = await stack.enter_async_context(Daemon(loaded.configuration))
        yield Stage(daemon, sandbox, urls, session)
        assert strange(sandbox.journal) == []


async def post(
    stage: Stage,
    name: str,
    body: bytes,
    *,
    content_type: str = "application/json",
    proof: str | None = None,
    **more: str,
) -> None:
    """Post a body as its sender signs it, and wait until all that it causes is done; `more` are headers."""
    scheme = stage.daemon.configuration.sources[name].verification
    signed = sign(scheme, body, now_ms=stage.daemon._clock.now_ms(), header=proof)
    headers = {**dict(signed.headers), **more, "Content-Type": content_type}
    url = f"{stage.daemon.bound.public}/hooks/{name}"
    async with stage.session.post(url, data=signed.body, headers=headers, params=signed.query) as response:
        assert response.status == 200, await response.text()
    await stage.settled()


def json(**body: Any) -> bytes:
    return orjson.dumps(body)


async def books(stage: Stage) -> dict[str, dict[str, int]]:
    """What became of each rule's deliveries, rules without any left out."""
    return {rule: states for rule, states in (await stage.settled()).items() if states}


async def test_one_person_is_one_in_hubspot_and_zendesk_and_an_alert_a_hand_over_and_a_change_find_them(
    stage: Stage,
) -> None:
    await stage.delivered(received("m1"), received("m2"))
    [contact] = stage.hubspot("contacts")
    [user] = [user for user in stage.zendesk("users") if user["external_id"]]
    [ticket] = stage.zendesk("tickets")
    assert user["external_id"] == f"whatsapp:{PHONE_E164}"
    assert user["user_fields"]["hubspot_contact_id"] == contact["id"]
    assert contact["properties"]["zendesk_ticket_url"].endswith(f"/agent/tickets/{ticket['id']}")
    assert [entry["associations"]["contacts"] for entry in stage.hubspot("communications")] == [[contact["id"]]] * 2

    handed = {"contact": {"phone": PHONE_E164}, "team": "Nobody", "reason": "refund"}
    changed = {"name": "Asha", "phone": PHONE_E164}
    lost = {"message_id": "m9", "recipient": PHONE_E164}
    for number, (kind, data) in enumerate({"transfer.created": handed, "contact.updated": changed}.items()):
        time = f"2026-06-02T03:0{number}:00Z"
        await post(stage, "aisoule", json(event=kind, timestamp=time, data=data))
    await post(stage, "aisoule", json(event="message.failed", timestamp=1_780_369_400, data=lost))
    assert stage.comments()[0][-2:] == [
        ("Handed over in AISoule to Nobody: refund", False),
        ("A WhatsApp message could not be delivered (no reason given).", False),
    ]
    assert [each["properties"]["firstname"] for each in stage.hubspot("contacts")] == ["Asha"]
    [alert] = stage.sandbox.slack.messages
    assert (alert.channel, PHONE_E164 in alert.text) == (CHANNEL, True)
    assert alert.metadata is not None
    assert all(set(states) <= {"done", "skipped"} for states in (await books(stage)).values())


async def test_a_form_makes_a_contact_who_becomes_a_customer_and_gets_a_template(stage: Stage) -> None:
    form = b"name=Asha&email=Asha%40example.com&phone=088568+79188&message=Please+call+%26+write&form_name=contact"
    for proof, body in (("X-Form-Signature", form), ("token", form.replace(b"Please", b"Do"))):
        await post(stage, "form", body, content_type="application/x-www-form-urlencoded", proof=proof)
    [contact] = stage.hubspot("contacts")
    assert contact["properties"]["email"] == "asha@example.com"
    assert [note["properties"]["hs_note_body"] for note in stage.hubspot("notes")] == [
        f"<p><b>Form contact</b></p><p>{word} call &amp; write</p>" for word in ("Please", "Do")
    ]
    assert [note["associations"] for note in stage.hubspot("notes")] == [{"contacts": [contact["id"]]}] * 2

    change = {
        "subscriptionType": "contact.propertyChange",
        "subscriptionId": 1,
        "occurredAt": 1_780_369_298_000,
        "objectId": int(contact["id"]),
        "propertyName": "lifecyclestage",
    }
    batch = [{**change, "eventId": place, "propertyValue": value} for place, value in enumerate(("lead", "customer"))]
    await post(stage, "hubspot", orjson.dumps(batch))
    [message] = stage.sandbox.aisoule.sent
    assert (message.to, message.type, message.content["name"]) == (PHONE_E164, "template", "welcome")
    assert message.content["components"][0]["parameters"] == [{"type": "text", "text": "Asha"}]
    assert stage.sandbox.hubspot.enrolments.lists == {"17": [contact["id"]]}
    assert (await books(stage))["customer-to-whatsapp"] == {"done": 1, "skipped": 1}


async def test_an_issue_and_a_failed_payment_become_tickets_and_a_task(stage: Stage) -> None:
    issue = {"number": 42, "title": "Export", "body": "Broken", "html_url": "https://g/42"}
    common = {"issue": issue, "repository": {"full_name": "acme/shop"}, "sender": {"login": "octocat", "type": "User"}}
    for number, (kind, action) in enumerate([("issues", "opened"), ("issue_comment", "created"), ("issues", "closed")]):
        headers = {"X-GitHub-Event": kind, "X-GitHub-Delivery": f"d{number}"}
        more = {"comment": {"body": "Still", "html_url": "https://g/c"}} if kind == "issue_comment" else {}
        await post(stage, "github", json(action=action, **common, **more), **headers)
    [ticket] = stage.zendesk("tickets")
    assert ticket["status"] == "solved"
    assert stage.comments() == [[("Broken\n\nhttps://g/42", True), ("Still\n\nhttps://g/c", True)]]

    customer = {"customer": "cus_1", "customer_email": "a@b.example"}
    invoice = {"id": "in_1", **customer, "amount_due": 1705, "currency": "eur"}
    for number in (1, 2):
        event = {"id": f"evt_{number}", "type": "invoice.payment_failed", "created": 1_780_369_298}
        await post(stage, "stripe", json(**event, data={"object": {**invoice, "attempt_count": number}}))
    [task] = stage.hubspot("tasks")
    [contact] = stage.hubspot("contacts")
    assert task["properties"]["hs_task_subject"] == "Payment failed: 17.05 EUR"
    assert task["properties"]["hs_task_body"].startswith("Try 2")
    assert task["associations"] == {"contacts": [contact["id"]]}
    assert [public for _, public in stage.comments()[1]] == [False, False]
    assert all(set(states) == {"done"} for states in (await books(stage)).values())

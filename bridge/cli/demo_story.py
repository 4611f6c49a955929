"""The events of the demo, and the configuration they run through."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.sandbox import SandboxUrls

SECRET = "demo-signing-key-5b1e9c02"  # noqa: S105 - opens nothing but the demo
NEW_HEADER = "X-AISoule-Signature"
OLD_HEADER = "X-Webhook-Signature"

ASHA, BRUNO, CARLA, DANA = "918856879188", "551187654321", "+34600111222", "+14155550123"
BUSINESS = "15550199999"
SECONDS = 1_780_369_298
LONG_TEXT = "All of it: " + "the quick brown fox jumps over the lazy dog. " * 1_556

CONFIGURATION = """\
version: 1
server: {{listen: "127.0.0.1:0", drain_delay: 0s}}
admin: {{listen: "127.0.0.1:0"}}
store: {{url: sqlite:///var/bridge.db}}
dead_letters: {{file: var/dead-letters.jsonl}}
sources:
  aisoule: {{preset: aisoule, secret: "${{AISOULE_WEBHOOK_SECRET}}"}}
destinations:
  hubspot: {{connector: hubspot, base_url: "{hubspot}", token: "${{HUBSPOT_TOKEN}}", allow_private_addresses: true}}
  zendesk: {{connector: zendesk, base_url: "{zendesk}", subdomain: demo, client_id: bridge,
            client_secret: "${{ZENDESK_CLIENT_SECRET}}", allow_private_addresses: true}}
rules:
  - aisoule-to-hubspot.yaml
  - aisoule-to-zendesk.yaml
  - urgent.yaml
"""

URGENT_RULE = """\
rules:
  - name: urgent-to-hubspot
    on: aisoule/message.received
    if: "'urgent' in fields.text | default('') | truncate(1000) | lower"
    key: "{{{{ fields.customer | person }}}}"
    recall: {{hubspot_ticket: "{{{{ fields.customer | person }}}}"}}
    steps:
      - id: priority
        if: links.hubspot_ticket
        use: hubspot.tickets.update
        with: {{id: "{{{{ links.hubspot_ticket }}}}", properties: {{{priority_property}: HIGH}}}}
"""
WRONG_PROPERTY, RIGHT_PROPERTY = "hs_ticket_prioritty", "hs_ticket_priority"


def configuration(urls: SandboxUrls) -> str:
    """The demo's configuration file."""
    return CONFIGURATION.format(hubspot=urls.hubspot, zendesk=urls.zendesk)


def urgent_rule(priority_property: str) -> str:
    """The rule that the demo breaks and mends."""
    return URGENT_RULE.format(priority_property=priority_property)


@dataclass(frozen=True, slots=True)
class Scene:
    """One request of the demo: what it shows, what is sent, and the status the bridge must answer."""

    shows: str
    body: Mapping[str, object]
    header: str = NEW_HEADER
    status: int = 200
    breaks_signature: bool = False
    tags: frozenset[str] = field(default_factory=frozenset)


def _received(number: int, sender: str, text: str) -> dict[str, object]:
    """A customer's message in the words of the developer pages."""
    data = {
        "message_id": f"msg_demo_{number}",
        "waba_number": BUSINESS,
        "sender": sender,
        "recipient": BUSINESS,
        "type": "text",
        "body": text,
    }
    return {"event": "message.received", "timestamp": SECONDS + number, "data": data}


def _incoming(number: int, sender: str, name: str, text: str) -> dict[str, object]:
    """A customer's message in the words of the help centre."""
    data = {
        "message_id": f"wamid.demo{number}",
        "from": sender,
        "contact_name": name,
        "type": "text",
        "text": text,
        "whatsapp_account_id": "waba_1",
    }
    return {"event": "message.incoming", "timestamp": "2026-06-02T03:05:00Z", "data": data}


def _receipt(event: str, number: int, customer: str) -> dict[str, object]:
    data = {
        "message_id": f"msg_demo_{number}",
        "waba_number": BUSINESS,
        "sender": BUSINESS,
        "recipient": customer,
        "status": event.partition(".")[2],
    }
    return {"event": event, "timestamp": SECONDS + 60, "data": data}


FIRST = _received(1, ASHA, "Hi there! I need pricing info.")

SCENES = (
    Scene("a ping: stored, no rule wants it", {"event": "ping"}),
    Scene("a customer's first message", FIRST),
    Scene("the same request again: a duplicate", FIRST),
    Scene("her second message: same contact, same ticket", _received(2, ASHA, "For 25 seats, please.")),
    Scene("receipt: sent", _receipt("message.sent", 1, ASHA)),
    Scene("receipt: delivered", _receipt("message.delivered", 1, ASHA)),
    Scene("receipt: read", _receipt("message.read", 1, ASHA)),
    Scene("receipt: failed", _receipt("message.failed", 77, ASHA)),
    Scene("a bad signature: refused, nothing stored", _received(3, ASHA, "?"), status=401, breaks_signature=True),
    Scene(
        "the other dialect, an old-style Brazilian number", _incoming(4, f"+{BRUNO}", "Bruno Lima", "Olá!"), OLD_HEADER
    ),
    Scene("the same handset with its ninth digit", _received(5, "5511987654321", "Tudo bem?")),
    Scene("an emoji", _incoming(6, CARLA, "Carla Ruiz", "Gracias 🙏🏽 ¡hasta luego! 👩‍💻"), OLD_HEADER),
    Scene("a 70,000-character message", _received(7, DANA.removeprefix("+"), LONG_TEXT[:70_000])),
    Scene("a message that a faulty rule makes HubSpot refuse", _received(8, ASHA, "This is URGENT!")),
)

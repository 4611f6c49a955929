"""Which messaging senders the shipped recipes can serve, and what is said of each that its preset does not say."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from bridge.expressions import NotAPhoneNumber, to_person
from bridge.sources import Preset, load_preset, preset_names

MODEL = "aisoule"
"""The messaging source for which the recipes are written; others have the same `fields` and event types."""
RECEIVED = "message.received"


@dataclass(frozen=True, slots=True)
class Traits:
    """What to know of a sender's messages.

    `timeline` is what HubSpot's timeline calls them (a template), None where it has no word for them. `only` is the
    condition on those that can be handled at all, `because` says why there are others.
    """

    timeline: str | None = None
    only: str | None = None
    because: str = ""
    names_whatsapp: bool = False
    """Whether it sends nothing but WhatsApp, so that the recipes' own words are right."""


def _by_channel(whatsapp: str, *others: str) -> Traits:
    names = ", ".join(f"'{name}'" for name in (whatsapp, *others))
    return Traits(
        timeline=f"{{{{ 'WHATS_APP' if fields.channel == '{whatsapp}' else 'SMS' }}}}",
        only=f"fields.channel | default('') in [{names}]",
        because="on other channels a customer is no phone number",
    )


_WHATSAPP = Traits("WHATS_APP", names_whatsapp=True)
_NOTES = "agents' private notes are no messages"
_TRAITS: Mapping[str, Traits] = {
    MODEL: _WHATSAPP,
    "360dialog": _WHATSAPP,
    "aisensy": _WHATSAPP,
    "gupshup": _WHATSAPP,
    "gupshup-v3": _WHATSAPP,
    "interakt": _WHATSAPP,
    "wati": _WHATSAPP,
    "whatsapp-cloud": _WHATSAPP,
    "chatwoot": Traits(
        only="fields.customer is defined and not (fields.private | default(false))",
        because=f"visitors of a website have no phone number, and {_NOTES}",
    ),
    "freshchat": Traits(only="not (fields.private | default(false))", because=_NOTES),
    "line": Traits(only="fields.customer is defined", because="in groups LINE may not say who wrote"),
    "messagebird": _by_channel("whatsapp", "sms"),
    "plivo": Traits("{{ 'WHATS_APP' if body.Type | default('') == 'whatsapp' else 'SMS' }}"),
    "ringcentral": Traits("SMS"),
    "sinch": _by_channel("WHATSAPP", "SMS", "MMS"),
    "telnyx": Traits("SMS"),
    "twilio": _by_channel("whatsapp", "sms"),
    "twilio-json": Traits(
        "{{ 'WHATS_APP' if body.data.from | default('') | regex_search('^whatsapp:') | default('', true) else 'SMS' }}"
    ),
    "vonage": _by_channel("whatsapp", "sms", "mms"),
}
_ANY = Traits()


def traits(name: str) -> Traits:
    """What to know of a sender; the least that is true of any when it is not known."""
    return _TRAITS.get(name, _ANY)


@cache
def shipped_preset(name: str) -> Preset:
    """A shipped preset, which is known to be right."""
    preset = load_preset(name).preset
    if preset is None:
        raise TypeError(f"the shipped preset {name} cannot be read")
    return preset


def messaging_senders() -> list[str]:
    """The shipped presets of senders of messages, the one that the recipes are written for first."""
    found = [name for name in preset_names() if is_messaging(shipped_preset(name))]
    return [MODEL, *(name for name in found if name != MODEL)]


def is_messaging(preset: Preset) -> bool:
    """Whether it has the event types and fields that recipes for messages need."""
    return RECEIVED in preset.event_types and {"customer", "message_id"} <= preset.fields.keys()


def has_phone_numbers(preset: Preset) -> bool:
    """Whether its customers are phone numbers, as its samples have them; else they are ids of the sender's own."""
    events = [event for sample in preset.samples for event in sample.events if event.type == RECEIVED]
    return bool(events) and all(_is_phone_number(event.fields.get("customer")) for event in events)


def receipts_lack_customers(preset: Preset) -> bool:
    """Whether it sends receipts that do not say whose they are."""
    events = [event for sample in preset.samples for event in sample.events]
    receipts = [event for event in events if event.type.startswith("message.") and event.type != RECEIVED]
    return any("customer" not in event.fields for event in receipts)


def obstacle(preset: Preset, destinations: tuple[str, ...]) -> str | None:
    """Why no recipe for these destinations can be written for the sender; None when one can."""
    if "hubspot" not in destinations:
        return None
    if not has_phone_numbers(preset):
        return f"{preset.title} names people by ids of its own, and the recipes find a HubSpot contact by phone number"
    if traits(preset.name).timeline is None:
        return f"HubSpot's timeline takes WhatsApp and SMS messages, and those of {preset.title} may be others"
    return None


def _is_phone_number(value: object) -> bool:
    try:
        to_person(str(value))
    except NotAPhoneNumber:
        return False
    return True

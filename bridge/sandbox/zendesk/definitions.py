"""What an administrator has set up in a fresh Zendesk account: fields, forms, groups, brands.

Tests may change the lists; a bridge only reads them.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.zendesk.moments import moment
from bridge.sandbox.zendesk.tickets import CHOICES

STATUS_FIELD_ID: Final = 360_000_000_101
CHANNEL_FIELD_ID: Final = 360_000_000_102
GROUP_ID: Final = 360_000_000_201
FORM_ID: Final = 360_000_000_301
BRAND_ID: Final = 360_000_000_401


def _stamped(**more: Any) -> dict[str, Any]:
    return {**more, "created_at": moment(0), "updated_at": moment(0)}


def _option(value: str, name: str) -> dict[str, Any]:
    return {"id": 1, "name": name, "raw_name": name, "value": value, "default": False}


def _ticket_fields() -> list[dict[str, Any]]:
    system = [
        _stamped(id=place, type=name, title=name.capitalize(), active=True, removable=False)
        for place, name in enumerate(("subject", "description", *CHOICES), start=1)
    ]
    custom = [
        _stamped(id=STATUS_FIELD_ID, type="text", title="WhatsApp status", active=True, removable=True),
        _stamped(
            id=CHANNEL_FIELD_ID,
            type="tagger",
            title="Channel",
            active=True,
            removable=True,
            custom_field_options=[_option("channel_whatsapp", "WhatsApp"), _option("channel_mail", "Mail")],
        ),
    ]
    return system + custom


def _user_fields() -> list[dict[str, Any]]:
    return [
        _stamped(id=360_000_000_501, key="loyalty_points", type="integer", title="Loyalty points", active=True),
        _stamped(id=360_000_000_502, key="hubspot_contact_id", type="text", title="HubSpot contact", active=True),
    ]


@dataclass(slots=True)
class Definitions:
    """The lists, each as the API gives it. `ticket_forms` None: the plan has none, and the endpoint is not there."""

    ticket_fields: list[dict[str, Any]] = field(default_factory=_ticket_fields)
    user_fields: list[dict[str, Any]] = field(default_factory=_user_fields)
    groups: list[dict[str, Any]] = field(
        default_factory=lambda: [_stamped(id=GROUP_ID, name="Support", default=True, deleted=False, is_public=True)]
    )
    brands: list[dict[str, Any]] = field(
        default_factory=lambda: [_stamped(id=BRAND_ID, name="Sandbox", active=True, default=True, is_deleted=False)]
    )
    ticket_forms: list[dict[str, Any]] | None = field(
        default_factory=lambda: [
            _stamped(
                id=FORM_ID,
                name="Default ticket form",
                active=True,
                default=True,
                ticket_field_ids=[1, 2, STATUS_FIELD_ID, CHANNEL_FIELD_ID],
            )
        ]
    )

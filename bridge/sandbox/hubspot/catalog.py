"""The account a fresh sandbox has: kinds of objects, their properties, the ticket pipeline, association types.

Association type ids are HubSpot's published ones (facts, section 1.6); the ids of the opposite directions are
from its association tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.model import rfc3339


@dataclass(frozen=True, slots=True)
class Property:
    """One property definition. `options` empty: any value of the type."""

    name: str
    label: str = ""
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    options: tuple[str, ...] = ()
    unique: bool = False
    custom: bool = False
    read_only: bool = False
    created_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind of object. `strict`: an unknown property is an error; `shown` are the properties read by default."""

    name: str
    singular: str
    type_id: str
    strict: bool
    required: tuple[str, ...]
    shown: tuple[str, ...]
    properties: tuple[Property, ...]
    modified: str = "hs_lastmodifieddate"
    """The property that holds the time of the last change."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What a new record has when nobody says otherwise."""
    local_numbers: Mapping[str, str] = field(default_factory=dict)
    """Property with a phone number -> the one that HubSpot calculates of it, without the country code."""

    @property
    def label(self) -> str:
        """The name in sentences, e.g. `Contact`."""
        return self.singular.capitalize()


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipeline."""

    id: str
    label: str
    closed: bool = False
    probability: str | None = None
    """Of deals: how likely they are won."""

    def shown(self, place: int) -> dict[str, Any]:
        """The stage as the pipelines API gives it."""
        state = {"ticketState": "CLOSED" if self.closed else "OPEN"}
        metadata = state if self.probability is None else {"probability": self.probability}
        return {
            "id": self.id,
            "label": self.label,
            "displayOrder": place,
            "metadata": {**metadata, "isClosed": str(self.closed).lower()},
            "createdAt": rfc3339(0),
            "updatedAt": rfc3339(0),
            "archived": False,
        }


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline of one kind of object."""

    kind: str
    id: str
    label: str
    stages: tuple[Stage, ...]

    def shown(self) -> dict[str, Any]:
        """The pipeline as the pipelines API gives it."""
        return {
            "id": self.id,
            "label": self.label,
            "displayOrder": 0,
            "stages": [stage.shown(place) for place, stage in enumerate(self.stages)],
            "createdAt": rfc3339(0),
            "updatedAt": rfc3339(0),
            "archived": False,
        }


@dataclass(frozen=True, slots=True)
class AssociationType:
    """One type of association and its name in both directions. `label` None: the unlabelled default."""

    origin: str
    far: str
    forward_id: int
    backward_id: int
    label: str | None = None
    category: str = "HUBSPOT_DEFINED"


@dataclass(frozen=True, slots=True)
class Owner:
    """A user to whom records can be given."""

    id: str
    email: str
    first_name: str
    last_name: str
    user_id: int

    def shown(self) -> dict[str, Any]:
        """The owner as the owners API gives it."""
        return {
            "id": self.id,
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": self.user_id,
            "userIdIncludingInactive": self.user_id,
            "createdAt": rfc3339(0),
            "updatedAt": rfc3339(0),
            "archived": False,
        }


OWNERS = (
    Owner("41629779", "sales@example.com", "Asha", "Rao", 9586504),
    Owner("41629780", "support@example.com", "Ravi", "Nair", 9586505),
)

PIPELINES = (
    Pipeline(
        "tickets",
        "0",
        "Support Pipeline",
        (
            Stage("1", "New"),
            Stage("2", "Waiting on contact"),
            Stage("3", "Waiting on us"),
            Stage("4", "Closed", closed=True),
        ),
    ),
    Pipeline(
        "deals",
        "default",
        "Sales Pipeline",
        (
            Stage("appointmentscheduled", "Appointment Scheduled", probability="0.2"),
            Stage("contractsent", "Contract Sent", probability="0.9"),
            Stage("closedwon", "Closed Won", closed=True, probability="1.0"),
            Stage("closedlost", "Closed Lost", closed=True, probability="0.0"),
        ),
    ),
)

ASSOCIATION_TYPES = (
    AssociationType("tickets", "contacts", 16, 15),
    AssociationType("tickets", "companies", 339, 340),
    AssociationType("tickets", "companies", 26, 25, "Primary"),
    AssociationType("contacts", "companies", 279, 280),
    AssociationType("contacts", "companies", 1, 2, "Primary"),
    AssociationType("communications", "contacts", 81, 82),
    AssociationType("communications", "tickets", 83, 84),
    AssociationType("communications", "companies", 87, 88),
    AssociationType("notes", "contacts", 202, 201),
    AssociationType("notes", "tickets", 228, 227),
    AssociationType("notes", "companies", 190, 189),
    AssociationType("tasks", "contacts", 204, 203),
    AssociationType("tasks", "tickets", 230, 229),
    AssociationType("tasks", "companies", 192, 191),
    AssociationType("deals", "contacts", 3, 4),
    AssociationType("deals", "companies", 341, 342),
    AssociationType("deals", "companies", 5, 6, "Primary"),
    AssociationType("deals", "tickets", 27, 28),
    AssociationType("communications", "deals", 85, 86),
    AssociationType("notes", "deals", 214, 213),
    AssociationType("tasks", "deals", 216, 215),
    AssociationType("contacts", "companies", 1001, 1002, "Billing contact", "USER_DEFINED"),
    AssociationType("p_orders", "contacts", 1003, 1004, category="USER_DEFINED"),
)


def _texts(group: str, *names: str) -> tuple[Property, ...]:
    return tuple(Property(name, label=name.replace("_", " ").title(), group=group) for name in names)


def _choice(group: str, name: str, *options: str) -> Property:
    return Property(name, name, type="enumeration", field_type="select", group=group, options=options)


def _moment(group: str, name: str, *, read_only: bool = False) -> Property:
    return Property(name, name, type="datetime", field_type="date", group=group, read_only=read_only)


def _bookkeeping(group: str, modified: str) -> tuple[Property, ...]:
    record_id = Property("hs_object_id", "Record ID", type="string", group=group, read_only=True)
    return (_moment(group, "createdate"), _moment(group, modified, read_only=True), record_id)


def _custom(group: str, name: str, label: str, *, unique: bool = False) -> Property:
    return Property(name, label, group=group, unique=unique, custom=True)


_CONTACT = "contactinformation"
_COMPANY = "companyinformation"
_TICKET = "ticketinformation"
_COMMUNICATION = "communication"
_NOTE = "note"
_TASK = "task"
_DEAL = "dealinformation"
_ORDER = "orders_information"
_STAGES, _DEAL_STAGES = PIPELINES

_LOCAL_NUMBERS: Mapping[str, str] = {
    "phone": "hs_searchable_calculated_phone_number",
    "mobilephone": "hs_searchable_calculated_mobile_number",
}

KINDS = (
    ObjectKind(
        name="contacts",
        singular="contact",
        type_id="0-1",
        strict=True,
        required=(),
        shown=("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
        modified="lastmodifieddate",
        local_numbers=_LOCAL_NUMBERS,
        properties=(
            Property("email", "Email", group=_CONTACT, unique=True),
            *_texts(_CONTACT, "firstname", "lastname", "phone", "mobilephone", "hs_whatsapp_phone_number"),
            *_texts(_CONTACT, "company", "jobtitle", "website", "address", "city", "state", "zip", "country"),
            *_texts(_CONTACT, "hs_language", "hs_lead_status", "hubspot_owner_id"),
            *(Property(name, name, group=_CONTACT, read_only=True) for name in _LOCAL_NUMBERS.values()),
            _choice(
                _CONTACT,
                "lifecyclestage",
                "subscriber",
                "lead",
                "marketingqualifiedlead",
                "salesqualifiedlead",
                "opportunity",
                "customer",
                "evangelist",
                "other",
            ),
            _custom(_CONTACT, "whatsapp_id", "WhatsApp id", unique=True),
            _custom(_CONTACT, "zendesk_ticket_url", "Zendesk ticket"),
            *_bookkeeping(_CONTACT, "lastmodifieddate"),
        ),
    ),
    ObjectKind(
        name="companies",
        singular="company",
        type_id="0-2",
        strict=True,
        required=(),
        shown=("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
        properties=(
            *_texts(_COMPANY, "name", "domain", "phone", "website", "address", "city", "state", "zip", "country"),
            *_texts(_COMPANY, "industry", "description", "hubspot_owner_id"),
            _custom(_COMPANY, "bridge_company_id", "Bridge company id", unique=True),
            *_bookkeeping(_COMPANY, "hs_lastmodifieddate"),
        ),
    ),
    ObjectKind(
        name="tickets",
        singular="ticket",
        type_id="0-5",
        strict=True,
        required=("subject", "hs_pipeline_stage"),
        defaults={"hs_pipeline": PIPELINES[0].id},
        shown=(
            "content",
            "createdate",
            "hs_lastmodifieddate",
            "hs_object_id",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_category",
            "hs_ticket_priority",
            "subject",
        ),
        properties=(
            *_texts(_TICKET, "subject", "content", "hs_ticket_category", "source_type", "hubspot_owner_id"),
            _choice(_TICKET, "hs_pipeline", _STAGES.id),
            _choice(_TICKET, "hs_pipeline_stage", *(stage.id for stage in _STAGES.stages)),
            _choice(_TICKET, "hs_ticket_priority", "LOW", "MEDIUM", "HIGH", "URGENT"),
            _custom(_TICKET, "whatsapp_ticket_id", "WhatsApp ticket id", unique=True),
            *_bookkeeping(_TICKET, "hs_lastmodifieddate"),
        ),
    ),
    ObjectKind(
        name="communications",
        singular="communication",
        type_id="0-18",
        strict=False,
        required=("hs_communication_channel_type", "hs_communication_logged_from", "hs_timestamp"),
        shown=("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
        properties=(
            _choice(_COMMUNICATION, "hs_communication_channel_type", "WHATS_APP", "LINKEDIN_MESSAGE", "SMS"),
            _choice(_COMMUNICATION, "hs_communication_logged_from", "CRM"),
            *_texts(_COMMUNICATION, "hs_communication_body", "hubspot_owner_id", "hs_attachment_ids"),
            _moment(_COMMUNICATION, "hs_timestamp"),
            _custom(_COMMUNICATION, "wa_message_id", "WhatsApp message id", unique=True),
            _custom(_COMMUNICATION, "wa_status", "WhatsApp status"),
            *_bookkeeping(_COMMUNICATION, "hs_lastmodifieddate"),
        ),
    ),
    ObjectKind(
        name="notes",
        singular="note",
        type_id="0-46",
        strict=False,
        required=("hs_timestamp",),
        shown=("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
        properties=(
            *_texts(_NOTE, "hs_note_body", "hubspot_owner_id", "hs_attachment_ids"),
            _moment(_NOTE, "hs_timestamp"),
            _custom(_NOTE, "wa_note_id", "WhatsApp note id", unique=True),
            _custom(_NOTE, "bridge_note_id", "Bridge note id", unique=True),
            *_bookkeeping(_NOTE, "hs_lastmodifieddate"),
        ),
    ),
    ObjectKind(
        name="tasks",
        singular="task",
        type_id="0-27",
        strict=False,
        required=("hs_timestamp",),
        shown=("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
        properties=(
            *_texts(_TASK, "hs_task_subject", "hs_task_body", "hubspot_owner_id"),
            _choice(_TASK, "hs_task_status", "NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED"),
            _choice(_TASK, "hs_task_priority", "LOW", "MEDIUM", "HIGH"),
            _choice(_TASK, "hs_task_type", "EMAIL", "CALL", "TODO"),
            _moment(_TASK, "hs_timestamp"),
            _custom(_TASK, "bridge_task_id", "Bridge task id", unique=True),
            *_bookkeeping(_TASK, "hs_lastmodifieddate"),
        ),
    ),
    ObjectKind(
        name="deals",
        singular="deal",
        type_id="0-3",
        strict=True,
        required=("dealname", "dealstage"),
        defaults={"pipeline": _DEAL_STAGES.id},
        shown=(
            "amount",
            "closedate",
            "createdate",
            "dealname",
            "dealstage",
            "hs_lastmodifieddate",
            "hs_object_id",
            "pipeline",
        ),
        properties=(
            *_texts(_DEAL, "dealname", "description", "dealtype", "hubspot_owner_id"),
            Property("amount", "Amount", type="number", field_type="number", group=_DEAL),
            _choice(_DEAL, "pipeline", _DEAL_STAGES.id),
            _choice(_DEAL, "dealstage", *(stage.id for stage in _DEAL_STAGES.stages)),
            _moment(_DEAL, "closedate"),
            _custom(_DEAL, "bridge_deal_id", "Bridge deal id", unique=True),
            *_bookkeeping(_DEAL, "hs_lastmodifieddate"),
        ),
    ),
    ObjectKind(  # a custom object, as an account may define
        name="p_orders",
        singular="orders",
        type_id="2-3465404",
        strict=True,
        required=("name",),
        shown=("hs_createdate", "hs_lastmodifieddate", "hs_object_id", "name"),
        properties=(
            *(_custom(_ORDER, name, name.capitalize()) for name in ("name", "status")),
            _custom(_ORDER, "order_number", "Order number", unique=True),
            *_bookkeeping(_ORDER, "hs_lastmodifieddate"),
        ),
    ),
)

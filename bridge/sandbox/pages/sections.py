"""The state of all APIs as sections of a page. It reads what `/_sandbox/state` shows, so it knows nothing more."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.sandbox.journal import Journal, JournalEntry
from bridge.sandbox.pages.model import Entry, Item, Section, facts, moment

State = Mapping[str, Any]
_ACTIVITIES = {
    "communications": ("hs_communication_body", "hs_communication_channel_type", "message"),
    "notes": ("hs_note_body", "", "note"),
    "tasks": ("hs_task_subject", "", "task"),
}
"""Kind of HubSpot record that stands in timelines -> the property with its text, the one with its channel, a word."""
_HUBSPOT_OWN = frozenset(
    {"hs_createdate", "hs_lastmodifieddate", "createdate", "lastmodifieddate", "hs_object_id", "hs_pipeline"}
)
"""Properties that HubSpot itself sets; they are only in the JSON."""
_CHANNELS = {"WHATS_APP": "WhatsApp", "SMS": "SMS", "LINKEDIN_MESSAGE": "LinkedIn"}
_STAGES = {"1": "new", "2": "waiting on contact", "3": "waiting on us", "4": "closed"}


def sections(state: State, journal: Journal) -> list[Section]:
    """Everything there is to see."""
    return [
        *_hubspot(state["hubspot"]),
        *_zendesk(state["zendesk"]),
        Section("slack-messages", "Slack", "Messages", _newest_first(_slack(state["slack"]))),
        *_aisoule(state["aisoule"], state["aisoule-developer"]),
        Section("generic-records", "Generic API", "Records", _newest_first(_generic(state["generic"]))),
        Section("calls", "All APIs", "Calls", _newest_first(map(_call, journal))),
    ]


def _newest_first(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(items)[::-1]


# --- HubSpot


def _hubspot(state: State) -> Iterator[Section]:
    timelines = _timelines(state)
    people = {contact["id"]: _hubspot_title("contacts", contact) for contact in state["contacts"]}
    others = (kind for kind in state if kind not in (*_ACTIVITIES, "tickets", "contacts") and _are_records(state[kind]))
    for kind in ("tickets", "contacts", *others):
        items = [
            _hubspot_record(kind, record, people, timelines.get((kind, record["id"]), [])) for record in state[kind]
        ]
        title = kind.replace("_", " ").capitalize()
        yield Section(f"hubspot-{kind}", "HubSpot", title, _newest_first(items), brief=kind != "tickets")


def _are_records(value: object) -> bool:
    """Whether it is a list of records, and not who is in which list."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping) and "properties" in value[0]


def _hubspot_record(kind: str, record: State, people: Mapping[str, str], timeline: list[Entry]) -> Item:
    values, title = record["properties"], _hubspot_title(kind, record)
    linked = ", ".join(people.get(each, each) for each in record["associations"].get("contacts", ()))
    stage = _STAGES.get(str(values.get("hs_pipeline_stage"))) if kind == "tickets" else None
    hidden = {*_HUBSPOT_OWN, "hs_ticket_priority", *(["hs_pipeline_stage"] if stage else [])}
    shown = ((name, value) for name, value in values.items() if name not in hidden and value != title)
    marks = (stage, str(values.get("hs_ticket_priority") or "").lower())
    return Item(
        id=record["id"],
        title=title,
        facts=facts([("contact", linked), *shown]),
        marks=tuple(mark for mark in marks if mark),
        timeline=tuple(sorted(timeline, key=lambda entry: entry.at)),
        raw=record,
    )


def _hubspot_title(kind: str, record: State) -> str:
    values: State = record["properties"]
    person = " ".join(str(values[name]) for name in ("firstname", "lastname") if values.get(name))
    title = values.get("subject") or person or values.get("name") or values.get("dealname") or values.get("phone")
    return str(title or f"{kind} {record['id']}")


def _timelines(state: State) -> dict[tuple[str, str], list[Entry]]:
    """Kind and id of a record -> what stands in its timeline. Built once: thousands of entries are nothing rare."""
    timelines: dict[tuple[str, str], list[Entry]] = {}
    for kind in _ACTIVITIES:
        for record in state.get(kind, ()):
            entry = _activity(kind, record)
            for other, ids in record["associations"].items():
                for each in ids:
                    timelines.setdefault((other, each), []).append(entry)
    return timelines


def _activity(kind: str, record: State) -> Entry:
    text, channel, word = _ACTIVITIES[kind]
    values: State = record["properties"]
    status = values.get("wa_status")
    return Entry(
        at=moment(values.get("hs_timestamp") or record.get("createdAt")),
        who=_CHANNELS.get(str(values.get(channel)), word),
        text=str(values.get(text) or ""),
        marks=(str(status),) if status else (),
        inward=kind != "communications",
    )


# --- Zendesk


def _zendesk(state: State) -> Iterator[Section]:
    people = {user["id"]: user for user in state["users"]}
    tickets = [_zendesk_ticket(ticket, people) for ticket in state["tickets"]]
    yield Section("zendesk-tickets", "Zendesk", "Tickets", _newest_first(tickets))
    yield Section("zendesk-users", "Zendesk", "Users", _newest_first(map(_zendesk_user, state["users"])))


def _zendesk_user(user: State) -> Item:
    shown = ("external_id", "phone", "email", "notes", "details")
    fields = {**user["user_fields"], "tags": user["tags"]}
    about = facts([*((name, user.get(name)) for name in shown), *fields.items()])
    return Item(str(user["id"]), str(user["name"]), about, (str(user["role"]),), raw=user)


def _zendesk_ticket(ticket: State, people: Mapping[int, State]) -> Item:
    shown = ("external_id", "type", "tags")
    fields = ((f"field {field['id']}", field["value"]) for field in ticket["custom_fields"])
    requester = people.get(ticket["requester_id"], {}).get("name")
    return Item(
        id=str(ticket["id"]),
        title=str(ticket.get("subject") or f"Ticket {ticket['id']}"),
        facts=facts([("requester", requester), *((name, ticket.get(name)) for name in shown), *fields]),
        marks=tuple(str(mark) for mark in (ticket["status"], ticket.get("priority")) if mark),
        timeline=tuple(_comment(comment, people) for comment in ticket["comments"]),
        raw=ticket,
    )


def _comment(comment: State, people: Mapping[int, State]) -> Entry:
    author = people.get(comment["author_id"], {})
    files = (f"file {each.get('file_name', '')}" for each in comment["attachments"])
    return Entry(
        at=moment(comment["created_at"]),
        who=str(author.get("name", comment["author_id"])),
        text=comment["body"],
        marks=(*(() if comment["public"] else ("internal note",)), *files),
        inward=not comment["public"],
    )


# --- the others


def _slack(state: State) -> Iterator[Item]:
    for message in state["messages"]:
        text = message["text"] or "(blocks only)"
        at = moment(int(float(message["ts"]) * 1000))
        entry = Entry(at, message["channel"], text, ("in a thread",) if message["thread_ts"] else ())
        yield Item(message["ts"], f"{message['channel']}, by {message['via']}", timeline=(entry,), raw=message)


def _aisoule(help_centre: State, developer: State) -> Iterator[Section]:
    sent = sorted([*help_centre["sent"], *developer["sent"]], key=lambda message: message["at_ms"])
    yield Section("aisoule-messages", "AISoule", "Messages", _newest_first(map(_whatsapp, sent)))
    contacts = {contact["id"]: contact for contact in help_centre["contacts"]}
    items = [
        Item(key, str(each.get("name") or each["phone_number"]), facts(each.items()), raw=each)
        for key, each in contacts.items()
    ]
    if items:
        yield Section("aisoule-contacts", "AISoule", "Contacts", _newest_first(items))


def _whatsapp(message: State) -> Item:
    content = message["content"]
    if message["type"] == "template":
        text = f"template {content['name']}"
    elif isinstance(content, str):
        text = content
    else:
        text = " ".join(
            str(content[name]) for name in ("url", "link", "caption", "filename", "body") if content.get(name)
        )
    via = "developer API" if message["via"] == "aisoule-developer" else "help-centre API"
    entry = Entry(moment(message["at_ms"]), via, text, (message["type"],))
    return Item(message["message_id"], f"to {message['to']}", timeline=(entry,), raw=message)


def _generic(state: State) -> Iterator[Item]:
    for record in state["records"]:
        body = record["body"]
        about = facts(body.items()) if isinstance(body, Mapping) else facts([("body", body)])
        yield Item(str(record["id"]), f"{record['path']} #{record['id']}", about, raw=record)


def _call(entry: JournalEntry) -> Item:
    status = "no answer" if entry.status is None else str(entry.status)
    marks = (status, f"fault {entry.fault}") if entry.fault else (status,)
    title = f"{entry.method} /{entry.api}{entry.path}"
    return Item(str(entry.seq), title, facts([("at", moment(entry.at_ms))]), marks, raw=entry.shown())

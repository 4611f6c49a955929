"""The tickets of a Zendesk account, their comments and audits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import orjson

from bridge.clock import Clock
from bridge.sandbox.zendesk.comments import Audit, Comment, CommentText, read_comment
from bridge.sandbox.zendesk.moments import moment, read_moment
from bridge.sandbox.zendesk.refusals import invalid_attribute, invalid_record, named_error, not_found
from bridge.sandbox.zendesk.uploads import Uploads
from bridge.sandbox.zendesk.users import User, Users

MAX_COMMENTS = 5000
MAX_METADATA_BYTES = 1024
CHOICES: Mapping[str, tuple[str, ...]] = {
    "status": ("new", "open", "pending", "hold", "solved", "closed"),
    "priority": ("low", "normal", "high", "urgent"),
    "type": ("problem", "incident", "question", "task"),
}
_FREE = (
    "external_id",
    "subject",
    "recipient",
    "group_id",
    "assignee_id",
    "organization_id",
    "brand_id",
    "ticket_form_id",
    "custom_status_id",
    "problem_id",
    "due_at",
)
_WAITING = frozenset({"new", "pending", "hold", "solved"})


@dataclass(slots=True)
class Ticket:
    """One ticket. `values` holds the fields that writers set, under their API names."""

    id: int
    requester: User
    created_at_ms: int
    updated_at_ms: int
    values: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    custom_fields: dict[int, Any] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)
    follows: int | None = None
    """The closed ticket that this one is a follow-up of."""

    @property
    def status(self) -> str:
        """One of the six statuses."""
        return str(self.values.get("status") or "new")

    def shown(self, root: str) -> dict[str, Any]:
        """The ticket as the tickets API gives it."""
        subject = self.values.get("subject")
        fields = [{"id": field_id, "value": value} for field_id, value in self.custom_fields.items()]
        return {
            "id": self.id,
            "url": f"{root}/api/v2/tickets/{self.id}.json",
            **{name: self.values.get(name) for name in (*_FREE, "priority", "type")},
            "raw_subject": subject,
            "description": self.comments[0].body if self.comments else "",
            "status": self.status,
            "requester_id": self.requester.id,
            "submitter_id": self.requester.id,
            "created_at": moment(self.created_at_ms),
            "updated_at": moment(self.updated_at_ms),
            "tags": self.tags,
            "custom_fields": fields,
            "fields": fields,
            "is_public": any(comment.public for comment in self.comments),
            "via": self._via(),
            "has_incidents": False,
            "collaborator_ids": [],
            "follower_ids": [],
            "email_cc_ids": [],
            "sharing_agreement_ids": [],
        }

    def _via(self) -> dict[str, Any]:
        from_ = {} if self.follows is None else {"ticket_id": self.follows}
        rel = None if self.follows is None else "follow_up"
        return {"channel": "api", "source": {"from": from_, "to": {}, "rel": rel}}


class Tickets:
    """All tickets that are not deleted."""

    def __init__(self, clock: Clock, users: Users, uploads: Uploads) -> None:
        self._clock = clock
        self._users = users
        self._uploads = uploads
        self._ids = count(1)
        self._event_ids = count(900_001)
        self._tickets: dict[int, Ticket] = {}

    def __iter__(self) -> Iterator[Ticket]:
        return iter(tuple(self._tickets.values()))

    def __len__(self) -> int:
        return len(self._tickets)

    def get(self, ticket_id: int) -> Ticket:
        """One ticket.

        Raises:
            Refused: 404.
        """
        ticket = self._tickets.get(ticket_id)
        if ticket is None:
            raise not_found()
        return ticket

    def delete(self, ticket_id: int) -> None:
        """Delete a ticket.

        Raises:
            Refused: 404.
        """
        del self._tickets[self.get(ticket_id).id]

    def create(self, wanted: Mapping[str, Any]) -> Ticket:
        """Create a ticket with its first comment.

        Raises:
            Refused: 400 or 422.
        """
        self._check(wanted)
        metadata = _metadata(wanted)
        first = wanted.get("comment")
        if first is None:
            raise invalid_record("base", "Description: cannot be blank", "BlankValue")
        requester = self._requester(wanted)
        ticket_id = next(self._ids)
        followed = self._followed(wanted.get("via_followup_source_id"))
        text = read_comment(first, self._users, requester, {"ticket.id": str(ticket_id)}, self._uploads)
        now_ms = self._clock.now_ms()
        ticket = Ticket(ticket_id, requester, now_ms, now_ms, follows=followed)
        events = [self._event("Create", field_name=name, value=value) for name, value in self._apply(ticket, wanted)]
        self._record(ticket, events, text, metadata)
        self._tickets[ticket.id] = ticket
        return ticket

    def bring_in(self, wanted: Mapping[str, Any]) -> Ticket:
        """Import a ticket with its comments at their own times; triggers and checks of time do not run.

        Raises:
            Refused: 400 or 422.
        """
        self._check(wanted)
        listed = wanted.get("comments")
        if not isinstance(listed, list) or not listed:
            raise invalid_record("comments", "Comments: cannot be blank", "BlankValue")
        requester, now_ms = self._requester(wanted), self._clock.now_ms()
        texts = [self._imported(item, requester) for item in listed]
        began_ms = read_moment(wanted.get("created_at"), "created_at") or texts[0].created_at_ms or now_ms
        changed_ms = read_moment(wanted.get("updated_at"), "updated_at") or now_ms
        ticket = Ticket(next(self._ids), requester, began_ms, changed_ms)
        tuple(self._apply(ticket, wanted))
        for text in texts:
            self._record(ticket, [], text, {})
        self._tickets[ticket.id] = ticket
        return ticket

    def _imported(self, item: Any, requester: User) -> CommentText:
        text = read_comment(item, self._users, requester, {}, self._uploads)
        written_ms = read_moment(item.get("created_at"), "created_at")
        if written_ms is not None and written_ms > self._clock.now_ms():
            raise invalid_record("created_at", "Created at: cannot be in the future", "InvalidValue")
        return replace(text, created_at_ms=written_ms)

    def _followed(self, source_id: Any) -> int | None:
        if source_id is None:
            return None
        source = self._tickets.get(source_id) if isinstance(source_id, int) else None
        if source is None or source.status != "closed":
            raise invalid_record("via_followup_source_id", "Follow-up source: is not a closed ticket", "InvalidValue")
        return source.id

    def update(self, ticket: Ticket, wanted: Mapping[str, Any]) -> Audit | None:
        """Change a ticket and add its comment; None when nothing changed, as then there is no audit.

        Raises:
            Refused: 409 for an outdated `updated_stamp`, 422 for a closed ticket, 400 or 422 for values.
        """
        self._check_stamp(ticket, wanted)
        if ticket.status == "closed":
            raise invalid_record("status", "Status: closed prevents ticket update")
        self._check(wanted)
        metadata = _metadata(wanted)
        text = self._update_comment(ticket, wanted)
        self._reopen(ticket, wanted, text)
        events = [self._event("Change", field_name=name, value=value) for name, value in self._apply(ticket, wanted)]
        if not events and text is None:
            return None
        ticket.updated_at_ms = self._clock.now_ms()
        return self._record(ticket, events, text, metadata)

    def change_tags(self, ticket: Ticket, tags: Iterable[str]) -> None:
        """Replace the tags of a ticket.

        Raises:
            Refused: 422, the ticket is closed.
        """
        self.update(ticket, {"tags": list(tags)})

    def _update_comment(self, ticket: Ticket, wanted: Mapping[str, Any]) -> CommentText | None:
        if wanted.get("comment") is None:
            return None
        if len(ticket.comments) >= MAX_COMMENTS:
            raise invalid_record("base", f"Ticket: has reached the limit of {MAX_COMMENTS} comments")
        placeholders = {"ticket.id": str(ticket.id), "ticket.title": str(ticket.values.get("subject") or "")}
        return read_comment(wanted["comment"], self._users, self._users.agent, placeholders, self._uploads)

    def _reopen(self, ticket: Ticket, wanted: Mapping[str, Any], text: CommentText | None) -> None:
        # What the requester writes puts a waiting ticket back in front of the agents.
        answered = text is not None and text.public and text.author is ticket.requester
        if answered and "status" not in wanted and ticket.status in _WAITING and ticket.status != "new":
            ticket.values["status"] = "open"

    def _requester(self, wanted: Mapping[str, Any]) -> User:
        named = wanted.get("requester")
        if isinstance(named, dict):
            return self._users.upsert(named)[0]
        if wanted.get("requester_id") is None:
            return self._users.agent
        requester = self._users.find(wanted["requester_id"])
        if requester is None:
            raise invalid_record("requester", "Requester: is not an existing user", "InvalidValue")
        return requester

    def _check(self, wanted: Mapping[str, Any]) -> None:
        for name, allowed in CHOICES.items():
            if wanted.get(name) is not None and wanted[name] not in allowed:
                raise invalid_record(name, f"{name.capitalize()}: is not one of {', '.join(allowed)}", "InvalidValue")
        fields = wanted.get("custom_fields") or []
        for item in fields if isinstance(fields, list) else [fields]:
            if not isinstance(item, dict) or not isinstance(item.get("id"), int):
                raise invalid_attribute("custom_fields", "a list of objects with a numeric id")
        tag_list(wanted.get("tags") or ())

    def _check_stamp(self, ticket: Ticket, wanted: Mapping[str, Any]) -> None:
        # Even `safe_update: false` asks for the check; only leaving it out forces the write (facts, section 2.5).
        if "safe_update" in wanted and wanted.get("updated_stamp") != moment(ticket.updated_at_ms):
            raise named_error(409, "UpdateConflict", "Safe Update prevented the update: the ticket has changed")

    def _apply(self, ticket: Ticket, wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Set the fields; yields (name, value) for each that is different now."""
        for name in (*_FREE, *CHOICES):
            if name in wanted and wanted[name] != ticket.values.get(name):
                ticket.values[name] = wanted[name]
                yield name, wanted[name]
        if wanted.get("tags") is not None:
            tags = tag_list(wanted["tags"])
            if tags != ticket.tags:
                ticket.tags = tags
                yield "tags", tags
        for item in wanted.get("custom_fields") or ():
            if ticket.custom_fields.get(item["id"]) != item.get("value"):
                ticket.custom_fields[item["id"]] = item.get("value")
                yield str(item["id"]), item.get("value")

    def _event(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"id": next(self._event_ids), "type": kind, **more}

    def _record(
        self, ticket: Ticket, events: list[dict[str, Any]], text: CommentText | None, metadata: Mapping[str, Any]
    ) -> Audit:
        now_ms = self._clock.now_ms()
        audit = Audit(next(self._event_ids), ticket.id, self._users.agent.id, now_ms, events, metadata)
        if text is not None:
            comment = Comment(
                id=next(self._event_ids),
                audit_id=audit.id,
                author=text.author,
                body=text.body,
                html_body=text.html_body,
                public=text.public,
                created_at_ms=now_ms if text.created_at_ms is None else text.created_at_ms,
                metadata=metadata,
                attachments=text.attachments,
            )
            ticket.comments.append(comment)
            shown = comment.shown()
            audit.events.append({key: shown[key] for key in shown if key not in ("metadata", "created_at", "via")})
        ticket.audits.append(audit)
        return audit


def _metadata(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an update carries for its audit, at most 1 KiB.

    Zendesk's pages state the size, not what happens beyond it: refusing is the answer that a test notices.
    """
    metadata = wanted.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise invalid_attribute("metadata", "an object")
    if len(orjson.dumps(metadata)) > MAX_METADATA_BYTES:
        raise invalid_record("metadata", f"Metadata: is larger than {MAX_METADATA_BYTES} bytes")
    return metadata


def tag_list(tags: Any) -> list[str]:
    """Tags as Zendesk keeps them: lower case, split at blanks, sorted, each once."""
    if isinstance(tags, str):
        tags = [tags]
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise invalid_attribute("tags", "a list of text")
    return sorted({part.lower() for tag in tags for part in tag.split()})

"""Side conversations: mails to somebody else, beside a ticket."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bridge.clock import Clock
from bridge.sandbox.zendesk.moments import moment
from bridge.sandbox.zendesk.refusals import invalid_attribute, invalid_record

_FIELDS = ("subject", "body", "html_body", "preview_text", "to", "from", "attachment_ids")


@dataclass(frozen=True, slots=True)
class SideConversation:
    """One of them, with its first message."""

    id: str
    ticket_id: int
    created_at_ms: int
    message: Mapping[str, Any]
    external_ids: Mapping[str, str]

    def shown(self, root: str) -> dict[str, Any]:
        """As the API gives it."""
        created_at = moment(self.created_at_ms)
        return {
            "id": self.id,
            "url": f"{root}/api/v2/tickets/{self.ticket_id}/side_conversations/{self.id}",
            "ticket_id": self.ticket_id,
            "subject": self.message.get("subject"),
            "preview_text": str(self.message.get("body") or self.message.get("html_body"))[:140],
            "participants": self.message["to"],
            "state": "open",
            "external_ids": dict(self.external_ids),
            "created_at": created_at,
            "updated_at": created_at,
            "message_added_at": created_at,
            "state_updated_at": created_at,
        }


class SideConversations:
    """Those of all tickets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: list[SideConversation] = []

    def of(self, ticket_id: int) -> Iterator[SideConversation]:
        """Those of one ticket, the oldest first."""
        return (each for each in self._all if each.ticket_id == ticket_id)

    def begin(self, ticket_id: int, wanted: Any) -> SideConversation:
        """A new one.

        Raises:
            Refused: 400 for the shape, 422 without somebody to send it to, or without words.
        """
        message = wanted.get("message") if isinstance(wanted, dict) else None
        if not isinstance(message, dict) or message.keys() - set(_FIELDS):
            raise invalid_attribute("message", f"an object of {', '.join(_FIELDS)}")
        to, external_ids = message.get("to"), wanted.get("external_ids") or {}
        if not isinstance(to, list) or not to or not all(isinstance(each, dict) for each in to):
            raise invalid_record("to", "To: cannot be blank", "BlankValue")
        if not (message.get("body") or message.get("html_body")):
            raise invalid_record("body", "Body: cannot be blank", "BlankValue")
        if not isinstance(external_ids, dict) or not all(isinstance(value, str) for value in external_ids.values()):
            raise invalid_attribute("external_ids", "an object of texts")
        begun = SideConversation(str(uuid4()), ticket_id, self._clock.now_ms(), message, external_ids)
        self._all.append(begun)
        return begun

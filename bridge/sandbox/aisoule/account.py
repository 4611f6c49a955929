"""What an AISoule account holds, whichever API writes it: messages, contacts, and which customers may get free text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.clock import Clock
from bridge.errors import BridgeError

WINDOW_MS = 24 * 3_600_000
TEMPLATES = frozenset({"order_update", "welcome", "ticket_solved"})
MEDIA = frozenset({"image", "video", "document", "audio"})
KINDS = frozenset({"text", "template", "interactive", *MEDIA})
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_INTERACTIVE = frozenset({"button", "list"})


class MessageRefused(BridgeError):  # noqa: N818 - reads as a state; each API says it in its own shape
    """AISoule does not send this; the message says why, without any customer's text."""


@dataclass(slots=True)
class SentMessage:
    """One message to a customer (E.164 with +). `content` is the text, or the object that belongs to its type."""

    message_id: str
    to: str
    type: str
    content: Any
    at_ms: int
    via: str


@dataclass(slots=True)
class Contact:
    """One contact. `number` is E.164 with +; `values` are the fields that were written, under their API's names."""

    id: str
    number: str
    values: dict[str, Any] = field(default_factory=dict)


class Account:
    """An account. `templates` are the approved ones; `contacts` are by number."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Start again: nothing sent, no contacts, and no customer has written."""
        self.sent: list[SentMessage] = []
        self.templates = set(TEMPLATES)
        self.contacts: dict[str, Contact] = {}
        self._wrote: dict[str, int] = {}

    def customer_wrote(self, number: str) -> None:
        """Open the 24 hours in which this customer (E.164 with +) may get free text."""
        self._wrote[number] = self._clock.now_ms()

    def send(self, message_id: str, to: str, kind: str, content: Any, via: str) -> SentMessage:
        """Send a message that an API has read.

        Raises:
            MessageRefused: it lacks something, or is free text outside the window.
        """
        self._check(kind, content)
        if kind != "template" and self._clock.now_ms() - self._wrote.get(to, -WINDOW_MS) >= WINDOW_MS:
            raise MessageRefused("Outside 24-hour window. Use a template message.")
        message = SentMessage(message_id, to, kind, content, self._clock.now_ms(), via)
        self.sent.append(message)
        return message

    def sent_via(self, api: str) -> list[SentMessage]:
        """The messages that came through one API, oldest first."""
        return [message for message in self.sent if message.via == api]

    def contact_with(self, contact_id: str) -> Contact | None:
        """The contact with an id."""
        return next((contact for contact in self.contacts.values() if contact.id == contact_id), None)

    def _check(self, kind: str, content: Any) -> None:
        """Look at the content. What each API calls its parts is read before.

        Raises:
            MessageRefused: it is nothing that can be sent.
        """
        if kind not in KINDS:
            raise MessageRefused("Unknown message type")
        if not content:
            raise MessageRefused("The message is empty")
        if kind == "template" and not (isinstance(content, Mapping) and content.get("name") in self.templates):
            raise MessageRefused("Template not found or not approved")
        if kind == "interactive" and not (isinstance(content, Mapping) and content.get("type") in _INTERACTIVE):
            raise MessageRefused("interactive.type must be button or list")


def is_number(value: object) -> bool:
    """Whether it is a phone number, E.164 with +."""
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None

"""What both APIs of AISoule have in common: a key, the limits of that key, and the account behind it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.aisoule.account import MEDIA, Account, Contact, MessageRefused, SentMessage
from bridge.sandbox.aisoule.traffic import TOO_MANY, AISouleLimits, Traffic, limited, outage_wait
from bridge.sandbox.answers import Answer, Call, Refused


class MessagingApi(ABC):
    """One API. `account` and `traffic` are open to tests; the account is the other API's, too."""

    name: str
    send_path: str

    def __init__(self, clock: Clock, account: Account, *, api_keys: frozenset[str]) -> None:
        self._api_keys = api_keys
        self.account = account
        self.traffic = Traffic(clock)

    @property
    def sent(self) -> list[SentMessage]:
        """The messages that came through this API, oldest first."""
        return self.account.sent_via(self.name)

    def reset(self) -> None:
        """Start again with an empty account and the usual limits."""
        self.account.reset()
        self.traffic.apply(AISouleLimits())

    def admit(self, call: Call) -> None:
        """Check the key, and the limits unless it is a message, whose kind has to be read first."""
        if self.key_of(call) not in self._api_keys:
            raise self.refusal(401, "Invalid API key")
        if call.path != self.send_path:
            self.traffic.count(is_message=False, has_media=False)

    def finished(self, call: Call, answer: Answer) -> Answer:
        """Add the limit headers."""
        return answer.with_headers(self.traffic.headers(is_message=call.path == self.send_path))

    def unreadable(self) -> Answer:
        """400 for a body that is not JSON."""
        return self.refusal(400, "Invalid JSON").answer

    def unknown(self, _: Call) -> Answer:
        """404."""
        return self.refusal(404, "Not found").answer

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in AISoule's shape; the wait of a 429 is in the body."""
        if status == TOO_MANY:
            return limited(outage_wait(retry_after))
        return self.refusal(status, "The sandbox was told to fail this request").answer

    def snapshot(self) -> dict[str, Any]:
        """All messages of this API, oldest first, and all contacts."""
        contacts = [self.shown(contact) for contact in self.account.contacts.values()]
        return {"sent": [asdict(message) for message in self.sent], "contacts": contacts}

    def send(self, call: Call, prefix: str) -> SentMessage:
        """Send what a call asks for, under an id with this prefix.

        Raises:
            Refused: the API does not take it, or a limit does not.
        """
        body = self.asked(call)
        kind = body.get("type")
        kind = kind if isinstance(kind, str) else ""
        self.traffic.count(is_message=True, has_media=kind in MEDIA)
        number, content = self.number(body.get("to"), "to"), self.content(kind, body.get(kind))
        try:
            return self.account.send(f"{prefix}{len(self.account.sent) + 1}", number, kind, content, self.name)
        except MessageRefused as refused:
            raise self.refusal(400, str(refused)) from None

    def asked(self, call: Call) -> Mapping[str, Any]:
        """The body.

        Raises:
            Refused: it is no object.
            Unreadable: it is no JSON.
        """
        body = call.json()
        if not isinstance(body, dict):
            raise self.refusal(400, "The body must be an object")
        return body

    @abstractmethod
    def key_of(self, call: Call) -> str | None:
        """The API key that a call bears."""

    @abstractmethod
    def refusal(self, status: int, message: str) -> Refused:
        """A no in the shape of this API."""

    @abstractmethod
    def number(self, value: object, name: str) -> str:
        """A phone number as this API writes it, as E.164 with +.

        Raises:
            Refused: it is none.
        """

    @abstractmethod
    def content(self, kind: str, given: Any) -> Any:
        """What is sent, out of what stands under the name of its type.

        Raises:
            Refused: it lacks what it must have.
        """

    @abstractmethod
    def shown(self, contact: Contact) -> dict[str, Any]:
        """A contact as this API gives it."""

"""AISoule's help-centre API: messages to customers, the 24-hour window, and a 429 that says the wait in its body."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Call, Refused, Route
from bridge.sandbox.limits import RateWindow

WINDOW_MS = 24 * 3_600_000
TEMPLATES = frozenset({"order_update", "welcome", "ticket_solved"})
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_MEDIA = frozenset({"image", "video", "document", "audio"})
_TOO_MANY = 429
_WAIT_S = 15


@dataclass(slots=True)
class SentMessage:
    """One message to a customer; `content` is what belongs to its type."""

    message_id: str
    to: str
    type: str
    content: Any


class AISoule:
    """An account. `enforced` makes the limit of 300 messages a minute bite; `templates` are the approved ones."""

    name = "aisoule"

    def __init__(self, clock: Clock, *, api_keys: frozenset[str]) -> None:
        self._clock = clock
        self._api_keys = api_keys
        self.reset()

    def reset(self) -> None:
        """Start again: nothing sent, and no customer has written."""
        self.sent: list[SentMessage] = []
        self.templates = set(TEMPLATES)
        self.enforced = False
        self._wrote: dict[str, int] = {}
        self._window = RateWindow(self._clock, 300, 60_000)

    def customer_wrote(self, number: str) -> None:
        """Open the 24 hours in which this customer (E.164 with +) may get free text."""
        self._wrote[number] = self._clock.now_ms()

    def routes(self) -> Iterator[Route]:
        """The paths that the connector uses, and the list of templates."""
        yield Route("POST", "/messages/send", self._send)
        yield Route("GET", "/templates", self._list_templates)

    def admit(self, call: Call) -> None:
        """Check the key."""
        if call.headers.get("x-api-key") not in self._api_keys:
            raise _no(401, "Invalid API key")

    def finished(self, _: Call, answer: Answer) -> Answer:
        """Add the limit headers."""
        resets_s = (self._clock.now_ms() + self._window.resets_in_ms) // 1000
        return answer.with_headers(
            {
                "X-RateLimit-Limit": str(self._window.limit),
                "X-RateLimit-Remaining": str(self._window.remaining),
                "X-RateLimit-Reset": str(resets_s),
            }
        )

    def unreadable(self) -> Answer:
        """400 for a body that is not JSON."""
        return _no(400, "Invalid JSON").answer

    def unknown(self, _: Call) -> Answer:
        """404."""
        return _no(404, "Not found").answer

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in AISoule's shape; the wait of a 429 is in the body."""
        if status != _TOO_MANY:
            return _no(status, "The sandbox was told to fail this request").answer
        return _limited(int(retry_after) if retry_after and retry_after.isdecimal() else _WAIT_S)

    def snapshot(self) -> dict[str, Any]:
        """All messages, oldest first."""
        return {"sent": [asdict(message) for message in self.sent]}

    def _send(self, call: Call) -> Answer:
        if self.enforced and not self._window.remaining:
            raise Refused(_limited(max(1, self._window.resets_in_s)))
        body = call.json()
        if not isinstance(body, dict):
            raise _no(400, "The body must be an object")
        to, kind = body.get("to"), body.get("type")
        if not isinstance(to, str) or not _NUMBER.fullmatch(to):
            raise _no(400, "`to` must be a phone number in E.164 with +")
        content = self._content(to, kind, body)
        self._window.take()
        message = SentMessage(f"wamid.sandbox{len(self.sent) + 1}", to, str(kind), content)
        self.sent.append(message)
        return Answer(200, {"data": {"message_id": message.message_id, "status": "sent"}})

    def _content(self, to: str, kind: object, body: dict[str, Any]) -> Any:
        """What is sent.

        Raises:
            Refused: it lacks something, or is free text outside the window.
        """
        if kind == "template":
            template = body.get("template")
            name = template.get("name") if isinstance(template, dict) else None
            if not isinstance(name, str) or name not in self.templates:
                raise _no(400, "Template not found or not approved")
            return template
        if kind not in ("text", *_MEDIA):
            raise _no(400, "Unknown message type")
        content = body.get("text") if kind == "text" else body.get("url")
        if not isinstance(content, str) or not content:
            raise _no(400, "The message is empty")
        if self._clock.now_ms() - self._wrote.get(to, -WINDOW_MS) >= WINDOW_MS:
            raise _no(400, "Message failed: more than 24 hours have passed since the customer last replied")
        return content

    def _list_templates(self, _: Call) -> Answer:
        return Answer(200, {"data": [{"name": name, "status": "APPROVED"} for name in sorted(self.templates)]})


def _no(status: int, message: str) -> Refused:
    return Refused(Answer(status, {"message": message, "status": "error"}))


def _limited(wait_s: int) -> Answer:
    error = {"code": "rate_limit_exceeded", "message": "Too many requests", "retry_after_seconds": wait_s}
    return Answer(_TOO_MANY, {"success": False, "error": error})

"""AISoule's developer API: a bearer key, numbers as digits, `success` in every answer."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.aisoule.account import MEDIA, Account, Contact, MessageRefused, SentMessage, is_number
from bridge.sandbox.aisoule.traffic import TOO_MANY, Traffic, asked_object, kind_of, limited, outage_wait
from bridge.sandbox.answers import Answer, Call, Refused, Route

_SEND = "/messages"
_CONTACT_FIELDS = ("first_name", "last_name", "email", "tags", "custom_fields")
_CODES = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found"}
_MOST = 100


class AISouleDeveloper:
    """The same account as the help-centre API's, with a key and limits of its own."""

    name = "aisoule-developer"

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
        self.traffic.apply(type(self.traffic.limits)())

    def routes(self) -> Iterator[Route]:
        """Messages, contacts, and whose key it is."""
        yield Route("POST", _SEND, self._send)
        yield Route("POST", "/contacts", self._write_contact)
        yield Route("GET", "/contacts", self._list_contacts)
        yield Route("GET", "/profile", self._profile)
        yield Route("GET", "/status", self._profile)

    def admit(self, call: Call) -> None:
        """Check the key and the limits."""
        if call.bearer not in self._api_keys:
            raise _no(401, "unauthorized", "The API key is missing or was revoked")
        if (call.method, call.path) != ("POST", _SEND):
            self.traffic.count(is_message=False, has_media=False)

    def finished(self, call: Call, answer: Answer) -> Answer:
        """Add the limit headers."""
        return answer.with_headers(self.traffic.headers(is_message=call.path == _SEND))

    def unreadable(self) -> Answer:
        """400 for a body that is not JSON."""
        return _no(400, "invalid_request", "The body is not JSON").answer

    def unknown(self, _: Call) -> Answer:
        """404."""
        return _no(404, "not_found", "There is no such path").answer

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in AISoule's shape; the wait of a 429 is in the body."""
        if status != TOO_MANY:
            return _no(status, _CODES.get(status, "internal_error"), "The sandbox was told to fail this request").answer
        return limited(outage_wait(retry_after))

    def snapshot(self) -> dict[str, Any]:
        """All messages of this API, oldest first, and all contacts."""
        contacts = [_shown(contact) for contact in self.account.contacts.values()]
        return {"sent": [asdict(message) for message in self.sent], "contacts": contacts}

    def _send(self, call: Call) -> Answer:
        body = _object(call)
        to, kind = body.get("to"), kind_of(body)
        self.traffic.count(is_message=True, has_media=kind in MEDIA)
        number = _number(to, "to")
        content = body.get(kind)
        message_id = f"msg_sandbox{len(self.account.sent) + 1}"
        try:
            self.account.send(message_id, number, kind, _read(kind, content), self.name)
        except MessageRefused as refused:
            raise _no(400, "invalid_request", str(refused)) from None
        return Answer(200, {"success": True, "message_id": message_id, "status": "queued", "recipient": to})

    def _write_contact(self, call: Call) -> Answer:
        body = _object(call)
        number = _number(body.get("phone"), "phone")
        contact = self.account.contacts.setdefault(number, Contact(f"cnt_{number[1:]}", number))
        contact.values |= {name: body[name] for name in _CONTACT_FIELDS if name in body}
        return Answer(200, {"success": True, "contact": _shown(contact)})

    def _list_contacts(self, call: Call) -> Answer:
        limit, offset = _whole(call, "limit", 20), _whole(call, "offset", 0)
        tag = call.asked("tag")
        found = [each for each in self.account.contacts.values() if tag is None or tag in _tags(each)]
        page = [_shown(each) for each in found[offset : offset + min(limit, _MOST)]]
        paging = {"total": len(found), "limit": limit, "offset": offset}
        return Answer(200, {"success": True, "contacts": page, "pagination": paging})

    def _profile(self, _: Call) -> Answer:
        return Answer(200, {"success": True, "status": "ok"})


def _object(call: Call) -> dict[str, Any]:
    body = asked_object(call)
    if body is None:
        raise _no(400, "invalid_request", "The body must be an object")
    return body


def _number(value: object, name: str) -> str:
    """Digits as E.164 with +.

    Raises:
        Refused: they are no phone number.
    """
    number = f"+{value}"
    if not isinstance(value, str) or not is_number(number):
        raise _no(400, "invalid_request", f"`{name}` must be a phone number: digits without +")
    return number


def _read(kind: object, content: Any) -> Any:
    """What is sent, out of the object that belongs to its type.

    Raises:
        Refused: the object lacks what it must have.
    """
    given = content if isinstance(content, dict) else {}
    if kind == "text":
        return given.get("body")
    if kind in MEDIA and not given.get("link"):
        raise _no(400, "invalid_request", f"`{kind}.link` is required")
    language = given.get("language")
    if kind == "template" and not (isinstance(language, dict) and language.get("code")):
        raise _no(400, "invalid_request", "`template.language.code` is required")
    return content


def _tags(contact: Contact) -> list[Any]:
    tags = contact.values.get("tags")
    return tags if isinstance(tags, list) else []


def _whole(call: Call, name: str, default: int) -> int:
    text = call.asked(name) or str(default)
    if not text.isdecimal():
        raise _no(400, "invalid_request", f"`{name}` must be a whole number")
    return int(text)


def _shown(contact: Contact) -> dict[str, Any]:
    values = {name: contact.values[name] for name in _CONTACT_FIELDS if name in contact.values}
    return {"id": contact.id, "phone": contact.number[1:], **values}


def _no(status: int, code: str, message: str) -> Refused:
    return Refused(Answer(status, {"success": False, "error": {"code": code, "message": message}}))

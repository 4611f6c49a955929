"""The API of AISoule's help centre: X-API-Key, numbers with +, answers under `data`."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.aisoule.account import MEDIA, Account, Contact, MessageRefused, SentMessage, is_number
from bridge.sandbox.aisoule.traffic import TOO_MANY, Traffic, asked_object, kind_of, limited, outage_wait
from bridge.sandbox.answers import Answer, Call, Refused, Route

_SEND = "/messages/send"
_CONTACT_FIELDS = ("name", "tags", "stage")


class AISoule:
    """An account behind the help-centre API. `account` and `traffic` are open to tests."""

    name = "aisoule"

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
        """Messages, contacts and the list of templates."""
        yield Route("POST", _SEND, self._send)
        yield Route("GET", "/templates", self._list_templates)
        yield Route("GET", "/contacts", self._list_contacts)
        yield Route("POST", "/contacts", self._create_contact)
        yield Route("GET", "/contacts/{id}", self._read_contact)
        yield Route("PUT", "/contacts/{id}", self._change_contact)
        yield Route("DELETE", "/contacts/{id}", self._delete_contact)

    def admit(self, call: Call) -> None:
        """Check the key and the limits."""
        if call.headers.get("x-api-key") not in self._api_keys:
            raise _no(401, "Invalid API key")
        if call.path != _SEND:
            self.traffic.count(is_message=False, has_media=False)

    def finished(self, call: Call, answer: Answer) -> Answer:
        """Add the limit headers."""
        return answer.with_headers(self.traffic.headers(is_message=call.path == _SEND))

    def unreadable(self) -> Answer:
        """400 for a body that is not JSON."""
        return _no(400, "Invalid JSON").answer

    def unknown(self, _: Call) -> Answer:
        """404."""
        return _no(404, "Not found").answer

    def outage(self, status: int, retry_after: str | None) -> Answer:
        """A failure in AISoule's shape; the wait of a 429 is in the body."""
        if status != TOO_MANY:
            return _no(status, "The sandbox was told to fail this request").answer
        return limited(outage_wait(retry_after))

    def snapshot(self) -> dict[str, Any]:
        """All messages of this API, oldest first, and all contacts."""
        contacts = [_shown(contact) for contact in self.account.contacts.values()]
        return {"sent": [asdict(message) for message in self.sent], "contacts": contacts}

    def _send(self, call: Call) -> Answer:
        body = _object(call)
        to, kind = body.get("to"), kind_of(body)
        self.traffic.count(is_message=True, has_media=kind in MEDIA)
        if not is_number(to):
            raise _no(400, "`to` must be a phone number in E.164 with +")
        content = body.get(kind)
        if kind in MEDIA and not (isinstance(content, dict) and content.get("url")):
            raise _no(400, f"`{kind}.url` is required")
        if kind == "text" and not isinstance(content, str):
            raise _no(400, "`text` must be text")
        try:
            message = self.account.send(f"wamid.sandbox{len(self.account.sent) + 1}", str(to), kind, content, self.name)
        except MessageRefused as refused:
            raise _no(400, str(refused)) from None
        return Answer(200, {"data": {"message_id": message.message_id, "status": "sent"}})

    def _list_templates(self, _: Call) -> Answer:
        return _found([{"name": name, "status": "APPROVED"} for name in sorted(self.account.templates)])

    def _list_contacts(self, _: Call) -> Answer:
        contacts = [_shown(contact) for contact in self.account.contacts.values()]
        return Answer(200, {"data": {"contacts": contacts, "total": len(contacts), "page": 1}})

    def _create_contact(self, call: Call) -> Answer:
        body = _object(call)
        number = body.get("phone_number")
        if not is_number(number):
            raise _no(400, "`phone_number` must be a phone number in E.164 with +")
        if number in self.account.contacts:
            raise _no(409, "A contact with this phone number exists")
        contact = Contact(str(uuid.uuid5(uuid.NAMESPACE_URL, f"tel:{number}")), str(number), _values(body))
        self.account.contacts[contact.number] = contact
        return _found(_shown(contact), 201)

    def _read_contact(self, call: Call) -> Answer:
        return _found(_shown(self._contact(call)))

    def _change_contact(self, call: Call) -> Answer:
        contact = self._contact(call)
        contact.values |= _values(_object(call))
        return _found(_shown(contact))

    def _delete_contact(self, call: Call) -> Answer:
        del self.account.contacts[self._contact(call).number]
        return _found(None)

    def _contact(self, call: Call) -> Contact:
        contact = self.account.contact_with(call.params["id"])
        if contact is None:
            raise _no(404, "Contact not found")
        return contact


def _object(call: Call) -> dict[str, Any]:
    body = asked_object(call)
    if body is None:
        raise _no(400, "The body must be an object")
    return body


def _values(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _CONTACT_FIELDS if name in body}


def _shown(contact: Contact) -> dict[str, Any]:
    values = {name: contact.values.get(name) for name in _CONTACT_FIELDS}
    return {"id": contact.id, "phone_number": contact.number, **values}


def _found(data: Any, status: int = 200) -> Answer:
    return Answer(status, {"data": data, "status": "success"})


def _no(status: int, message: str) -> Refused:
    return Refused(Answer(status, {"message": message, "status": "error"}))

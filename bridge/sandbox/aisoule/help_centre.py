"""The API of AISoule's help centre: X-API-Key, numbers with +, answers under `data`."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.sandbox.aisoule.account import MEDIA, Contact, is_number
from bridge.sandbox.aisoule.shared import MessagingApi
from bridge.sandbox.answers import Answer, Call, Refused, Route

_CONTACT_FIELDS = ("name", "tags", "stage")


class AISoule(MessagingApi):
    """An account behind the help-centre API."""

    name = "aisoule"
    send_path = "/messages/send"

    def routes(self) -> Iterator[Route]:
        """Messages, contacts and the list of templates."""
        yield Route("POST", self.send_path, self._send)
        yield Route("GET", "/templates", self._list_templates)
        yield Route("GET", "/contacts", self._list_contacts)
        yield Route("POST", "/contacts", self._create_contact)
        yield Route("GET", "/contacts/{id}", self._read_contact)
        yield Route("PUT", "/contacts/{id}", self._change_contact)
        yield Route("DELETE", "/contacts/{id}", self._delete_contact)

    def key_of(self, call: Call) -> str | None:
        """The header of its own."""
        return call.headers.get("x-api-key")

    def refusal(self, status: int, message: str) -> Refused:
        """Words and no code."""
        return Refused(Answer(status, {"message": message, "status": "error"}))

    def number(self, value: object, name: str) -> str:
        """With +."""
        if not isinstance(value, str) or not is_number(value):
            raise self.refusal(400, f"`{name}` must be a phone number in E.164 with +")
        return value

    def content(self, kind: str, given: Any) -> Any:
        """Text as it is, media with `url`."""
        if kind in MEDIA and not (isinstance(given, dict) and given.get("url")):
            raise self.refusal(400, f"`{kind}.url` is required")
        if kind == "text" and not isinstance(given, str):
            raise self.refusal(400, "`text` must be text")
        return given

    def shown(self, contact: Contact) -> dict[str, Any]:
        """All fields, null where nothing is known."""
        values = {name: contact.values.get(name) for name in _CONTACT_FIELDS}
        return {"id": contact.id, "phone_number": contact.number, **values}

    def _send(self, call: Call) -> Answer:
        message = self.send(call, "wamid.sandbox")
        return Answer(200, {"data": {"message_id": message.message_id, "status": "sent"}})

    def _list_templates(self, _: Call) -> Answer:
        return _found([{"name": name, "status": "APPROVED"} for name in sorted(self.account.templates)])

    def _list_contacts(self, _: Call) -> Answer:
        contacts = [self.shown(contact) for contact in self.account.contacts.values()]
        return Answer(200, {"data": {"contacts": contacts, "total": len(contacts), "page": 1}})

    def _create_contact(self, call: Call) -> Answer:
        body = self.asked(call)
        number = self.number(body.get("phone_number"), "phone_number")
        if number in self.account.contacts:
            raise self.refusal(409, "A contact with this phone number exists")
        contact = Contact(str(uuid.uuid5(uuid.NAMESPACE_URL, f"tel:{number}")), number, _values(body))
        self.account.contacts[number] = contact
        return _found(self.shown(contact), 201)

    def _read_contact(self, call: Call) -> Answer:
        return _found(self.shown(self._contact(call)))

    def _change_contact(self, call: Call) -> Answer:
        contact = self._contact(call)
        contact.values |= _values(self.asked(call))
        return _found(self.shown(contact))

    def _delete_contact(self, call: Call) -> Answer:
        del self.account.contacts[self._contact(call).number]
        return _found(None)

    def _contact(self, call: Call) -> Contact:
        contact = self.account.contact_with(call.params["id"])
        if contact is None:
            raise self.refusal(404, "Contact not found")
        return contact


def _values(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _CONTACT_FIELDS if name in body}


def _found(data: Any, status: int = 200) -> Answer:
    return Answer(status, {"data": data, "status": "success"})

"""AISoule's developer API: a bearer key, numbers as digits, `success` in every answer."""

from collections.abc import Iterator
from typing import Any

from bridge.sandbox.aisoule.account import MEDIA, Contact, is_number
from bridge.sandbox.aisoule.shared import MessagingApi
from bridge.sandbox.answers import Answer, Call, Refused, Route

_CONTACT_FIELDS = ("first_name", "last_name", "email", "tags", "custom_fields")
_CODES = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found"}
_MOST = 100


class AISouleDeveloper(MessagingApi):
    """The same account as the help-centre API's, with a key and limits of its own."""

    name = "aisoule-developer"
    send_path = "/messages"

    def routes(self) -> Iterator[Route]:
        """Messages, contacts, and whose key it is."""
        yield Route("POST", self.send_path, self._send)
        yield Route("POST", "/contacts", self._write_contact)
        yield Route("GET", "/contacts", self._list_contacts)
        yield Route("GET", "/profile", self._profile)
        yield Route("GET", "/status", self._profile)

    def key_of(self, call: Call) -> str | None:
        """The bearer token."""
        return call.bearer

    def refusal(self, status: int, message: str) -> Refused:
        """A code and words."""
        error = {"code": _CODES.get(status, "internal_error"), "message": message}
        return Refused(Answer(status, {"success": False, "error": error}))

    def number(self, value: object, name: str) -> str:
        """Digits without +."""
        number = f"+{value}"
        if not isinstance(value, str) or not is_number(number):
            raise self.refusal(400, f"`{name}` must be a phone number: digits without +")
        return number

    def content(self, kind: str, given: Any) -> Any:
        """The words of a text; media with `link`, templates with the code of their language."""
        parts = given if isinstance(given, dict) else {}
        if kind == "text":
            return parts.get("body")
        if kind in MEDIA and not parts.get("link"):
            raise self.refusal(400, f"`{kind}.link` is required")
        language = parts.get("language")
        if kind == "template" and not (isinstance(language, dict) and language.get("code")):
            raise self.refusal(400, "`template.language.code` is required")
        return given

    def shown(self, contact: Contact) -> dict[str, Any]:
        """The fields that are known."""
        values = {name: contact.values[name] for name in _CONTACT_FIELDS if name in contact.values}
        return {"id": contact.id, "phone": contact.number[1:], **values}

    def _send(self, call: Call) -> Answer:
        message = self.send(call, "msg_sandbox")
        told = {"message_id": message.message_id, "status": "queued", "recipient": message.to[1:]}
        return Answer(200, {"success": True, **told})

    def _write_contact(self, call: Call) -> Answer:
        body = self.asked(call)
        number = self.number(body.get("phone"), "phone")
        contact = self.account.contacts.setdefault(number, Contact(f"cnt_{number[1:]}", number))
        contact.values |= {name: body[name] for name in _CONTACT_FIELDS if name in body}
        return Answer(200, {"success": True, "contact": self.shown(contact)})

    def _list_contacts(self, call: Call) -> Answer:
        limit, offset, tag = self._whole(call, "limit", 20), self._whole(call, "offset", 0), call.asked("tag")
        found = [each for each in self.account.contacts.values() if tag is None or tag in _tags(each)]
        page = [self.shown(each) for each in found[offset : offset + min(limit, _MOST)]]
        paging = {"total": len(found), "limit": limit, "offset": offset}
        return Answer(200, {"success": True, "contacts": page, "pagination": paging})

    def _profile(self, _: Call) -> Answer:
        return Answer(200, {"success": True, "status": "ok"})

    def _whole(self, call: Call, name: str, default: int) -> int:
        text = call.asked(name) or str(default)
        if not text.isdecimal():
            raise self.refusal(400, f"`{name}` must be a whole number")
        return int(text)


def _tags(contact: Contact) -> list[Any]:
    tags = contact.values.get("tags")
    return tags if isinstance(tags, list) else []

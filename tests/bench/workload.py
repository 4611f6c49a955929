"""What every row of the benchmark sends: one event of some 300 bytes, its signature, and its mapping by hand."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

SECRET = "bench-secret-0123456789"
SIGNATURE = "X-Bench-Signature"
AISOULE_SIGNATURE = "X-AISoule-Signature"
AISOULE = "aisoule"
"""The kind of events, and the source and preset, that are AISoule's."""
CUSTOMERS = 1_000

_BODY = (
    '{"id":"%s-%d","kind":"%s","sent":%d,"status":"paid","customer":{"id":"c%d","name":"Customer Number %d",'
    '"email":"customer%d@example.com","phone":"+49301234%04d"},"amount":{"total":"129.90","currency":"EUR"},'
    '"address":{"city":"Berlin","street":"Example Street 12"},"lines":[{"sku":"A-100","count":2},'
    '{"sku":"B-7","count":1}]}'
)


_AISOULE_BODY = (
    '{"event":"message.received","timestamp":1780369298,"data":{"message_id":"msg_%s_%d","waba_number":"15550199999",'
    '"sender":"91885687%04d","recipient":"15550199999","type":"text","body":"Hi there! I need pricing info."}}'
)


def event(run: str, number: int, kind: str, sent_ns: int, *, customers: int = CUSTOMERS) -> bytes:
    """The event `number` of a run; `sent_ns` (monotonic, the same for all processes) travels through to the sink."""
    who = number % customers
    return (_BODY % (run, number, kind, sent_ns, who, who, who, who)).encode()


def aisoule_event(run: str, number: int) -> bytes:
    """A customer's message as AISoule sends it."""
    return (_AISOULE_BODY % (run, number, number % CUSTOMERS)).encode()


def signature(body: bytes) -> str:
    """The hex HMAC that the bridge and the hop both verify."""
    return hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()


def mapped(body: Mapping[str, Any]) -> dict[str, object]:
    """The 8 fields as a person would write it in Python."""
    customer, amount = body["customer"], body["amount"]
    return {
        "order": body["id"],
        "sent": body["sent"],
        "name": customer["name"],
        "email": customer["email"].lower(),
        "phone": customer["phone"],
        "total": amount["total"],
        "currency": amount["currency"],
        "city": body["address"]["city"],
    }


FIELDS = {
    "order": "{{ body.id }}",
    "sent": "{{ body.sent }}",
    "name": "{{ body.customer.name }}",
    "email": "{{ body.customer.email | lower }}",
    "phone": "{{ body.customer.phone }}",
    "total": "{{ body.amount.total }}",
    "currency": "{{ body.amount.currency }}",
    "city": "{{ body.address.city }}",
}
"""The same 8 fields as a rule says it."""

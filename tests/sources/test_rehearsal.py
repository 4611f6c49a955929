import pytest

from bridge.errors import UsageError
from bridge.sources import Received, Source, SourceConfig, rehearse
from tests.sources.builders import NOW_MS, orders
from tests.sources.key_pairs import public_pem, rsa_key
from tests.sources.proofs.test_notification import notified

BODY = b'{"kind":"order.paid","id":"7"}'
EVENT = {"type": "{{ body.kind }}", "id": "{{ body.id }}"}


def compiled(verify: object, event: object = EVENT) -> Source:
    return Source.compile("own", SourceConfig.model_validate({"verify": verify, "event": event}))


def ids(source: Source, body: bytes, **headers: str) -> list[str]:
    received = rehearse(source, body, headers=headers, query=[("a", "1")], now_ms=NOW_MS)
    assert isinstance(received, Received)
    return [event.event_id for event in received.events]


def test_what_can_be_signed_is_signed() -> None:
    assert ids(orders(), b'{"kind":"order.paid","id":"7","created":1780369000}') == ["7"]


def test_what_only_the_sender_can_sign_is_received_as_it_is() -> None:
    rsa = {"type": "rsa", "public_keys": [public_pem(rsa_key())], "signature": {"from": "header:X-Signature"}}
    assert ids(compiled(rsa), BODY) == ["7"]
    token = {
        "type": "jwt",
        "algorithm": "RS256",
        "public_keys": [public_pem(rsa_key())],
        "signature": {"from": "header:Authorization"},
    }
    assert ids(compiled(token), BODY) == ["7"]
    named = {
        "type": "rsa",
        "certificate": {"from": "header:X-Certificate", "hosts": ["*.paypal.com"]},
        "signature": {"from": "header:X-Signature"},
    }
    assert ids(compiled(named), BODY) == ["7"]
    sns = compiled({"type": "sns"}, {"type": "{{ body.Type }}", "id": "{{ body.MessageId }}"})
    assert ids(sns, notified()) == ["22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"]


def test_a_request_that_cannot_be_made_is_an_error() -> None:
    source = compiled(
        {"type": "token", "secrets": ["orders-canary-fedcba9876543210"], "signature": {"from": "json:a.token"}}
    )
    with pytest.raises(UsageError, match="cannot be written"):
        rehearse(source, b"no json", headers={}, now_ms=NOW_MS)

import pytest

from bridge.errors import UsageError
from bridge.sources import AnyScheme, parse_verification, sign, sign_query, verify
from tests.canaries import ERP_TOKEN, ORDERS_SECRET
from tests.sources.builders import NOW_MS, aisoule, hmac_scheme

BODY = b'{"a":1}'

SCHEMES = {
    "bare hex": hmac_scheme(),
    "a prefix": hmac_scheme(signature={"from": "header:X-S", "prefix": "sha1="}, algorithm="sha1"),
    "base64": hmac_scheme(signature={"from": "header:X-S", "encoding": "base64"}, algorithm="sha512"),
    "base64url": hmac_scheme(signature={"from": "header:X-S", "encoding": "base64url"}),
    "Stripe's form": hmac_scheme(
        signature={"from": "header:Stripe-Signature", "split": ",", "field": "v1"},
        timestamp={"from": "sig:t"},
        message="{timestamp}.{body}",
    ),
    "Slack's form": hmac_scheme(
        signature={"from": "header:X-Slack-Signature", "prefix": "v0="},
        timestamp={"from": "header:X-Slack-Request-Timestamp"},
        message="v0:{timestamp}:{body}",
    ),
    "Standard Webhooks' form": hmac_scheme(
        signature={"from": "header:webhook-signature", "split": " ", "prefix": "v1,", "encoding": "base64"},
        timestamp={"from": "header:webhook-timestamp"},
        message="{header:webhook-id}.{timestamp}.{body}",
    ),
    "Zendesk's form": hmac_scheme(
        signature={"from": "header:X-Z", "encoding": "base64"},
        timestamp={"from": "header:X-Z-Timestamp", "unit": "iso8601"},
        message="{timestamp}{body}",
    ),
    "Webflow's form": hmac_scheme(
        signature={"from": "header:x-webflow-signature"},
        timestamp={"from": "header:x-webflow-timestamp", "unit": "ms"},
        message="{timestamp}:{body}",
    ),
    "HubSpot's form": hmac_scheme(
        signature={"from": "header:X-HubSpot-Signature-v3", "encoding": "base64"},
        timestamp={"from": "header:X-HubSpot-Request-Timestamp", "unit": "ms"},
        url={"public": "https://bridge.example.com/hooks/hubspot", "decode": "hubspot"},
        message="{method}{url}{body}{timestamp}",
    ),
    "AISoule": aisoule().verification,
}


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())
def test_what_sign_makes_verify_believes(scheme: AnyScheme) -> None:
    headers = sign(scheme, BODY, now_ms=NOW_MS)
    assert verify(scheme, headers=headers, query=[], body=BODY, now_ms=NOW_MS + 60_000).ok
    assert not verify(scheme, headers=headers, query=[], body=BODY + b" ", now_ms=NOW_MS).ok


def test_each_dialect_can_be_asked_for_by_its_header() -> None:
    scheme = aisoule().verification
    ((name, value),) = sign(scheme, BODY, now_ms=NOW_MS, header="x-webhook-signature")
    assert (name, len(value)) == ("X-Webhook-Signature", 64)
    ((name, value),) = sign(scheme, BODY, now_ms=NOW_MS)
    assert name == "X-AISoule-Signature"
    assert value.startswith("sha256=")


def test_an_unknown_header_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="`X-AISoule-Signature`, `X-Webhook-Signature`"):
        sign(aisoule().verification, BODY, now_ms=NOW_MS, header="X-Other")


def test_any_secret_of_a_rotation_can_sign() -> None:
    scheme = hmac_scheme(secrets=[ORDERS_SECRET, ERP_TOKEN])
    headers = sign(scheme, BODY, now_ms=NOW_MS, secret_index=1)
    assert verify(scheme, headers=headers, query=[], body=BODY, now_ms=NOW_MS).secret_index == 1
    with pytest.raises(UsageError):
        sign(scheme, BODY, now_ms=NOW_MS, secret_index=2)


def test_given_values_of_signed_headers_are_used() -> None:
    scheme = SCHEMES["Standard Webhooks' form"]
    headers = dict(sign(scheme, BODY, now_ms=NOW_MS, given={"Webhook-Id": "msg_1"}))
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == str(NOW_MS // 1000)


def test_a_source_that_checks_nothing_needs_no_header() -> None:
    scheme = parse_verification({"type": "none"})
    assert (sign(scheme, BODY, now_ms=NOW_MS), sign_query(scheme)) == ([], [])


WORDS = {
    "a token": {"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": "header:X-Gitlab-Token"}},
    "a bearer": {
        "type": "token",
        "secrets": [ORDERS_SECRET],
        "signature": {"from": "header:Authorization", "prefix": "Bearer "},
    },
    "a parameter": {"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": "query:k"}},
    "basic": {"type": "basic", "secrets": [f"bridge:{ORDERS_SECRET}"]},
}


@pytest.mark.parametrize("written", WORDS.values(), ids=WORDS.keys())
def test_words_are_shown_where_they_are_looked_for(written: dict[str, object]) -> None:
    scheme = parse_verification(written)
    headers, query = sign(scheme, BODY, now_ms=NOW_MS), sign_query(scheme)
    assert len(headers) + len(query) == 1
    assert verify(scheme, headers=headers, query=query, body=BODY, now_ms=NOW_MS).ok
    assert not verify(scheme, headers=[], query=[], body=BODY, now_ms=NOW_MS).ok


def test_a_signature_in_the_address_is_not_made_here() -> None:
    scheme = hmac_scheme(signature={"from": "query:sig"})
    assert sign(scheme, BODY, now_ms=NOW_MS) == []
    with pytest.raises(UsageError, match="in the address"):
        sign_query(scheme)

import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from bridge.errors import UsageError
from bridge.sources import (
    AnyScheme,
    OnlyTheSender,
    PrivateKeyNeeded,
    SignedRequest,
    Verdict,
    parse_verification,
    sign,
    verify,
)
from tests.canaries import ERP_TOKEN, ORDERS_SECRET
from tests.sources.builders import NOW_MS, aisoule, hmac_scheme
from tests.sources.key_pairs import AnyPrivate, ec_key, ed25519_key, private_pem, public_pem, rsa_key

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


def believed(scheme: AnyScheme, request: SignedRequest, *, now_ms: int = NOW_MS, method: str = "POST") -> Verdict:
    return verify(
        scheme,
        headers=request.headers,
        query=request.query,
        body=request.body,
        now_ms=now_ms,
        method=method,
        raw_query=request.raw_query,
    )


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())
def test_what_sign_makes_verify_believes(scheme: AnyScheme) -> None:
    request = sign(scheme, BODY, now_ms=NOW_MS)
    assert request.body == BODY
    assert believed(scheme, request, now_ms=NOW_MS + 60_000).ok
    assert not believed(scheme, replace(request, body=BODY + b" ")).ok


def test_each_dialect_can_be_asked_for_by_its_header() -> None:
    scheme = aisoule().verification
    ((name, value),) = sign(scheme, BODY, now_ms=NOW_MS, header="x-webhook-signature").headers
    assert (name, len(value)) == ("X-Webhook-Signature", 64)
    ((name, value),) = sign(scheme, BODY, now_ms=NOW_MS).headers
    assert name == "X-AISoule-Signature"
    assert value.startswith("sha256=")


def test_an_unknown_header_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="`X-AISoule-Signature`, `X-Webhook-Signature`"):
        sign(aisoule().verification, BODY, now_ms=NOW_MS, header="X-Other")


def test_any_secret_of_a_rotation_can_sign() -> None:
    scheme = hmac_scheme(secrets=[ORDERS_SECRET, ERP_TOKEN])
    assert believed(scheme, sign(scheme, BODY, now_ms=NOW_MS, secret_index=1)).secret_index == 1
    with pytest.raises(UsageError, match="no number 3"):
        sign(scheme, BODY, now_ms=NOW_MS, secret_index=2)


def test_given_values_of_signed_headers_are_used() -> None:
    scheme = SCHEMES["Standard Webhooks' form"]
    headers = dict(sign(scheme, BODY, now_ms=NOW_MS, given={"Webhook-Id": "msg_1"}).headers)
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == str(NOW_MS // 1000)


def test_a_source_that_checks_nothing_needs_nothing() -> None:
    scheme = parse_verification({"type": "none"})
    assert sign(scheme, BODY, now_ms=NOW_MS, query=[("a", "1")]) == SignedRequest([], [("a", "1")], BODY)


WORDS = {
    "a token": {"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": "header:X-Gitlab-Token"}},
    "a bearer": {
        "type": "token",
        "secrets": [ORDERS_SECRET],
        "signature": {"from": "header:Authorization", "prefix": "Bearer "},
    },
    "a parameter": {"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": "query:k"}},
    "a key of the body": {"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": "json:auth.token"}},
    "basic": {"type": "basic", "secrets": [f"bridge:{ORDERS_SECRET}"]},
}


@pytest.mark.parametrize("written", WORDS.values(), ids=WORDS.keys())
def test_words_are_shown_where_they_are_looked_for(written: dict[str, object]) -> None:
    scheme = parse_verification(written)
    request = sign(scheme, BODY, now_ms=NOW_MS)
    assert len(request.headers) + len(request.query) + (request.body != BODY) == 1
    assert believed(scheme, request).ok
    assert not believed(scheme, SignedRequest([], [], BODY)).ok


def test_each_element_of_a_list_shows_the_word() -> None:
    scheme = parse_verification(
        {"type": "token", "secrets": ORDERS_SECRET, "signature": {"from": "json:clientState"}, "each": "value"}
    )
    request = sign(scheme, b'{"value":[{"id":1},{"id":2,"clientState":"other"}]}', now_ms=NOW_MS)
    assert [item["clientState"] for item in json.loads(request.body)["value"]] == [ORDERS_SECRET] * 2
    assert believed(scheme, request).ok
    with pytest.raises(UsageError, match="no list `value`"):
        sign(scheme, b'{"value":[]}', now_ms=NOW_MS)


FORM = ("Content-Type", "application/x-www-form-urlencoded")
MAILGUN = hmac_scheme(
    signature={"from": "json:signature.signature"},
    timestamp={"from": "json:signature.timestamp"},
    message="{timestamp}{json:signature.token}",
    replay={"id": "json:signature.token"},
)
TWILIO: dict[str, object] = {
    "type": "hmac",
    "algorithm": "sha1",
    "secrets": [ORDERS_SECRET],
    "signature": {"from": "header:X-Twilio-Signature", "encoding": "base64"},
    "url": {"public": "https://bridge.example.com:8443/hooks/twilio", "ports": "any"},
    "any_of": [{"message": "{url}{form_sorted}"}, {"message": "{url}", "body_digest": {"from": "query:bodySHA256"}}],
}


def test_a_signature_inside_the_body_is_written_into_it() -> None:
    request = sign(MAILGUN, b'{"event-data":{"id":"e1"}}', now_ms=NOW_MS)
    body = json.loads(request.body)
    assert (request.headers, body["event-data"]) == ([], {"id": "e1"})
    verdict = believed(MAILGUN, request)
    assert verdict.replay_id == body["signature"]["token"]
    assert not believed(MAILGUN, request, now_ms=NOW_MS + 301_000).ok


def test_what_is_in_the_body_already_stays_as_long_as_it_is_good() -> None:
    given = {"signature": {"timestamp": NOW_MS // 1000 - 20, "token": "t-1", "signature": "old"}}
    body = json.loads(sign(MAILGUN, json.dumps(given).encode(), now_ms=NOW_MS).body)["signature"]
    assert (body["timestamp"], body["token"]) == (NOW_MS // 1000 - 20, "t-1")
    later = json.loads(sign(MAILGUN, json.dumps(given).encode(), now_ms=NOW_MS + 10**6, fresh=True).body)["signature"]
    assert later["timestamp"] == NOW_MS // 1000 + 1000
    assert later["token"] != "t-1"


def test_form_fields_are_signed_and_written() -> None:
    scheme = hmac_scheme(signature={"from": "form:sig"}, message="{form:time}{form_json:data:event.id}")
    body = b"time=1&data=%7B%22event%22%3A%7B%22id%22%3A%22e+1%22%7D%7D&sig=old&list=a&list=b"
    request = sign(scheme, body, now_ms=NOW_MS, given=dict([FORM]))
    assert believed(scheme, replace(request, headers=[FORM])).ok
    assert parse_qs(request.body.decode())["list"] == ["a", "b"]
    assert parse_qs(request.body.decode())["sig"] == [hmac.digest(ORDERS_SECRET.encode(), b"1e 1", "sha256").hex()]


def test_the_first_alternative_that_suits_the_body_is_signed() -> None:
    scheme = parse_verification(TWILIO)
    form = sign(scheme, b"To=%2B49&Body=Hi", now_ms=NOW_MS, given=dict([FORM]))
    assert (form.query, form.body) == ([], b"To=%2B49&Body=Hi")
    assert believed(scheme, form).ok
    as_json = sign(scheme, BODY, now_ms=NOW_MS, query=[("a", "x y")], given={"Content-Type": "application/json"})
    assert as_json.query == [("a", "x y"), ("bodySHA256", hashlib.sha256(BODY).hexdigest())]
    assert believed(scheme, replace(as_json, headers=[*as_json.headers, ("Content-Type", "application/json")])).ok


def test_a_signature_in_the_address_is_made_where_the_address_is_not_signed() -> None:
    scheme = hmac_scheme(signature={"from": "query:sig"}, timestamp={"from": "query:t"}, message="{timestamp}.{body}")
    request = sign(scheme, BODY, now_ms=NOW_MS)
    assert [name for name, _ in request.query] == ["t", "sig"]
    assert believed(scheme, request).ok


def test_every_header_of_a_pattern_and_every_demanded_header_is_made() -> None:
    scheme = hmac_scheme(signature={"from": "header_pattern:X-Sig-*"}, require={"X-Version": "v1", "X-Agent": "Box*"})
    request = sign(scheme, BODY, now_ms=NOW_MS, given={"x-agent": "Box/7"})
    assert {name: value for name, value in request.headers if "Sig" not in name} == {
        "X-Version": "v1",
        "X-Agent": "Box/7",
    }
    assert "X-Sig-1" in dict(request.headers)
    assert believed(scheme, request).ok


def test_a_plain_hash_is_made_with_the_secret_inside() -> None:
    scheme = parse_verification(
        {"type": "hash", "secrets": [ORDERS_SECRET], "signature": {"from": "header:X-HubSpot-Signature"}}
    )
    request = sign(scheme, BODY, now_ms=NOW_MS)
    assert dict(request.headers)["X-HubSpot-Signature"] == hashlib.sha256(ORDERS_SECRET.encode() + BODY).hexdigest()
    assert believed(scheme, request).ok


@pytest.mark.parametrize(
    ("settings", "body", "content_type", "words"),
    [
        ({"signature": {"from": "json:sig"}}, BODY, "application/json", "part of what it signs"),
        ({"signature": {"from": "json:sig"}, "message": "{json:a}"}, b"a=1", FORM[1], "the body is not JSON"),
        ({"signature": {"from": "form:sig"}, "message": "{form:a}"}, BODY, "application/json", "no form"),
        (
            {"signature": {"from": "json:a.b.c"}, "message": "{json:a}"},
            b'{"a":1}',
            "application/json",
            "no place for",
        ),
        ({"message": "{form_sorted}"}, b"a=%ff", FORM[1], "form"),
        (
            {"signature": {"from": "form:sig"}, "message": "{form:a}"},
            b"--x--",
            "multipart/form-data; boundary=x",
            "form",
        ),
    ],
)
def test_what_cannot_be_signed_is_said_so(
    settings: dict[str, object], body: bytes, content_type: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        sign(hmac_scheme(**settings), body, now_ms=NOW_MS, given={"Content-Type": content_type})


def keyed(type_: str, key: AnyPrivate, **settings: object) -> AnyScheme:
    written = {"type": type_, "public_keys": [public_pem(key)], "signature": {"from": "header:X-Signature"}}
    return parse_verification(written | settings)


DISCORD = {"timestamp": {"from": "header:X-Signature-Timestamp"}, "message": "{timestamp}{body}"}
TOKEN = {"signature": {"from": "header:Authorization", "prefix": "Bearer "}, "body_digest": {"from": "claim:hash"}}
PAIRS = {
    "ed25519": (keyed("ed25519", ed25519_key(), **DISCORD), ed25519_key()),
    "ecdsa": (keyed("ecdsa", ec_key("p384"), curve="p384", algorithm="sha384"), ec_key("p384")),
    "rsa": (keyed("rsa", rsa_key(), signature={"from": "query:sig", "encoding": "base64url"}), rsa_key()),
    "rs256": (keyed("jwt", rsa_key(), algorithm="RS256", **TOKEN), rsa_key()),
    "es256": (keyed("jwt", ec_key(), algorithm="ES256", **TOKEN), ec_key()),
}


@pytest.mark.parametrize(("scheme", "key"), PAIRS.values(), ids=PAIRS.keys())
def test_the_private_half_of_a_public_key_signs(scheme: AnyScheme, key: AnyPrivate) -> None:
    request = sign(scheme, BODY, now_ms=NOW_MS, private_key=private_pem(key))
    assert believed(scheme, request).ok
    assert not believed(scheme, replace(request, body=BODY + b" ")).ok
    with pytest.raises(PrivateKeyNeeded, match="its private half is needed"):
        sign(scheme, BODY, now_ms=NOW_MS)
    with pytest.raises(PrivateKeyNeeded, match="the private key is"):
        sign(scheme, BODY, now_ms=NOW_MS, private_key="no key at all")
    for other in (ed25519_key(7), ec_key("p521"), rsa_key(2049)):
        with pytest.raises(PrivateKeyNeeded, match="the private key is"):
            sign(scheme, BODY, now_ms=NOW_MS, private_key=private_pem(other))


def test_a_token_says_all_that_the_source_asks_for() -> None:
    scheme = parse_verification(
        {
            "type": "jwt",
            "algorithms": ["HS512", "HS256"],
            "secrets": [ORDERS_SECRET, ERP_TOKEN],
            "signature": {"from": "header:Authorization"},
            "issuer": ["them", "others"],
            "audience": "us",
            "require_claims": ["exp", "nbf", "sub", "jti"],
            "timestamp": {"from": "claim:sent", "unit": "ms"},
            "body_digest": {"from": "claim:body", "encoding": "base64"},
            "url": {"public": "https://bridge.example.com/hooks/x"},
            "url_digest": {"from": "claim:url"},
            "replay": {"id": "claim:nonce"},
        }
    )
    request = sign(scheme, BODY, now_ms=NOW_MS, query=[("a", "1 2")], secret_index=1)
    verdict = believed(scheme, request)
    assert (verdict.ok, verdict.secret_index) == (True, 1)
    assert verdict.replay_id
    again = believed(scheme, sign(scheme, BODY, now_ms=NOW_MS + 1, query=[("a", "1 2")]))
    assert again.replay_id not in {verdict.replay_id, None}


def test_what_the_vendors_certificate_verifies_only_the_vendor_can_sign() -> None:
    named = {"from": "header:X-Certificate", "hosts": ["*.paypal.com"]}
    paypal = parse_verification({"type": "rsa", "certificate": named, "signature": {"from": "header:X-Signature"}})
    for scheme in (paypal, parse_verification({"type": "sns"})):
        with pytest.raises(OnlyTheSender, match="nobody but") as caught:
            sign(scheme, BODY, now_ms=NOW_MS, private_key=private_pem(rsa_key()))
        assert not isinstance(caught.value, PrivateKeyNeeded)


def test_an_alternative_that_can_be_signed_is_signed() -> None:
    word = {"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": "header:X-Token"}}
    scheme = parse_verification({"any_of": [{"type": "sns"}, word]})
    assert believed(scheme, sign(scheme, BODY, now_ms=NOW_MS)).ok

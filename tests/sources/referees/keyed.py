"""The vendors that sign with a shared secret, and their libraries."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import gidgethub.sansio
import gocardless_pro.webhooks
import hubspot.utils.signature
import linebot.v3.webhook
import paddle_billing.Notifications
import plivo.utils
import pusher
import razorpay
import sinch.domains.authentication.sinch_events.v1.authentication_validation as sinch_events
import slack_sdk.signature
import square.utils.webhooks_helper
import standardwebhooks
import stripe
import svix.webhooks
import twilio.request_validator
import workos
from box_sdk_gen.managers.webhooks import WebhooksManager

from tests.sources.referees.cases import Referee, Sent

JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
BODY = '{"id": "e1",  "type": "contact.created", "name": "Asha Kulkarnī"}'.encode()
FIELDS = b"Name=Asha+Kulkarn%C3%AB&From=%2B918856879188&Body=Hi+there&MessageSid=SM1&SmsStatus=received&Empty="

PAST_ONLY = "the library looks at the past only"
NO_TIME = "the library leaves the time to its caller"
SAME_AT_RETRIES = "the library limits a time that is the same at every retry, which would refuse honest ones"
ANY_OF_ELEMENTS = "the library finds the signature among the elements of both headers together"


def mac(key: bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(key, message, algorithm).digest()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def plain(header: str, prefix: str = "", *, encoding: str = "hex", algorithm: str = "sha256") -> Any:
    """The request of a vendor that signs the body alone."""

    def signed(body: bytes, secret: str, _now_ms: int) -> Sent:
        raw = mac(secret.encode(), body, algorithm)
        return Sent((JSON, (header, prefix + (raw.hex() if encoding == "hex" else b64(raw)))), body)

    return signed


def elements(header: str, form: str, message: str, *, unit_ms: int = 1000) -> Any:
    """The request of a vendor whose header holds the time and the signature."""

    def signed(body: bytes, secret: str, now_ms: int) -> Sent:
        moment = str(now_ms // unit_ms)
        value = mac(secret.encode(), message.format(t=moment).encode() + body).hex()
        return Sent((JSON, (header, form.format(t=moment, v=value))), body)

    return signed


def slack_signed(body: bytes, secret: str, now_ms: int) -> Sent:
    moment = str(now_ms // 1000)
    value = f"v0={mac(secret.encode(), f'v0:{moment}:'.encode() + body).hex()}"
    return Sent((JSON, ("X-Slack-Signature", value), ("X-Slack-Request-Timestamp", moment)), body)


def standard(prefix: str) -> Any:
    def signed(body: bytes, secret: str, now_ms: int) -> Sent:
        moment = str(now_ms // 1000)
        value = f"v1,{b64(mac(base64.b64decode(secret), f'msg_1.{moment}.'.encode() + body))}"
        return Sent(
            (JSON, (f"{prefix}-id", "msg_1"), (f"{prefix}-timestamp", moment), (f"{prefix}-signature", value)), body
        )

    return signed


def hubspot_v3(body: bytes, secret: str, now_ms: int) -> Sent:
    text = b"POSThttps://bridge.example.com/hooks/hubspot" + body + str(now_ms).encode()
    value = b64(mac(secret.encode(), text))
    return Sent((JSON, ("X-HubSpot-Signature-v3", value), ("X-HubSpot-Request-Timestamp", str(now_ms))), body)


def hubspot_believes(sent: Sent, secret: str) -> bool:
    return bool(
        hubspot.utils.signature.Signature.is_valid(
            signature=sent.header("X-HubSpot-Signature-v3"),
            client_secret=secret,
            request_body=sent.body.decode(),
            http_uri="https://bridge.example.com/hooks/hubspot",
            signature_version="v3",
            timestamp=sent.header("X-HubSpot-Request-Timestamp"),
        )
    )


def sorted_fields(body: bytes) -> str:
    """Each name followed by its value, by name; made apart from the bridge's own parser."""
    pairs = [pair.split("=", 1) for pair in body.decode().split("&")]
    decoded = {_form_text(name): _form_text(value) for name, value in pairs}
    return "".join(name + decoded[name] for name in sorted(decoded))


def _form_text(text: str) -> str:
    raw = bytearray()
    letters = iter(text.replace("+", " "))
    for letter in letters:
        raw += bytes.fromhex(next(letters) + next(letters)) if letter == "%" else letter.encode()
    return raw.decode()


def as_fields(body: bytes) -> dict[str, str]:
    return {
        _form_text(name): _form_text(value) for name, value in (pair.split("=", 1) for pair in body.decode().split("&"))
    }


def twilio_form(body: bytes, secret: str, _now_ms: int) -> Sent:
    text = "https://bridge.example.com/hooks/twilio" + sorted_fields(body)
    return Sent((FORM, ("X-Twilio-Signature", b64(mac(secret.encode(), text.encode(), "sha1")))), body)


def twilio_believes(sent: Sent, secret: str) -> bool:
    judge = twilio.request_validator.RequestValidator(secret)
    address = "https://bridge.example.com/hooks/twilio"
    return bool(judge.validate(address, as_fields(sent.body), sent.header("X-Twilio-Signature")))


def twilio_json(body: bytes, secret: str, _now_ms: int) -> Sent:
    query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    value = b64(mac(secret.encode(), f"https://bridge.example.com/hooks/twilio-json?{query}".encode(), "sha1"))
    return Sent((JSON, ("X-Twilio-Signature", value)), body, query)


def twilio_json_believes(sent: Sent, secret: str) -> bool:
    judge = twilio.request_validator.RequestValidator(secret)
    address = f"https://bridge.example.com/hooks/twilio-json?{sent.raw_query}"
    return bool(judge.validate(address, sent.body.decode(), sent.header("X-Twilio-Signature")))


def box(body: bytes, secret: str, now_ms: int) -> Sent:
    moment = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    value = b64(mac(secret.encode(), body + moment.encode()))
    headers = (
        JSON,
        ("BOX-SIGNATURE-PRIMARY", value),
        ("BOX-DELIVERY-TIMESTAMP", moment),
        ("BOX-SIGNATURE-VERSION", "1"),
        ("BOX-SIGNATURE-ALGORITHM", "HmacSHA256"),
    )
    return Sent(headers, body)


def workos_believes(sent: Sent, secret: str) -> None:
    client = workos.WorkOSClient(api_key="sk_1", client_id="client_1")
    client.webhooks.verify_header(event_body=sent.body, event_signature=sent.header("WorkOS-Signature"), secret=secret)


def sinch_signed(body: bytes, secret: str, now_ms: int) -> Sent:
    moment = str(now_ms // 1000)
    value = b64(mac(secret.encode(), body + f".n1.{moment}".encode()))
    name = "x-sinch-webhook-signature"
    headers = (
        JSON,
        (name, value),
        (f"{name}-nonce", "n1"),
        (f"{name}-timestamp", moment),
        (f"{name}-algorithm", "HmacSHA256"),
    )
    return Sent(headers, body)


def paddle_believes(sent: Sent, secret: str) -> object:
    request = SimpleNamespace(headers={"Paddle-Signature": sent.header("Paddle-Signature")}, body=sent.body)
    return paddle_billing.Notifications.Verifier().verify(request, paddle_billing.Notifications.Secret(secret))


def square_signed(body: bytes, secret: str, _now_ms: int) -> Sent:
    value = b64(mac(secret.encode(), b"https://bridge.example.com/hooks/square" + body))
    return Sent((JSON, ("x-square-hmacsha256-signature", value)), body)


def plivo_signed(body: bytes, secret: str, _now_ms: int) -> Sent:
    text = f"https://bridge.example.com/hooks/plivo?{sorted_fields(body)}.n1"
    headers = (
        FORM,
        ("X-Plivo-Signature-V3", b64(mac(secret.encode(), text.encode()))),
        ("X-Plivo-Signature-V3-Nonce", "n1"),
    )
    return Sent(headers, body)


def plivo_believes(sent: Sent, secret: str) -> object:
    return plivo.utils.validate_v3_signature(
        method="POST",
        uri="https://bridge.example.com/hooks/plivo",
        nonce=sent.header("X-Plivo-Signature-V3-Nonce"),
        auth_token=secret,
        v3_signature=sent.header("X-Plivo-Signature-V3"),
        params=dict(as_fields(sent.body)),
    )


def pusher_signed(body: bytes, secret: str, now_ms: int) -> Sent:
    body = body.replace(b"1780369298000", str(now_ms).encode())
    return Sent((JSON, ("X-Pusher-Key", "key_1"), ("X-Pusher-Signature", mac(secret.encode(), body).hex())), body)


def pusher_believes(sent: Sent, secret: str) -> bool:
    client = pusher.Pusher(app_id="1", key="key_1", secret=secret)
    answer = client.validate_webhook(sent.header("X-Pusher-Key"), sent.header("X-Pusher-Signature"), sent.body.decode())
    return answer is not None


KEYED = [
    Referee(
        "stripe",
        "Stripe-Signature",
        BODY,
        elements("Stripe-Signature", "t={t},v1={v}", "{t}."),
        lambda sent, secret: stripe.WebhookSignature.verify_header(
            sent.body.decode(), sent.header("Stripe-Signature"), secret, tolerance=300
        ),
        differs={"future": PAST_ONLY, "twice": ANY_OF_ELEMENTS},
    ),
    Referee(
        "github",
        "X-Hub-Signature-256",
        BODY,
        plain("X-Hub-Signature-256", "sha256="),
        lambda sent, secret: gidgethub.sansio.validate_event(
            sent.body, signature=sent.header("X-Hub-Signature-256"), secret=secret
        ),
    ),
    Referee(
        "hubspot",
        "X-HubSpot-Signature-v3",
        BODY,
        hubspot_v3,
        hubspot_believes,
        differs={"future": PAST_ONLY},
    ),
    Referee(
        "standard-webhooks",
        "webhook-signature",
        BODY,
        standard("webhook"),
        lambda sent, secret: standardwebhooks.Webhook(secret).verify(sent.body, sent.as_mapping),
    ),
    Referee(
        "svix",
        "svix-signature",
        BODY,
        standard("svix"),
        lambda sent, secret: svix.webhooks.Webhook(secret).verify(sent.body, sent.as_mapping),
    ),
    Referee(
        "line",
        "X-Line-Signature",
        BODY,
        plain("X-Line-Signature", encoding="base64"),
        lambda sent, secret: linebot.v3.webhook.SignatureValidator(secret).validate(
            sent.body.decode(), sent.header("X-Line-Signature")
        ),
    ),
    Referee("twilio", "X-Twilio-Signature", FIELDS, twilio_form, twilio_believes, reads=True),
    Referee("twilio-json", "X-Twilio-Signature", BODY, twilio_json, twilio_json_believes),
    Referee(
        "box",
        "BOX-SIGNATURE-PRIMARY",
        BODY,
        box,
        lambda sent, secret: WebhooksManager.validate_message(sent.body.decode(), sent.as_mapping, secret),
    ),
    Referee(
        "workos",
        "WorkOS-Signature",
        BODY,
        elements("WorkOS-Signature", "t={t}, v1={v}", "{t}.", unit_ms=1),
        workos_believes,
    ),
    Referee(
        "sinch",
        "x-sinch-webhook-signature",
        BODY,
        sinch_signed,
        lambda sent, secret: sinch_events.validate_sinch_event_signature_with_nonce(
            secret, sent.as_mapping, sent.body.decode()
        ),
        differs={"stale": NO_TIME, "future": NO_TIME},
    ),
    Referee(
        "slack",
        "X-Slack-Signature",
        BODY,
        slack_signed,
        lambda sent, secret: slack_sdk.signature.SignatureVerifier(secret).is_valid_request(sent.body, sent.as_mapping),
    ),
    Referee("paddle", "Paddle-Signature", BODY, elements("Paddle-Signature", "ts={t};h1={v}", "{t}:"), paddle_believes),
    Referee(
        "square",
        "x-square-hmacsha256-signature",
        BODY,
        square_signed,
        lambda sent, secret: square.utils.webhooks_helper.verify_signature(
            request_body=sent.body.decode(),
            signature_header=sent.header("x-square-hmacsha256-signature"),
            signature_key=secret,
            notification_url="https://bridge.example.com/hooks/square",
        ),
    ),
    Referee(
        "razorpay",
        "X-Razorpay-Signature",
        BODY,
        plain("X-Razorpay-Signature"),
        lambda sent, secret: razorpay.Client(auth=("key_1", "s")).utility.verify_webhook_signature(
            sent.body.decode(), sent.header("X-Razorpay-Signature"), secret
        ),
    ),
    Referee(
        "gocardless",
        "Webhook-Signature",
        '{"events": [{"id": "EV1",  "name": "Asha Kulkarnī"}]}'.encode(),
        plain("Webhook-Signature"),
        lambda sent, secret: gocardless_pro.webhooks.parse(sent.body, secret, sent.header("Webhook-Signature")),
    ),
    Referee(
        "plivo",
        "X-Plivo-Signature-V3",
        FIELDS,
        plivo_signed,
        plivo_believes,
        reads=True,
        differs={"twice": ANY_OF_ELEMENTS},
    ),
    Referee(
        "pusher",
        "X-Pusher-Signature",
        '{"time_ms": 1780369298000,  "events": [{"name": "channel_occupied", "channel": "Asha Kulkarnī"}]}'.encode(),
        pusher_signed,
        pusher_believes,
        differs={"stale": SAME_AT_RETRIES, "future": SAME_AT_RETRIES},
    ),
]

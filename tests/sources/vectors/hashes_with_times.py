"""The senders of facts sources.md 2.2: a time, and perhaps an id, is hashed with the body."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tests.sources.vectors.request import KEYS, SECRET, WRITTEN, Moment, Row, Sent, mac

SECOND_OF_BOX = "the second of the two keys of Box"

Composed = Callable[[str, bytes], tuple[str | bytes, ...]]


def seconds(now: Moment) -> str:
    return now if isinstance(now, str) else str(int(now))


def milliseconds(now: Moment) -> str:
    return now if isinstance(now, str) else str(int(now * 1000))


def iso8601(now: Moment) -> str:
    if isinstance(now, str):
        return now
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


UNITS: Mapping[str, Callable[[Moment], str]] = {"s": seconds, "ms": milliseconds, "iso8601": iso8601}


def _apart(
    name: str,
    header: str,
    time: str,
    message: str,
    composed: Composed,
    *,
    unit: str = "s",
    prefix: str = "",
    encoding: str = "hex",
    past_s: int | None = 300,
    others: Mapping[str, str] | None = None,
) -> Row:
    """The time stands in a header of its own."""
    signature = {"from": f"header:{header}", "encoding": encoding} | ({"prefix": prefix} if prefix else {})
    timestamp = {"from": f"header:{time}", "unit": unit, "past_s": past_s, "future_s": 300}

    def sent(body: bytes, secret: str, now: Moment) -> Sent:
        text = UNITS[unit](now)
        value = prefix + WRITTEN[encoding](mac(secret, *composed(text, body)))
        return Sent(((header, value), (time, text), *(others or {}).items()), body)

    block = {"type": "hmac", "signature": signature, "timestamp": timestamp, "message": message}
    return Row(name, block, sent, time=time)


def _standard(name: str, start: str, *, is_text: bool = False) -> Row:
    signature = {"from": f"header:{start}-signature", "split": " ", "prefix": "v1,", "encoding": "base64"}
    form = {"key": "text"} if is_text else {"key": "base64", "strip_prefix": "whsec_"}

    def sent(body: bytes, secret: str, now: Moment) -> Sent:
        key = secret.encode() if is_text else KEYS["base64"](secret)
        text = seconds(now)
        value = WRITTEN["base64"](mac(key, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", ".", text, ".", body))
        return Sent(
            (
                (f"{start}-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
                (f"{start}-timestamp", text),
                (f"{start}-signature", f"v1,{value}"),
            ),
            body,
        )

    return Row(
        name,
        {
            "type": "hmac",
            "algorithm": "sha256",
            **form,
            "signature": signature,
            "timestamp": {"from": f"header:{start}-timestamp", "unit": "s", "past_s": 300, "future_s": 300},
            "message": f"{{header:{start}-id}}.{{timestamp}}.{{body}}",
        },
        sent,
        credentials=lambda secret: {"secrets": [secret if is_text else f"whsec_{secret}"]},
        time=f"{start}-timestamp",
    )


def _beside(
    name: str,
    header: str,
    *,
    split: str = ",",
    time: str = "t",
    field: str = "v1",
    dot: str = ".",
    unit: str = "s",
    encoding: str = "hex",
    limit_s: int = 300,
) -> Row:
    """The time is an element beside the signature."""

    def sent(body: bytes, secret: str, now: Moment) -> Sent:
        text = UNITS[unit](now)
        value = WRITTEN[encoding](mac(secret, text, dot, body))
        return Sent(((header, f"{time}={text}{split}{field}={value}"),), body)

    return Row(
        name,
        {
            "type": "hmac",
            "signature": {"from": f"header:{header}", "split": split, "field": field, "encoding": encoding},
            "timestamp": {"from": f"sig:{time}", "unit": unit, "past_s": limit_s, "future_s": limit_s},
            "message": f"{{timestamp}}{dot}{{body}}",
        },
        sent,
    )


def _linear(body: bytes, secret: str, now: Moment) -> Sent:
    made = body.replace(b"NOW", milliseconds(now).encode())
    return Sent((("Linear-Signature", mac(secret, made).hex()), ("Linear-Timestamp", "1")), made)


def _box(body: bytes, secret: str, now: Moment) -> Sent:
    text = iso8601(now)
    slot = "PRIMARY" if secret == SECRET else "SECONDARY"
    return Sent(
        (
            (f"BOX-SIGNATURE-{slot}", WRITTEN["base64"](mac(secret, body, text))),
            ("BOX-DELIVERY-TIMESTAMP", text),
            ("BOX-SIGNATURE-VERSION", "1"),
            ("BOX-SIGNATURE-ALGORITHM", "HmacSHA256"),
        ),
        body,
    )


ROWS = (
    _standard("standard webhooks", "webhook"),
    _standard("svix", "svix"),
    _standard("polar", "webhook", is_text=True),
    _beside("stripe", "Stripe-Signature"),
    _beside("calendly", "Calendly-Webhook-Signature", limit_s=180),
    _beside("mux", "Mux-Signature"),
    _beside("whereby", "Whereby-Signature"),
    _beside("revenuecat", "X-RevenueCat-Webhook-Signature"),
    _beside("sanity", "sanity-webhook-signature", unit="ms", encoding="base64url"),
    _beside("workos", "WorkOS-Signature", split=", ", unit="ms", limit_s=180),
    _beside("zoho payments", "X-Zoho-Webhook-Signature", field="v", unit="ms"),
    _beside("paddle", "Paddle-Signature", split=";", time="ts", field="h1", dot=":", limit_s=5),
    _apart(
        "slack",
        "X-Slack-Signature",
        "X-Slack-Request-Timestamp",
        "v0:{timestamp}:{body}",
        lambda text, body: ("v0:", text, ":", body),
        prefix="v0=",
    ),
    _apart(
        "zoom",
        "x-zm-signature",
        "x-zm-request-timestamp",
        "v0:{timestamp}:{body}",
        lambda text, body: ("v0:", text, ":", body),
        prefix="v0=",
        past_s=None,
    ),
    _apart(
        "customer.io",
        "X-CIO-Signature",
        "X-CIO-Timestamp",
        "v0:{timestamp}:{body}",
        lambda text, body: ("v0:", text, ":", body),
    ),
    _apart(
        "zendesk",
        "X-Zendesk-Webhook-Signature",
        "X-Zendesk-Webhook-Signature-Timestamp",
        "{timestamp}{body}",
        lambda text, body: (text, body),
        unit="iso8601",
        encoding="base64",
    ),
    _apart(
        "webflow",
        "x-webflow-signature",
        "x-webflow-timestamp",
        "{timestamp}:{body}",
        lambda text, body: (text, ":", body),
        unit="ms",
    ),
    _apart(
        "front",
        "X-Front-Signature",
        "X-Front-Request-Timestamp",
        "{timestamp}:{body}",
        lambda text, body: (text, ":", body),
        unit="ms",
        encoding="base64",
    ),
    _apart(
        "chatwoot",
        "X-Chatwoot-Signature",
        "X-Chatwoot-Timestamp",
        "{timestamp}.{body}",
        lambda text, body: (text, ".", body),
        prefix="sha256=",
    ),
    _apart(
        "sinch",
        "x-sinch-webhook-signature",
        "x-sinch-webhook-signature-timestamp",
        "{body}.{header:x-sinch-webhook-signature-nonce}.{timestamp}",
        lambda text, body: (body, ".nonce-7.", text),
        encoding="base64",
        others={"x-sinch-webhook-signature-nonce": "nonce-7"},
    ),
    Row(
        "linear",
        {
            "type": "hmac",
            "signature": {"from": "header:Linear-Signature", "encoding": "hex"},
            "timestamp": {"from": "json:webhookTimestamp", "unit": "ms", "past_s": 60, "future_s": 60},
        },
        _linear,
        body=b'{"action": "create", "webhookTimestamp":NOW}',
    ),
    Row(
        "box",
        {
            "type": "hmac",
            "algorithm": "sha256",
            "message": "{body}{timestamp}",
            "timestamp": {"from": "header:BOX-DELIVERY-TIMESTAMP", "unit": "iso8601", "past_s": 600, "future_s": 0},
            "require": {"BOX-SIGNATURE-VERSION": "1", "BOX-SIGNATURE-ALGORITHM": "HmacSHA256"},
            "any_of": [
                {
                    "signature": {"from": "header:BOX-SIGNATURE-PRIMARY", "encoding": "base64"},
                    "secrets": [SECRET],
                },
                {
                    "signature": {"from": "header:BOX-SIGNATURE-SECONDARY", "encoding": "base64"},
                    "secrets": [SECOND_OF_BOX],
                },
            ],
        },
        _box,
        credentials=lambda _secret: {},
        time="BOX-DELIVERY-TIMESTAMP",
    ),
)

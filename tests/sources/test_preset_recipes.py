"""Requests made as each sender's own pages say, by hand and not by `sign`, must be believed, and no others."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl

import pytest

from bridge.sources import Received, Refused, load_preset
from tests.sources.builders import NOW_MS, accepted, refused
from tests.sources.senders import KEY, source_of

SECONDS, MILLIS, MOMENT = str(NOW_MS // 1000), str(NOW_MS), "2026-06-02T08:31:40+05:30"
TEXT = KEY.encode()
DECODED = base64.b64decode(KEY)
Headers = list[tuple[str, str]]
SIGNATURES = (
    "signature",
    "trello-webhook",
    "signature-256",
    "signature-v3",
    "authorization",
    "mac",
    "primary",
    "secondary",
    "-1",
    "-2",
    "-sha256",
    "-token",
    "-sig-hash",
)
"""How the names of headers that hold one end."""


def digest(text: bytes, *, key: bytes = TEXT, algorithm: str = "sha256") -> bytes:
    return hmac.new(key, text, algorithm).digest()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def hexed(name: str, prefix: str = "", algorithm: str = "sha256") -> Callable[[bytes], Headers]:
    """A hash of the body in one header, in hex."""
    return lambda body: [(name, prefix + digest(body, algorithm=algorithm).hex())]


def standard(family: str, id_: str = "msg_1") -> Callable[[bytes], Headers]:
    """Standard Webhooks, or Svix by its own names; an Ed25519 signature beside it is none of ours."""

    def headers(body: bytes) -> Headers:
        signature = b64(digest(f"{id_}.{SECONDS}.".encode() + body, key=DECODED))
        return [
            (f"{family}-id", id_),
            (f"{family}-timestamp", SECONDS),
            (f"{family}-signature", f"v1a,{b64(bytes(64))} v1,{signature}"),
        ]

    return headers


def between(name: str, time: str, joint: str, write: Callable[[bytes], str]) -> Callable[[bytes], Headers]:
    """`t=…` and `v1=…` in one header, apart by `joint`."""
    return lambda body: [(name, f"t={time}{joint}v1={write(digest(f'{time}.'.encode() + body))}")]


def slack(body: bytes) -> Headers:
    """The same for events, commands and buttons: the bytes as they come."""
    signature = digest(f"v0:{SECONDS}:".encode() + body).hex()
    return [("X-Slack-Request-Timestamp", SECONDS), ("X-Slack-Signature", f"v0={signature}")]


def address(name: str) -> str:
    """As it was entered at the sender."""
    return f"https://bridge.example.com/hooks/{name}"


def fields(body: bytes) -> str:
    """The names and values of a form, by name, with nothing between."""
    return "".join(f"{name}{value}" for name, value in sorted(parse_qsl(body.decode(), keep_blank_values=True)))


def netlify(body: bytes) -> Headers:
    """A JWS that claims the hash of the body."""
    claims = {"iss": "netlify", "sha256": hashlib.sha256(body).hexdigest()}
    text = ".".join(url64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return [("X-Webhook-Signature", f"{text}.{url64(digest(text.encode()))}")]


RECIPES: dict[str, Callable[[bytes], Headers]] = {
    "airtable": lambda body: [("X-Airtable-Content-MAC", f"hmac-sha256={digest(body, key=DECODED).hex()}")],
    "aisensy": hexed("X-AiSensy-Signature"),
    "attio": hexed("Attio-Signature"),
    "bigcommerce": lambda body: [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", SECONDS),
        ("webhook-signature", f"v1,{b64(digest(f'msg_1.{SECONDS}.'.encode() + body))}"),
    ],
    "asana": hexed("X-Hook-Signature"),
    "bitbucket": hexed("X-Hub-Signature", "sha256="),
    "box": lambda body: [
        ("BOX-DELIVERY-TIMESTAMP", MOMENT),
        ("BOX-SIGNATURE-SECONDARY", b64(digest(body + MOMENT.encode()))),
        ("BOX-SIGNATURE-VERSION", "1"),
        ("BOX-SIGNATURE-ALGORITHM", "HmacSHA256"),
    ],
    "cal-com": hexed("X-Cal-Signature-256"),
    "calendly": between("Calendly-Webhook-Signature", SECONDS, ",", bytes.hex),
    "chargebee": lambda _: [("Authorization", f"Basic {b64(f'chargebee:{KEY}'.encode())}")],
    "chatwoot": lambda body: [
        ("X-Chatwoot-Timestamp", SECONDS),
        ("X-Chatwoot-Signature", f"sha256={digest(f'{SECONDS}.'.encode() + body).hex()}"),
    ],
    "clerk": standard("svix"),
    "close": lambda body: [
        ("close-sig-timestamp", SECONDS),
        ("close-sig-hash", digest(SECONDS.encode() + body, key=bytes.fromhex(KEY)).hex()),
    ],
    "coinbase-commerce": hexed("X-CC-Webhook-Signature"),
    "customer-io": lambda body: [
        ("X-CIO-Timestamp", SECONDS),
        ("X-CIO-Signature", digest(f"v0:{SECONDS}:".encode() + body).hex()),
    ],
    "docusign": lambda body: [
        ("X-DocuSign-Signature-1", b64(digest(body, key=b"a key that is none of ours"))),
        ("X-DocuSign-Signature-2", b64(digest(body))),
    ],
    "freshdesk": lambda _: [("X-Webhook-Token", KEY)],
    "front": lambda body: [
        ("X-Front-Request-Timestamp", MILLIS),
        ("X-Front-Signature", b64(digest(f"{MILLIS}:".encode() + body))),
    ],
    "dropbox": hexed("X-Dropbox-Signature"),
    "gitlab-signed": standard("webhook"),
    "gocardless": hexed("Webhook-Signature"),
    "helpscout": lambda body: [("X-HelpScout-Signature", b64(digest(body, algorithm="sha1")))],
    "hubspot-v1": lambda body: [
        ("X-HubSpot-Signature-Version", "v1"),
        ("X-HubSpot-Signature", hashlib.sha256(TEXT + body).hexdigest()),
    ],
    "hubspot-v2": lambda body: [
        ("X-HubSpot-Signature-Version", "v2"),
        (
            "X-HubSpot-Signature",
            hashlib.sha256(TEXT + b"POST" + address("hubspot-v2").encode() + body).hexdigest(),
        ),
    ],
    "instagram": hexed("X-Hub-Signature-256", "sha256="),
    "interakt": hexed("Interakt-Signature", "sha256="),
    "intercom": hexed("X-Hub-Signature", "sha1=", "sha1"),
    "jira": hexed("X-Hub-Signature", "sha256="),
    "klaviyo": lambda body: [
        ("Klaviyo-Timestamp", "Tue, 02 Jun 2026 03:01:39 GMT"),
        ("Klaviyo-Signature", digest(body + b"Tue, 02 Jun 2026 03:01:39 GMT").hex()),
    ],
    "lemon-squeezy": hexed("X-Signature"),
    "line": lambda body: [("X-Line-Signature", b64(digest(body)))],
    "linear": hexed("Linear-Signature"),
    "loops": standard("webhook"),
    "mailersend": hexed("Signature"),
    "make": lambda body: [
        ("X-Bridge-Timestamp", SECONDS),
        ("X-Bridge-Signature", f"sha256={digest(SECONDS.encode() + b'.' + body).hex()}"),
    ],
    "mandrill": lambda body: [
        ("X-Mandrill-Signature", b64(digest(f"{address('mandrill')}{fields(body)}".encode(), algorithm="sha1")))
    ],
    "messenger": hexed("X-Hub-Signature-256", "sha256="),
    "meta-lead-ads": hexed("X-Hub-Signature-256", "sha256="),
    "mux": between("Mux-Signature", SECONDS, ",", bytes.hex),
    "netlify": netlify,
    "notion": hexed("X-Notion-Signature", "sha256="),
    "openai": standard("webhook"),
    "paddle": lambda body: [("Paddle-Signature", f"ts={SECONDS};h1={digest(f'{SECONDS}:'.encode() + body).hex()}")],
    "pagerduty": lambda body: [("X-PagerDuty-Signature", f"v1={bytes(32).hex()},v1={digest(body).hex()}")],
    "pipedrive": lambda _: [("Authorization", f"Basic {b64(f'pipedrive:{KEY}'.encode())}")],
    "plivo": lambda body: [
        ("X-Plivo-Signature-V3-Nonce", "nonce"),
        ("X-Plivo-Signature-V3", "AAAA," + b64(digest(f"{address('plivo')}?{fields(body)}.nonce".encode()))),
    ],
    "postmark": lambda _: [("Authorization", f"Basic {b64(f'postmark:{KEY}'.encode())}")],
    "pusher": hexed("X-Pusher-Signature"),
    "razorpay": hexed("X-Razorpay-Signature"),
    "recall-ai": standard("webhook"),
    "render": standard("webhook"),
    "resend": standard("svix"),
    "revenuecat": between("X-RevenueCat-Webhook-Signature", SECONDS, ",", bytes.hex),
    "sanity": between("sanity-webhook-signature", MILLIS, ",", url64),
    "segment": hexed("X-Signature", algorithm="sha1"),
    "sentry": hexed("Sentry-Hook-Signature"),
    "shopify": lambda body: [("X-Shopify-Hmac-Sha256", b64(digest(body)))],
    "sinch": lambda body: [
        ("x-sinch-webhook-signature-timestamp", SECONDS),
        ("x-sinch-webhook-signature-nonce", "nonce"),
        ("x-sinch-webhook-signature", b64(digest(body + f".nonce.{SECONDS}".encode()))),
    ],
    "slack": slack,
    "slack-commands": slack,
    "slack-interactivity": slack,
    "square": lambda body: [
        ("x-square-hmacsha256-signature", b64(digest(address("square").encode() + body))),
    ],
    "standard-webhooks": standard("webhook"),
    "svix": standard("webhook", "msg_2b8u6m9UJ4cQhPzF3s0k1XwR5aT"),  # the sample's own, under the other name
    "tally": lambda body: [("Tally-Signature", b64(digest(body)))],
    "teams": lambda body: [("Authorization", f"HMAC {b64(digest(body, key=DECODED))}")],
    "twilio": lambda body: [
        ("X-Twilio-Signature", b64(digest(f"{address('twilio')}{fields(body)}".encode(), algorithm="sha1")))
    ],
    "trello": lambda body: [
        ("X-Trello-Webhook", b64(digest(body + b"https://bridge.example.com/hooks/trello", algorithm="sha1")))
    ],
    "typeform": lambda body: [("Typeform-Signature", f"sha256={b64(digest(body))}")],
    "vercel": hexed("x-vercel-signature", algorithm="sha1"),
    "webflow": lambda body: [
        ("X-Webflow-Timestamp", MILLIS),
        ("X-Webflow-Signature", digest(f"{MILLIS}:".encode() + body).hex()),
    ],
    "whatsapp-cloud": hexed("X-Hub-Signature-256", "sha256="),
    "whereby": between("Whereby-Signature", SECONDS, ",", bytes.hex),
    "woocommerce": lambda body: [("X-WC-Webhook-Signature", b64(digest(body)))],
    "workos": between("WorkOS-Signature", MILLIS, ", ", bytes.hex),
    "x": lambda body: [("x-twitter-webhooks-signature", f"sha256={b64(digest(body))}")],
    "zapier": lambda body: [
        ("X-Bridge-Timestamp", SECONDS),
        ("X-Bridge-Signature", f"sha256={digest(SECONDS.encode() + b'.' + body).hex()}"),
    ],
    "zoho-payments": lambda body: [
        ("X-Zoho-Webhook-Signature", f"t={MILLIS},v={digest(f'{MILLIS}.'.encode() + body).hex()}")
    ],
    "zoom": lambda body: [
        ("x-zm-request-timestamp", SECONDS),
        ("x-zm-signature", f"v0={digest(f'v0:{SECONDS}:'.encode() + body).hex()}"),
    ],
}
each_recipe = pytest.mark.parametrize("name", RECIPES)


def sent(name: str, change: Callable[[Headers], Headers] = list, *, now_ms: int = NOW_MS) -> Received | Refused:
    """The answer to the preset's first sample with the headers of the recipe."""
    preset = load_preset(name).preset
    assert preset is not None
    sample = preset.samples[0]
    proof = RECIPES[name](sample.content)
    names = {header.lower() for header, _ in proof}
    others = [pair for pair in sample.headers.items() if pair[0].lower() not in names]
    headers = [*change(proof), *others, ("Content-Type", sample.content_type)]
    return source_of(name).receive(headers=headers, query=[], body=sample.content, now_ms=now_ms)


@each_recipe
def test_what_the_senders_recipe_makes_is_believed(name: str) -> None:
    assert accepted(sent(name))


@each_recipe
def test_another_signature_or_one_in_another_spelling_is_not(name: str) -> None:
    def spoil(change: Callable[[str], str]) -> Callable[[Headers], Headers]:
        return lambda proof: [
            (header, change(value) if header.lower().endswith(SIGNATURES) else value) for header, value in proof
        ]

    for change in (lambda value: value[:-2], lambda value: value + "00", str.swapcase, lambda _: "", lambda _: "ä"):
        assert refused(sent(name, spoil(change))).status == 401


@each_recipe
def test_each_header_of_the_proof_is_needed_and_comes_once(name: str) -> None:
    count = len(RECIPES[name](b""))
    for place in range(count):
        if (name, place) == ("docusign", 0):  # that of a key that is none of ours
            continue
        assert refused(sent(name, partial(without, place))).status == 401
        assert refused(sent(name, partial(twice, place))).status == 401


def without(place: int, proof: Headers) -> Headers:
    return proof[:place] + proof[place + 1 :]


def twice(place: int, proof: Headers) -> Headers:
    return [*proof, proof[place]]


TIMED = {
    "bigcommerce": (300, 300),
    "box": (600, 5),
    "calendly": (180, 180),
    "chatwoot": (300, 300),
    "clerk": (300, 300),
    "close": (262_800, 300),
    "customer-io": (300, 300),
    "front": (300, 300),
    "gitlab-signed": (300, 300),
    "linear": (59, 60),  # its time stands in the sample, half a second ago
    "mux": (300, 300),
    "paddle": (5, 5),
    "recall-ai": (300, 300),
    "revenuecat": (300, 300),
    "sanity": (3600, 300),
    "sinch": (86_400, 300),
    "slack": (300, 300),
    "slack-commands": (300, 300),
    "standard-webhooks": (300, 300),
    "webflow": (300, 300),
    "whereby": (300, 300),
    "workos": (180, 180),
    "zapier": (300, 300),
    "zoho-payments": (300, 300),
    "zoom": (7200, 300),
}


@pytest.mark.parametrize("name", TIMED)
def test_a_request_is_good_for_as_long_as_the_sender_says(name: str) -> None:
    past_s, future_s = TIMED[name]
    assert isinstance(sent(name, now_ms=NOW_MS + past_s * 1000), Received)
    assert refused(sent(name, now_ms=NOW_MS + past_s * 1000 + 1000)).code == "timestamp_outside"
    assert refused(sent(name, now_ms=NOW_MS - future_s * 1000 - 1000)).code == "timestamp_outside"

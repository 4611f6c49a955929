"""The senders of facts sources.md 2.3: the address is hashed too."""

from urllib.parse import parse_qsl

from tests.sources.vectors.hashes_with_times import milliseconds
from tests.sources.vectors.request import FORM, WRITTEN, Moment, Row, Sent, Signing, mac, sha256

PUBLIC = "https://bridge.example.com/in/crm"
FIELDS = (
    b"To=%2B15550199999&Body=Caf%C3%A9+%26+%F0%9F%98%80&Empty=&MediaUrl=b&MediaUrl=a&MediaUrl=b&From=whatsapp%3A%2B1"
)


def form_sorted(body: bytes) -> str:
    """Each name followed by its values, by name, equal values once."""
    fields: dict[str, set[str]] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        fields.setdefault(name, set()).add(value)
    return "".join(name + value for name in sorted(fields) for value in sorted(fields[name]))


def _hubspot_v1(body: bytes, secret: str, _now: Moment) -> Sent:
    made = sha256(secret, body).hex()
    return Sent((("X-HubSpot-Signature", made), ("X-HubSpot-Signature-Version", "v1")), body)


def _hubspot_v2(body: bytes, secret: str, _now: Moment) -> Sent:
    made = sha256(secret, "POST", f"{PUBLIC}?a=1", body).hex()
    return Sent((("X-HubSpot-Signature", made), ("X-HubSpot-Signature-Version", "v2")), body, "a=1")


RAW_QUERY = (
    "colon=%3A&slash=%2F&question=%3F&at=%40&bang=%21&dollar=%24&quote=%27&open=%28&close=%29&star=%2A&comma=%2C"
    "&semicolon=%3B&space=%20&plus=%2B&percent=%25&twice=%253A&small=%3a&hash=%23&letter=%C3%A9"
)
DECODED = (
    "colon=:&slash=/&question=?&at=@&bang=!&dollar=$&quote='&open=(&close=)&star=*&comma=,"
    "&semicolon=;&space=%20&plus=%2B&percent=%25&twice=%253A&small=%3a&hash=%23&letter=%C3%A9"
)


def _hubspot_v3(body: bytes, secret: str, now: Moment) -> Sent:
    text = milliseconds(now)
    made = mac(secret, "POST", f"{PUBLIC}?{DECODED}", body, text)
    return Sent(
        (("X-HubSpot-Signature-v3", WRITTEN["base64"](made)), ("X-HubSpot-Request-Timestamp", text)), body, RAW_QUERY
    )


def _twilio(address: str, algorithm: str = "sha1", *, settings: str | None = None) -> Signing:
    def sent(body: bytes, secret: str, _now: Moment) -> Sent:
        made = mac(secret, address, form_sorted(body), algorithm=algorithm)
        more = (("X-Twilio-Webhooks-Signature-Settings", settings),) if settings else ()
        return Sent((("X-Twilio-Signature", WRITTEN["base64"](made)), *more), body, address.partition("?")[2])

    return sent


def _twilio_json(body: bytes, secret: str, _now: Moment) -> Sent:
    query = f"bodySHA256={sha256(body).hex()}&kind=call"
    made = mac(secret, f"{PUBLIC}?{query}", algorithm="sha1")
    return Sent((("X-Twilio-Signature", WRITTEN["base64"](made)),), body, query)


def _square(body: bytes, secret: str, _now: Moment) -> Sent:
    return Sent((("x-square-hmacsha256-signature", WRITTEN["base64"](mac(secret, PUBLIC, body))),), body)


def _mandrill(body: bytes, secret: str, _now: Moment) -> Sent:
    made = mac(secret, PUBLIC, form_sorted(body), algorithm="sha1")
    return Sent((("X-Mandrill-Signature", WRITTEN["base64"](made)),), body)


def _trello(body: bytes, secret: str, _now: Moment) -> Sent:
    return Sent((("X-Trello-Webhook", WRITTEN["base64"](mac(secret, body, PUBLIC, algorithm="sha1"))),), body)


def _plivo(body: bytes, secret: str, _now: Moment) -> Sent:
    made = WRITTEN["base64"](mac(secret, PUBLIC, "?", form_sorted(body), ".", "05429567804466091622"))
    other = WRITTEN["base64"](mac("the token of the main account", PUBLIC))
    headers = (("X-Plivo-Signature-V3", f"{other},{made}"), ("X-Plivo-Signature-V3-Nonce", "05429567804466091622"))
    return Sent(headers, body)


def _twilio_block(**more: object) -> dict[str, object]:
    return {
        "type": "hmac",
        "algorithm": "sha1",
        "signature": {"from": "header:X-Twilio-Signature", "encoding": "base64"},
        "url": {"public": PUBLIC, "ports": "any"},
        "message": "{url}{form_sorted}",
    } | more


_HUBSPOT = {"from": "header:X-HubSpot-Signature", "encoding": "hex"}

ROWS = (
    Row(
        "hubspot v1",
        {
            "type": "hash",
            "algorithm": "sha256",
            "signature": _HUBSPOT,
            "message": "{secret}{body}",
            "require": {"X-HubSpot-Signature-Version": "v1"},
        },
        _hubspot_v1,
    ),
    Row(
        "hubspot v2",
        {
            "type": "hash",
            "signature": _HUBSPOT,
            "url": {"public": PUBLIC},
            "message": "{secret}{method}{url}{body}",
            "require": {"X-HubSpot-Signature-Version": "v2"},
        },
        _hubspot_v2,
    ),
    Row(
        "hubspot v3",
        {
            "type": "hmac",
            "algorithm": "sha256",
            "signature": {"from": "header:X-HubSpot-Signature-v3", "encoding": "base64"},
            "timestamp": {"from": "header:X-HubSpot-Request-Timestamp", "unit": "ms", "past_s": 300, "future_s": 300},
            "url": {"public": PUBLIC, "ports": "as_is", "decode": "hubspot"},
            "message": "{method}{url}{body}{timestamp}",
        },
        _hubspot_v3,
        time="X-HubSpot-Request-Timestamp",
    ),
    Row("twilio", _twilio_block(), _twilio(PUBLIC), FORM, FIELDS),
    Row("twilio with a port", _twilio_block(), _twilio("https://bridge.example.com:443/in/crm"), FORM, FIELDS),
    Row(
        "twilio with a port of our own",
        _twilio_block(url={"public": "https://bridge.example.com:8443/in/crm", "ports": "any"}),
        _twilio("https://bridge.example.com:8443/in/crm?b=2&a=%20x&a"),
        FORM,
        FIELDS,
    ),
    Row(
        "twilio without the port of our own",
        _twilio_block(url={"public": "https://bridge.example.com:8443/in/crm", "ports": "any"}),
        _twilio("https://bridge.example.com/in/crm?b=2&a=%20x&a"),
        FORM,
        FIELDS,
    ),
    Row("twilio without fields", _twilio_block(), _twilio(PUBLIC), FORM, b""),
    Row(
        "twilio of a shared key",
        _twilio_block(
            algorithm="sha256", require={"X-Twilio-Webhooks-Signature-Settings": "key=*,algorithm=HMAC_SHA256"}
        ),
        _twilio(PUBLIC, "sha256", settings="key=SK1,algorithm=HMAC_SHA256"),
        FORM,
        FIELDS,
    ),
    Row(
        "twilio of JSON",
        _twilio_block(
            message="{url}", body_digest={"from": "query:bodySHA256", "algorithm": "sha256", "encoding": "hex"}
        ),
        _twilio_json,
    ),
    Row(
        "square",
        {
            "type": "hmac",
            "signature": {"from": "header:x-square-hmacsha256-signature", "encoding": "base64"},
            "url": {"public": PUBLIC, "ports": "as_is", "decode": "none"},
            "message": "{url}{body}",
        },
        _square,
    ),
    Row(
        "mandrill",
        {
            "type": "hmac",
            "algorithm": "sha1",
            "signature": {"from": "header:X-Mandrill-Signature", "encoding": "base64"},
            "url": {"public": PUBLIC},
            "message": "{url}{form_sorted}",
        },
        _mandrill,
        FORM,
        b"mandrill_events=%5B%7B%22event%22%3A%22send%22%7D%5D",
    ),
    Row(
        "trello",
        {
            "type": "hmac",
            "algorithm": "sha1",
            "signature": {"from": "header:X-Trello-Webhook", "encoding": "base64"},
            "url": {"public": PUBLIC},
            "message": "{body}{url}",
        },
        _trello,
    ),
    Row(
        "plivo",
        {
            "type": "hmac",
            "signature": {"from": "header:X-Plivo-Signature-V3", "split": ",", "encoding": "base64"},
            "url": {"public": PUBLIC},
            "message": "{url}?{form_sorted}.{header:X-Plivo-Signature-V3-Nonce}",
        },
        _plivo,
        FORM,
        FIELDS,
    ),
)

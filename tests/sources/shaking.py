"""Sources whose senders shake hands, spelled out as their presets would, and the requests that they make."""

from collections.abc import Mapping, Sequence

from bridge.sources import Called, Learn, Received, Refused, Reply, Source, SourceConfig, meet, sign
from tests.canaries import ORDERS_SECRET
from tests.sources.builders import JSON_TYPE, NOW_MS

VERIFY_TOKEN = "a-word-of-the-operator"
HOOK_SECRET = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
NOTION_TOKEN = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders"
SUBSCRIBE_URL = (
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    "&TopicArn=arn:aws:sns:eu-west-1:123456789012:orders&Token=2336412f37fb687f5d51e6e2425c464de2"
)

SIGNED = {"type": "hmac", "secrets": [ORDERS_SECRET], "signature": {"from": "header:X-Signature"}}
EVENT = {"type": "{{ body.type | default('event') | string }}", "id": "body"}

BLOCKS: Mapping[str, Sequence[Mapping[str, object]]] = {
    "slack": [
        {"kind": "echo_json", "when": {"json": {"type": "url_verification"}}, "field": "challenge", "signed": True}
    ],
    "meta": [
        {
            "kind": "echo_query",
            "method": "GET",
            "parameter": "hub.challenge",
            "when": {"query": {"hub.mode": "subscribe"}},
            "token": {"from": "query:hub.verify_token"},
        }
    ],
    "zoom": [
        {
            "kind": "hmac_json",
            "when": {"json": {"event": "endpoint.url_validation"}},
            "value": "json:payload.plainToken",
            "answer": {"plainToken": "value", "encryptedToken": "hmac"},
            "signed": True,
        }
    ],
    "graph": [{"kind": "echo_query", "method": "POST", "parameter": "validationToken"}],
    "x": [
        {
            "kind": "hmac_json",
            "method": "GET",
            "value": "query:crc_token",
            "encoding": "base64",
            "prefix": "sha256=",
            "answer": {"response_token": "hmac"},
        }
    ],
    "dropbox": [{"kind": "echo_query", "parameter": "challenge"}],
    "asana": [{"kind": "store_secret", "from": "header:X-Hook-Secret", "echo": True}],
    "notion": [{"kind": "store_secret", "from": "json:verification_token"}],
    "discord": [{"kind": "reply", "when": {"json": {"type": 1}}, "json": {"type": 1}}],
    "discord-events": [{"kind": "reply", "when": {"json": {"type": 0}}, "status": 204}],
    "sns": [{"kind": "confirm"}],
    "mailchimp": [{"kind": "reply", "method": "GET"}],
    "mandrill": [{"kind": "reply", "method": "HEAD"}],
    "monday": [{"kind": "echo_json", "field": "challenge", "as": "json", "signed": False}],
    "okta": [
        {
            "kind": "echo_header",
            "method": "GET",
            "header": "X-Okta-Verification-Challenge",
            "as": "json",
            "field": "verification",
        }
    ],
    "adobe": [{"kind": "echo_header", "method": ["GET", "POST"], "header": "X-AdobeSign-ClientId", "event": True}],
    "ringcentral": [{"kind": "echo_header", "header": "Validation-Token"}],
    "xero": [{"kind": "reply", "when": {"json": {"firstEventSequence": 0}}, "signed": True}],
    "none": [],
}
"""Facts sources.md section 4, row by row."""

Answer = Received | Reply | Learn | Called | Refused


def shaking(name: str, **settings: object) -> Source:
    """A source with one sender's handshake."""
    written: dict[str, object] = {"verify": SIGNED, "event": EVENT}
    if name in {"asana", "notion"}:
        written["verify"] = {key: value for key, value in SIGNED.items() if key != "secrets"}
    if name == "meta":
        written["verify_token"] = VERIFY_TOKEN
    if name == "xero":
        written["answer_body"] = "empty"
    if BLOCKS[name]:
        written["handshake"] = BLOCKS[name]
    return Source.compile(name, SourceConfig.model_validate(written | settings))


def ask(
    source: Source,
    method: str = "GET",
    *,
    query: Sequence[tuple[str, str]] = (),
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Answer:
    """A request that nobody signed."""
    return meet(source, headers=headers, query=query, body=body, now_ms=NOW_MS, method=method)


def post(source: Source, body: bytes, *headers: tuple[str, str], signed: bool = True) -> Answer:
    """A POST of JSON."""
    proof = sign(source.verification, body, now_ms=NOW_MS).headers if signed else ()
    return ask(source, "POST", headers=[JSON_TYPE, *proof, *headers], body=body)

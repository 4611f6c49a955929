import pytest

from bridge.sources import parse_verification
from bridge.sources.cautions import cautions
from tests.canaries import ORDERS_SECRET

HMAC: dict[str, object] = {"type": "hmac", "secrets": [ORDERS_SECRET], "signature": {"from": "header:X-S"}}

JWT: dict[str, object] = {
    "type": "jwt",
    "algorithm": "HS256",
    "secrets": [ORDERS_SECRET],
    "signature": {"from": "header:Authorization"},
    "body_digest": {"from": "claim:hash"},
    "require_claims": ["exp"],
}
SNS: dict[str, object] = {"type": "sns", "topics": ["arn:aws:sns:us-east-1:123456789012:orders"]}
PUBLIC = "https://bridge.example.com/hooks/shop"

CASES: list[tuple[dict[str, object], list[str]]] = [
    (HMAC, []),
    ({"type": "none"}, ["believes anybody"]),
    ({"type": "basic", "secrets": [f"a:{ORDERS_SECRET}"]}, []),
    ({**HMAC, "timestamp": {"from": "header:X-T", "past_s": None}, "message": "{timestamp}{body}"}, ["of any age"]),
    ({**HMAC, "timestamp": {"from": "json:t", "future_s": None}}, ["of any age"]),
    ({**HMAC, "message": "{json:a}{json:b}"}, ["a part of the body only"]),
    ({**HMAC, "message": "{header:X-Id}{crc32}"}, ["a checksum of the body"]),
    ({**HMAC, "message": "{form_sorted}"}, []),
    ({**HMAC, "message": "{header:X-D}", "body_digest": {"from": "header:X-D"}}, []),
    ({**HMAC, "replay": {"id": "header:X-Id"}}, ["an id that is not signed"]),
    ({**HMAC, "replay": {"id": "header:x-id"}, "message": "{header:X-Id}{body}"}, []),
    ({**HMAC, "replay": {"id": "json:id"}}, []),
    ({**HMAC, "replay": {"id": "form:id"}, "message": "{form_sorted}"}, []),
    (
        {**HMAC, "replay": {"id": "json:id"}, "message": "{json:a}"},
        ["a part of the body only", "an id that is not signed"],
    ),
    (JWT, []),
    ({**JWT, "body_digest": None}, ["takes any body with a token"]),
    ({**JWT, "require_claims": ["jti"]}, ["takes tokens of any age"]),
    ({**JWT, "require_claims": None}, ["takes tokens of any age"]),
    ({**JWT, "require_claims": None, "body_digest": None}, ["takes any body with a token"]),
    ({**JWT, "require_claims": [], "timestamp": {"from": "claim:iat"}}, []),
    ({**JWT, "require_claims": [], "timestamp": {"from": "claim:iat", "past_s": None}}, ["takes tokens of any age"]),
    ({**JWT, "replay": {"id": "claim:jti"}}, []),
    ({**JWT, "replay": {"id": "json:id"}}, []),
    ({**JWT, "replay": {"id": "header:X-Id"}}, ["an id that is not signed"]),
    ({**JWT, "replay": {"id": "query:id"}}, ["an id that is not signed"]),
    ({**JWT, "url": {"public": PUBLIC}, "url_digest": {"from": "claim:u"}, "replay": {"id": "query:id"}}, []),
    (SNS, []),
    ({"type": "sns"}, ["every topic of Amazon SNS"]),
    ({"type": "sns", "topics": ["arn:aws:sns:*:123456789012:*"]}, []),
    ({"type": "sns", "topics": ["arn:aws:sns:us-east-1:*:orders"]}, ["of every account"]),
    ({"type": "sns", "topics": ["arn:aws:sns:us-east-1:123456789012:a", "arn:aws:sns:*"]}, ["of every account"]),
    ({**SNS, "replay": {"id": "json:MessageId"}}, []),
    ({**SNS, "replay": {"id": "json:UnsubscribeURL"}}, ["an id that is not signed"]),
    ({**SNS, "replay": {"id": "header:x-amz-sns-message-id"}}, ["an id that is not signed"]),
    ({**HMAC, "any_of": [{"message": "{json:a}"}, {"message": "{json:b}"}, {}]}, ["a part of the body only"]),
]


@pytest.mark.parametrize(("written", "expected"), CASES)
def test_what_a_scheme_leaves_open_is_said_once(written: dict[str, object], expected: list[str]) -> None:
    found = list(cautions("shop", parse_verification(written)))
    assert len(found) == len(expected)
    assert all(words in caution.message for words, caution in zip(expected, found, strict=True))
    assert all(caution.path[0] == "verify" and caution.help and "shop" in caution.message for caution in found)

import base64
import hashlib
import json
from collections.abc import Mapping

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.sources import Reason, SourceConfig, Verdict, parse_verification
from bridge.sources.proofs.web_token import JwtScheme
from tests.sources.builders import NOW_MS
from tests.sources.key_pairs import AnyPrivate, ec_key, ed25519_key, private_pem, public_pem, rsa_key
from tests.sources.proofs.requests import judged

SECRET = "livekit-secret-of-more-than-thirty-two-bytes-0123456789"
OLD_SECRET = "older-livekit-secret-of-more-than-thirty-two-bytes-0123"
NOW_S = NOW_MS // 1000
BODY = b'{"event":"room_started"}'
PUBLIC = "https://bridge.example.com/hooks/bird"

LIVEKIT: Mapping[str, object] = {
    "type": "jwt",
    "algorithm": "HS256",
    "secrets": [SECRET],
    "signature": {"from": "header:Authorization"},
    "issuer": "APIkey",
    "body_digest": {"from": "claim:sha256", "encoding": "base64"},
}
BIRD: Mapping[str, object] = {
    "type": "jwt",
    "algorithms": ["HS256", "HS384", "HS512"],
    "secrets": [SECRET],
    "signature": {"from": "header:MessageBird-Signature-JWT"},
    "issuer": "MessageBird",
    "leeway_s": 1,
    "require_claims": ["exp", "nbf", "iss"],
    "body_digest": {"from": "claim:payload_hash"},
    "url": {"public": PUBLIC},
    "url_digest": {"from": "claim:url_hash"},
    "replay": {"id": "claim:jti", "keep_s": 600},
}
VONAGE: Mapping[str, object] = {
    "type": "jwt",
    "algorithm": "HS256",
    "secrets": [SECRET],
    "signature": {"from": "header:Authorization", "prefix": "Bearer "},
    "issuer": "Vonage",
    "require_claims": ["iat"],
    "timestamp": {"from": "claim:iat", "past_s": 300, "future_s": 60},
    "body_digest": {"from": "claim:payload_hash"},
}


def hex_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def token(claims: Mapping[str, object], key: object = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(dict(claims), key, algorithm=algorithm)  # type: ignore[arg-type]


def livekit(**changed: object) -> Mapping[str, object]:
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    return {"iss": "APIkey", "exp": NOW_S + 300, "nbf": NOW_S, "sha256": digest} | changed


def bird(**changed: object) -> Mapping[str, object]:
    return {
        "iss": "MessageBird",
        "nbf": NOW_S,
        "exp": NOW_S + 60,
        "jti": "a-token-of-its-own",
        "payload_hash": hex_of(BODY),
        "url_hash": hex_of(f"{PUBLIC}?a=1&b=%20".encode()),
    } | changed


def vonage(**changed: object) -> Mapping[str, object]:
    return {"iss": "Vonage", "iat": NOW_S, "jti": "x", "payload_hash": hex_of(BODY)} | changed


def sent_livekit(claims: Mapping[str, object], body: bytes = BODY, **settings: object) -> Verdict:
    return judged({**LIVEKIT, **settings}, [("Authorization", token(claims))], body)


def sent_bird(claims: Mapping[str, object], query: str = "a=1&b=%20", **settings: object) -> Verdict:
    return judged({**BIRD, **settings}, [("MessageBird-Signature-JWT", token(claims))], BODY, raw_query=query)


def sent_vonage(claims: Mapping[str, object], now_ms: int = NOW_MS, **settings: object) -> Verdict:
    return judged({**VONAGE, **settings}, [("Authorization", f"Bearer {token(claims)}")], BODY, now_ms=now_ms)


def test_a_token_with_the_hash_of_the_body_is_believed() -> None:
    verdict = sent_livekit(livekit())
    assert (verdict.ok, verdict.secret_index, verdict.scheme) == (True, 0, "jwt HS256 in Authorization")


def test_a_body_that_the_token_does_not_speak_of_is_refused() -> None:
    assert sent_livekit(livekit(), BODY + b" ").reason is Reason.DIGEST_MISMATCH
    assert sent_livekit({"exp": NOW_S + 9, "iss": "APIkey"}).reason is Reason.DIGEST_MISSING
    for value in (None, "", "zz", hex_of(BODY), 7, True, ["x"], "é"):
        assert not sent_livekit(livekit(sha256=value)).ok


def test_rotation_takes_both_secrets_and_says_which() -> None:
    assert sent_livekit(livekit(), secrets=[OLD_SECRET, SECRET]).secret_index == 1
    assert sent_livekit(livekit(), secrets=[OLD_SECRET]).reason is Reason.SIGNATURE_MISMATCH


def test_what_the_token_says_is_looked_at() -> None:
    assert sent_livekit(livekit(exp=NOW_S - 61)).reason is Reason.TIMESTAMP_OUTSIDE
    assert sent_livekit(livekit(nbf=NOW_S + 61)).reason is Reason.TIMESTAMP_OUTSIDE
    assert sent_livekit(livekit(iss="another")).reason is Reason.TOKEN_INVALID
    assert sent_livekit(livekit(aud="another")).reason is Reason.TOKEN_INVALID
    assert sent_livekit(livekit(aud="bridge"), audience=["bridge"]).ok
    endless = {k: v for k, v in livekit().items() if k != "exp"}
    assert sent_livekit(endless, require_claims=["exp"]).reason is Reason.TOKEN_INVALID
    assert sent_livekit(endless).ok, "it is good for this body only, as the hash of a body is"
    assert sent_livekit(endless, body_digest=None).reason is Reason.TOKEN_INVALID, "for any body, and for ever"
    assert sent_livekit(endless, body_digest=None, timestamp={"from": "claim:nbf"}).ok


def test_an_address_that_the_token_does_not_speak_of_is_refused() -> None:
    assert sent_bird(bird()).ok
    assert sent_bird(bird(), query="a=1&b=+").reason is Reason.DIGEST_MISMATCH
    assert sent_bird(bird(), query="").reason is Reason.DIGEST_MISMATCH
    assert sent_bird(bird(), url={"public": PUBLIC + "x"}).reason is Reason.DIGEST_MISMATCH
    assert sent_bird(bird(url_hash=None)).reason is Reason.DIGEST_MISSING
    assert sent_bird(bird(url_hash="zz")).reason is Reason.DIGEST_MALFORMED


def test_the_tokens_own_id_is_told_to_whoever_remembers_it() -> None:
    verdict = sent_bird(bird())
    assert (verdict.replay_id, verdict.replay_keep_s) == ("a-token-of-its-own", 600)
    assert sent_bird(bird(jti="")).reason is Reason.REPLAY_ID_MISSING
    assert sent_bird({k: v for k, v in bird().items() if k != "jti"}).reason is Reason.REPLAY_ID_MISSING


def test_a_token_that_does_not_expire_has_an_age() -> None:
    assert sent_vonage(vonage()).ok
    assert sent_vonage(vonage(iat=NOW_S - 301)).reason is Reason.TIMESTAMP_OUTSIDE
    assert sent_vonage(vonage(), now_ms=NOW_MS + 301_000).reason is Reason.TIMESTAMP_OUTSIDE
    assert sent_vonage({k: v for k, v in vonage().items() if k != "iat"}).reason is Reason.TOKEN_INVALID


def test_a_prefix_is_demanded() -> None:
    text = token(vonage())
    for value in (text, f"bearer {text}", f"Bearer  {text}", f"Bearer {text} ", "Bearer ", "Bearer"):
        assert judged(VONAGE, [("Authorization", value)], BODY).reason is Reason.SIGNATURE_MALFORMED
    twice = [("Authorization", f"Bearer {text}")] * 2
    assert judged(VONAGE, twice, BODY).reason is Reason.SIGNATURE_REPEATED
    assert judged(VONAGE, [], BODY).reason is Reason.SIGNATURE_MISSING


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", rsa_key()),
        ("PS512", rsa_key()),
        ("ES256", ec_key()),
        ("ES384", ec_key("p384")),
        ("EdDSA", ed25519_key()),
    ],
)
def test_public_keys(algorithm: str, key: AnyPrivate) -> None:
    block = {
        "type": "jwt",
        "algorithms": [algorithm],
        "public_keys": [public_pem(key)],
        "key": "pem",
        "signature": {"from": "header:Authorization", "prefix": "Bearer "},
        "body_digest": {"from": "claim:request_body_sha256"},
    }
    claims = {"exp": NOW_S + 60, "request_body_sha256": hex_of(BODY)}
    text = token(claims, private_pem(key), algorithm)
    assert judged(block, [("Authorization", f"Bearer {text}")], BODY).ok
    assert not judged(block, [("Authorization", f"Bearer {text}")], BODY + b" ").ok
    as_secret = token(claims)
    assert judged(block, [("Authorization", f"Bearer {as_secret}")], BODY).reason is Reason.TOKEN_INVALID


def test_nothing_that_the_token_says_gets_into_the_verdict() -> None:
    canary = "canary-9d1c"
    claims = livekit(iss=canary, sub=canary, sha256=canary, aud=canary, jti=canary)
    changes: list[dict[str, object]] = [{}, {"issuer": canary}, {"issuer": canary, "audience": canary}]
    for settings in changes:
        verdict = sent_livekit(claims, BODY, **settings)
        assert not verdict.ok
        assert canary not in repr(verdict)
        assert SECRET not in repr(verdict)


@given(value=st.text(max_size=300), body=st.binary(max_size=30))
def test_no_header_makes_it_raise(value: str, body: bytes) -> None:
    scheme = parse_verification(VONAGE)
    assert not judged(scheme, [("Authorization", value)], body).ok
    assert not judged(scheme, [("Authorization", f"Bearer {value}")], body).ok


CLAIM = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text())
HARMLESS = ("exp", "nbf", "iat", "jti")  # another time or id may be as good
CLAIMS = st.sampled_from([*HARMLESS, "iss", "aud", "payload_hash", "url_hash"])


@given(claims=st.dictionaries(CLAIMS, CLAIM))
def test_no_claims_make_it_raise(claims: dict[str, object]) -> None:
    signed = jwt.api_jws.encode(json.dumps({**bird(), **claims}).encode(), SECRET, algorithm="HS256")
    verdict = judged(BIRD, [("MessageBird-Signature-JWT", signed)], BODY, raw_query="a=1&b=%20")
    unharmed = all(bird().get(name) == claim for name, claim in claims.items() if name not in HARMLESS)
    assert verdict.ok is False or (unharmed and bool(verdict.replay_id))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"algorithm": None}, "needs `algorithms`"),
        ({"algorithms": ["HS256"]}, "needs `algorithms`"),
        ({"algorithm": "none"}, "HS256"),
        ({"algorithm": None, "algorithms": ["HS256", "RS256"]}, "different kinds of keys"),
        ({"algorithm": None, "algorithms": ["ES256", "ES384"]}, "different kinds of keys"),
        ({"algorithm": "RS256"}, "`secrets` is not what RS256 is verified with"),
        ({"algorithm": "RS256", "secrets": [], "public_keys": [public_pem(ec_key())]}, "this public key is EC P-256"),
        ({"algorithm": "ES384", "secrets": [], "public_keys": [public_pem(ec_key())]}, "this public key is EC P-256"),
        ({"public_keys": [public_pem(rsa_key())]}, "`public_keys` is not what HS256 is verified with"),
        ({"key": "pem"}, "a secret is not PEM"),
        ({"key": "hex"}, "is not hex"),
        ({"secrets": ["short"]}, "5 bytes"),
        ({"body_digest": {"from": "header:X"}}, "only claims are signed"),
        ({"timestamp": {"from": "header:X"}}, "only claims are signed"),
        ({"url": {"public": PUBLIC}}, "go together"),
        ({"url_digest": {"from": "claim:url_hash"}}, "go together"),
        ({"signature": {"from": "header:A", "split": ","}}, "one word"),
        ({"leeway_s": -1}, "greater than or equal to 0"),
    ],
)
def test_a_mistake_in_the_yaml_is_found_when_it_is_read(change: Mapping[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SourceConfig.model_validate({"verify": {**LIVEKIT, **change}})
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_algorithms_of_one_kind_of_key_go_together() -> None:
    mixed = {
        **LIVEKIT,
        "algorithm": None,
        "algorithms": ["RS256", "PS256"],
        "secrets": [],
        "public_keys": [public_pem(rsa_key())],
    }
    scheme = parse_verification(mixed)
    assert isinstance(scheme, JwtScheme)
    assert scheme.rests_on == "public_keys"
    assert judged({**LIVEKIT, "secrets": []}, [("Authorization", token(livekit()))], BODY).reason is Reason.NO_SECRET

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.proofs.json_web_token import MOST_TOKEN_CHARACTERS, TokenRules, read_token
from bridge.sources.proofs.keys import PublicKey
from bridge.sources.verdict import Reason, Unbelieved
from tests.canaries import CUSTOMER_NAME
from tests.sources.builders import NOW_MS
from tests.sources.key_pairs import AnyPrivate, ec_key, ed25519_key, public_pem, rsa_key

NOW_S = NOW_MS // 1000
SECRET = b"a secret of sixty-four bytes ".ljust(64, b"!")
OTHER = b"another one of sixty-four bytes ".ljust(64, b"!")
RULES = TokenRules(algorithms=("HS256",))
CLAIMS: Mapping[str, object] = {"exp": NOW_S + 100, "iat": NOW_S, "name": CUSTOMER_NAME}


def token(claims: Mapping[str, object] = CLAIMS, key: bytes | AnyPrivate = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(dict(claims), key, algorithm=algorithm)


def reason(
    text: str, keys: Sequence[bytes | PublicKey] = (SECRET,), rules: TokenRules = RULES, now_ms: int = NOW_MS
) -> Reason | None:
    try:
        read_token(text, keys, rules, now_ms=now_ms)
    except Unbelieved as refused:
        assert CUSTOMER_NAME not in refused.detail  # noqa: PT017
        return refused.reason
    return None


def by_hand(header: object, payload: bytes, signature: bytes = b"x") -> str:
    parts = [json.dumps(header).encode(), payload, signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_a_token_gives_its_claims_and_the_key_that_signed_it() -> None:
    assert read_token(token(), [OTHER, SECRET], RULES, now_ms=NOW_MS) == (1, CLAIMS)
    assert reason(token(), [OTHER]) is Reason.SIGNATURE_MISMATCH
    assert reason(token(), []) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_of_sixteen_bytes_is_enough_as_for_every_source(algorithm: str) -> None:
    secret = b"sixteen bytes!!!"
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        text = token(key=secret, algorithm=algorithm)
    assert reason(text, [secret], TokenRules((algorithm,))) is None


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", rsa_key()),
        ("RS512", rsa_key()),
        ("PS256", rsa_key()),
        ("ES256", ec_key("p256")),
        ("ES384", ec_key("p384")),
        ("ES512", ec_key("p521")),
        ("EdDSA", ed25519_key()),
    ],
)
def test_every_algorithm_with_a_public_key(algorithm: str, key: AnyPrivate) -> None:
    text = token(key=key, algorithm=algorithm)
    assert reason(text, [key.public_key()], TokenRules((algorithm,))) is None
    header, claims, signature = text.split(".")
    flipped = ("B" if signature[5] != "B" else "C").join((signature[:5], signature[6:]))
    assert reason(f"{header}.{claims}.{flipped}", [key.public_key()], TokenRules((algorithm,))) is not None


def test_the_algorithm_is_never_taken_from_the_token() -> None:
    assert reason(token(algorithm="HS512")) is Reason.TOKEN_INVALID
    claims = json.dumps(CLAIMS).encode()
    for name in ("none", "None", "NONE", "", None, ["HS256"], {"HS256": 1}, 7):
        assert reason(by_hand({"alg": name}, claims)) is not None
    unsigned = by_hand({"alg": "none"}, claims, b"").rstrip(".")
    assert reason(unsigned) is Reason.SIGNATURE_MALFORMED
    assert reason(unsigned + ".") is Reason.SIGNATURE_MALFORMED
    assert reason(by_hand({}, claims)) is not None


def test_a_public_key_is_no_secret_to_sign_with() -> None:
    key = rsa_key()
    start = by_hand({"alg": "HS256", "typ": "JWT"}, json.dumps(CLAIMS).encode()).rpartition(".")[0]
    for as_secret in (public_pem(key).encode(), public_pem(key).strip().encode()):
        digest = hmac.digest(as_secret, start.encode(), hashlib.sha256)
        forged = f"{start}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
        assert reason(forged, [key.public_key()], TokenRules(("RS256",))) is Reason.TOKEN_INVALID


def test_a_key_that_the_token_brings_along_is_ignored() -> None:
    attacker = rsa_key(2049)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(attacker.public_key()))
    text = jwt.encode(dict(CLAIMS), attacker, "RS256", headers={"jwk": jwk, "jku": "https://evil.example/", "kid": "1"})
    assert reason(text, [rsa_key().public_key()], TokenRules(("RS256",))) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": NOW_S + 1}, None),
        ({"exp": NOW_S - 59}, None),
        ({"exp": NOW_S - 60}, Reason.TIMESTAMP_OUTSIDE),
        ({"exp": NOW_S - 59.5}, None),
        ({}, Reason.TOKEN_INVALID),
        ({"exp": None}, Reason.TOKEN_INVALID),
        ({"exp": str(NOW_S + 100)}, Reason.TIMESTAMP_MALFORMED),
        ({"exp": True}, Reason.TIMESTAMP_MALFORMED),
        ({"exp": -1}, Reason.TIMESTAMP_MALFORMED),
        ({"exp": 10**16}, Reason.TIMESTAMP_MALFORMED),
        ({"exp": 10**4000}, Reason.TIMESTAMP_MALFORMED),
        ({"exp": [NOW_S]}, Reason.TIMESTAMP_MALFORMED),
        ({"exp": NOW_S + 1, "nbf": NOW_S + 60}, None),
        ({"exp": NOW_S + 100, "nbf": NOW_S + 61}, Reason.TIMESTAMP_OUTSIDE),
        ({"exp": NOW_S + 100, "iat": NOW_S + 60}, None),
        ({"exp": NOW_S + 100, "iat": NOW_S + 61}, Reason.TIMESTAMP_OUTSIDE),
        ({"exp": NOW_S + 100, "iat": "x"}, Reason.TIMESTAMP_MALFORMED),
        ({"exp": NOW_S + 100, "iat": None}, Reason.TIMESTAMP_MALFORMED),
    ],
)
def test_times_are_compared_with_the_clock_that_is_given(claims: dict[str, object], expected: Reason | None) -> None:
    text = by_hand({"alg": "HS256"}, json.dumps(claims).encode()).rpartition(".")[0]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(text.encode(), SECRET)
    signed = f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    assert reason(signed) is expected


def test_the_leeway_is_the_sources() -> None:
    text = token({"exp": NOW_S - 100})
    assert reason(text) is Reason.TIMESTAMP_OUTSIDE
    assert reason(text, rules=TokenRules(("HS256",), leeway_s=101)) is None
    assert reason(token({"exp": NOW_S}), rules=TokenRules(("HS256",), leeway_s=0)) is Reason.TIMESTAMP_OUTSIDE
    assert reason(token({"exp": NOW_S + 1}), rules=TokenRules(("HS256",), leeway_s=0)) is None


def test_claims_that_the_source_requires_must_be_there() -> None:
    rules = TokenRules(("HS256",), required=("jti",))
    assert reason(token({"jti": "7"}), rules=rules) is None
    assert reason(token({"exp": NOW_S + 100}), rules=rules) is Reason.TOKEN_INVALID


def test_the_issuer_and_the_audience_are_the_sources() -> None:
    rules = TokenRules(("HS256",), issuers=("MessageBird", "Bird"), audiences=("bridge",))
    good = {**CLAIMS, "iss": "Bird", "aud": "bridge"}
    assert reason(token(good), rules=rules) is None
    assert reason(token({**good, "aud": ["x", "bridge"]}), rules=rules) is None
    bad: list[dict[str, object]] = [
        {"iss": "bird"},
        {"iss": ["Bird"]},
        {"iss": None},
        {"aud": "other"},
        {"aud": []},
        {"aud": [["bridge"]]},
        {"aud": None},
        {"aud": {"bridge": 1}},
    ]
    for change in bad:
        signed = jwt.api_jws.encode(json.dumps({**good, **change}).encode(), SECRET, algorithm="HS256")
        assert reason(signed, rules=rules) is Reason.TOKEN_INVALID, change


def test_a_token_for_somebody_else_is_not_for_us() -> None:
    assert reason(token({**CLAIMS, "aud": "another service"})) is Reason.TOKEN_INVALID


@pytest.mark.parametrize(
    "payload", [b"[]", b"7", b"", b"{", b'{"exp":1,"exp":2}', b'{"exp":NaN}', b"\xff", b"[" * 5000]
)
def test_claims_are_one_json_object_read_strictly(payload: bytes) -> None:
    signed = jwt.api_jws.encode(payload, SECRET, algorithm="HS256")
    assert reason(signed) in {Reason.TOKEN_INVALID, Reason.SIGNATURE_MALFORMED}


def test_a_token_has_one_spelling() -> None:
    good = token()
    for bad in (
        good + "=",
        good + "\n",
        " " + good,
        good + ".x",
        good.replace(".", "..", 1),
        good.rpartition(".")[0],
        good.replace("_", "/").replace("-", "+") + "+",
        "é" + good,
        "",
    ):
        assert reason(bad) is Reason.SIGNATURE_MALFORMED, bad


def test_the_size_of_a_token_is_bounded() -> None:
    filler = {**CLAIMS, "x": "y" * MOST_TOKEN_CHARACTERS}
    assert reason(token(filler)) is Reason.SIGNATURE_MALFORMED


def test_extensions_that_change_what_is_signed_are_refused() -> None:
    start = by_hand({"alg": "HS256", "b64": False, "crit": ["b64"]}, b"{}")
    assert reason(start) is not None
    assert reason(jwt.encode(dict(CLAIMS), SECRET, headers={"crit": ["x"], "x": 1})) is not None


SEGMENT = st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))
HEADER = st.one_of(
    SEGMENT,
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "zip"]),
        st.sampled_from(["HS256", "RS256", "none"]) | st.none() | st.booleans() | st.integers() | st.lists(st.text()),
    ).map(lambda header: base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")),
)


@given(text=st.text() | st.tuples(HEADER, SEGMENT, SEGMENT).map(".".join))
@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_no_token_makes_it_raise_anything_but_a_refusal(algorithm: str, text: str) -> None:
    keys: dict[str, bytes | PublicKey] = {
        "HS256": SECRET,
        "RS256": rsa_key().public_key(),
        "ES256": ec_key().public_key(),
        "EdDSA": ed25519_key().public_key(),
    }
    assert reason(text, [keys[algorithm]], TokenRules((algorithm,))) is not None


@given(position=st.integers(0, 400), letter=st.sampled_from("Aa0-_.=é{"))
def test_a_token_that_was_changed_anywhere_is_refused(position: int, letter: str) -> None:
    good = token()
    at = position % len(good)
    changed = good[:at] + letter + good[at + 1 :]
    assert (reason(changed) is None) is (changed == good)


def test_the_example_of_rfc_7515_appendix_a1() -> None:
    key = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    text = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    rules = TokenRules(("HS256",), issuers=("joe",))
    assert reason(text, [key], rules, 1_300_819_379_000) is None
    assert reason(text, [key], rules, 1_300_819_440_000) is Reason.TIMESTAMP_OUTSIDE

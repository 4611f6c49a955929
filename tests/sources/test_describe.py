"""A preset's proof, body and handshakes in words."""

import pytest

from bridge.sources import describe

TIMED = {"timestamp": {"from": "header:X-Time", "unit": "ms", "past_s": 600}, "message": "{timestamp}.{body}"}
SIGNED = {"signature": {"from": "header:X-Sig", "prefix": "v1=", "encoding": "base64"}}


@pytest.mark.parametrize(
    ("verify", "words"),
    [
        ({"type": "hmac", "algorithm": "sha1", **SIGNED}, "HMAC-SHA1 of body"),
        ({"type": "hmac", **SIGNED, **TIMED}, "HMAC-SHA256 of time and body, at most 10m old"),
        ({"type": "hash", "message": "{secret}{body}", **SIGNED}, "plain SHA256 of secret and body"),
        ({"type": "ed25519", "message": "{header:X-Nonce}{body}", **SIGNED}, "Ed25519 signature of `X-Nonce` and body"),
        ({"type": "rsa", **SIGNED}, "RSA signature (SHA256) of body"),
        ({"type": "jwt", "algorithms": ["HS256"], **SIGNED}, "JWT (HS256) in `X-Sig`"),
        (
            {"type": "jwt", "algorithm": "HS256", "body_digest": {"from": "claim:sha256"}, **SIGNED},
            "JWT (HS256) in `X-Sig`, with the body's hash",
        ),
        ({"type": "token", "signature": {"from": "query:key"}}, "secret word in `?key=` of the address"),
        ({"type": "basic"}, "HTTP Basic, user and password"),
        ({"type": "sns"}, "RSA signature in the body, by Amazon's certificate"),
    ],
)
def test_a_proof_is_told_in_one_line(verify: dict[str, object], words: str) -> None:
    assert describe.proof({"verify": verify}) == words


@pytest.mark.parametrize(
    ("verify", "signer"),
    [
        ({"type": "hmac"}, "secret"),
        ({"any_of": [{"type": "ed25519"}, {"type": "token"}]}, "secret"),
        ({"type": "jwt", "algorithms": ["HS256"]}, "secret"),
        ({"type": "jwt", "algorithm": "ES256"}, "private key"),
        ({"type": "ecdsa"}, "private key"),
        ({"type": "rsa", "certificate": {"from": "header:X-Cert"}}, "vendor"),
        ({"type": "sns"}, "vendor"),
    ],
)
def test_it_is_told_who_can_sign_a_trial(verify: dict[str, object], signer: str) -> None:
    assert describe.signed_by({"verify": verify}) == signer


def test_the_alternatives_of_a_proof_share_what_stands_beside_them() -> None:
    preset = {
        "verify": {
            "type": "hmac",
            "algorithm": "sha512",
            "any_of": [
                {"signature": {"from": "header:X-New"}},
                {"signature": {"from": "header_pattern:X-Old-*"}, "algorithm": "sha1"},
            ],
        }
    }
    assert describe.proof(preset) == "HMAC-SHA512 of body or HMAC-SHA1 of body"
    rows = describe.proof_rows(preset)
    assert ("stands in", "`X-New`, hex") in rows
    assert ("stands in", "`X-Old-*`, hex") in rows
    assert rows[-1] == ("enough", "any one of them")


def test_each_step_of_a_proof_has_a_line() -> None:
    verify = {
        "type": "hmac",
        "key": "base64",
        "strip_prefix": "whsec_",
        "require": {"X-Version": "1"},
        "body_digest": {"from": "query:sha"},
        "replay": {"id": "json:token"},
        **SIGNED,
        **TIMED,
    }
    assert describe.proof_rows({"verify": verify}) == [
        ("proof", "HMAC-SHA256 of time and body, at most 10m old"),
        ("stands in", "`X-Sig`, after `v1=`, base64"),
        ("signed text", "`{timestamp}.{body}`"),
        ("key", "decoded from base64, after `whsec_`"),
        ("time", "`X-Time`, Unix milliseconds"),
        ("demanded", "`X-Version: 1`"),
        ("body's hash", "`?sha=` of the address, compared with the body"),
        ("refused twice", "the same `token` of the body"),
    ]


def test_what_a_proof_leaves_open_is_told() -> None:
    word = {"verify": {"type": "token", "signature": {"from": "header:X-Word"}}}
    assert describe.proof_rows(word)[-1] == ("not covered", "what is in the request: a word proves who sent it")
    headers = {"type": "{{ headers['x-kind'] }}", "id": ["{{ headers['x-id'] ~ headers['x-part'] }}", "body"]}
    signed = {"type": "hmac", "message": "{header:X-Id}.{body}", "signature": {"from": "header:X-Sig"}}
    assert describe.proof_rows({"verify": signed, "event": headers})[-2:] == [
        ("not covered", "the event's type, where it stands in `x-kind`"),
        ("not covered", "the event's id, where it stands in `x-part`"),
    ]
    whole = {"type": "{{ body.type }}", "id": "{{ headers['x-id'] }}"}
    assert "not covered" not in dict(describe.proof_rows({"verify": signed, "event": whole}))


def test_the_form_of_a_body_and_its_events_are_told() -> None:
    assert describe.body({}) == "JSON"
    assert describe.body({"body": ["form_json(payload)", "json"]}) == "form with JSON in `payload` or JSON"
    assert describe.split({}) == "one event"
    assert describe.split({"split": ["a[].b", "[]"]}) == "one event for each item of `a[].b` or the body"


def test_a_handshake_is_told() -> None:
    preset = {"handshake": [{"kind": "echo_query", "parameter": "ask"}, {"kind": "reply", "method": ["HEAD", "GET"]}]}
    assert describe.handshakes(preset) == [
        ("echo_query", "a value of the query is sent back as text (`ask`)"),
        ("reply", "HEAD/GET: a fixed answer"),
    ]


def test_the_marks_stand_with_the_surest_first() -> None:
    assert describe.marks({"facts": [{"mark": "K"}, {"mark": "L"}, {"mark": "K"}]}) == "L K"
    assert describe.marks({}) == ""


def test_the_entry_of_a_configuration_is_found_in_the_steps_over_several_lines() -> None:
    setup = 'Write `sources: {a: {preset: a,\n     secret: "${S}"}}` there.'
    assert describe.entry({"setup": setup}) == {"a": {"preset": "a", "secret": "${S}"}}
    assert describe.entry({"setup": "Ask somebody."}) == {}

"""What is shown of a raw request: its form, and no proof."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.masks import masked_pairs, masked_value, shape_of

HEX = "0f" * 32
WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=17, max_size=80)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (HEX, "<64 hex>"),
        (HEX.upper(), "<64 HEX>"),
        (f"sha256={HEX}", "sha256=<64 hex>"),
        (f"t=1780369298,v1={HEX},v1={HEX}", "t=<10 digits>,v1=<64 hex>,v1=<64 hex>"),
        ("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "<2 hex>,<44 base64>".replace("hex", "base64")),
        ("Bearer abc.def-ghi", "Bearer <11 characters>"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln", "Bearer <a JWT>"),
        ("Basic dXNlcjpwYXNz", "Basic <12 base64>"),
        ("ab-cd_ef", "<8 base64url>"),
        ("", ""),
        ("a " * 300, "<600 characters>"),
    ],
)
def test_the_form_of_a_proof_stays_visible(value: str, shape: str) -> None:
    assert shape_of(value) == shape


@given(WORDS, st.sampled_from(["{}", "sha256={}", "Bearer {}", "t=1,v1={}", "v1,{}", "Signature keyId={},headers=x"]))
def test_no_word_of_a_proof_is_ever_shown(word: str, form: str) -> None:
    assert word not in shape_of(form.format(word))


@given(st.text(max_size=200))
def test_nothing_makes_it_raise_or_shows_a_long_word(value: str) -> None:
    shown = shape_of(value)
    assert [word for word in re.findall(r"[A-Za-z0-9]{17,}", value) if word in shown] == []


def test_headers_and_parameters_that_prove_something_are_masked_and_others_are_not() -> None:
    pairs = [
        ("X-Thing-Signature", HEX),
        ("Authorization", "Bearer abcdefgh"),
        ("Cookie", "a=b"),
        ("X-Airtable-Content-MAC", f"hmac-sha256={HEX}"),
        ("sig", "short"),
        ("access_token", "short"),
        ("X-GitHub-Event", "push"),
        ("Idempotency-Token", "abc"),
        ("X-Known", "abc"),
        ("X-Note", "n" * 500),
    ]
    assert dict(masked_pairs(pairs, ["x-known"])) == {
        "X-Thing-Signature": "<64 hex>",
        "Authorization": "Bearer <8 base64>",
        "Cookie": "a=<1 hex>",
        "X-Airtable-Content-MAC": "hmac-sha256=<64 hex>",
        "sig": "<5 base64>",
        "access_token": "<5 base64>",
        "X-GitHub-Event": "push",
        "Idempotency-Token": "abc",
        "X-Known": "<3 hex>",
        "X-Note": "n" * 200,
    }


def test_keys_of_a_body_that_are_called_like_credentials_are_masked_at_any_depth() -> None:
    body = {
        "a": [{"verification_token": "abcdefgh", "b": 1}],
        "signature": {"token": "xyz", "timestamp": "17"},
        "secret": 7,
    }
    assert masked_value(body) == {
        "a": [{"verification_token": "<8 base64>", "b": 1}],
        "signature": {"token": "<3 base64>", "timestamp": "17"},
        "secret": "<not shown>",
    }

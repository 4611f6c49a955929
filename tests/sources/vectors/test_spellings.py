"""Blocks as section 1 of facts sources.md lets people write them: they load, and mean the same as others."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from bridge.sources import Reason, parse_verification, verify
from tests.sources.vectors.hashes_of_addresses import PUBLIC
from tests.sources.vectors.keys_and_words import token
from tests.sources.vectors.request import BODY, NOW_S, SECRET, WRONG, b64, mac, sha256

HMAC: Mapping[str, object] = {"type": "hmac", "secrets": [SECRET]}
PLACE = {"from": "header:X-Thing-Signature"}


def believes(block: Mapping[str, object], *headers: tuple[str, str], raw_query: str = "") -> bool:
    scheme = parse_verification(block)
    return verify(scheme, headers=headers, query=[], body=BODY, now_ms=NOW_S * 1000, raw_query=raw_query).ok


def test_what_alternatives_have_in_common_holds_inside_their_blocks_too() -> None:
    block = {
        **HMAC,
        "signature": {"encoding": "base64", "prefix": "sha256="},
        "any_of": [
            {"signature": {"from": "header:X-Old"}},
            {"signature": {"from": "header:New", "prefix": ""}},
            {"signature": {"from": "header:Hex", "encoding": "hex"}, "secrets": [WRONG]},
        ],
    }
    assert believes(block, ("X-Old", f"sha256={b64(mac(SECRET, BODY))}"))
    assert believes(block, ("New", b64(mac(SECRET, BODY))))
    assert believes(block, ("Hex", f"sha256={mac(WRONG, BODY).hex()}"))
    assert not believes(block, ("X-Old", b64(mac(SECRET, BODY))))
    assert not believes(block, ("New", mac(SECRET, BODY).hex()))
    assert not believes(block, ("Hex", f"sha256={mac(SECRET, BODY).hex()}"))


def test_a_block_that_only_one_side_has_is_taken_as_it_is() -> None:
    block = {
        **HMAC,
        "timestamp": {"from": "header:X-Time"},
        "message": "{timestamp}.{body}",
        "any_of": [
            {"signature": PLACE},
            {"signature": {"from": "header:Bare"}, "timestamp": None, "message": "{body}"},
        ],
    }
    stamped = mac(SECRET, str(NOW_S), ".", BODY).hex()
    assert believes(block, ("X-Thing-Signature", stamped), ("X-Time", str(NOW_S)))
    assert not believes(block, ("X-Thing-Signature", stamped))
    assert believes(block, ("Bare", mac(SECRET, BODY).hex()))


def test_a_demanded_value_may_be_a_bare_number() -> None:
    block = {**HMAC, "signature": PLACE, "require": {"X-Version": 1}}
    signature = ("X-Thing-Signature", mac(SECRET, BODY).hex())
    assert believes(block, signature, ("X-Version", "1"))
    assert not believes(block, signature, ("X-Version", "01"))
    for other in (True, 1.5, None, ["1"]):
        with pytest.raises(ValidationError):
            parse_verification({**HMAC, "signature": PLACE, "require": {"X-Version": other}})


@pytest.mark.parametrize(
    ("entered", "raw_query", "signed"),
    [
        ("?a=1", "a=1", "?a=1"),
        ("?a=1", "", "?a=1"),
        ("?a=1", "a=1&bodySHA256=00", "?a=1&bodySHA256=00"),
        ("?a=1", "b=2", "?b=2"),
        ("", "b=2", "?b=2"),
        ("?", "", ""),
    ],
)
@pytest.mark.parametrize("ports", ["as_is", "any"])
def test_the_query_of_a_request_stands_for_one_that_was_entered(
    entered: str, raw_query: str, signed: str, ports: str
) -> None:
    url = {"public": PUBLIC + entered, "ports": ports}
    block = {**HMAC, "signature": PLACE, "message": "{url}{body}", "url": url}
    assert believes(block, ("X-Thing-Signature", mac(SECRET, PUBLIC, signed, BODY).hex()), raw_query=raw_query)
    if raw_query and raw_query != entered[1:]:
        assert not believes(block, ("X-Thing-Signature", mac(SECRET, PUBLIC, entered, BODY).hex()), raw_query=raw_query)


def test_one_algorithm_of_tokens_needs_no_list() -> None:
    block = {
        "type": "jwt",
        "algorithms": "HS256",
        "secrets": SECRET,
        "signature": {"from": "header:Authorization"},
        "body_digest": {"from": "claim:hash"},
    }
    assert believes(block, ("Authorization", token({"hash": sha256(BODY).hex()}, SECRET)))


def test_the_limits_of_a_claim_count_and_not_the_leeway() -> None:
    block = {
        "type": "jwt",
        "algorithm": "HS256",
        "secrets": SECRET,
        "signature": {"from": "header:Authorization"},
        "timestamp": {"from": "claim:iat", "past_s": 300, "future_s": 300},
    }
    for off_s, ok in ((300, True), (301, False), (-300, True), (-301, False)):
        assert believes(block, ("Authorization", token({"iat": NOW_S + off_s}, SECRET))) is ok


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": NOW_S - 90}, "`exp` is 90 s behind our clock"),
        ({"exp": NOW_S + 60, "nbf": NOW_S + 75}, "`nbf` is 75 s ahead of our clock"),
        ({"exp": NOW_S + 60, "iat": NOW_S + 80.5}, "`iat` is 80 s ahead of our clock"),
    ],
)
def test_a_token_out_of_its_time_is_refused_with_the_difference_of_the_clocks(
    claims: dict[str, object], words: str
) -> None:
    scheme = parse_verification(
        {"type": "jwt", "algorithm": "HS256", "secrets": SECRET, "signature": {"from": "header:Authorization"}}
    )
    headers = [("Authorization", token(claims, SECRET))]
    verdict = verify(scheme, headers=headers, query=[], body=BODY, now_ms=NOW_S * 1000)
    assert verdict.reason is Reason.TIMESTAMP_OUTSIDE
    assert words in verdict.detail


@pytest.mark.parametrize("fraction", [1, 123, 479, 999])
def test_the_edge_of_a_window_is_exact_to_the_millisecond(fraction: int) -> None:
    written = f"2026-06-02T03:01:40.{fraction:03}Z"
    block = {
        **HMAC,
        "signature": PLACE,
        "timestamp": {"from": "header:T", "unit": "iso8601", "past_s": 600, "future_s": 0},
        "message": "{body}{timestamp}",
    }
    scheme = parse_verification(block)
    headers = [("X-Thing-Signature", mac(SECRET, BODY, written).hex()), ("T", written)]
    moment_ms = NOW_S * 1000 + fraction
    found = [
        verify(scheme, headers=headers, query=[], body=BODY, now_ms=moment_ms + off_ms).ok
        for off_ms in (-1, 0, 600_000, 600_001)
    ]
    assert found == [False, True, True, False]

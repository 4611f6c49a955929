import base64
import json
from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from bridge.sources import AnyScheme, Reason, Verdict, parse_verification, verify
from tests.canaries import CANARIES, ERP_TOKEN, ORDERS_SECRET
from tests.sources.builders import NOW_MS, hmac_scheme

Pairs = Sequence[tuple[str, str]]
PAIR = f"bridge:{ORDERS_SECRET}:with:colons"


def token(place: str = "header:X-Gitlab-Token", **more: object) -> AnyScheme:
    return parse_verification({"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": place, **more}})


def basic() -> AnyScheme:
    return parse_verification({"type": "basic", "secrets": [PAIR]})


def check(scheme: AnyScheme, headers: Pairs = (), query: Pairs = ()) -> Verdict:
    verdict = verify(scheme, headers=headers, query=query, body=b"{}", now_ms=NOW_MS)
    assert not any(canary in repr(verdict) + repr(scheme) for canary in CANARIES)
    return verdict


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ORDERS_SECRET, Reason.VERIFIED),
        (ORDERS_SECRET[:-1], Reason.SIGNATURE_MISMATCH),
        (ORDERS_SECRET + " ", Reason.SIGNATURE_MISMATCH),
        ("", Reason.SIGNATURE_MISMATCH),
        (ORDERS_SECRET + "é", Reason.SIGNATURE_MALFORMED),
    ],
)
def test_a_token_is_the_secret_itself_to_the_letter(value: str, reason: Reason) -> None:
    assert check(token(), [("x-gitlab-token", value)]).reason is reason


def test_a_missing_or_repeated_token_is_a_refusal() -> None:
    right = ("X-Gitlab-Token", ORDERS_SECRET)
    assert check(token()).reason is Reason.SIGNATURE_MISSING
    assert check(token(), [right, right]).reason is Reason.SIGNATURE_REPEATED


def test_a_prefix_before_a_token_is_demanded() -> None:
    bearer = token("header:Authorization", prefix="Bearer ")
    assert check(bearer, [("Authorization", f"Bearer {ORDERS_SECRET}")]).ok
    assert check(bearer, [("Authorization", ORDERS_SECRET)]).reason is Reason.SIGNATURE_MALFORMED


def test_a_token_may_stand_in_the_address() -> None:
    in_query = token("query:k")
    assert check(in_query, query=[("k", ORDERS_SECRET)]).ok
    assert check(in_query, query=[("K", ORDERS_SECRET)]).reason is Reason.SIGNATURE_MISSING
    assert check(in_query, query=[("k", ORDERS_SECRET)] * 2).reason is Reason.SIGNATURE_REPEATED
    assert check(in_query, headers=[("k", ORDERS_SECRET)]).reason is Reason.SIGNATURE_MISSING


def test_rotation_says_which_token_matched() -> None:
    both = parse_verification(
        {"type": "token", "secrets": [ERP_TOKEN, ORDERS_SECRET], "signature": {"from": "header:X-Token"}}
    )
    assert check(both, [("X-Token", ORDERS_SECRET)]).secret_index == 1


def test_basic_compares_the_whole_pair() -> None:
    def authorization(pair: str) -> Pairs:
        return [("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())]

    assert check(basic(), authorization(PAIR)).ok
    assert check(basic(), authorization(PAIR + "x")).reason is Reason.SIGNATURE_MISMATCH
    assert check(basic(), [("Authorization", "Basic ****")]).reason is Reason.SIGNATURE_MALFORMED
    assert check(basic(), [("Authorization", f"Bearer {PAIR}")]).reason is Reason.SIGNATURE_MALFORMED
    assert check(basic()).reason is Reason.SIGNATURE_MISSING


@pytest.mark.parametrize("written", [{"type": "token", "signature": {"from": "header:X-Token"}}, {"type": "basic"}])
def test_words_without_a_secret_believe_nobody(written: dict[str, object]) -> None:
    headers = [("X-Token", ""), ("Authorization", "Basic ")]
    assert check(parse_verification(written), headers).reason is Reason.NO_SECRET


def test_words_and_signatures_can_be_alternatives_and_each_that_is_shown_must_be_right() -> None:
    signed = hmac_scheme(signature={"from": "header:X-Signature"}).model_dump(by_alias=True)
    either = parse_verification({"every_of": [signed, token().model_dump(by_alias=True)]})
    assert check(either, [("X-Gitlab-Token", ORDERS_SECRET)]).ok
    assert not check(either, [("X-Gitlab-Token", ORDERS_SECRET), ("X-Signature", "00" * 32)]).ok
    assert check(either).reason is Reason.SIGNATURE_MISSING


def each(**settings: object) -> AnyScheme:
    """Microsoft Graph's way."""
    written = {"type": "token", "secrets": [ERP_TOKEN, ORDERS_SECRET], "signature": {"from": "json:clientState"}}
    return parse_verification({**written, "each": "value", **settings})


def graph(*words: object, scheme: AnyScheme | None = None) -> Verdict:
    body = json.dumps({"value": [{"clientState": word} for word in words]}).encode()
    return verify(scheme or each(), headers=[], query=[], body=body, now_ms=NOW_MS)


def test_every_element_of_a_list_must_show_the_word() -> None:
    assert graph(ORDERS_SECRET).ok
    assert graph(ERP_TOKEN, ORDERS_SECRET).secret_index == 1
    assert graph(ORDERS_SECRET, "another").reason is Reason.SIGNATURE_MISMATCH
    assert graph(ORDERS_SECRET, None).reason is Reason.SIGNATURE_MISSING
    assert graph(ORDERS_SECRET, "é").reason is Reason.SIGNATURE_MALFORMED


@pytest.mark.parametrize("body", [b'{"value":[]}', b"{}", b'{"value":{}}', b"[]", b"{", b'{"value":[1]}'])
def test_a_list_without_elements_proves_nothing(body: bytes) -> None:
    assert not verify(each(), headers=[], query=[], body=body, now_ms=NOW_MS).ok
    both = parse_verification({"every_of": [each().model_dump(by_alias=True), token().model_dump(by_alias=True)]})
    if body != b'{"value":[1]}':
        alone = [("X-Gitlab-Token", ORDERS_SECRET)]
        assert verify(both, headers=alone, query=[], body=body, now_ms=NOW_MS).ok


def test_the_body_itself_may_be_the_list() -> None:
    scheme = each(each="[]")
    body = json.dumps([{"clientState": ORDERS_SECRET}]).encode()
    assert verify(scheme, headers=[], query=[], body=body, now_ms=NOW_MS).ok


@pytest.mark.parametrize(
    "settings",
    [
        {"each": "a..b"},
        {"each": ""},
        {"signature": {"from": "header:X"}},
        {"signature": {"from": "header_pattern:X-*"}, "each": None},
    ],
)
def test_a_word_that_nobody_could_find_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        each(**settings)

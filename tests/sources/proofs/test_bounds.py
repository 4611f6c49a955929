"""What a stranger can make the verifier do: nothing but refuse, and little work for it, counted and not timed."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import UsageError
from bridge.sources import AnyScheme, Reason, Verdict, parse_verification, sign, verify
from bridge.sources.proofs import keyed_hash, plain_hash, signed, words
from tests.canaries import CANARIES, ERP_TOKEN, ORDERS_SECRET
from tests.sources.builders import NOW_MS

LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can write."""
PUBLIC = "https://bridge.example.com:8443/hooks/x"
STRIPE: dict[str, object] = {
    "type": "hmac",
    "signature": {"from": "header:X-S", "split": ",", "field": "v1"},
    "timestamp": {"from": "sig:t"},
    "message": "{timestamp}.{body}",
}
WRITTEN: Mapping[str, Mapping[str, object]] = {
    "stripe": STRIPE,
    "pattern": {"type": "hmac", "signature": {"from": "header_pattern:X-*", "encoding": "base64"}},
    "query": {"type": "hmac", "signature": {"from": "query:sig", "encoding": "base64url"}},
    "json": {
        "type": "hmac",
        "signature": {"from": "json:a.0.sig"},
        "timestamp": {"from": "json:t", "unit": "ms"},
        "message": "{timestamp}{json:a.0.b}",
        "replay": {"id": "json:a.0.b"},
    },
    "form": {
        "type": "hmac",
        "signature": {"from": "form:sig"},
        "timestamp": {"from": "form:t"},
        "message": "{timestamp}{form:a}{form_json:data:a.b}",
        "replay": {"id": "form:a"},
    },
    "in a field": {"type": "hmac", "signature": {"from": "form_json:data:sig"}, "message": "{form_json:data:a}"},
    "address": {
        "type": "hmac",
        "signature": {"from": "header:X-S"},
        "url": {"public": PUBLIC, "ports": "any", "decode": "hubspot"},
        "message": "{method}{url}{form_sorted}{path_query}{query:t}{header:X-Id}{crc32}{config:id}",
        "config": {"id": "7"},
    },
    "digest": {
        "type": "hmac",
        "signature": {"from": "header:X-S"},
        "url": {"public": PUBLIC},
        "message": "{url}",
        "body_digest": {"from": "query:t", "encoding": "base64"},
    },
    "iso": {
        "type": "hash",
        "signature": {"from": "header:X-S"},
        "timestamp": {"from": "header:X-Id", "unit": "iso8601"},
        "message": "{secret}{timestamp}{body}",
        "require": {"X-Version": "v*1"},
    },
    "token": {"type": "token", "signature": {"from": "json:t"}},
    "each": {"type": "token", "signature": {"from": "json:t"}, "each": "a"},
    "basic": {"type": "basic", "secrets": [f"a:{ORDERS_SECRET}"]},
}
SCHEMES = {name: parse_verification({"secrets": [ORDERS_SECRET], **written}) for name, written in WRITTEN.items()}
SCHEMES["any of all"] = parse_verification(
    {"secrets": [ORDERS_SECRET], "any_of": [block for name, block in WRITTEN.items() if name != "basic"][:8]}
)
SCHEMES["every of two"] = parse_verification(
    {"secrets": [ORDERS_SECRET], "every_of": [WRITTEN["each"], WRITTEN["form"], WRITTEN["stripe"]]}
)

ODD = ["\ud800", "\0", "é", "\N{FULLWIDTH DIGIT ONE}", "NaN", "1e9", "9" * 5000, "-1", "", "t=1,v1=00", "Basic ****"]
ANY_TEXT = st.sampled_from([*ODD, "00" * 32, base64.b64encode(b"0" * 32).decode()]) | st.text(max_size=20)
HEADERS = st.sampled_from(["X-S", "x-s", "X-Id", "X-Version", "Authorization", "Content-Type"]) | st.text(max_size=5)
TYPES = st.sampled_from(
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-7",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=\ud800",
        "multipart/form-data",
        "text/plain; charset=",
        ";;;",
    ]
)
NAMES = st.sampled_from(["sig", "t", "a", "data"]) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
BODIES = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"sig=1&t=1&a=%ff",
            b"sig=00&t=1&a=x&data=%7B%22sig%22%3A1%7D",
            b'{"a":[{"sig":"00","b":"c"}],"t":1}',
            b'{"a":[{"t":"x"}],"t":1e400}',
            b"[" * 5000,
            b'{"t":' + b"9" * 5000 + b"}",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
        ]
    ),
)
PAIRS = st.lists(st.tuples(HEADERS, ANY_TEXT) | st.tuples(st.just("Content-Type"), TYPES), max_size=6)
QUERIES = st.lists(st.tuples(NAMES, ANY_TEXT), max_size=4)


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(SCHEMES)), PAIRS, QUERIES, BODIES, st.integers(), ANY_TEXT, st.text(max_size=20) | ANY_TEXT
)
def test_no_request_whatever_raises_or_gets_in(
    name: str,
    headers: list[tuple[str, str]],
    query: list[tuple[str, str]],
    body: bytes,
    now_ms: int,
    method: str,
    raw_query: str,
) -> None:
    verdict = verify(
        SCHEMES[name], headers=headers, query=query, body=body, now_ms=now_ms, method=method, raw_query=raw_query
    )
    assert not verdict.ok
    assert verdict.scheme
    assert not any(canary in repr(verdict) for canary in CANARIES)


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(SCHEMES)), PAIRS, QUERIES, BODIES, st.integers(0, LAST_MS), st.sampled_from([True, False])
)
def test_whatever_is_to_be_signed_is_signed_rightly_or_not_at_all(
    name: str,
    headers: list[tuple[str, str]],
    query: list[tuple[str, str]],
    body: bytes,
    now_ms: int,
    fresh: bool,  # noqa: FBT001 - a drawn value
) -> None:
    scheme = SCHEMES[name]
    request = said = None
    try:
        request = sign(scheme, body, now_ms=now_ms, given=dict(headers), query=query, fresh=fresh)
    except UsageError as error:
        said = str(error)
    if request is None:
        assert not any(canary in f"{said}" for canary in CANARIES)
        return
    made = {each.lower() for each, _ in request.headers}
    others = [pair for pair in dict(headers).items() if pair[0].lower() not in made]
    if not any(each.lower() == "content-type" for each, _ in others):
        looks_json = body.lstrip()[:1] in (b"{", b"[", b"")
        others.append(("Content-Type", "application/json" if looks_json else "application/x-www-form-urlencoded"))
    verdict = verify(
        scheme,
        headers=[*others, *request.headers],
        query=request.query,
        body=request.body,
        now_ms=now_ms,
        raw_query=request.raw_query,
    )
    assert verdict.ok, verdict


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often something is decoded, hashed or compared."""
    counted: Counter[str] = Counter()

    def count(module: object, name: str) -> None:
        real: Callable[..., object] = getattr(module, name)

        def counting(*given: object, **more: object) -> object:
            counted[name.strip("_")] += 1
            return real(*given, **more)

        monkeypatch.setattr(module, name, counting)

    count(signed, "decode")
    count(keyed_hash, "_hashed")
    count(plain_hash, "digest")
    count(words, "_hash")
    return counted


def check(scheme: AnyScheme, *pairs: tuple[str, str], body: bytes = b"{}") -> Verdict:
    return verify(scheme, headers=pairs, query=[], body=body, now_ms=NOW_MS)


def candidates(count: int) -> str:
    return f"t={NOW_MS // 1000}" + "".join(f",v1={number:064x}" for number in range(count))


def test_a_thousand_signatures_are_refused_before_one_is_decoded(work: Counter[str]) -> None:
    assert check(SCHEMES["stripe"], ("X-S", candidates(1_000))).reason is Reason.SIGNATURE_MALFORMED
    assert not work


def test_a_thousand_headers_of_a_pattern_are_refused_before_one_is_decoded(work: Counter[str]) -> None:
    value = base64.b64encode(bytes(32)).decode()
    pairs = [(f"X-{number}", value) for number in range(1_000)]
    assert check(SCHEMES["pattern"], *pairs).reason is Reason.SIGNATURE_MALFORMED
    assert not work


def test_each_secret_hashes_once_however_many_signatures_there_are(work: Counter[str]) -> None:
    scheme = parse_verification({**STRIPE, "secrets": [ORDERS_SECRET, ERP_TOKEN]})
    assert check(scheme, ("X-S", candidates(signed.MAX_CANDIDATES))).reason is Reason.SIGNATURE_MISMATCH
    assert work == {"decode": signed.MAX_CANDIDATES, "hashed": 2}


def test_elements_of_other_names_are_not_decoded(work: Counter[str]) -> None:
    value = candidates(1) + ",v0=00" * 1_000
    assert check(SCHEMES["stripe"], ("X-S", value)).reason is Reason.SIGNATURE_MISMATCH
    assert work["decode"] == 1


def test_a_signature_as_long_as_a_body_is_not_decoded(work: Counter[str]) -> None:
    body = json.dumps({"t": NOW_MS, "a": [{"sig": "00" * 100_000, "b": "c"}]}).encode()
    assert check(SCHEMES["json"], body=body).reason is Reason.SIGNATURE_MALFORMED
    assert not work


def test_an_address_with_and_without_port_costs_three_hashes(work: Counter[str]) -> None:
    scheme = parse_verification(
        {
            "type": "hash",
            "secrets": [ORDERS_SECRET],
            "signature": {"from": "header:X-S"},
            "url": {"public": PUBLIC, "ports": "any"},
            "message": "{secret}{url}{body}",
        }
    )
    assert check(scheme, ("X-S", "00" * 32)).reason is Reason.SIGNATURE_MISMATCH
    assert work["digest"] == 2  # as configured, and without the port
    plain = scheme.model_copy(update={"url": scheme.url.model_copy(update={"public": "https://b.example.com/x"})})  # type: ignore[union-attr]
    work.clear()
    assert check(plain, ("X-S", "00" * 32)).reason is Reason.SIGNATURE_MISMATCH
    assert work["digest"] == 2  # as configured, and with the port that https has


def test_equal_words_in_a_list_are_compared_once_and_many_different_ones_never(work: Counter[str]) -> None:
    scheme = parse_verification({"secrets": [ORDERS_SECRET], **WRITTEN["each"]})
    assert check(scheme, body=json.dumps({"a": [{"t": ORDERS_SECRET}] * 3_000}).encode()).ok
    assert work["hash"] == 2  # the word, and once for all the secret
    work.clear()
    many = json.dumps({"a": [{"t": f"word {number}"} for number in range(3_000)]}).encode()
    assert check(scheme, body=many).reason is Reason.SIGNATURE_MALFORMED
    assert not work


def test_a_body_is_parsed_only_where_a_place_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.sources.presented.parse_json", lambda _body: pytest.fail("parsed"))
    monkeypatch.setattr("bridge.sources.presented.form_fields", lambda *_: pytest.fail("parsed"))
    plain = parse_verification({"type": "hmac", "secrets": ORDERS_SECRET, "signature": {"from": "header:X-S"}})
    made = hmac.new(ORDERS_SECRET.encode(), b"{", hashlib.sha256).hexdigest()
    assert check(plain, ("X-S", made), body=b"{").ok

"""Everything that goes into a signed text, each against a signature made by hand."""

import base64
import hashlib
import hmac
import json
import zlib
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from bridge.sources import AnyScheme, Reason, Verdict, parse_verification, verify
from tests.canaries import ERP_TOKEN, ORDERS_SECRET
from tests.sources.builders import NOW_MS, hmac_scheme

HEADER = "X-Orders-Signature"
NOW_S = NOW_MS // 1000
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
PUBLIC = "https://bridge.example.com/hooks/x"
Pairs = list[tuple[str, str]]


def made(text: str | bytes, secret: str = ORDERS_SECRET, algorithm: str = "sha256") -> str:
    raw = text.encode() if isinstance(text, str) else text
    return hmac.new(secret.encode(), raw, algorithm).hexdigest()


def check(
    scheme: AnyScheme, headers: Pairs, body: bytes = b"{}", *, query: Pairs | None = None, raw_query: str | None = None
) -> Verdict:
    pairs = query or []
    return verify(
        scheme,
        headers=headers,
        query=pairs,
        body=body,
        now_ms=NOW_MS,
        raw_query=urlencode(pairs) if raw_query is None else raw_query,
    )


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("{json:a.b}|{json:list.1.c}", "x|y"),
        ("{json:n}{json:yes}{json:no}{json:big}", f"7truefalse{2**70}"),
        ("{json:u}", "ü"),
        ("{form:a}", None),
        ("{json:missing}", None),
        ("{json:null}", None),
        ("{json:a}", None),
        ("{json:list}", None),
        ("{json:list.2.c}", None),
        ("{json:list.x}", None),
        ("{json:f}", None),
    ],
)
def test_values_of_a_json_body_are_signed_as_they_stand_there(message: str, text: str | None) -> None:
    value = {"a": {"b": "x"}, "list": [0, {"c": "y"}], "n": 7, "yes": True, "no": False, "big": 2**70, "u": "ü"}
    body = json.dumps(value | {"null": None, "f": 1.5}).encode()
    verdict = check(hmac_scheme(message=message), [(HEADER, made(text or "")), JSON], body)
    assert verdict.ok is (text is not None)
    assert verdict.ok or verdict.reason in {Reason.VALUE_MISSING, Reason.SIGNED_BODY_UNREADABLE}


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a":1,"a":1}', b'{"a":NaN}', b"\xff", b'{"a":"\\ud800"}', b"[" * 100_000]
)
def test_a_body_that_cannot_be_read_makes_a_request_unverifiable(body: bytes) -> None:
    verdict = check(hmac_scheme(message="{json:a}"), [(HEADER, made("1")), JSON], body)
    assert verdict.reason is Reason.SIGNED_BODY_UNREADABLE


def test_form_fields_are_signed_decoded_and_a_repeated_one_is_refused() -> None:
    scheme = hmac_scheme(message="{form:a}.{form:data[b]}")
    assert check(scheme, [(HEADER, made("x y.ü")), FORM], b"a=x+y&data%5Bb%5D=%C3%BC").ok
    assert check(scheme, [(HEADER, made("x y.ü"))], b"a=x+y&data%5Bb%5D=%C3%BC").ok
    assert check(scheme, [(HEADER, made("x.")), FORM], b"a=x&data[b]=").ok
    assert check(scheme, [(HEADER, made("x.x")), FORM], b"a=x&a=x&data[b]=x").reason is Reason.VALUE_REPEATED
    assert check(scheme, [(HEADER, made("x.x")), JSON], b"a=x&data[b]=x").reason is Reason.SIGNED_BODY_UNREADABLE
    assert check(scheme, [(HEADER, made("x.x")), FORM, JSON], b"a=x&data[b]=x").reason is Reason.SIGNED_BODY_UNREADABLE


def test_fields_of_a_multipart_form_are_read_and_files_are_not() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\ntwo\r\n--x--\r\n'
    )
    type_ = ("Content-Type", "multipart/form-data; boundary=x")
    assert check(hmac_scheme(message="{form:a}"), [(HEADER, made("one")), type_], body).ok
    assert check(hmac_scheme(message="{form:f}"), [(HEADER, made("two")), type_], body).reason is Reason.VALUE_MISSING


def test_json_inside_a_form_field_is_reached() -> None:
    """Dropbox Sign's way: the hash of time and type stands in the JSON that it is about."""
    scheme = hmac_scheme(
        signature={"from": "form_json:json:event.event_hash"},
        message="{form_json:json:event.event_time}{form_json:json:event.event_type}",
    )
    event = {"event_time": "1348177752", "event_type": "callback_test", "event_hash": made("1348177752callback_test")}
    body = urlencode({"json": json.dumps({"event": event})}).encode()
    assert check(scheme, [FORM], body).ok
    assert check(scheme, [FORM], body.replace(b"callback_test", b"other")).reason is Reason.SIGNATURE_MISMATCH
    assert check(scheme, [FORM], b"json=%7B").reason is Reason.SIGNED_BODY_UNREADABLE
    assert check(scheme, [FORM], body + b"&" + body).reason is Reason.SIGNATURE_MISSING


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"To=%2B49&Body=Hi&From=x", "BodyHiFromxTo+49"),
        (b"a=2&a=1&a=2", "a1a2"),
        (b"b=&a=", "ab"),
        (b"", ""),
    ],
)
def test_sorted_fields_are_joined_with_equal_values_once(body: bytes, text: str) -> None:
    scheme = hmac_scheme(message="{url}{form_sorted}", url={"public": PUBLIC})
    assert check(scheme, [(HEADER, made(PUBLIC + text)), FORM], body).ok


@pytest.mark.parametrize(
    ("public", "signed", "ok"),
    [
        ("https://b.example.com/x", "https://b.example.com/x", True),
        ("https://b.example.com/x", "https://b.example.com:443/x", True),
        ("http://b.example.com/x", "http://b.example.com:80/x", True),
        ("https://b.example.com:8443/x", "https://b.example.com:8443/x", True),
        ("https://b.example.com:8443/x", "https://b.example.com/x", True),
        ("https://b.example.com/x", "https://b.example.com:8443/x", False),
        ("https://b.example.com/x", "http://b.example.com/x", False),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x", True),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x", True),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x", True),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]/x", True),
        ("https://[2001:db8::1]/x", "https://[2001:db8:/x", False),
        ("https://my_bridge.example.com/x", "https://my_bridge.example.com:443/x", True),
    ],
)
def test_an_address_may_be_signed_with_its_port_or_without(public: str, signed: str, ok: bool) -> None:  # noqa: FBT001 - a table's column
    scheme = hmac_scheme(message="{url}{body}", url={"public": public, "ports": "any"})
    assert check(scheme, [(HEADER, made(f"{signed}?a=1{{}}"))], raw_query="a=1").ok is ok
    exact = hmac_scheme(message="{url}{body}", url={"public": public})
    assert check(exact, [(HEADER, made(f"{signed}?a=1{{}}"))], raw_query="a=1").ok is (signed == public)


@pytest.mark.parametrize(
    "public",
    [
        "https://[]/x",
        "https://[::1/x",
        "https://::1/x",
        "https://[2001:db8]/x",
        "https://[1.2.3.4]/x",
        "https://[::ffff:1.2.3.400]/x",
        "https://user:word@b.example.com/x",
        "https://b.example.com",
        "ftp://b.example.com/x",
    ],
)
def test_what_is_no_public_address_is_refused_before_any_request_comes(public: str) -> None:
    with pytest.raises(ValidationError, match="this is no public address"):
        hmac_scheme(message="{url}{body}", url={"public": public, "ports": "any"})


def test_path_and_query_are_signed_without_the_host() -> None:
    scheme = hmac_scheme(message="{method}\n{path_query}\n{body}", url={"public": PUBLIC})
    assert check(scheme, [(HEADER, made("POST\n/hooks/x?a=%20\n{}"))], raw_query="a=%20").ok
    assert check(scheme, [(HEADER, made("POST\n/hooks/x\n{}"))]).ok


def test_query_parameters_are_signed_decoded() -> None:
    scheme = hmac_scheme(message="{query:a}{body}")
    assert check(scheme, [(HEADER, made("ü{}"))], query=[("a", "ü")]).ok
    assert check(scheme, [(HEADER, made("{}"))]).reason is Reason.VALUE_MISSING
    assert check(scheme, [(HEADER, made("ü{}"))], query=[("a", "ü"), ("a", "ü")]).reason is Reason.VALUE_REPEATED
    odd = check(scheme, [(HEADER, made("{}"))], query=[("a", "\ud800")], raw_query="")
    assert odd.reason is Reason.VALUE_MALFORMED


def test_an_empty_header_is_no_value() -> None:
    scheme = hmac_scheme(message="{header:X-Id}{body}")
    assert check(scheme, [(HEADER, made("{}")), ("X-Id", "")]).reason is Reason.HEADER_MISSING


def test_a_checksum_and_the_operators_own_text_are_signed() -> None:
    """PayPal's text, here under a shared secret."""
    scheme = hmac_scheme(message="{header:X-Id}|{config:webhook_id}|{crc32}", config={"webhook_id": "WH-1"})
    assert check(scheme, [(HEADER, made(f"id|WH-1|{zlib.crc32(b'{}')}")), ("X-Id", "id")]).ok
    unset = hmac_scheme(message="{config:webhook_id}{body}")
    assert check(unset, [(HEADER, made("{}"))]).reason is Reason.NO_SECRET


def test_a_body_digest_in_the_address_is_demanded_and_compared() -> None:
    """Twilio's JSON webhooks."""
    scheme = hmac_scheme(message="{url}", url={"public": PUBLIC}, body_digest={"from": "query:bodySHA256"})

    def asked(digest: str) -> Verdict:
        pairs = [("bodySHA256", digest)]
        return check(scheme, [(HEADER, made(f"{PUBLIC}?{urlencode(pairs)}"))], query=pairs)

    right = hashlib.sha256(b"{}").hexdigest()
    assert asked(right).ok
    assert asked("00" * 32).reason is Reason.DIGEST_MISMATCH
    assert asked(right.upper()).reason is Reason.DIGEST_MALFORMED
    assert asked("é").reason is Reason.DIGEST_MALFORMED
    assert check(scheme, [(HEADER, made(PUBLIC))]).reason is Reason.DIGEST_MISSING
    twice = [("bodySHA256", right)] * 2
    assert check(scheme, [(HEADER, made(f"{PUBLIC}?{urlencode(twice)}"))], query=twice).reason is Reason.DIGEST_REPEATED


def test_every_header_of_a_pattern_is_a_candidate_and_none_may_come_twice() -> None:
    """DocuSign's keys each have a header."""
    place = {"from": "header_pattern:X-DocuSign-Signature-*", "encoding": "base64"}
    scheme = hmac_scheme(signature=place)
    right = base64.b64encode(bytes.fromhex(made("{}"))).decode()
    wrong = base64.b64encode(bytes(32)).decode()
    assert check(scheme, [("x-docusign-signature-1", wrong), ("X-DocuSign-Signature-2", right)]).ok
    twice = [("X-DocuSign-Signature-1", right), ("X-DocuSign-Signature-1", right)]
    assert check(scheme, twice).reason is Reason.SIGNATURE_REPEATED
    assert check(scheme, [("X-DocuSign-Signature", right)]).reason is Reason.SIGNATURE_MISSING
    assert check(scheme, [("X-DocuSign-Signature-1", right + "é")]).reason is Reason.SIGNATURE_MALFORMED


def test_a_time_in_the_signed_body_is_checked_without_standing_in_the_message() -> None:
    """Linear's way."""
    scheme = hmac_scheme(timestamp={"from": "json:webhookTimestamp", "unit": "ms", "past_s": 60})

    def at(time: object) -> Verdict:
        body = json.dumps({"webhookTimestamp": time}).encode()
        return check(scheme, [(HEADER, made(body))], body)

    assert at(NOW_MS - 60_000).ok
    old = at(NOW_MS - 61_000)
    assert old.reason is Reason.TIMESTAMP_OUTSIDE
    assert "json:webhookTimestamp" in old.detail
    assert "61 s behind our clock" in old.detail
    assert at(None).reason is Reason.TIMESTAMP_MISSING
    assert at(-NOW_MS).reason is Reason.TIMESTAMP_MALFORMED
    assert at(float(NOW_MS)).reason is Reason.TIMESTAMP_MISSING


def test_demanded_headers_have_their_value_once() -> None:
    scheme = hmac_scheme(require={"X-Version": "1", "User-Agent": "Box*/v*-end"})
    signed = (HEADER, made("{}"))

    def asked(version: str, agent: str) -> Reason:
        return check(scheme, [signed, ("x-version", version), ("User-Agent", agent)]).reason

    assert asked("1", "Box/v-end") is Reason.VERIFIED
    assert asked("1", "Box-7/v1/v2-end") is Reason.VERIFIED
    assert asked("10", "Box/v-end") is Reason.REQUIRED_HEADER
    assert asked("1", "Box/v-en") is Reason.REQUIRED_HEADER
    assert asked("1", "xBox/v-end") is Reason.REQUIRED_HEADER
    assert check(scheme, [signed]).reason is Reason.REQUIRED_HEADER
    twice = [signed, ("X-Version", "1"), ("X-Version", "1"), ("User-Agent", "Box/v-end")]
    assert check(scheme, twice).reason is Reason.REQUIRED_HEADER


def test_an_id_that_must_not_come_twice_is_reported_once_the_signature_holds() -> None:
    """Mailgun's way: the signature covers time and token, and nothing else."""
    scheme = hmac_scheme(
        signature={"from": "json:signature.signature"},
        timestamp={"from": "json:signature.timestamp"},
        message="{timestamp}{json:signature.token}",
        replay={"id": "json:signature.token", "keep_s": 900},
    )

    def mailgun(token: str, secret: str = ORDERS_SECRET) -> Verdict:
        signature = {"timestamp": str(NOW_S), "token": token, "signature": made(f"{NOW_S}{token}", secret)}
        return check(scheme, [JSON], json.dumps({"signature": signature, "event-data": {}}).encode())

    verdict = mailgun("t-1")
    assert (verdict.ok, verdict.replay_id, verdict.replay_keep_s) == (True, "t-1", 900)
    assert mailgun("t-1", ERP_TOKEN).replay_id is None
    assert mailgun("").reason is Reason.REPLAY_ID_MISSING
    assert mailgun("t\N{DEGREE SIGN}").reason is Reason.REPLAY_ID_MALFORMED
    long = mailgun("t" * 257).replay_id
    assert long == f"sha256:{hashlib.sha256(b't' * 257).hexdigest()}"


def test_a_refusal_says_the_scheme_the_place_and_the_clock_and_nothing_that_was_sent() -> None:
    scheme = hmac_scheme(timestamp={"from": "header:X-Time"}, message="{timestamp}.{body}")
    verdict = check(scheme, [(HEADER, "00" * 32), ("X-Time", str(NOW_S - 7))])
    assert verdict.scheme == "hmac sha256 of X-Orders-Signature"
    assert verdict.detail == (
        "hmac sha256 of X-Orders-Signature: `X-Orders-Signature` was not made from this request with a known key; "
        "its time is 7 s behind our clock"
    )


REFUSED: dict[str, dict[str, object]] = {
    "a digest that is not signed": {"message": "{header:X-Id}", "body_digest": {"from": "query:digest"}},
    "a digest of a claim": {"body_digest": {"from": "claim:digest"}},
    "a time of a claim without a token": {"timestamp": {"from": "claim:iat"}},
    "a time in an address that is not signed": {"timestamp": {"from": "query:t"}},
    "a time in a body that is not signed": {"timestamp": {"from": "json:t"}, "message": "{json:a}"},
    "nothing of the body": {"message": "{timestamp}", "timestamp": {"from": "header:X-Time"}},
    "an address and nothing of the body": {"message": "{url}", "url": {"public": PUBLIC}},
    "a header demanded with a blank in its name": {"require": {"X Version": "1"}},
    "a header demanded with a list": {"require": {"X-Version": ["1", "2"]}},
    "an id from nowhere": {"replay": {"id": "cookie:id"}},
    "an id remembered for no time": {"replay": {"id": "header:X-Id", "keep_s": 0}},
    "a pattern without a star": {"signature": {"from": "header_pattern:X-Sig"}},
    "a pattern that is all star": {"signature": {"from": "header_pattern:*"}},
    "a path with an empty step": {"signature": {"from": "json:a..b"}, "message": "{json:c}"},
    "a field without a path": {"signature": {"from": "form_json:data"}, "message": "{form:c}"},
    "ports that are a number": {"message": "{url}{body}", "url": {"public": PUBLIC, "ports": 443}},
    "a text of no name": {"message": "{body}{config:}"},
    "a text with a strange name": {"message": "{body}", "config": {"a b": "c"}},
}


@pytest.mark.parametrize("settings", REFUSED.values(), ids=REFUSED.keys())
def test_a_scheme_that_could_not_protect_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        hmac_scheme(**settings)
    assert ORDERS_SECRET not in str(caught.value)


BOX: dict[str, object] = {
    "type": "hmac",
    "message": "{body}{timestamp}",
    "timestamp": {"from": "header:BOX-DELIVERY-TIMESTAMP", "unit": "iso8601", "past_s": 600, "future_s": 0},
    "require": {"BOX-SIGNATURE-VERSION": "1", "BOX-SIGNATURE-ALGORITHM": "HmacSHA256"},
    "any_of": [
        {"signature": {"from": "header:BOX-SIGNATURE-PRIMARY", "encoding": "base64"}, "secrets": ORDERS_SECRET},
        {"signature": {"from": "header:BOX-SIGNATURE-SECONDARY", "encoding": "base64"}, "secrets": ERP_TOKEN},
    ],
}


def box(primary: str | None, secondary: str | None, time: str = "2026-06-02T03:00:00-00:00") -> Verdict:
    headers = [
        ("BOX-DELIVERY-TIMESTAMP", time),
        ("BOX-SIGNATURE-VERSION", "1"),
        ("BOX-SIGNATURE-ALGORITHM", "HmacSHA256"),
    ]
    for name, secret in (("BOX-SIGNATURE-PRIMARY", primary), ("BOX-SIGNATURE-SECONDARY", secondary)):
        if secret is not None:
            headers.append((name, base64.b64encode(bytes.fromhex(made("{}" + time, secret))).decode()))
    return check(parse_verification(BOX), headers)


def test_one_of_several_ways_is_enough_and_keys_beside_them_are_common() -> None:
    assert box(ORDERS_SECRET, ERP_TOKEN).scheme == "hmac sha256 of BOX-SIGNATURE-PRIMARY"
    assert box("another secret", ERP_TOKEN).scheme == "hmac sha256 of BOX-SIGNATURE-SECONDARY"
    assert box(None, ERP_TOKEN).ok
    assert box(ORDERS_SECRET, None).ok


def test_a_refusal_tells_of_the_way_that_came_nearest() -> None:
    assert box(ERP_TOKEN, None).reason is Reason.SIGNATURE_MISMATCH
    assert box(None, ORDERS_SECRET).reason is Reason.SIGNATURE_MISMATCH
    assert box(None, None).reason is Reason.SIGNATURE_MISSING
    late = box(ORDERS_SECRET, None, "2026-06-02T04:00:00-00:00")
    assert late.reason is Reason.TIMESTAMP_OUTSIDE
    assert "ahead of our clock" in late.detail


def test_keys_that_only_some_ways_know_are_theirs_and_a_mistyped_one_is_nobodys() -> None:
    both = {
        "secrets": [ORDERS_SECRET],
        "algorithm": "sha1",
        "any_of": [{"type": "token", "signature": {"from": "query:t"}}],
    }
    with pytest.raises(ValidationError):
        parse_verification(both)
    ways = [
        {"type": "token", "signature": {"from": "query:t"}},
        {"type": "hmac", "signature": {"from": f"header:{HEADER}"}},
    ]
    scheme = parse_verification({**both, "any_of": ways})
    assert check(scheme, [(HEADER, made("{}", algorithm="sha1"))]).ok
    with pytest.raises(ValidationError):
        parse_verification({**both, "any_of": ways, "algoritm": "sha1"})


@pytest.mark.parametrize(
    "written",
    [
        {"any_of": []},
        {"any_of": {"type": "token"}},
        {"any_of": ["token"]},
        {"type": "hmac", "any_of": None},
        {"any_of": [{"any_of": [{"type": "token", "signature": {"from": "query:t"}}]}]},
        {"any_of": [{"type": "token", "signature": {"from": "query:t"}}], "every_of": []},
        {"any_of": [{"type": "none"}]},
        {"type": "any_of", "any_of": [{"signature": {"from": "query:t"}}]},
        {"type": "every_of", "of": [{"type": "token", "signature": {"from": "query:t"}}]},
    ],
)
def test_ways_that_are_none_are_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        parse_verification(written)

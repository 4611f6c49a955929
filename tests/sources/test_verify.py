import base64
import hashlib
import hmac
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources import AnyScheme, Reason, Verdict, parse_verification, sign, verify
from bridge.sources.proofs.signed import MAX_CANDIDATES
from tests.canaries import AISOULE_SECRET, CANARIES, ERP_TOKEN, ORDERS_SECRET
from tests.sources.builders import NOW_MS, aisoule, hmac_scheme

BODY = b'{"kind":"order.paid","id":7}'
DIGEST = hmac.new(ORDERS_SECRET.encode(), BODY, "sha256").digest()
HEADER = "X-Orders-Signature"
OLD_SECRET = ERP_TOKEN


def check(scheme: AnyScheme, headers: Sequence[tuple[str, str]], body: bytes = BODY, now_ms: int = NOW_MS) -> Verdict:
    return verify(scheme, headers=headers, query=[], body=body, now_ms=now_ms)


def test_a_signature_over_the_raw_bytes_is_believed() -> None:
    verdict = check(hmac_scheme(), [("Host", "bridge"), (HEADER, DIGEST.hex())])
    assert verdict == Verdict(
        ok=True,
        secret_index=0,
        reason=Reason.VERIFIED,
        detail="secret number 1 matched",
        scheme="hmac sha256 of X-Orders-Signature",
    )


def test_the_case_of_the_header_name_does_not_matter() -> None:
    assert check(hmac_scheme(), [(HEADER.upper(), DIGEST.hex())]).ok


def test_a_body_that_is_not_utf8_is_still_verifiable() -> None:
    body = b"\xff\xfe\x00"
    signature = hmac.new(ORDERS_SECRET.encode(), body, "sha256").hexdigest()
    assert check(hmac_scheme(), [(HEADER, signature)], body).ok


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("", Reason.SIGNATURE_MALFORMED),
        ("00" * 32, Reason.SIGNATURE_MISMATCH),
        (DIGEST.hex().upper(), Reason.SIGNATURE_MALFORMED),
        (DIGEST.hex()[:-1], Reason.SIGNATURE_MALFORMED),
        (DIGEST.hex()[:-2], Reason.SIGNATURE_MALFORMED),
        (DIGEST.hex() + "00", Reason.SIGNATURE_MALFORMED),
        (DIGEST.hex() + " ", Reason.SIGNATURE_MALFORMED),
        (" " + DIGEST.hex(), Reason.SIGNATURE_MALFORMED),
        (DIGEST.hex() + "\n", Reason.SIGNATURE_MALFORMED),
        ("sha256=" + DIGEST.hex(), Reason.SIGNATURE_MALFORMED),
        (base64.b64encode(DIGEST).decode(), Reason.SIGNATURE_MALFORMED),
        (DIGEST.hex().replace(DIGEST.hex()[0], "é", 1), Reason.SIGNATURE_MALFORMED),
        ("\udcff" * 64, Reason.SIGNATURE_MALFORMED),
        ("\N{FULLWIDTH DIGIT ONE}" * 64, Reason.SIGNATURE_MALFORMED),
    ],
)
def test_a_signature_has_one_spelling_only(signature: str, reason: Reason) -> None:
    verdict = check(hmac_scheme(), [(HEADER, signature)])
    assert (verdict.ok, verdict.secret_index, verdict.reason) == (False, None, reason)


def test_a_changed_body_is_refused() -> None:
    assert check(hmac_scheme(), [(HEADER, DIGEST.hex())], BODY + b" ").reason is Reason.SIGNATURE_MISMATCH


def test_no_signature_is_a_refusal() -> None:
    assert check(hmac_scheme(), []).reason is Reason.SIGNATURE_MISSING


def test_a_repeated_header_is_a_refusal_even_when_both_are_right() -> None:
    headers = [(HEADER, DIGEST.hex()), (HEADER.lower(), DIGEST.hex())]
    assert check(hmac_scheme(), headers).reason is Reason.SIGNATURE_REPEATED


def test_a_scheme_without_a_secret_believes_nobody() -> None:
    empty = hmac.new(b"", BODY, "sha256").hexdigest()
    assert check(hmac_scheme(secrets=[]), [(HEADER, empty)]).reason is Reason.NO_SECRET


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_the_algorithm_is_the_configured_one(algorithm: str) -> None:
    signature = hmac.new(ORDERS_SECRET.encode(), BODY, algorithm).hexdigest()
    assert check(hmac_scheme(algorithm=algorithm), [(HEADER, signature)]).ok
    other = "sha512" if algorithm != "sha512" else "sha256"
    assert not check(hmac_scheme(algorithm=other), [(HEADER, signature)]).ok


def test_rotation_takes_both_secrets_and_says_which() -> None:
    scheme = hmac_scheme(secrets=[ORDERS_SECRET, OLD_SECRET])
    old = hmac.new(OLD_SECRET.encode(), BODY, "sha256").hexdigest()
    assert check(scheme, [(HEADER, DIGEST.hex())]).secret_index == 0
    assert check(scheme, [(HEADER, old)]).secret_index == 1
    assert not check(hmac_scheme(), [(HEADER, old)]).ok


def test_a_prefix_is_demanded() -> None:
    scheme = hmac_scheme(signature={"from": f"header:{HEADER}", "prefix": "sha256="})
    assert check(scheme, [(HEADER, f"sha256={DIGEST.hex()}")]).ok
    assert not check(scheme, [(HEADER, DIGEST.hex())]).ok
    assert not check(scheme, [(HEADER, f"SHA256={DIGEST.hex()}")]).ok
    assert not check(scheme, [(HEADER, f"sha256=sha256={DIGEST.hex()}")]).ok


def test_base64_must_be_padded_and_canonical() -> None:
    scheme = hmac_scheme(signature={"from": f"header:{HEADER}", "encoding": "base64"})
    good = base64.b64encode(DIGEST).decode()
    twin = good[:-2] + chr(ord(good[-2]) + 1) + "="  # the same bytes to a lax decoder
    assert base64.b64decode(twin) == DIGEST
    assert check(scheme, [(HEADER, good)]).ok
    for bad in (twin, good.rstrip("="), good + "=", good + "\n", good[:10] + "\n" + good[10:]):
        assert check(scheme, [(HEADER, bad)]).reason is Reason.SIGNATURE_MALFORMED


def test_base64url_may_leave_its_padding_out_but_never_takes_the_other_alphabet() -> None:
    key = bytes(range(32))
    scheme = hmac_scheme(
        key="hex", secrets=[key.hex()], signature={"from": f"header:{HEADER}", "encoding": "base64url"}
    )
    digest = next(
        (body, each)
        for body in (str(number).encode() for number in range(1000))
        if b"+" in base64.b64encode(each := hmac.digest(key, body, "sha256"))
    )
    body, raw = digest
    good = base64.urlsafe_b64encode(raw).decode()
    assert check(scheme, [(HEADER, good)], body).ok
    assert check(scheme, [(HEADER, good.rstrip("="))], body).ok
    assert not check(scheme, [(HEADER, base64.b64encode(raw).decode())], body).ok


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("base64", "whsec_" + base64.b64encode(b"0123456789abcdef!!").decode()),
        ("base64url", "whsec_" + base64.urlsafe_b64encode(b"0123456789abcdef!!").decode().rstrip("=")),
        ("hex", b"0123456789abcdef!!".hex()),
    ],
)
def test_a_secret_is_decoded_as_the_scheme_says(kind: str, secret: str) -> None:
    scheme = hmac_scheme(key=kind, strip_prefix="whsec_", secrets=[secret])
    signature = hmac.new(b"0123456789abcdef!!", BODY, "sha256").hexdigest()
    assert check(scheme, [(HEADER, signature)]).ok


def stripe(**timestamp: object) -> AnyScheme:
    return hmac_scheme(
        signature={"from": f"header:{HEADER}", "split": ",", "field": "v1"},
        timestamp={"from": "sig:t"} | timestamp,
        message="{timestamp}.{body}",
    )


def stripe_value(time: str, signature: str | None = None) -> str:
    made = hmac.new(ORDERS_SECRET.encode(), time.encode() + b"." + BODY, "sha256").hexdigest()
    return f"t={time},v1={signature or made},v0={'00' * 32}"


def test_a_signed_time_inside_the_header_is_believed() -> None:
    assert check(stripe(), [(HEADER, stripe_value(str(NOW_MS // 1000)))]).ok


def test_any_of_several_candidates_may_match() -> None:
    value = stripe_value(str(NOW_MS // 1000)).replace(",v1=", f",v1={'11' * 32},v1=")
    assert check(stripe(), [(HEADER, value)]).ok


def test_too_many_candidates_are_refused() -> None:
    value = stripe_value(str(NOW_MS // 1000)) + f",v1={'11' * 32}" * MAX_CANDIDATES
    assert check(stripe(), [(HEADER, value)]).reason is Reason.SIGNATURE_MALFORMED


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_limits_of_the_window_belong_to_it(seconds: int) -> None:
    assert check(stripe(), [(HEADER, stripe_value(str(NOW_MS // 1000 + seconds)))]).ok


@pytest.mark.parametrize("seconds", [-301, 301, -(10**9), 10**9])
def test_a_time_outside_the_window_is_refused(seconds: int) -> None:
    verdict = check(stripe(), [(HEADER, stripe_value(str(NOW_MS // 1000 + seconds)))])
    assert verdict.reason is Reason.TIMESTAMP_OUTSIDE
    assert "clock" in verdict.detail


def test_a_limit_of_null_is_no_limit() -> None:
    assert check(stripe(past_s=None), [(HEADER, stripe_value("0"))]).ok
    assert check(stripe(future_s=None), [(HEADER, stripe_value("9" * 16))]).ok


@pytest.mark.parametrize(
    "time",
    [
        "NaN", "nan", "inf", "1e9", "+1780369300", "-1780369300", " 1780369300", "1780369300 ", "1_780_369_300",
        "1780369300.0", "", "0x6A1E4C54", "\N{ARABIC-INDIC DIGIT ONE}780369300", "9" * 17,
    ],
)  # fmt: skip
def test_a_time_is_ascii_digits_and_nothing_else(time: str) -> None:
    assert not check(stripe(), [(HEADER, stripe_value(time))]).ok


def test_a_repeated_or_missing_time_is_refused() -> None:
    now = str(NOW_MS // 1000)
    value = stripe_value(now)
    assert check(stripe(), [(HEADER, f"t={now},{value}")]).reason is Reason.TIMESTAMP_REPEATED
    assert check(stripe(), [(HEADER, value.removeprefix(f"t={now},"))]).reason is Reason.TIMESTAMP_MISSING


@pytest.mark.parametrize(
    ("time", "ok"),
    [
        ("2026-06-02T03:01:40Z", True),
        ("2026-06-02T03:01:40.123456Z", True),
        ("2026-06-02T08:31:40+05:30", True),
        ("2026-06-02T03:01:40", False),
        ("2026-06-02 03:01:40Z", False),
        ("2026-02-31T03:01:40Z", False),
        ("0000-01-01T00:00:00Z", False),
        ("20260602T030140Z", False),
        ("2026-W23-2T03:01:40Z", False),
    ],
)
def test_iso_times_have_one_form_with_a_zone(time: str, ok: bool) -> None:  # noqa: FBT001 - a table's column
    scheme = hmac_scheme(timestamp={"from": "header:X-Time", "unit": "iso8601"}, message="{body}{timestamp}")
    signature = hmac.new(ORDERS_SECRET.encode(), BODY + time.encode(), "sha256").hexdigest()
    assert check(scheme, [(HEADER, signature), ("X-Time", time)]).ok is ok


def test_signed_headers_are_part_of_the_signature() -> None:
    scheme = hmac_scheme(message="v0:{header:X-Id}:{body}")
    signature = hmac.new(ORDERS_SECRET.encode(), b"v0:one:" + BODY, "sha256").hexdigest()
    signed = (HEADER, signature)
    assert check(scheme, [signed, ("x-id", "one")]).ok
    assert check(scheme, [signed, ("x-id", "two")]).reason is Reason.SIGNATURE_MISMATCH
    assert check(scheme, [signed]).reason is Reason.HEADER_MISSING
    assert check(scheme, [signed, ("X-Id", "one"), ("X-Id", "one")]).reason is Reason.HEADER_REPEATED
    assert check(scheme, [signed, ("X-Id", "öne")]).reason is Reason.HEADER_MALFORMED


PUBLIC = "https://bridge.example.com/hooks/hubspot"


def hubspot(**settings: object) -> AnyScheme:
    return hmac_scheme(
        signature={"from": f"header:{HEADER}", "encoding": "base64"},
        timestamp={"from": "header:X-Time", "unit": "ms"},
        url={"public": PUBLIC, "decode": "hubspot"} | settings,
        message="{method}{url}{body}{timestamp}",
    )


def by_hubspot(url: str, method: str = "POST", time: str = str(NOW_MS)) -> list[tuple[str, str]]:
    """The headers of HubSpot's own recipe, written out independently of `sign`."""
    made = hmac.new(ORDERS_SECRET.encode(), f"{method}{url}".encode() + BODY + time.encode(), "sha256")
    return [(HEADER, base64.b64encode(made.digest()).decode()), ("X-Time", time)]


@pytest.mark.parametrize(
    ("raw_query", "signed_url"),
    [
        ("", PUBLIC),
        ("a=1&b=2", f"{PUBLIC}?a=1&b=2"),
        ("t=10%3A30%2F%3f&n=%C3%A9%20", f"{PUBLIC}?t=10:30/%3f&n=%C3%A9%20"),
    ],
)
def test_the_address_is_the_configured_one_with_the_query_of_the_request(raw_query: str, signed_url: str) -> None:
    headers = by_hubspot(signed_url)
    believed = verify(hubspot(), headers=headers, query=[], body=BODY, now_ms=NOW_MS, raw_query=raw_query)
    assert believed.ok
    other = verify(hubspot(), headers=headers, query=[], body=BODY, now_ms=NOW_MS, raw_query=raw_query + "&c=3")
    assert other.reason is Reason.SIGNATURE_MISMATCH


def test_forwarded_headers_have_no_say_in_the_address() -> None:
    forwarded = [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http")]
    assert check(hubspot(), [*by_hubspot(PUBLIC), *forwarded]).ok
    elsewhere = by_hubspot("http://evil.example/hooks/hubspot")
    assert check(hubspot(), [*elsewhere, *forwarded]).reason is Reason.SIGNATURE_MISMATCH


def test_the_method_is_signed() -> None:
    assert check(hubspot(), by_hubspot(PUBLIC, method="PUT")).reason is Reason.SIGNATURE_MISMATCH
    assert verify(hubspot(), headers=by_hubspot(PUBLIC, "PUT"), query=[], body=BODY, now_ms=NOW_MS, method="PUT").ok


@pytest.mark.parametrize("age_ms", [300_001, -300_001])
def test_a_stale_or_early_time_in_milliseconds_is_refused(age_ms: int) -> None:
    headers = by_hubspot(PUBLIC, time=str(NOW_MS - age_ms))
    assert check(hubspot(), headers).reason is Reason.TIMESTAMP_OUTSIDE


def test_escapes_stay_as_they_are_for_other_senders() -> None:
    headers = by_hubspot(f"{PUBLIC}?t=10%3A30")
    plain = hubspot(decode="none")
    assert verify(plain, headers=headers, query=[], body=BODY, now_ms=NOW_MS, raw_query="t=10%3A30").ok


def test_a_scheme_that_lacks_its_address_believes_nobody() -> None:
    assert check(hubspot(public=None), by_hubspot("")).reason is Reason.NO_SECRET


def test_a_signature_may_stand_in_the_query() -> None:
    scheme = hmac_scheme(signature={"from": "query:sig"})
    right = ("sig", DIGEST.hex())
    assert verify(scheme, headers=[], query=[right], body=BODY, now_ms=NOW_MS).ok
    twice = verify(scheme, headers=[], query=[right, right], body=BODY, now_ms=NOW_MS)
    assert twice.reason is Reason.SIGNATURE_REPEATED
    assert verify(scheme, headers=[right], query=[], body=BODY, now_ms=NOW_MS).reason is Reason.SIGNATURE_MISSING


def test_githubs_published_example_is_believed() -> None:
    scheme = hmac_scheme(
        secrets=["It's a Secret to Everybody"], signature={"from": "header:X-Hub-Signature-256", "prefix": "sha256="}
    )
    published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert check(scheme, [("X-Hub-Signature-256", published)], b"Hello, World!").ok


def aisoule_headers(body: bytes, *, key: str = AISOULE_SECRET) -> tuple[tuple[str, str], tuple[str, str]]:
    made = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return ("X-AISoule-Signature", f"sha256={made}"), ("X-Webhook-Signature", made)


def test_every_of_believes_either_dialect_and_both_together() -> None:
    first, second = aisoule_headers(BODY)
    scheme = aisoule().verification
    assert check(scheme, [first]).ok
    assert check(scheme, [second]).ok
    assert check(scheme, [first, second]).ok


def test_every_of_refuses_when_one_of_two_headers_is_wrong() -> None:
    first, second = aisoule_headers(BODY)
    bad_first, bad_second = aisoule_headers(BODY, key=ORDERS_SECRET)
    scheme = aisoule().verification
    assert not check(scheme, [first, bad_second]).ok
    assert not check(scheme, [bad_first, second]).ok
    assert not check(scheme, [first, (second[0], "")]).ok
    assert check(scheme, []).reason is Reason.SIGNATURE_MISSING


def test_the_two_spellings_do_not_stand_in_for_each_other() -> None:
    (first, value), (second, bare) = aisoule_headers(BODY)
    scheme = aisoule().verification
    assert not check(scheme, [(first, bare)]).ok
    assert not check(scheme, [(second, value)]).ok


def test_a_source_that_checks_nothing_says_so() -> None:
    verdict = check(parse_verification({"type": "none"}), [])
    assert (verdict.ok, verdict.reason) == (True, Reason.NOT_CHECKED)


ANY_TEXT = st.text(max_size=40) | st.text(st.characters(categories=["Cs", "Nd", "Lu"]), max_size=10)
NAMES = st.sampled_from([HEADER, HEADER.lower(), "X-Time", "X-Id"]) | ANY_TEXT
SCHEMES = st.sampled_from(
    [
        hmac_scheme(),
        stripe(),
        hmac_scheme(signature={"from": f"header:{HEADER}", "split": " ", "encoding": "base64url"}),
        hmac_scheme(timestamp={"from": "header:X-Time", "unit": "iso8601"}, message="{timestamp}{header:X-Id}{body}"),
        hubspot(),
        parse_verification({"type": "token", "secrets": [ORDERS_SECRET], "signature": {"from": f"header:{HEADER}"}}),
        parse_verification({"type": "basic", "secrets": [f"a:{ORDERS_SECRET}"]}),
    ]
)


@given(SCHEMES, st.lists(st.tuples(NAMES, ANY_TEXT), max_size=5), st.binary(max_size=40), st.integers())
def test_no_request_raises_or_gets_in(
    scheme: AnyScheme, headers: list[tuple[str, str]], body: bytes, now_ms: int
) -> None:
    verdict = check(scheme, headers, body, now_ms)
    assert not verdict.ok
    assert not any(canary in repr(verdict) for canary in CANARIES)


@given(st.binary(max_size=60), st.integers(min_value=0, max_value=255), st.data())
def test_one_changed_byte_anywhere_is_refused(body: bytes, byte: int, data: st.DataObject) -> None:
    scheme = hmac_scheme()
    headers = sign(scheme, body, now_ms=NOW_MS).headers
    position = data.draw(st.integers(0, len(body)))
    changed = body[:position] + bytes([byte]) + body[position + 1 :]
    assert check(scheme, headers, changed).ok is (changed == body)


def test_details_and_reprs_hold_no_secret() -> None:
    scheme = hmac_scheme()
    verdict = check(scheme, [(HEADER, "00" * 32)])
    assert ORDERS_SECRET not in repr(scheme) + repr(verdict)
    assert DIGEST.hex() not in repr(verdict)

import hashlib

import pytest
from pydantic import ValidationError

from bridge.sources import AnyScheme, Reason, Verdict, parse_verification, verify
from tests.canaries import ERP_TOKEN, ORDERS_SECRET
from tests.sources.builders import NOW_MS

BODY = b'{"a":1}'
PUBLIC = "https://bridge.example.com/hooks/hubspot"
V1: dict[str, object] = {
    "type": "hash",
    "secrets": [ORDERS_SECRET],
    "signature": {"from": "header:X-HubSpot-Signature"},
    "message": "{secret}{body}",
    "require": {"X-HubSpot-Signature-Version": "v1"},
}
V2 = {
    **V1,
    "message": "{secret}{method}{url}{body}",
    "url": {"public": PUBLIC},
    "require": {"X-HubSpot-Signature-Version": "v2"},
}


def hubspot(version: str, text: str, secret: str = ORDERS_SECRET) -> list[tuple[str, str]]:
    made = hashlib.sha256(f"{secret}{text}".encode() + BODY).hexdigest()
    return [("X-HubSpot-Signature", made), ("X-HubSpot-Signature-Version", version)]


def check(scheme: AnyScheme, headers: list[tuple[str, str]], *, raw_query: str = "", method: str = "POST") -> Verdict:
    return verify(scheme, headers=headers, query=[], body=BODY, now_ms=NOW_MS, raw_query=raw_query, method=method)


def test_hubspots_first_version_is_believed() -> None:
    scheme = parse_verification(V1)
    verdict = check(scheme, hubspot("v1", ""))
    assert (verdict.ok, verdict.scheme) == (True, "hash sha256 of X-HubSpot-Signature")
    assert check(scheme, hubspot("v1", "", ERP_TOKEN)).reason is Reason.SIGNATURE_MISMATCH


def test_hubspots_second_version_covers_method_and_address() -> None:
    scheme = parse_verification(V2)
    headers = hubspot("v2", f"POST{PUBLIC}?a=%3A")
    assert check(scheme, headers, raw_query="a=%3A").ok
    assert check(scheme, headers, raw_query="a=:").reason is Reason.SIGNATURE_MISMATCH
    assert check(scheme, headers, raw_query="a=%3A", method="PUT").reason is Reason.SIGNATURE_MISMATCH


def test_the_version_is_demanded_and_no_version_stands_in_for_another() -> None:
    either = parse_verification({"any_of": [V1, V2]})
    assert check(either, hubspot("v1", "")).ok
    assert check(either, hubspot("v2", f"POST{PUBLIC}")).ok
    assert not check(either, hubspot("v1", f"POST{PUBLIC}")).ok
    assert not check(either, hubspot("v2", "")).ok
    assert check(parse_verification(V1), hubspot("v2", "")).reason is Reason.REQUIRED_HEADER


def test_rotation_says_which_secret_was_hashed() -> None:
    scheme = parse_verification({**V1, "secrets": [ERP_TOKEN, ORDERS_SECRET]})
    assert check(scheme, hubspot("v1", "")).secret_index == 1


def test_a_scheme_without_a_secret_believes_nobody() -> None:
    scheme = parse_verification({**V1, "secrets": []})
    assert check(scheme, hubspot("v1", "", "")).reason is Reason.NO_SECRET


@pytest.mark.parametrize(
    "settings",
    [{"message": "{body}"}, {"message": "{secret}"}, {"type": "hmac"}, {"type": "hmac", "message": "{body}{secret}"}],
)
def test_a_text_without_the_secret_or_the_body_is_refused_and_so_is_a_secret_in_an_hmac(
    settings: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        parse_verification({**V1, **settings})

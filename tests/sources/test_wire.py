from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.wire import clean, index_headers, index_query, kept_headers, kept_query


def test_credentials_signatures_and_hop_by_hop_headers_are_not_kept() -> None:
    index = index_headers(
        [
            ("Content-Type", "application/json"),
            ("X-GitHub-Event", "push"),
            ("Authorization", "Bearer x"),
            ("Cookie", "a=b"),
            ("X-Hub-Signature-256", "x"),
            ("X-Gitlab-Token", "x"),
            ("X-Api-Key", "x"),
            ("X-Shopify-Hmac-Sha256", "x"),
            ("Connection", "close"),
            ("Transfer-Encoding", "chunked"),
            ("X-Odd-Proof", "x"),
            ("I-Twilio-Idempotency-Token", "t1"),
        ]
    )
    assert kept_headers(index, without=["x-odd-proof"]) == {
        "content-type": "application/json",
        "x-github-event": "push",
        "i-twilio-idempotency-token": "t1",
    }


def test_repeated_headers_are_joined_as_http_defines() -> None:
    assert kept_headers(index_headers([("Via", "a"), ("VIA", "b")])) == {"via": "a, b"}


def test_a_header_name_outside_ascii_cannot_pass_for_another() -> None:
    assert index_headers([("\N{KELVIN SIGN}ey", "x")]) == {}


def test_query_keeps_the_first_of_a_name_and_no_credentials() -> None:
    query = [("shop", "a"), ("shop", "b"), ("api_key", "x"), ("access_token", "x"), ("hub.verify_token", "x")]
    assert kept_query(index_query(query)) == {"shop": "a"}


@given(st.text(st.characters()))
def test_cleaned_text_can_always_be_stored(text: str) -> None:
    cleaned = clean(text)
    assert "\0" not in cleaned
    assert cleaned.encode().decode() == cleaned

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.request import MASK, OutboundRequest
from tests.canaries import ERP_TOKEN


@given(
    st.builds(
        OutboundRequest,
        st.sampled_from(["GET", "POST", "PUT"]),
        st.text(),
        st.dictionaries(st.text(), st.text()),
        st.binary() | st.text().map(str.encode),
        st.text(),
    )
)
def test_a_request_comes_back_from_its_json_form_byte_for_byte(request: OutboundRequest) -> None:
    assert OutboundRequest.from_json(request.to_json()) == request


def test_a_stored_request_without_headers_is_refused() -> None:
    with pytest.raises(TypeError):
        OutboundRequest.from_json({"method": "GET", "url": "/", "headers": None, "body": ""})


def test_a_file_is_shown_by_its_address_without_what_opens_it() -> None:
    request = OutboundRequest("POST", "/uploads", fetch="https://media.example.com/a.jpg?sig=secret")
    assert request.shown()["fetch"] == f"https://media.example.com/a.jpg?{MASK}"
    assert OutboundRequest("POST", "/uploads", fetch="https://media.example.com/a").shown()["fetch"].endswith("/a")  # type: ignore[attr-defined]
    assert "fetch" not in OutboundRequest("POST", "/uploads").shown()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:secret@media.example.com/a", f"https://{MASK}@media.example.com/a"),
        ("https://secret@media.example.com/a?b=secret", f"https://{MASK}@media.example.com/a?{MASK}"),
        ("https:user:sec@ret@media.example.com", f"https:{MASK}@media.example.com"),
        ("https://media.example.com/a@b", "https://media.example.com/a@b"),
    ],
)
def test_a_login_in_the_address_of_a_file_is_a_mask_for_people(address: str, shown: str) -> None:
    assert OutboundRequest("POST", "/uploads", fetch=address).shown()["fetch"] == shown


def test_a_json_body_is_shown_as_json_and_the_credential_as_a_mask() -> None:
    request = OutboundRequest("POST", "/x", {"Content-Type": "application/json"}, b'{"a":[1]}')
    assert request.shown("Authorization") == {
        "method": "POST",
        "url": "/x",
        "headers": {"Content-Type": "application/json", "Authorization": MASK},
        "body": {"a": [1]},
    }


@pytest.mark.parametrize("name", ["X-Api-Key", "authorization", "X-Auth-Token", "Cookie", "X-Client-Secret"])
def test_a_credential_that_a_rule_sends_itself_is_masked_too(name: str) -> None:
    shown = OutboundRequest("GET", f"/x?api_key={ERP_TOKEN}&page=1", {name: ERP_TOKEN, "Accept": "a/b"}).shown()
    assert ERP_TOKEN not in str(shown)
    assert shown["url"] == f"/x?api_key={MASK}&page=1"
    assert shown["headers"] == {name: MASK, "Accept": "a/b"}


def test_the_idempotency_key_is_shown_because_a_person_needs_it() -> None:
    assert OutboundRequest("POST", "/x", {"Idempotency-Key": "k"}).shown()["headers"] == {"Idempotency-Key": "k"}


def test_a_body_that_only_claims_to_be_json_is_shown_as_text() -> None:
    assert OutboundRequest("POST", "/x", {"Content-Type": "application/json"}, b"{half").shown()["body"] == "{half"

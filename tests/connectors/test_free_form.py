from typing import Any

import pytest

from bridge.connectors.free_form import FreeFormRequest
from bridge.connectors.request import OutboundRequest
from bridge.connectors.wire import ParameterRefused
from tests.canaries import PHONE, TEXT
from tests.connectors.builders import KEY, call_of, operation


def built(name: str = "post", **params: Any) -> OutboundRequest:
    compiled = operation("http", name)
    assert isinstance(compiled.request, FreeFormRequest)
    return compiled.request.build(call_of(compiled, {"path": "/orders", **params}))


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_every_write_carries_the_idempotency_key(method: str) -> None:
    assert built(method).headers["Idempotency-Key"] == KEY


def test_a_read_carries_none() -> None:
    assert "Idempotency-Key" not in built("get").headers


def test_json_is_built_whatever_the_text_holds() -> None:
    text = 'a "quote", a \\, a\nnew line and 🙏🏽'
    request = built(json={"text": text, "n": None})
    assert request.body == '{"text":"a \\"quote\\", a \\\\, a\\nnew line and 🙏🏽","n":null}'.encode()
    assert request.headers["Content-Type"] == "application/json"


def test_a_form_is_encoded_nulls_left_out_and_lists_repeated() -> None:
    request = built(form={"a": "x&y=1", "b": [1, 2], "c": None, "d": True})
    assert request.body == b"a=x%26y%3D1&b=1&b=2&d=true"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_text_is_sent_as_it_is() -> None:
    request = built(text="é")
    assert (request.body, request.headers["Content-Type"]) == ("é".encode(), "text/plain; charset=utf-8")


def test_json_null_is_a_body_and_a_null_form_or_text_is_none() -> None:
    assert built(json=None).body == b"null"
    for name in ("form", "text"):
        request = built("post", **{name: None})
        assert request.body == b""
        assert "Content-Type" not in request.headers


def test_two_bodies_are_refused() -> None:
    with pytest.raises(ParameterRefused, match="both `json` and `text`"):
        built(json={}, text="x")


def test_the_query_is_encoded_and_joins_one_that_the_path_has() -> None:
    assert built(query={"q": "a b&c", "skip": None}).url == "/orders?q=a+b%26c"
    assert built(path="/orders?x=1", query={"q": 2**70}).url == "/orders?x=1&q=1180591620717411303424"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/orders/é x", "/orders/%C3%A9%20x"),
        ("/orders/#1", "/orders/%231"),
        ("/orders/a%2Fb", "/orders/a%2Fb"),
        ("/orders/a\r\nX: y", "/orders/a%0D%0AX:%20y"),
        ("", ""),
    ],
)
def test_the_path_is_always_percent_encoded(path: str, url: str) -> None:
    assert built(path=path).url == url


def test_the_headers_of_the_rule_win_over_ours_whatever_their_case() -> None:
    headers = built(
        json={}, headers={"content-type": "application/vnd.api+json", "accept": "a/b", "X-Null": None}
    ).headers
    assert headers == {"Idempotency-Key": KEY, "content-type": "application/vnd.api+json", "accept": "a/b"}


@pytest.mark.parametrize("value", [f"{TEXT}\r\nX-Admin: 1", f"{TEXT}\n", f"{TEXT}\x00", f"{TEXT}é", f"{TEXT}\u2028"])
def test_a_header_value_that_would_end_the_header_is_refused_unquoted(value: str) -> None:
    with pytest.raises(ParameterRefused, match="`X-Note`") as refused:
        built(headers={"X-Note": value})
    assert TEXT not in str(refused.value)


@pytest.mark.parametrize("name", [f"X\r\n{PHONE}", f"{PHONE}:", "", "a b", "é", "x" * 101])
def test_a_header_name_that_is_none_is_refused_unquoted(name: str) -> None:
    with pytest.raises(ParameterRefused) as refused:
        built(headers={name: "v"})
    assert PHONE not in str(refused.value)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_headers_that_frame_the_request_are_ours(name: str) -> None:
    with pytest.raises(ParameterRefused, match="set by the bridge"):
        built(headers={name: "1"})


def test_a_number_in_a_header_is_written_as_text() -> None:
    assert built(headers={"X-Count": 7, "X-On": True}).headers.items() >= {"X-Count": "7", "X-On": "true"}.items()

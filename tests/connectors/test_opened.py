from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.opened import leaves, open_request, open_shown
from bridge.connectors.request import OutboundRequest
from bridge.connectors.wire import form_text, json_bytes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_a_json_request_is_path_query_headers_and_json() -> None:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    opened = open_request(OutboundRequest("POST", "/a%20b?x=1&y=2&y=3&z=", headers, b'{"user": {"tags": ["a"]}}'))
    assert opened.parts() == {
        ("method",): "POST",
        ("path",): "/a%20b",
        ("query", "x"): "1",
        ("query", "y", 0): "2",
        ("query", "y", 1): "3",
        ("query", "z"): "",
        ("headers", "Accept"): "application/json",
        ("headers", "Content-Type"): "application/json",
        ("json", "user", "tags", 0): "a",
    }


def test_a_form_is_its_fields_and_text_is_text_and_nothing_is_nothing() -> None:
    form = open_request(
        OutboundRequest("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, b"a=1&b=x+y")
    )
    assert (form.kind, form.body) == ("form", {"a": "1", "b": "x y"})
    text = open_request(OutboundRequest("POST", "/", {"Content-Type": "text/plain; charset=utf-8"}, "é".encode()))
    assert (text.kind, text.body) == ("text", "é")
    nothing = open_request(OutboundRequest("GET", "/"))
    assert (nothing.kind, nothing.body) == (None, None)
    assert nothing.parts()["query",] == {}


def test_what_only_claims_to_be_json_is_text() -> None:
    opened = open_request(OutboundRequest("POST", "/", {"Content-Type": "application/json"}, b"{"))
    assert (opened.kind, opened.body) == ("text", "{")


@given(JSON)
def test_the_leaves_of_a_value_are_all_its_single_values_with_different_paths(value: object) -> None:
    found = list(leaves(value))
    assert len({path for path, _ in found}) == len(found)
    for path, leaf in found:
        inner = value
        for part in path:
            inner = inner[part]  # type: ignore[index] # hypothesis made lists and objects only
        assert inner == leaf


@given(JSON, st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3))
def test_what_was_put_into_a_request_is_found_in_it(body: object, query: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json"}
    opened = open_request(OutboundRequest("POST", f"/p?{form_text(query)}", headers, json_bytes(body)))
    assert (opened.path, opened.query, opened.kind, opened.body) == ("/p", query, "json", body)


@given(JSON, st.sampled_from(["Content-Type", "content-type"]))
def test_a_request_as_people_see_it_has_the_same_parts(value: object, name: str) -> None:
    request = OutboundRequest("POST", "/a?x=1&y=2&y=3", {name: "application/json"}, json_bytes(value))
    assert open_shown(request.shown()).parts() == open_request(request).parts()


def test_a_form_a_text_and_a_masked_credential_are_taken_apart_as_they_are_shown() -> None:
    form = OutboundRequest("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&b=x+y")
    text = OutboundRequest("POST", "/?token=t", {"Content-Type": "text/plain"}, b"hello")
    assert open_shown(form.shown()) == open_request(form)
    assert open_shown(text.shown("Authorization")).parts() == {
        ("method",): "POST",
        ("path",): "/",
        ("query", "token"): "••••",
        ("headers", "Content-Type"): "text/plain",
        ("headers", "Authorization"): "••••",
        ("text",): "hello",
    }


def test_a_file_elsewhere_is_opened_as_its_address_and_shown_without_its_query() -> None:
    request = OutboundRequest("POST", "/uploads?filename=a", {}, fetch="https://m.example.com/a?sig=1")
    assert (open_request(request).kind, open_request(request).body) == ("fetch", "https://m.example.com/a?sig=1")
    assert open_shown(request.shown()).kind == "fetch"
    assert open_shown(request.shown()).body != request.fetch

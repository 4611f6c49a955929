from typing import Any

import orjson
import pytest

from bridge.connectors.building import CompiledRequest
from bridge.connectors.call import Call
from bridge.connectors.parts import Request
from bridge.expressions import RenderError, TemplateRefused

CALL = Call({"id": "a b", "text": "t"}, {"account": "x"}, "key-1", "2026-06-02T03:01:38.000Z")


def compiled(**more: Any) -> CompiledRequest:
    request = Request.model_validate({"method": "POST", "path": "/things/{{ params.id }}", **more})
    return CompiledRequest(request, {"X-Account": "{{ settings.account }}"}, "Idempotency-Key")


def test_a_request_is_built_of_the_calls_names() -> None:
    request = compiled(query={"since": "{{ since }}", "none": None}, json={"text": "{{ params.text }}"}).build(CALL)
    assert request.url == "/things/a%20b?since=2026-06-02T03%3A01%3A38.000Z"
    assert request.headers == {
        "Accept": "application/json",
        "X-Account": "x",
        "Idempotency-Key": "key-1",
        "Content-Type": "application/json",
    }
    assert orjson.loads(request.body) == {"text": "t"}


def test_a_request_without_a_body_has_no_content_type() -> None:
    request = compiled().build(CALL)
    assert request.body == b""
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize(("json", "body"), [(None, {"more": [1]}), ({"a": "{{ key }}"}, {"a": "key-1", "more": [1]})])
def test_further_keys_join_the_body(json: object, body: object) -> None:
    assert orjson.loads(compiled(json=json).render(CALL.scope(), more={"more": [1]}).body) == body


def test_the_path_tells_which_parameters_it_names() -> None:
    assert compiled().path_params == {"id"}
    assert compiled().url(CALL.scope()) == "/things/a%20b"


def test_what_a_call_lacks_is_told() -> None:
    with pytest.raises(RenderError):
        compiled(json={"text": "{{ params.words }}"}).build(CALL)


def test_names_that_a_request_never_has_are_refused_when_loaded() -> None:
    with pytest.raises(TemplateRefused):
        compiled(json={"text": "{{ body.words }}"})


def test_a_body_that_is_a_file_elsewhere_is_named_by_its_address() -> None:
    request = compiled(fetch="https://m.example.com/{{ params.text }}").build(CALL)
    assert (request.fetch, request.body) == ("https://m.example.com/t", b"")
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize("more", [{"json": {}}, {"form": {}}, {"text": "x"}, {"method": "GET"}])
def test_a_file_is_the_whole_body_of_a_request_that_has_one(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="`fetch` gives the whole body"):
        compiled(fetch="https://m.example.com/x", **more)

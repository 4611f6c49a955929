from typing import Any

import pytest

from bridge.rules.constants import VARYING, Constants, never_happens
from tests.rules.builders import rule, shape


def given(text: str, with_: dict[str, Any], **more: Any) -> object:
    step = {"id": "a", "use": "erp.post", "with": {"path": "/a", "json": with_}}
    compiled, written = rule(text, steps=[step], **more), shape(text, steps=[step], **more)
    found = Constants(written).given(compiled.steps[0], written.steps[0].with_)
    assert isinstance(found, dict)
    return found["json"]


@pytest.mark.parametrize(
    ("written", "constant"),
    [
        ("plain", "plain"),
        (7, 7),
        (None, None),
        ("{{ 1 + 2 }}", 3),
        ("{{ {'a': 'b'} }}", {"a": "b"}),
        ("{{ fields.text }}", VARYING),
        ("a {{ fields.text }}", VARYING),
        ("{{ vars.stage }}", "4"),
        ("stage {{ vars.stage }}", "stage 4"),
        ("{{ vars.nested.deep | int }}", 12),
        ("{{ vars.varying }}", VARYING),
        ("{{ vars }}", VARYING),
        ("{{ vars.stage ~ fields.text }}", VARYING),
        ("{{ vars.empty | int }}", VARYING),
        ("{{ vars.off and fields.text }}", False),
        ("{{ vars.decided and fields.text }}", False),
        ("{{ 'a' if vars.stage == '4' else fields.text }}", "a"),
        ("{{ fields.text is defined }}", VARYING),
        ("{{ fields.text | default('a') }}", VARYING),
        ("{{ body['a' ~ vars.stage] | default('a') }}", VARYING),
        (["{{ vars.stage }}", "{{ body.x }}", "{{ omit }}"], ["4", VARYING, VARYING]),
    ],
)
def test_what_looks_up_nothing_but_constant_vars_is_constant(written: object, constant: object) -> None:
    vars_ = {"stage": "4", "nested": {"deep": "12"}, "varying": "{{ fields.text }}", "empty": "", "off": False}
    vars_ |= {"decided": "{{ 'link' == 'attach' and fields.media_url is defined }}"}
    assert given("", {"value": written}, vars=vars_) == {"value": constant}


def test_what_is_left_out_is_not_there() -> None:
    assert given("", {"a": "{{ omit }}", "b": 1}) == {"b": 1}


def test_a_path_is_not_judged() -> None:
    compiled, written = rule(""), shape("")
    assert Constants(written).given(compiled.steps[0], written.steps[0].with_) == {"path": VARYING}


@pytest.mark.parametrize(
    ("condition", "never"),
    [("false", True), ("vars.off", True), ("vars.on", False), ("fields.text == 'a'", False), ("vars.bad | int", False)],
)
def test_a_condition_that_is_false_whatever_comes_never_happens(*, condition: str, never: bool) -> None:
    more: dict[str, Any] = {"vars": {"off": "", "on": "x", "bad": "y"}, "if": condition}
    compiled, written = rule("", **more), shape("", **more)
    assert never_happens(Constants(written), compiled.condition) is never


def test_no_condition_may_happen() -> None:
    assert not never_happens(Constants(shape("")), None)

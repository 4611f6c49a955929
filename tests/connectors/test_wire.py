from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.wire import ParameterRefused, as_text, form_text, json_bytes, with_query


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.5, "1.5"),
        (2**70, "1180591620717411303424"),
        (["é", 1], '["é",1]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_values_look_as_json_writes_them(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_number_that_json_cannot_carry_safely_is_refused_without_naming_it() -> None:
    with pytest.raises(ParameterRefused) as refused:
        json_bytes({"order": 2**70})
    assert str(2**70) not in str(refused.value) + refused.value.mend


def test_nulls_are_left_out_of_a_query_and_lists_repeat_the_name() -> None:
    query = {"a": None, "b": [1, None, "x y"], "c": True, "d": []}
    assert with_query("/orders", query) == "/orders?b=1&b=x+y&c=true"
    assert with_query("/orders", {"a": None}) == "/orders"
    assert with_query("/orders?page=1", {"b": "2"}) == "/orders?page=1&b=2"


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_any_text_comes_back_from_a_query_and_nothing_else_does(fields: dict[str, str]) -> None:
    encoded = form_text(fields)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert parse_qsl(encoded, keep_blank_values=True) == list(fields.items())

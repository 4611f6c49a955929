from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.parameters import MAX_ID, fit
from bridge.connectors.schema import Parameter
from bridge.connectors.wire import ParameterRefused
from tests.canaries import TEXT

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def parameter(**more: Any) -> Parameter:
    return Parameter.model_validate({"doc": "d", **more})


def fitted(value: object, **more: Any) -> object:
    return fit({"x": parameter(**more)}, {"x": value})["x"]


def refusal(value: object, **more: Any) -> ParameterRefused:
    with pytest.raises(ParameterRefused) as refused:
        fitted(value, **more)
    return refused.value


@pytest.mark.parametrize(
    ("declared", "value", "sent"),
    [
        ({"type": "id", "wire": "integer"}, "9001", 9001),
        ({"type": "id", "wire": "integer"}, 9001, 9001),
        ({"type": "id", "wire": "integer"}, MAX_ID, MAX_ID),
        ({"type": "id", "wire": "text"}, 501, "501"),
        ({"type": "text", "wire": "text"}, 2**70, "1180591620717411303424"),
        ({"type": "text", "wire": "text"}, 1.5, "1.5"),
        ({"type": "integer", "wire": "integer"}, "7", 7),
        ({"type": "number"}, 1.5, 1.5),
        ({"type": "boolean"}, False, False),
        ({"type": "text"}, "", ""),
        ({"type": "list"}, [1], [1]),
        ({"type": "any"}, None, None),
        ({"type": "path", "required": True}, "", ""),
    ],
)
def test_values_are_put_into_the_form_of_the_api(declared: dict[str, Any], value: object, sent: object) -> None:
    assert fitted(value, **declared) == sent


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ({"type": "id", "wire": "integer"}, "12a"),
        ({"type": "id", "wire": "integer"}, -5),
        ({"type": "id", "wire": "integer"}, MAX_ID + 1),
        ({"type": "id", "wire": "integer"}, "9" * 5000),
        ({"type": "id", "wire": "integer"}, "\u0663"),
        ({"type": "id"}, ""),
        ({"type": "id"}, True),
        ({"type": "id"}, 1.0),
        ({"type": "text"}, 5),
        ({"type": "text", "wire": "text"}, True),
        ({"type": "text", "wire": "text"}, ["a"]),
        ({"type": "integer"}, 1.5),
        ({"type": "number"}, "1"),
        ({"type": "boolean"}, "true"),
        ({"type": "mapping"}, []),
        ({"type": "list"}, {}),
        ({"type": "path"}, 5),
        ({"type": "text", "required": True}, ""),
        ({"type": "text", "required": True}, None),
        ({"type": "text", "one_of": ["a", "b"]}, "c"),
    ],
)
def test_a_value_that_does_not_fit_names_its_parameter_and_a_mend(declared: dict[str, Any], value: object) -> None:
    refused = refusal(value, **declared)
    assert refused.name == "x"
    assert "`x`" in str(refused)
    assert refused.mend


@given(JSON, st.sampled_from(["text", "integer", "number", "boolean", "id", "mapping", "list", "path"]))
def test_a_refusal_never_quotes_the_value(value: object, kind: str) -> None:
    marked = {TEXT: value, "list": [TEXT]} if kind != "mapping" else [TEXT, value]
    assert TEXT not in str(refusal(marked, type=kind))


def test_a_missing_parameter_is_told_apart_from_an_absent_optional_one() -> None:
    declared = {"a": parameter(required=True), "b": parameter()}
    assert fit(declared, {"a": 1}) == {"a": 1}
    with pytest.raises(ParameterRefused, match="`a` is missing"):
        fit(declared, {"b": 1})


def test_bytes_are_counted_not_characters() -> None:
    assert fitted("é" * 5, type="text", max_bytes=10) == "é" * 5
    assert "10 bytes" in str(refusal("é" * 5 + "x", type="text", max_bytes=10))


def test_properties_become_text_nulls_clear_and_lists_choose_several() -> None:
    given_properties = {"a": None, "b": 7, "c": True, "d": ["x", 2, None], "e": "t", "f": []}
    assert fitted(given_properties, type="mapping", wire="texts", clear="empty_text") == {
        "a": "",
        "b": "7",
        "c": "true",
        "d": "x;2",
        "e": "t",
        "f": "",
    }


def test_null_becomes_what_the_connector_says_as_deep_as_mappings_go() -> None:
    declared = {"x": parameter(), "fixed": parameter(clear="json_null"), "some": parameter(fields={"in": {"doc": "d"}})}
    values = {"x": {"a": None, "b": {"c": None, "d": [None]}}, "fixed": {"a": None}, "some": {"in": None}}

    assert fit(declared, values) == values
    assert fit(declared, values, clear="empty_text") == {
        "x": {"a": "", "b": {"c": "", "d": [None]}},
        "fixed": {"a": None},
        "some": {"in": ""},
    }
    with pytest.raises(ParameterRefused, match="`x` is null, and the API has nothing to clear there"):
        fit(declared, values, clear="refuse")


@pytest.mark.parametrize("value", [{"a": 1}, [["a"]], [{"a": 1}]])
def test_a_property_cannot_hold_a_mapping(value: object) -> None:
    assert TEXT not in str(refusal({TEXT: value}, type="mapping", wire="texts"))


NESTED: dict[str, Any] = {
    "type": "mapping",
    "one_needed": ["body", "html"],
    "fields": {
        "body": {"doc": "d", "type": "text", "max_bytes": 4},
        "html": {"doc": "d", "type": "text"},
        "author": {"doc": "d", "type": "id", "wire": "integer"},
    },
}


def test_fields_of_a_mapping_are_fitted_like_parameters() -> None:
    assert fitted({"body": "abc", "author": "7"}, **NESTED) == {"body": "abc", "author": 7}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"body": "abcde"}, "x.body"),
        ({"body": "abc", "author": "seven"}, "x.author"),
        ({"Body": "abc"}, "x"),
        ({"author": 7}, "x.body"),
        ({"body": None}, "x.body"),
        ({"body": " \n", "html": ""}, "x.body"),
    ],
)
def test_a_field_that_does_not_fit_is_named_by_its_place(value: object, place: str) -> None:
    assert refusal(value, **NESTED).name == place


def test_one_of_several_parameters_may_be_needed() -> None:
    declared = {"a": parameter(type="text"), "b": parameter(type="text")}
    assert fit(declared, {"b": "x"}, one_needed=("a", "b")) == {"b": "x"}
    with pytest.raises(ParameterRefused, match="`a` and `b` are missing or empty"):
        fit(declared, {"a": ""}, one_needed=("a", "b"))

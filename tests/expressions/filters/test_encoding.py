"""JSON, URLs, base64, HTML."""

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.expressions.filters import applied, refusal


@pytest.mark.parametrize(
    ("filters", "value", "result"),
    [
        ("json", {"b": 1, "a": "é\n"}, '{"b":1,"a":"é\\n"}'),
        ("json", None, "null"),
        ("json", "text", '"text"'),
        ("json", 2**70, str(2**70)),
        ("json", (1, 2), "[1,2]"),
        ("json", MappingProxyType({"a": [MappingProxyType({})]}), '{"a":[{}]}'),
        ("from_json", "[1, 2.5, null]", [1, 2.5, None]),
        ("from_json", str(2**70), 2**70),
        ("from_json", '"]]]][[[["', "]]]][[[["),
        ("base64", "é", "w6k="),
        ("urlencode", "é /?&=+", "%C3%A9%20%2F%3F%26%3D%2B"),
        ("html_escape", "\"'", "&quot;&#x27;"),
        ("sha256 | length", 5, 64),
    ],
)
def test_encodings_are_exact(filters: str, value: object, result: object) -> None:
    assert applied(filters, value) == result


@pytest.mark.parametrize(
    ("filters", "value", "words"),
    [
        ("from_json", "", "not JSON"),
        ("from_json", "{", "not JSON"),
        ("from_json", "NaN", "not JSON"),
        ("from_json", "1e999", "not JSON"),
        ("from_json", "9" * 5000, "not JSON"),
        ("from_json", "[" * 201 + "]" * 201, "nested too deeply"),
        ("from_json", '{"a":' * 100_000, "256 KiB"),
        ("json", float("nan"), "finite"),
        ("json", ["a" * 200_000] * 2, "256 KiB"),
        ("json", {1: 2}, "key that is not text"),
        ("json", object(), "not JSON data"),
        ("base64", "\ud800", "half of a character"),
        ("urlencode", "\ud800", "half of a character"),
        ("sha256", "\ud800", "half of a character"),
    ],
)
def test_what_cannot_be_encoded_is_an_error(filters: str, value: object, words: str) -> None:
    assert words in str(refusal(filters, value))


def test_data_deeper_than_the_encoder_is_an_error() -> None:
    deep: list[object] = []
    for _ in range(50_000):
        deep = [deep]
    assert "nested too deeply" in str(refusal("json", deep))


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**70), 2**70), st.lists, max_leaves=8))
def test_json_reads_back(value: object) -> None:
    assert applied("json | from_json", value) == value
    assert applied("json", value) == json.dumps(value, separators=(",", ":"))

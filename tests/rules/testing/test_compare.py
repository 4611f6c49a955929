"""A request held against what was expected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.opened import Opened
from bridge.rules.testing.compare import NOTHING, compare, differences, kind_of
from bridge.rules.testing.schema import ExpectShape

SENT = Opened(
    "POST",
    "/a/%2B91",
    {"q": "1", "tags": ["x", "y"]},
    {"Content-Type": "application/json"},
    "json",
    {"n": 77, "l": [{"a": 1}]},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="abc"), inner),
    max_leaves=12,
)


def found(**expect: object) -> list[tuple[object, ...]]:
    return [each.path for each in compare(ExpectShape.model_validate(expect), SENT)]


def test_what_is_not_spoken_of_is_not_compared() -> None:
    assert found() == []
    assert found(method="post", path="/a/+91", query={"q": 1, "tags": ["x", "y"]}, json={"l": [{}]}) == []
    assert found(path="/a/%2B91", headers={"content-type": "application/json"}) == []


def test_exact_compares_all_but_headers() -> None:
    assert found(exact=True) == [("query", "q"), ("query", "tags"), ("json",)]
    assert found(exact=True, query={"q": "1", "tags": ["x", "y"]}, json={"n": 77, "l": [{}]}) == [("json", "l", 0, "a")]


@pytest.mark.parametrize(
    ("expect", "path"),
    [
        ({"method": "GET"}, ("method",)),
        ({"path": "/b"}, ("path",)),
        ({"query": {"q": 2}}, ("query", "q")),
        ({"headers": {"X-A": "1"}}, ("headers", "x-a")),
        ({"json": {"n": "77"}}, ("json", "n")),
        ({"json": {"n": True}}, ("json", "n")),
        ({"json": {"l": []}}, ("json", "l")),
        ({"json": {"l": [{"a": 2}]}}, ("json", "l", 0, "a")),
        ({"json": {"m": None}}, ("json", "m")),
        ({"form": {"n": 77}}, ("form",)),
        ({"text": "x"}, ("text",)),
    ],
)
def test_a_difference_is_told_by_its_path(expect: dict[str, object], path: tuple[object, ...]) -> None:
    assert found(**expect) == [path]


def test_a_form_is_compared_as_it_is_on_the_wire() -> None:
    sent = Opened("POST", "/a", {}, {}, "form", {"n": "77", "ok": "true"})
    assert compare(ExpectShape(form={"n": 77, "ok": True}), sent) == []
    assert compare(ExpectShape(form={"n": {"$any": "text"}}, exact=True), sent)[0].path == ("form", "ok")


def test_another_type_with_the_same_characters_is_said_to_be_one() -> None:
    [difference] = differences(77, "77")
    assert difference.note == "the same characters, but a number was expected and text came"
    [difference] = differences([1], [1, 2])
    assert difference.note == "the list has 2 items where 1 item was expected"


@pytest.mark.parametrize(
    ("matcher", "fits", "differs"),
    [
        ({"$any": "value"}, 0, None),
        ({"$any": "text"}, "", 1),
        ({"$any": "number"}, 1.5, True),
        ({"$any": "boolean"}, False, 0),
        ({"$any": "list"}, [], {}),
        ({"$any": "object"}, {}, []),
        ({"$regex": "^a.c$"}, "abc", "abcd"),
        ({"$contains": "b"}, "abc", ["b"]),
        ({"$is": {"$any": "text"}}, {"$any": "text"}, "x"),
    ],
)
def test_matchers_stand_for_values_that_vary(matcher: object, fits: object, differs: object) -> None:
    assert list(differences(matcher, fits)) == []
    assert list(differences(matcher, differs)) != []
    assert list(differences(matcher, NOTHING)) != []


def test_what_must_not_be_there() -> None:
    assert list(differences({"a": {"$absent": True}}, {"b": 1})) == []
    assert [each.got for each in differences({"a": {"$absent": True}}, {"a": None})] == [None]


@given(JSON)
def test_every_value_equals_itself_exactly(value: object) -> None:
    assert list(differences({"$is": value}, value, exact=True)) == []


@given(JSON, JSON)
def test_values_of_different_kinds_differ(one: object, other: object) -> None:
    if kind_of(one) != kind_of(other):
        assert len(list(differences({"$is": one}, other))) == 1

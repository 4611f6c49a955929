from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import EventPlace
from bridge.sources.splitting import MAX_ELEMENTS, MAX_ITEMS, NoEvent, Split, is_path, parents_of

META = ("entry[].changes[].value.messages[]", "entry[].changes[].value.statuses[]", "entry[].changes[]")


def take(body: object, *paths: str) -> list[object] | None:
    taken = Split.parse(paths).take(body)
    return None if taken is None else [each.value for each in taken]


def refusal(body: object, *paths: str) -> tuple[str, str]:
    with pytest.raises(NoEvent) as refused:
        take(body, *paths)
    return refused.value.code, refused.value.detail


def change(field: str = "messages", **value: object) -> dict[str, object]:
    return {"field": field, "value": value}


def test_a_body_without_paths_is_one_event() -> None:
    assert take({"a": [1]}) is None


@pytest.mark.parametrize(
    ("body", "path", "items"),
    [
        ({"orders": [1, 2]}, "orders", [1, 2]),
        ({"orders": [1, 2]}, "orders[]", [1, 2]),
        ([1, 2], "[]", [1, 2]),
        ([{"a": [1]}, {"a": [2, 3]}], "[].a", [1, 2, 3]),
        ({"a": [{"b": {"c": [1]}}, {"b": {"c": []}}]}, "a[].b.c", [1]),
        ({"orders": []}, "orders", []),
        ({"": {"a": [1]}, "a": [2]}, "a", [2]),
    ],
)
def test_the_items_of_nested_lists_come_in_their_order(body: object, path: str, items: list[object]) -> None:
    assert take(body, path) == items


@pytest.mark.parametrize(
    ("body", "path", "detail"),
    [
        ({}, "orders", "`split`: no key `orders`"),
        ({"orders": None}, "orders", "`split`: no key `orders`"),
        ({"orders": {"a": 1}}, "orders", "`split`: `orders` is no list"),
        ({"orders": "text"}, "orders?", "`split`: `orders` is no list"),
        ([], "orders", "`split`: no key `orders`"),
        (5, "orders", "`split`: no key `orders`"),
        ({}, "[]", "`split`: the body is no list"),
        ({"a": [{"b": [1]}, {}]}, "a[].b", "`split`: no key `b`"),
        ({"a": [{"b": [1]}, 5]}, "a[].b", "`split`: no key `b`"),
    ],
)
def test_the_only_list_must_be_there_and_be_one(body: object, path: str, detail: str) -> None:
    assert refusal(body, path) == ("list_missing", detail)


@pytest.mark.parametrize("path", ["orders?", "orders[]?"])
def test_a_list_that_may_be_left_out_leaves_the_body_one_event(path: str) -> None:
    assert take({"orders": [1]}, path) == [1]
    assert take({"orders": []}, path) == []
    assert take({"other": [1]}, path) is None
    assert take({"orders": None}, path) is None
    assert take({"orders": {"id": 1}}, path) == [{"id": 1}]


def test_an_object_in_place_of_a_list_is_one_item_where_the_path_says_so() -> None:
    assert take([{"id": 1}], "[]?") == [{"id": 1}]
    assert take({"id": 1}, "[]?") is None  # the whole body: its bytes stay as they came
    assert take(5, "[]?") is None
    assert take({"a": {"b": [1]}}, "a[]?.b[]") == [1]
    assert take({"a": [{"b": {"c": 1}}, {"b": [2]}]}, "a[].b[]?") == [{"c": 1}, 2]
    assert refusal({"a": {"b": [1]}}, "a[].b[]")[1] == "`split`: `a` is no list"


# --- several paths -------------------------------------------------------------------------------------------------


def test_several_lists_are_taken_in_the_order_of_the_body() -> None:
    body = {
        "entry": [
            {"id": "E1", "changes": [change(statuses=["s1"], messages=["m1", "m2"]), change(messages=["m3"])]},
            {"id": "E2", "changes": [change(statuses=["s2"])]},
        ]
    }
    assert take(body, *META) == ["s1", "m1", "m2", "m3", "s2"]


def test_an_element_is_an_event_itself_only_where_nothing_inside_it_is_one() -> None:
    other = change("account_update", event="BANNED")
    body = {"entry": [{"changes": [change(messages=["m1"]), other, change(messages=[])]}, {"changes": []}]}
    assert take(body, *META) == ["m1", other, change(messages=[])]


def test_a_path_that_comes_later_takes_nothing_out_of_what_is_taken_already() -> None:
    body = {"a": [{"b": [1, 2]}, {"c": [3]}]}
    assert take(body, "a[]", "a[].b[]") == [{"b": [1, 2]}, {"c": [3]}]
    assert take(body, "a[].c[]", "a[]", "a[].b[]") == [{"b": [1, 2]}, 3]
    assert take(body, "a", "a[]") == [{"b": [1, 2]}, {"c": [3]}]


def test_lists_that_are_not_there_give_nothing_as_long_as_one_is() -> None:
    assert take({"b": [1]}, "a", "b") == [1]
    assert take({"entry": []}, *META) == []
    assert take({"entry": [{}, {"changes": None}, {"changes": [{"value": "text"}]}]}, *META) == [{"value": "text"}]
    assert refusal({"c": [1]}, "a", "b") == ("list_missing", "`split`: none of the lists is there")
    assert refusal([], *META)[0] == "list_missing"


def test_what_stands_in_place_of_one_of_several_lists_is_not_passed_over() -> None:
    assert refusal({"a": {"id": 1}, "b": [1]}, "a", "b") == ("list_missing", "`split`: `a` is no list")
    assert take({"a": {"id": 1}, "b": [2]}, "a[]?", "b") == [{"id": 1}, 2]
    assert refusal({"a": {"id": 1}}, "a[]?.b[]", "a")[1] == "`split`: `a` is no list"


def test_a_body_that_is_a_list_may_be_one_of_several_shapes() -> None:
    assert take([1, 2], "[]", "events[]") == [1, 2]
    assert take({"events": [3]}, "[]", "events[]") == [3]


def test_a_body_may_be_one_event_where_none_of_the_lists_before_gave_any() -> None:
    assert take({"events": [1], "id": 2}, "events", "[]?") == [1]
    assert take({"id": 2}, "events", "[]?") is None
    assert take({"events": []}, "events", "[]?") is None
    assert take([3], "events", "[]?") == [3]
    assert take({"events": [1]}, "[]?", "events") is None


# --- bounds --------------------------------------------------------------------------------------------------------


def test_so_many_items_may_be_in_a_request_and_no_more() -> None:
    assert len(take([1] * MAX_ITEMS, "[]") or []) == MAX_ITEMS
    assert refusal([1] * (MAX_ITEMS + 1), "[]")[0] == "too_many_items"
    assert refusal({"a": [{"b": [1] * 600}] * 10}, "a[].b")[0] == "too_many_items"


def test_elements_without_items_are_counted_too() -> None:
    assert refusal({"a": [{"b": []}] * (MAX_ELEMENTS + 1)}, "a[].b")[0] == "too_many_items"
    assert refusal({"a": [{}] * (MAX_ELEMENTS + 1)}, "a[].b", "a[].c")[0] == "too_many_items"


@pytest.mark.parametrize("text", ["a" + ".a" * 16, "a?.b", "a??", "[][]", "a..b", ".", "?", "a b", ""])
def test_there_are_no_other_paths(text: str) -> None:
    assert not is_path(text)


# --- places --------------------------------------------------------------------------------------------------------


def test_the_elements_around_an_item_are_found_by_its_place() -> None:
    first, second = change(messages=["m1"]), change(messages=["m2"], metadata={"phone_number_id": "P"})
    entry = {"id": "E", "changes": [first, second]}
    split = Split.parse(META)
    taken = split.take({"entry": [entry]}) or []
    assert taken[1].place == ("entry", 0, "changes", 1, "value", "messages", 0)
    assert parents_of({"entry": [entry]}, taken[1].place) == {
        "entry": entry,
        "changes": second,
        "value": second["value"],
    }
    assert split.keys == {"entry", "changes", "value"}


def test_of_equal_keys_the_innermost_counts_and_the_item_is_not_its_own_parent() -> None:
    inner = {"a": [1]}
    assert parents_of({"a": [{"a": [inner]}]}, ("a", 0, "a", 0, "a", 0)) == {"a": inner}
    assert parents_of([1], (0,)) == {}
    assert Split.parse(["[].a"]).keys == Split.parse(["a"]).keys == Split().keys == frozenset()


@pytest.mark.parametrize("place", [("x", 0, "y"), ("a", 9, "b"), ("a", "b", "c"), (0, 0), ()])
def test_a_place_of_another_body_has_only_what_is_there(place: EventPlace) -> None:
    assert isinstance(parents_of({"a": [1]}, place), dict)


# --- against a plain reading of the rule -----------------------------------------------------------------------------

LEAVES = st.integers(0, 3) | st.none()
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=14,
)
NAMES = st.sampled_from(["a", "b", "c", "a[]", "b[]", "b[]?"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(".".join), min_size=2, max_size=4)


def locations(body: Any, path: str) -> Iterator[EventPlace]:
    """Every place to which one path leads, one step at a time."""
    places: list[EventPlace] = [()]
    parts = path.split(".")
    for position, part in enumerate(parts):
        name, each, single = part.rstrip("[]?"), "[]" in part or position == len(parts) - 1, part.endswith("?")
        entered = [
            (*place, name)
            for place in places
            if isinstance(at(body, place), dict) and at(body, place).get(name) is not None
        ]
        places = []
        for place in entered:
            value = at(body, place)
            if not each:
                places.append(place)
            elif isinstance(value, list):
                places += [(*place, index) for index in range(len(value))]
            elif single and isinstance(value, dict):
                places.append(place)
            else:
                raise TypeError
    yield from places


def at(body: Any, place: EventPlace) -> Any:
    for step in place:
        body = body[step]
    return body


def in_the_bodys_order(body: Any, place: EventPlace) -> list[int]:
    return [
        step if isinstance(step, int) else list(at(body, place[:depth])).index(step) for depth, step in enumerate(place)
    ]


@given(BODIES, PATHS)
def test_several_paths_do_what_the_rule_says(body: object, paths: list[str]) -> None:
    try:
        taken: list[EventPlace] = []
        for path in paths:
            found = list(locations(body, path))
            taken += [
                place
                for place in found
                if not any(place[: len(other)] == other or other[: len(place)] == place for other in taken)
            ]
    except TypeError:
        assert refusal(body, *paths)[0] == "list_missing"
        return
    expected = [at(body, place) for place in sorted(taken, key=lambda place: in_the_bodys_order(body, place))]
    try:
        assert take(body, *paths) == expected
    except NoEvent:
        assert expected == []

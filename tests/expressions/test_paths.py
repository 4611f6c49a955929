"""How paths are spelled, and which names are suggested."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions.paths import Evaluate, further_step, nearest, spelled, static_path
from bridge.expressions.values import Missing


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (("a", "b", 0), "a.b.0"),
        (("a", -1), "a.-1"),
        (("a", "b-c", "d"), "a['b-c'].d"),
        (("a", None, "d"), "a[…].d"),
        (("a", ""), "a['']"),
    ],
)
def test_a_path_is_spelled_as_its_author_would(steps: tuple[str | int | None, ...], text: str) -> None:
    assert spelled(steps) == text


def test_only_names_of_fields_are_suggested() -> None:
    assert nearest("sendr", ["sender", "other"]) == "sender"
    assert nearest("sender1", ["sender2"]) is None
    assert nearest("x" * 41, ["x" * 42]) is None
    assert nearest("zzz", ["sender"]) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc01"), inner, max_size=3),
    max_leaves=12,
)


@given(JSON, st.lists(st.sampled_from(["a", "b", "0", 0, 1]), min_size=1, max_size=4))
def test_the_quick_look_up_finds_what_a_step_by_step_one_finds(value: object, steps: list[str | int]) -> None:
    scope = {"root": value}
    quick = static_path("root", tuple(steps), 0)(scope)
    careful: Evaluate = static_path("root", (), 0)
    for step in steps:
        careful = further_step(careful, step, ("root",), 0)
    slow = careful(scope)
    assert type(quick) is type(slow)
    assert isinstance(quick, Missing) or quick is slow


def test_a_mapping_that_is_no_dict_is_looked_into_as_well() -> None:
    scope = {"root": MappingProxyType({"a": MappingProxyType({"b": 1})})}
    assert static_path("root", ("a", "b"), 0)(scope) == 1
    assert isinstance(static_path("root", ("a", "c"), 0)(scope), Missing)

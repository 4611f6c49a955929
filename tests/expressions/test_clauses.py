from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions import RenderError, compile_expression, compile_template
from bridge.expressions.clauses import NO_KEY, key_of
from bridge.expressions.values import equal

TEXT, ONE = key_of("text"), key_of(1)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a.kind == 'text'", [("a.kind", {TEXT})]),
        ("{{ 'text' == a.kind }}", [("a.kind", {TEXT})]),
        ("a.kind in ['text', 1]", [("a.kind", {TEXT, ONE})]),
        ("a['b-c'] == 1 and a.list.0 == 'text'", [("a.b-c", {ONE}), ("a.list.0", {TEXT})]),
        ("(a.x == 1 and a.y == 1) and a.z == 1 and a.name", [("a.x", {ONE}), ("a.y", {ONE}), ("a.z", {ONE})]),
        ("a.x == 1 and a.name and a.y == 1", [("a.x", {ONE})]),
        ("a.name and a.x == 1", []),
        ("a.x == 1 or a.y == 1", []),
        ("not a.x == 1", []),
        ("a.x != 1", []),
        ("a.x == a.y", []),
        ("a.x == null", []),
        ("a.x == 1 == true", []),
        ("a[a.x] == 1", []),
        ("a.x | lower == 'text'", []),
        ("a.x in [a.y]", []),
        ("a.x in 'text'", []),
        ("a == 1", []),
        ("1 == 1", []),
    ],
)
def test_only_leading_comparisons_with_literals_are_taken(source: str, found: list[tuple[str, set[Any]]]) -> None:
    clauses = compile_expression(source).clauses
    assert [(".".join(map(str, clause.path)), set(clause.keys)) for clause in clauses] == found


def test_a_template_that_is_no_condition_has_none() -> None:
    assert compile_template("{{ a.x == 1 }}").clauses == ()


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3).map(round) | st.sampled_from(["", "a", "1"])
VALUES = SCALARS | st.floats(allow_nan=False) | st.lists(SCALARS, max_size=2) | st.dictionaries(st.just("k"), SCALARS)


@given(VALUES, SCALARS)
def test_keys_are_equal_exactly_where_the_language_says_so(value: object, literal: object) -> None:
    assert (key_of(value) == key_of(literal)) is equal(value, literal)
    assert key_of([value]) == NO_KEY


SOURCES = ["a.x == 1 and a.y == 'a'", "a.x in [1, 'a', true] and a.y", "'a' == a.y and a.x"]


@given(st.sampled_from(SOURCES), st.dictionaries(st.sampled_from(["x", "y"]), VALUES))
def test_where_a_leading_comparison_does_not_hold_the_condition_is_false_and_raises_nothing(
    source: str, a: dict[str, object]
) -> None:
    condition, scope = compile_expression(source), {"a": a}
    for clause in condition.clauses:
        key = clause.key(scope)
        if key is None:
            with pytest.raises(RenderError):
                condition.evaluate(scope)
            return
        if key not in clause.keys:
            assert condition.evaluate(scope) is False
            return

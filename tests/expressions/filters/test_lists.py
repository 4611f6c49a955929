"""Filters on lists, objects and tables."""

import pytest

from bridge.expressions import OMIT, RenderError, compile_template
from tests.expressions.filters import applied, refusal

STAGES: dict[str, object] = {"new": "Lead", "7": "Seven", "true": "Yes", "gone": None}


@pytest.mark.parametrize(
    ("filters", "value", "result"),
    [
        ("lookup('stages')", "new", "Lead"),
        ("lookup('stages')", 7, "Seven"),
        ("lookup('stages')", True, "Yes"),
        ("lookup('stages')", "gone", None),
        ("lookup('stages', 'Other')", "x", "Other"),
        ("lookup('stages', default=none)", "x", None),
        ("lookup('stages', x)", "same", "same"),
        ("lookup('stages', omit)", "x", OMIT),
        ("lookup('stages') | default('Other')", "x", "Other"),
        ("lookup('stages', 'Other')", None, "Other"),
        ("lookup('stages') is defined", "x", False),
        ("map_values('stages')", ["new", 7], ["Lead", "Seven"]),
        ("map_values('stages', '?')", ["new", "x"], ["Lead", "?"]),
        ("map_values('stages')", {"a": "new"}, {"a": "Lead"}),
        ("map_values('stages') | default('none')", ["new", "x"], "none"),
        ("first", [], OMIT),
        ("where('k', 'x')", [{"k": "x", "n": 1}, {"k": "y"}, {"n": 2}, "x"], [{"k": "x", "n": 1}]),
        ("where('k', 1)", [{"k": 1}, {"k": True}, {"k": "1"}], [{"k": 1}]),
        ("where('k', 'x') | first is defined", [{"k": "y"}], False),
        ("where('k', 'Ä@x', true)", [{"k": "ä@X", "n": 1}, {"k": "a@x"}, {"n": 2}], [{"k": "ä@X", "n": 1}]),
        ("where('k', 'X', false)", [{"k": "x"}, {"k": "X"}], [{"k": "X"}]),
        ("where('k', 1, true)", [{"k": 1}, {"k": True}, {"k": "1"}], [{"k": 1}]),
        ("length", "🙏é", 2),
        ("length", {}, 0),
        ("keys", {}, []),
        ("unique", [1, 1.0, True, "1", None, None, {"a": 1}, {"a": 1}, [1]], [1, True, "1", None, {"a": 1}, [1]]),
        ("sort", ["b", "a"], ["a", "b"]),
        ("sort", [2, 1.5], [1.5, 2]),
        ("sort", [], []),
        ("merge({'b': 2, 'c': 3})", {"a": 1, "b": 1}, {"a": 1, "b": 2, "c": 3}),
        ("merge({})", {"a": 1}, {"a": 1}),
    ],
)
def test_lists_and_tables_give_what_they_hold(filters: str, value: object, result: object) -> None:
    mended = filters + " | default(omit)"
    assert applied(mended, value, stages=STAGES) == result


@pytest.mark.parametrize(
    ("filters", "value", "words"),
    [
        ("lookup('stages')", "secret", "no entry in the table `stages`"),
        ("lookup('stages')", None, "no entry in the table `stages`"),
        ("lookup('stages')", ["new"], "a list"),
        ("map_values('stages')", ["new", "secret"], "no entry in the table `stages`"),
        ("map_values('stages')", "new", "is text, not a list or an object"),
        ("first", "abc", "is text, not a list"),
        ("first", [], "no first item"),
        ("last", [], "no last item"),
        ("length", 5, "no length"),
        ("keys", [], "not an object"),
        ("values", "a", "not an object"),
        ("sort", [1, "a"], "no common order"),
        ("sort", [True, 1], "no common order"),
        ("unique", "aa", "not a list"),
    ],
)
def test_what_is_not_there_is_told_without_the_value(filters: str, value: object, words: str) -> None:
    error = refusal(filters, value, stages=STAGES)
    assert words in str(error)
    assert "secret" not in f"{error} {error.help}"


def test_only_default_looks_at_missing_values() -> None:
    with pytest.raises(RenderError, match=r"`body\.a` is missing"):
        compile_template("{{ body.a | lookup('t', 'x') }}", tables={"t": {}}).render({"body": {}})


def test_only_objects_can_be_merged() -> None:
    assert "cannot be merged" in str(refusal("merge('b')", {"a": 1}))


def test_a_value_without_an_entry_is_told_with_the_similar_key_of_the_table() -> None:
    tables = {"stages": {"new": "Lead", "won": "Customer"}}
    template = compile_template("{{ body.x | lookup('stages') }}", tables=tables)

    with pytest.raises(RenderError) as refused:
        template.render({"body": {"x": "wonn"}})
    assert refused.value.message == "`body.x` has no entry in the table `stages`"
    assert refused.value.help == (
        "did you mean its entry `won`? add an entry to `stages`, or a default: `lookup('stages', '…')`"
    )
    assert compile_template("{{ 'a' ~ ('b' | lookup('stages', '')) }}", tables=tables).tables == {"stages"}

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.expressions import Outline, RenderError, compile_expression, compile_template


def outline_of(source: str, **more: Any) -> Outline:
    template = compile_expression(source, **more)
    assert template.outline is not None
    return template.outline()


def told(source: str) -> Any:
    """The outline as nested lists of the parts' texts, which are cut out of the source at their offsets."""

    def one(part: Outline) -> Any:
        text = source[part.offset : part.offset + part.length]
        return text if part.joint is None else [part.joint, *map(one, part.parts)]

    return one(outline_of(source))


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("a", "a"),
        ("  a.b == 1  ", "a.b == 1"),
        ("a and b and c", ["and", "a", "b", "c"]),
        ("(a and b) and (c and d)", ["and", "a", "b", "c", "d"]),
        ("a or b and not c", ["or", "a", ["and", "b", ["not", "c"]]]),
        ("not (a or b)", ["not", ["or", "a", "b"]]),
        ("not a in b", ["not", "a in b"]),
        ("a not in b and c is not defined", ["and", "a not in b", "c is not defined"]),
        ("a.and and b.or", ["and", "a.and", "b.or"]),
        ("a == 'x and y' and b in ['or', ')']", ["and", "a == 'x and y'", "b in ['or', ')']"]),
        ("(a if b and c else d)", "a if b and c else d"),
        ("a if b and c else d", "a if b and c else d"),
        ("(a and b) == c", "(a and b) == c"),
        ("{{ a and b }}", ["and", "a", "b"]),
        ("{{- a\nand b -}}\n", ["and", "a", "b"]),
        ("a\r\nand\tb", ["and", "a", "b"]),
        ("'é🙏' == a and b", ["and", "'é🙏' == a", "b"]),
        ("((a))", "a"),
        ("a | default(b and c) and d", ["and", "a | default(b and c)", "d"]),
        ("{'and': a}.and and b", ["and", "{'and': a}.and", "b"]),
    ],
)
def test_a_condition_is_taken_apart_where_its_words_say_so(source: str, parts: Any) -> None:
    assert told(source) == parts


def test_a_part_knows_the_tables_of_the_whole() -> None:
    tables = {"zones": {"de": "x"}}
    found = outline_of("a | lookup('zones') == 'x' and b", tables=tables, names={"a", "b"})
    assert [part.template.evaluate({"a": "de", "b": 0}) for part in found.parts] == [True, False]


def test_only_a_bare_expression_has_an_outline() -> None:
    assert compile_template("{{ a and b }}").outline is None


LEAVES = st.sampled_from(
    ["a.x == 1", "a.y", "a.z is defined", "a.x in [1, 'b']", "a.n.and", "(a.x if a.y else 0)", "a.x > 0", "'or' == a.y"]
)


JOINTS = st.sampled_from(["and", "or", " and\n  ", "and not"])
CONDITIONS = st.recursive(
    LEAVES | LEAVES.map("not {}".format),
    lambda inner: (
        st.tuples(inner, JOINTS, inner).map(" ".join)
        | inner.map("({})".format)
        | st.tuples(inner, JOINTS, inner).map(" ".join).map("not ({})".format)
    ),
    max_leaves=6,
)
"""Conditions of any shape, with and without brackets that nobody needs."""


VALUES = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "b", "or"]) | st.just({"and": 1})
EVENTS = st.dictionaries(st.sampled_from(["x", "y", "z", "n"]), VALUES)


def evaluated(part: Outline, scope: Mapping[str, object]) -> object:
    """What the parts say together, asked one after the other as the language does; the error's words when one fails."""
    if part.joint is None:
        return whole(part.template, scope)
    if part.joint == "not":
        value = evaluated(part.parts[0], scope)
        return value if isinstance(value, str) else not value
    value = None
    for inner in part.parts:
        value = evaluated(inner, scope)
        if isinstance(value, str) or value is not (part.joint == "and"):
            return value
    return value


def whole(template: Any, scope: Mapping[str, object]) -> object:
    try:
        return template.evaluate(scope)
    except RenderError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, EVENTS)
def test_the_parts_together_say_what_the_whole_condition_says(source: str, a: dict[str, object]) -> None:
    condition, scope = compile_expression(source), {"a": a}
    assert condition.outline is not None
    outline = condition.outline()
    assert evaluated(outline, scope) == whole(condition, scope)
    assert whole(outline.template, scope) == whole(condition, scope)


@settings(max_examples=100, deadline=None)
@given(CONDITIONS)
def test_every_part_lies_where_it_says_and_in_order(source: str) -> None:
    def check(part: Outline) -> None:
        assert compile_expression(source[part.offset : part.offset + part.length]).reads == part.template.reads
        end = part.offset
        for inner in part.parts:
            assert end <= inner.offset
            end = inner.offset + inner.length
            check(inner)
        assert end <= part.offset + part.length

    check(outline_of(source))

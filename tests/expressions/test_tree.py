"""Nested values: rendering, leaving out, positions of problems and errors."""

import pytest

from bridge.expressions import OMIT, RenderError, TemplateRefused, compile_tree


def test_texts_are_rendered_and_everything_else_stays() -> None:
    tree = compile_tree({"a": "{{ n }}", "b": ["x{{ n }}", 1, None, True, 2.5], "{{ key }}": {"c": "text"}})

    assert tree.render({"n": 5}) == {"a": 5, "b": ["x5", 1, None, True, 2.5], "{{ key }}": {"c": "text"}}


def test_omitted_entries_and_items_are_left_out() -> None:
    tree = compile_tree({"a": "{{ omit }}", "b": ["{{ omit }}", 1], "c": {"d": "{{ omit }}"}, "n": "{{ null }}"})

    assert tree.render({}) == {"b": [1], "c": {}, "n": None}
    assert compile_tree("{{ omit }}").render({}) is OMIT


def test_reads_and_templates_are_those_of_all_texts() -> None:
    tree = compile_tree({"a": ["{{ x.y }}", "{{ z }}"], "b": 1})

    assert tree.reads == {("x", "y"), ("z",)}
    assert set(tree.templates) == {("a", 0), ("a", 1)}
    assert not tree.constant
    assert compile_tree({"a": "text"}).constant


def test_all_problems_carry_their_place() -> None:
    with pytest.raises(TemplateRefused) as caught:
        compile_tree({"a": "{{ ( }}", "b": [1, {"c": "{{ nope }}"}], 3: "x", "d": object()}, names=["body"])

    assert {problem.path for problem in caught.value.problems} == {("a",), ("b", 1, "c"), (), ("d",)}
    assert "b.1.c: there is no `nope` here" in str(caught.value)


def test_an_error_carries_its_place() -> None:
    with pytest.raises(RenderError) as caught:
        compile_tree({"a": [{"b": "hi {{ body.x }}"}]}).render({"body": {}})

    error = caught.value
    assert (error.path, error.name, error.offset) == (("a", 0, "b"), "body.x", 6)


def test_a_tree_has_a_depth_and_a_size() -> None:
    deep: object = "x"
    for _ in range(70):
        deep = [deep]
    with pytest.raises(TemplateRefused, match="nested too deeply"):
        compile_tree(deep)
    with pytest.raises(RenderError, match="256 KiB"):
        compile_tree(["{{ x }}", "{{ x }}"]).render({"x": "a" * 200_000})

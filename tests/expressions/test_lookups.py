import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions.lookups import lookups


def found(source: str, *, bare: bool = False) -> list[tuple[str, bool, str]]:
    """(path, guarded, what is marked) of each look-up."""
    return [
        (each.name, each.guarded, source[each.offset : each.offset + each.length])
        for each in lookups(source, bare=bare)
    ]


@pytest.mark.parametrize(
    ("source", "guarded"),
    [
        ("{{ body.a }}", False),
        ("{{ body.a | lower }}", False),
        ("{{ body.a | default('') }}", True),
        ("{{ (body.a) | default('') }}", True),
        ("{{ body.a | default('') | lower }}", True),
        ("{{ body.a | lower | default('') }}", False),
        ("{{ 'x' | default(body.a) }}", True),
        ("{{ body.a is defined }}", True),
        ("{{ 1 if body.a else 2 }}", False),
        ("{{ body.a if true else 2 }}", True),
        ("{{ (body.a if true else 2) | default(1) }}", True),
        ("{{ body.a or 1 }}", False),
        ("{{ 1 or body.a }}", True),
        ("{{ true and not body.a }}", True),
        ("{{ [1, {'x': body.a}] }}", False),
        ("{{ 'a' ~ body.a }} and text", False),
        ("{{ vars.list[body.a] }}", False),
        ("{{ body.a > 3 }}", False),
    ],
)
def test_a_look_up_is_guarded_when_the_template_goes_on_without_it(source: str, guarded: object) -> None:
    assert [each for each in found(source) if each[0] == "body.a"] == [("body.a", guarded, "body.a")]


def test_a_path_ends_before_its_first_computed_step() -> None:
    assert found("{{ body.a['b-c'][fields.key].d }}") == [
        ("body.a['b-c']", False, "body.a['b-c']"),
        ("fields.key", False, "fields.key"),
    ]


def test_another_spelling_of_a_path_is_marked_at_its_root() -> None:
    assert found("{{ body['a'].b }}") == [("body.a.b", False, "body")]


def test_a_bare_expression_has_look_ups_too_and_roots_alone_are_none() -> None:
    assert found("fields.kind == 'a' and body", bare=True) == [("fields.kind", False, "fields.kind")]


def test_what_is_there_is_found_and_what_fails_is_not() -> None:
    [look] = lookups("{{ body.a.0.b }}", bare=False)
    assert look.finds({"body": {"a": [{"b": None}]}})
    assert not look.finds({"body": {"a": []}})
    assert not look.finds({})


@given(st.text(max_size=80) | st.text("{}|body.a()'[] ", max_size=60))
def test_no_text_makes_it_fail(source: str) -> None:
    for bare in (True, False):
        for each in lookups(source, bare=bare):
            assert 0 <= each.offset < each.offset + each.length <= len(source)

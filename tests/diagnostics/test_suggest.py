import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.diagnostics import quoted_list, suggest


@pytest.mark.parametrize(
    ("name", "choices", "expected"),
    [
        ("match_onn", ["match_on", "set"], "match_on"),
        ("zendesk-main", ["hubspot-eu", "zendesk"], "zendesk"),
        ("Max-Body", ["max_body", "max_waiting"], "max_body"),
        ("emial", ["email", "name"], "email"),
        ("something", ["email", "name"], None),
        ("email", ["email"], None),
        ("x" * 1000, ["y" * 1000], None),
        ("a", [], None),
    ],
)
def test_the_nearest_name_is_suggested_only_when_it_is_near(
    name: str, choices: list[str], expected: str | None
) -> None:
    assert suggest(name, choices) == expected


@settings(deadline=None)
@given(st.text(), st.lists(st.text(), max_size=5))
def test_a_suggestion_is_always_one_of_the_choices(name: str, choices: list[str]) -> None:
    assert suggest(name, choices) in {None, *choices}


def test_a_long_list_of_names_is_cut() -> None:
    assert quoted_list(["a", "b"]) == "`a`, `b`"
    assert quoted_list("abcd", most=2) == "`a`, `b` and 2 more"

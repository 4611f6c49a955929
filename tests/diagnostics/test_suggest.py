from difflib import SequenceMatcher

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


@given(st.text("ab-_ C", max_size=8), st.lists(st.text("ab-_ C", min_size=1, max_size=8), max_size=5))
def test_no_choice_that_was_passed_over_is_more_alike(name: str, choices: list[str]) -> None:
    def likeness(choice: str) -> float:
        left, right = (text.lower().replace("-", "_").replace(" ", "_") for text in (choice, name))
        return SequenceMatcher(None, left, right, autojunk=False).ratio()

    found = suggest(name, choices)
    best = max((likeness(choice) for choice in choices if choice != name), default=0.0)
    assert (found is None) == (best < 0.7)
    assert found is None or likeness(found) == best


def test_a_long_list_of_names_is_cut() -> None:
    assert quoted_list(["a", "b"]) == "`a`, `b`"
    assert quoted_list("abcd", most=2) == "`a`, `b` and 2 more"

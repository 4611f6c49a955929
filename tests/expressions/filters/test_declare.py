"""The registry: documentation that is true, and declarations that hold."""

import pytest

from bridge.expressions import FILTERS, compile_template
from bridge.expressions.filters import REGISTRY
from bridge.expressions.filters.declare import Filter, Takes
from bridge.expressions.refusals import OTHER_NAMES
from tests.expressions.filters import refusal

EXPECTED = (
    "e164 person iso8601 epoch_ms date truncate truncate_bytes lower upper title capitalize trim replace regex_search "
    "regex_replace default json from_json lookup join split first last length int float string round abs sha256 "
    "base64 urlencode html_escape strip_html map_values keys values merge unique sort national where "
    "concat entries pieces"
)


@pytest.mark.parametrize("name", list(FILTERS))
def test_the_example_of_a_filter_is_true(name: str) -> None:
    doc = FILTERS[name]

    assert compile_template(doc.template, tables=doc.tables).render(doc.scope) == doc.result
    assert doc.name == name
    assert doc.usage.startswith(name)
    assert doc.summary.endswith(".")


def test_all_filters_of_the_language_are_there() -> None:
    assert set(FILTERS) == set(EXPECTED.split())


def test_names_from_other_languages_lead_to_filters_that_exist() -> None:
    assert set(OTHER_NAMES.values()) <= set(REGISTRY)
    assert not set(OTHER_NAMES) & set(REGISTRY)


@pytest.mark.parametrize("chosen", REGISTRY.values(), ids=REGISTRY)
def test_a_literal_parameter_comes_before_the_others(chosen: Filter) -> None:
    literal = [parameter.literal for parameter in chosen.parameters]
    assert literal == sorted(literal, reverse=True)


@pytest.mark.parametrize("name", [name for name, chosen in REGISTRY.items() if chosen.takes is not Takes.ANY])
def test_a_filter_refuses_null_and_says_what_it_is(name: str) -> None:
    arguments = {"truncate": "(1)", "truncate_bytes": "(1)", "replace": "('a', 'b')", "split": "('a')", "merge": "({})"}
    patterns = {
        "regex_search": "('a')",
        "regex_replace": "('a', 'b')",
        "where": "('a', 1)",
        "concat": "([])",
        "pieces": "(9)",
    }
    patterns |= {"entries": "('a', 'b')"}
    error = refusal(name + {**arguments, **patterns}.get(name, ""), None)
    assert "`x` is null" in str(error)

from typing import Any

import pytest
from pydantic import ValidationError

from tests.rules.builders import shape


@pytest.mark.parametrize(
    ("text", "value"),
    [("if: true", "true"), ("if: false", "false"), ("if: fields.a", "fields.a")],
)
def test_a_condition_may_be_yamls_true_or_false(text: str, value: str) -> None:
    assert shape(text).if_ == value


def test_one_pattern_needs_no_list() -> None:
    assert shape("on: a/b").on == ("a/b",)
    assert shape("on: [a/b, c/*]").on == ("a/b", "c/*")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "has space"},
        {"name": ""},
        {"name": "x" * 101},
        {"on": []},
        {"on": 5},
        {"steps": []},
        {"steps": [{"id": "has-dash", "use": "erp.post"}]},
        {"steps": [{"id": "1a", "use": "erp.post"}]},
        {"steps": [{"id": "a", "use": "erp.post", "catch": ["succeeded"]}]},
        {"steps": [{"id": "a", "use": "erp.post", "catch": ["refused"]}]},
        {"steps": [{"id": "a"}]},
        {"key": 5},
        {"order": "loose"},
        {"order_hold": 900},
        {"coalesce": {"within": "0.5"}},
        {"only_forward": {"order": [], "by": "x"}},
        {"only_forward": {"order": ["a"]}},
        {"only_newer": "yes"},
        {"only_newer": {"by": "x", "than": "y"}},
        {"mode": "dry"},
        {"retry": {"schedule": []}},
        {"retry": {"schedule": ["1ms"]}},
        {"retry": {"horizon": 5}},
        {"steps": [{"id": "a", "use": "erp.post", "timeout": "0s"}]},
        {"steps": [{"id": "a", "use": "erp.post", "for_each": ["a"]}]},
        {"recall": ["user"]},
        {"surprise": 1},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        shape("", **wrong)


def test_only_newer_has_a_short_form() -> None:
    short, off = shape("only_newer: true").only_newer, shape("only_newer: false").only_newer
    assert short is not None
    assert (short.by, short.time, off) == (None, "{{ event.time }}", None)

"""Arithmetic, comparison and tests, seen through templates."""

import pytest

from bridge.expressions import RenderError, TemplateRefused, compile_template

SCOPE: dict[str, object] = {"n": 7, "f": 2.5, "t": "abc", "yes": True, "nil": None, "l": [1, "a"], "o": {"k": 1}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n + 1", 8),
        ("n - 10", -3),
        ("n * f", 17.5),
        ("n / 2", 3.5),
        ("n // 2", 3),
        ("n % 4", 3),
        ("-n", -7),
        ("+n", 7),
        ("t + 'd'", "abcd"),
        ("t ~ n ~ yes", "abc7true"),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("n == 7.0", True),
        ("yes == 1", False),
        ("t == 'abc'", True),
        ("n == '7'", False),
        ("nil == none", True),
        ("l == [1, 'a']", True),
        ("l == [true, 'a']", False),
        ("o == {'k': 1}", True),
        ("o == {'j': 1}", False),
        ("o == {'k': 2}", False),
        ("o == l", False),
        ("n != 7", False),
        ("1 < n <= 7", True),
        ("n > 7", False),
        ("n >= 7", True),
        ("t < 'abd'", True),
        ("'a' in l", True),
        ("true in l", False),
        ("'k' in o", True),
        ("1 in o", False),
        ("'bc' in t", True),
        ("'x' not in t", True),
        ("1 if yes else 2", 1),
        ("1 if nil else 2 if yes else 3", 2),
        ("n is number", True),
        ("yes is number", False),
        ("yes is boolean", True),
        ("t is string", True),
        ("l is sequence", True),
        ("t is sequence", False),
        ("o is mapping", True),
        ("nil is none", True),
        ("nil is null", True),
        ("n is not none", True),
        ("yes is true", True),
        ("n is true", False),
        ("yes is false", False),
        ("n is integer", True),
        ("n is in [7]", True),
        ("n is eq 7", True),
        ("n is gt(6)", True),
        ("not n", False),
    ],
)
def test_expressions_calculate_as_json_would(expression: str, value: object) -> None:
    result = compile_template("{{ " + expression + " }}").render(SCOPE)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "expression",
    [
        "t + 1",
        "1 + t",
        "t - 1",
        "t * 2",
        "t % 2",
        "yes + 1",
        "nil + 1",
        "l + l",
        "-t",
        "n / 0",
        "n // 0",
        "n % 0",
        "n < t",
        "n < nil",
        "yes < 2",
        "l < l",
        "1 in n",
        "n in t",
        "10000000000000000000000000000000000000000 * n",
        "n * 9999999999999999999999999999999999999999",
        "1e39 * 1e39",
        "l ~ t",
        "{n: 1}",
        "l[yes]",
        "l[f]",
    ],
)
def test_unlike_or_unbounded_operands_are_errors(expression: str) -> None:
    with pytest.raises((RenderError, TemplateRefused)) as caught:
        compile_template("{{ " + expression + " }}").render(SCOPE)
    assert "abc" not in str(caught.value)


def test_equality_survives_any_depth() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert compile_template("{{ a == b }}").render({"a": deep, "b": deep}) is True
    assert compile_template("{{ a == 1 }}").render({"a": deep}) is False


def test_a_constant_that_can_never_work_is_refused_at_load() -> None:
    with pytest.raises(TemplateRefused, match="text, not a number"):
        compile_template("{{ 'a' * 100000000 }}")

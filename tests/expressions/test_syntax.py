"""Reading: texts in quotes, line ends, and what counts as one expression."""

import pytest

from bridge.expressions import RenderError, TemplateRefused, compile_expression, compile_template
from bridge.expressions.syntax import parse_expression, parse_template


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (r"'\d+\b'", r"\d+\b"),
        (r"'\\d'", r"\d"),
        (r"'a\nb\tc\r'", "a\nb\tc\r"),
        (r"'it\'s'", "it's"),
        (r'"say \"x\""', 'say "x"'),
        (r"'\u00e9'", "é"),
        (r"'\U0001F64F'", "🙏"),
        (r"'\1'", r"\1"),
        (r"'\x41'", r"\x41"),
        ("'a\r\nb'", "a\r\nb"),
        ("'é🙏'", "é🙏"),
        ("'a' 'b'", "ab"),
        ("1_000", 1000),
        ("0x10", 16),
        ("1.5e3", 1500.0),
        ("True", True),
        ("None", None),
    ],
)
def test_literals_are_exact(source: str, value: object) -> None:
    assert compile_template("{{ " + source + " }}").render({}) == value


@pytest.mark.parametrize("source", [r"'\ud83d'", r"'\U00110000'", r"'\UFFFFFFFF'"])
def test_escapes_that_are_no_character_are_refused(source: str) -> None:
    with pytest.raises(TemplateRefused, match="no character"):
        parse_template("{{ " + source + " }}")


def test_line_ends_stay_as_they_are() -> None:
    for text in ("a\rb", "a\r\nb\n", "\n\n", "\r", "a\u2028b\x85\x1c"):
        assert compile_template(text + "{{ 1 }}" + text).render({}) == text + "1" + text


def test_a_line_break_after_a_single_expression_does_not_count() -> None:
    assert parse_template("{{ a }}\n").single
    assert not parse_template("{{ a }}\n\n").single
    assert not parse_template("\n{{ a }}").single
    assert not parse_template("{{ a }}{{ b }}").single
    assert not parse_template("").pieces


def test_a_bare_expression_may_span_lines_and_hold_braces() -> None:
    assert parse_expression("a\n  and b\n").single
    assert parse_expression("{'a': {'b': {}}}").single
    assert parse_expression("{{ a }}\n").single
    assert parse_expression("'{{ not a template }}'").single


def test_deep_but_reasonable_nesting_works() -> None:
    source = "(" * 24 + "1" + ")" * 24
    assert compile_template("{{ " + source + " }}").render({}) == 1
    chain = " ~ ".join(["a"] * 200)
    assert compile_template("{{ " + chain + " }}").render({"a": "x"}) == "x" * 200
    assert compile_template("{{ a" + " + 1" * 50 + " }}").render({"a": 0}) == 50


def test_the_deepest_templates_render_without_exhausting_the_stack() -> None:
    source = "[" * 24 + "a" + "]" * 24
    with pytest.raises(RenderError, match="missing"):
        compile_template("{{ " + source + " }}").render({})


@pytest.mark.parametrize(
    ("source", "date"),
    [
        ("event.time > 2026-01-01", "2026-01-01"),
        ("event.time > 2026-12-31 and body.a", "2026-12-31"),
        ("{{ event.time > 2026-01-01T10:00:00Z }}", "2026-01-01T10:00:00Z"),
        ("body.a == '2026-01-01' and event.time > 2026-01-02", "2026-01-02"),
    ],
)
def test_a_date_without_quotes_is_refused_with_its_mend(source: str, date: str) -> None:
    with pytest.raises(TemplateRefused) as refused:
        compile_expression(source)
    [problem] = refused.value.problems
    assert problem.message == f"the date `{date}` has no quotes"
    assert problem.help == f"write `'{date}'`"
    assert source[problem.offset : (problem.offset or 0) + problem.length] == date


@pytest.mark.parametrize(
    "source", ["'2026-01-01' < 'b'", '"it\'s 2026-01-01" == "x"', "2026 - 12 - 31 == 1983", "2026-12-3 == 2011"]
)
def test_dates_in_texts_and_differences_of_numbers_are_left_alone(source: str) -> None:
    assert isinstance(compile_expression(source).evaluate({}), bool)

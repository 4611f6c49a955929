"""What is refused when a template is compiled, where, and with which mend."""

import pytest

from bridge.expressions import Problem, TemplateRefused, compile_expression, compile_template

NAMES = ("body", "fields", "event", "headers", "vars")


def problems(source: str) -> tuple[Problem, ...]:
    with pytest.raises(TemplateRefused) as caught:
        compile_template(source, names=NAMES, tables={"stages": {}})
    return caught.value.problems


def problem(source: str) -> Problem:
    found = problems(source)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("source", "marked", "message", "mend"),
    [
        ("{% if a %}x{% endif %}", "{%", "statements", "a if condition else b"),
        ("x {% set a = 1 %}", "{%", "statements", "a if condition else b"),
        ("{% raw %}{{ x }}{% endraw %}", "{%", "statements", None),
        ("{{ body.a = 'x' }}", "=", "assign", "`==`"),
        ("{{ body.a && body.b }}", "&&", "&&", "`and`"),
        ("{{ body.a AND body.b }}", "AND", "`AND`", "`and`"),
        ("{{ body.a contains 'b' }}", "contains", "`contains`", "`'text' in body.field`"),
        ("{{ body.a == \u201cb\u201d }}", "\u201c", "typographic quotes", "straight quotes"),
        ("{{ body.a }", "}", "`}`", "close `{{` with `}}`"),
        ("{{ body.a | e16 }}", "e16", "`e16`", "`e164`"),
        ("{{ body.a || body.b }}", "|", "||", "`or`"),
        ("{{ !body.a }}", "!", "`!`", "not x"),
        ("{{ body.a ? 1 : 2 }}", "?", "`?`", "else"),
        ("{{ body.a === 1 }}", "=", "`=`", "`==`"),
        ("{{ ${X} }}", "$", "`$`", "names"),
        ("{{ `x` }}", "`", "backticks", "'text'"),
        ("{{ }}", "}}", "value is expected", "body.id"),
        ("{{ body.a", "a", "too early", "close"),
        ("{{ (body.a }}", "}}", "not expected", "brackets"),
        ("{{ 'abc }}", "'", "not closed", "quote"),
        ("{{ body.2fa }}", "fa", "digit", "a['2b']"),
        ("{{ body.a b }}", "b", "`b` is not expected", None),
        ("{# never closed", "{#", "comment", "{{ '{#' }}"),
        ("{{ body.get('x') }}", "(", "calls", "default"),
        ("{{ body.items[1:2] }}", "[", "slices", "first"),
        ("{{ body.items[1,2] }}", None, "round brackets", "['a', 'b']"),
        ("{{ body.a in ('x', 'y') }}", None, "round brackets", "['a', 'b']"),
        ("{{ body.a, body.b }}", None, "round brackets", "['a', 'b']"),
        ("{{ 2 ** 100 }}", "2", "`**`", "multiply"),
        ("{{ body.a if body.b }}", None, "lacks its `else`", "omit"),
        ("{{ bdy.a }}", "bdy", "no `bdy`", "`body`"),
        ("{{ zzz }}", "zzz", "no `zzz`", "known are body"),
        ("{{ headers.x-id }}", "id", "no `id`", "headers['x-request-id']"),
        ("{{ body.a | lowr }}", "lowr", "no filter `lowr`", "`lower`"),
        ("{{ body.a | tojson }}", "tojson", "no filter", "`json`"),
        ("{{ body.a | qqqqq }}", "qqqqq", "no filter", "known are"),
        ("{{ body.a | lower(1) }}", "lower", "arguments", "| lower"),
        ("{{ body.a | truncate }}", "truncate", "arguments", "truncate(n, end='…')"),
        ("{{ body.a | truncate(5, n=5) }}", "truncate", "arguments", "truncate"),
        ("{{ body.a | truncate(*body.b) }}", "truncate", "arguments", "truncate"),
        ("{{ body.a | truncate('5') }}", "'5'", "whole number", "truncate"),
        ("{{ body.a | truncate(true) }}", "true", "whole number", "truncate"),
        ("{{ body.a | default(1, 2) }}", "2", "true or false", "default"),
        ("{{ body.a | regex_search(body.b) }}", "body", "written in place", "regex_search"),
        ("{{ body.a | regex_search('(') }}", "'('", "not usable", "RE2"),
        ("{{ body.a | regex_search('(?=x)') }}", "'(?=x)'", "not usable", "look-ahead"),
        ("{{ body.a | regex_search('a', 1) }}", "1", "no group", "0 is the whole"),
        ("{{ body.a | regex_replace('a', '\\1') }}", None, "no group", None),
        ("{{ body.a | lookup('stage') }}", "'stage'", "no lookup table `stage`", "`stages`"),
        ("{{ body.a | lookup(stages) }}", "stages", "written in place", "lookup('stages')"),
        ("{{ body.a | date('%q') }}", "'%q'", "no `%q`", "%Y"),
        ("{{ body.a | date('%Y', 'Mars/One') }}", "'Mars/One'", "no such time zone", "Asia/Kolkata"),
        ("{{ body.a | e164('xx') }}", "'xx'", "no such region", "e164('IN')"),
        ("{{ body.a is blue }}", "is", "no test", None),
        ("{{ body.a is strin }}", "is", "no test", "`is string`"),
        ("{{ body.a is string(1) }}", "is", "arguments", None),
        ("{{ body.a + none }}", "none", "null", None),
        ("{{ 1e999 }}", "1e999", "too large", None),
        ("{{ '\\ud800' }}", "\\ud800", "no character", None),
    ],
)
def test_a_refusal_says_where_and_what_to_write(
    source: str, marked: str | None, message: str, mend: str | None
) -> None:
    found = problem(source)

    assert message in found.message
    assert mend is None or mend in (found.help or "")
    assert found.offset is not None
    if marked is not None:
        assert source[found.offset : found.offset + len(marked)] == marked
    assert 0 <= found.offset < len(source)


def test_all_problems_of_a_template_are_told_in_order() -> None:
    found = problems("{{ bdy.a }} {{ body.a | lowr }} {{ feilds.b | truncate('x') }}")

    assert [item.message for item in found] == [
        "there is no `bdy` here",
        "there is no filter `lowr`",
        "there is no `feilds` here",
        "`n` of `truncate` must be a whole number",
    ]
    assert [item.offset for item in found] == sorted(item.offset or 0 for item in found)


def test_names_are_free_when_none_are_given() -> None:
    assert compile_template("{{ anything.goes }}").reads == {("anything", "goes")}


def test_omit_and_null_are_always_known() -> None:
    assert compile_template("{{ omit }}{{ null }}", names=()).reads == frozenset()


def test_offsets_of_bare_expressions_count_from_their_own_start() -> None:
    with pytest.raises(TemplateRefused) as caught:
        compile_expression("fields.kind = 'text'")
    assert caught.value.problems[0].offset == len("fields.kind ")

    with pytest.raises(TemplateRefused) as caught:
        compile_expression("{{ fields.kind = 'text' }}")
    assert caught.value.problems[0].offset == len("{{ fields.kind ")


def test_braces_inside_of_an_expression_are_to_be_left_out() -> None:
    with pytest.raises(TemplateRefused) as caught:
        compile_expression("not {{ fields.kind }}")
    assert caught.value.problems[0].help == "write the whole expression without `{{ }}`"


def test_offsets_count_characters_across_lines_and_returns() -> None:
    source = "é\r\n🙏 {{- body.a }}\r\n\r\n{{ bdy }}"

    found = problem(source)

    assert found.offset is not None
    assert source[found.offset : found.offset + found.length] == "bdy"


def test_a_text_without_templates_may_not_be_endless_either() -> None:
    assert "4096" in problem("a" * 4097).message
    assert compile_template("a" * 4096).constant

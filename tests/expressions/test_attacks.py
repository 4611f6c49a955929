"""Templates that try to break out, to hang, to grow or to lie: refused at load, or harmless."""

from contextlib import suppress

import pytest

from bridge.expressions import RenderError, TemplateRefused, compile_template
from bridge.expressions.values import MAX_OUTPUT_BYTES

SCOPE: dict[str, object] = {"body": {"a": "x" * 1000, "n": 5, "l": [1, 2, 3]}, "nothing": None}

REFUSED_AT_LOAD = [
    "{{ ''.__class__.__mro__() }}",
    "{{ body.__class__.__base__.__subclasses__() }}",
    "{{ ''.join(['a']) }}",
    "{{ '%s' | format('x') }}",
    "{{ '{0.__class__}' | format(body) }}",
    "{{ '{0.__class__}'.format(body) }}",
    "{{ body | attr('__class__') }}",
    "{{ [body] | map(attribute='__class__') | list }}",
    "{{ self.__init__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum(n=100000) }}",
    "{{ range(1000000000) | list }}",
    "{{ dict(a=1) }}",
    "{{ namespace(a=1) }}",
    "{{ joiner(',') }}",
    "{% for a in range(999999999) %}x{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% import 'os' as os %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'x' %}",
    "{% set a = 'x' * 9999999 %}",
    "{% filter upper %}x{% endfilter %}",
    "{% do body.clear() %}",
    "{% call x() %}{% endcall %}",
    "{% with a = 1 %}{% endwith %}",
    "{% raw %}{{ 7*7 }}{% endraw %}",
    "{{ 'a' * 999999999 }}",
    "{{ 999999999 * 'a' }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'x' | center(999999999) }}",
    "{{ 'x' | indent(999999999) }}",
    "{{ 'x' | ljust(999999999) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ 'a' | wordwrap(1) }}",
    "{{ body | pprint }}",
    "{{ body | xmlattr }}",
    "{{ body.l[::-1] }}",
    "{{ body.a | regex_search('(a+)+$' ~ body.a) }}",
    "{{ body.a | regex_search('(?<=a)b') }}",
    "{{ body.a | regex_search('((((a{99}){99}){99}){99})') }}",
    "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "{{ " + "[" * 2000 + "]" * 2000 + " }}",
    "{{ " + "not " * 1000 + "1 }}",
    "{{ " + "-" * 4000 + "1 }}",
    "{{ " + "1 + " * 1000 + "1 }}",
    "{{ " + "1 if 1 else " * 300 + "1 }}",
    "{{ body" + ".a" * 1500 + " }}",
    "{{ body" + "[0]" * 1300 + " }}",
    "{{ body.a" + " | lower" * 500 + " }}",
    "{{ [" + "1," * 2000 + "] }}",
    "{{ a and " * 500,
    "{{" * 2000,
    "{#" * 2000,
    "{{ '" + "\\" * 4000,
    "x" * 5000,
    "{{ 1e999 }}",
    "{{ '\\ud800' }}",
    "{{ \ud800 }}",
    "{{ body.a; import os }}",
    "{{ lambda: 1 }}",
    "{{ [x for x in body] }}",
    "{{ body.a := 1 }}",
    "{{ body.a @ 1 }}",
    "{{ {1: 2, **body} }}",
    "\x1c\x1d\x1e\x1f{{ body.a }}",
]

HARMLESS = [
    "{{ body.__class__ }}",
    "{{ body['__class__'] }}",
    "{{ body.items }}",
    "{{ body.pop }}",
    "{{ loop }}",
    "{{ self }}",
    "{{ config }}",
    "{{ request.application.__globals__ }}",
    "{{ nothing }}",
    "{{ body.l.append }}",
    "{{ body.n.real }}",
    "{{ body.a.format }}",
    "{{ body.a ~ body.a ~ body.a }}",
    "{{ body.a | replace('x', body.a) }}",
    "{{ body.a | regex_replace('', 'xxxxx') }}",
    "{{ body.a | replace('', 'y') }}",
    "{{ body.a | truncate(999999999999) }}",
    "{{ body.a | truncate(-1) }}",
    "{{ body.a | split('') }}",
    "{{ 9999999999999999999999999999999999999999 * 9999999999999999999999999999999999999999 }}",
    "{{ [1] * 999999999 }}",
    "{{ 0x7fffffffffffffffffffffffffffffffffffffffffff }}",
    "{{ body.n // 0 }}",
    "{{ body.l | join(body.a) }}",
    "{{ [body, body, body] | json }}",
    "{{ '[' | from_json }}",
    "{{ 'NaN' | from_json }}",
    "{{ '1e999' | from_json }}",
    "{{ '1e999' | float }}",
    "{{ '1e999' | int }}",
    "{{ 1 | round(-5) }}",
    "{{ '&#99999999999999999999;' | strip_html }}",
    "{{ body.a | regex_search('(x+x+)+y') }}",
]


def _outcome(source: str) -> object:
    try:
        return compile_template(source).render(SCOPE)
    except RenderError:
        return None


@pytest.mark.parametrize("source", REFUSED_AT_LOAD, ids=range(len(REFUSED_AT_LOAD)))
def test_an_attack_is_refused_at_load_with_a_place(source: str) -> None:
    with pytest.raises(TemplateRefused) as caught:
        compile_template(source)
    assert all(problem.offset is not None for problem in caught.value.problems)


@pytest.mark.parametrize("source", HARMLESS, ids=range(len(HARMLESS)))
def test_an_attack_gives_an_error_or_plain_data(source: str) -> None:
    result = _outcome(source)
    assert result is None or isinstance(result, str | int | float | list)
    assert not isinstance(result, str) or len(result) <= MAX_OUTPUT_BYTES
    assert "object at 0x" not in str(result)
    assert "method" not in str(result)


LONG = 240_000


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        ("x | strip_html", "<"),
        ("x | strip_html", " "),
        ("x | strip_html", "<script>"),
        ("x | strip_html", "<script></script>"),
        ("x | strip_html", "<!--"),
        ("x | strip_html", "<a "),
        ("x | strip_html", "&#"),
        ("x | strip_html", "\n"),
        ("x | html_escape", "<"),
        ("x | title", "a("),
        ("x | trim", " "),
        ("x | split(' ') | unique | length", "a "),
        ("x | replace(' ', '') | length", "a "),
        ("x | from_json", "["),
        ("x | from_json", '"\\'),
        ("x | from_json", "1"),
        ("x | int", "1"),
        ("x | float", "1"),
        ("x | iso8601", "1"),
        ("x | person", "1"),
        ("x | truncate_bytes(10)", "é"),
        ("x | truncate(60000) | regex_search('(a+)+b')", "a"),
        ("x | truncate(60000) | regex_replace('a(.*b)?', 'c')", "a"),
        ("x | upper", "ß"),
    ],
)
def test_no_filter_takes_more_than_linear_work(expression: str, unit: str) -> None:
    # Quadratic work on this length takes minutes; pytest's own timeout is what would tell.
    template = compile_template("{{ " + expression + " }}")
    with suppress(RenderError):
        template.render({"x": unit * (LONG // len(unit))})

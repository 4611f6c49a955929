"""Templates that try to break out, to hang, to grow or to lie: refused at load, or harmless."""

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import pytest

from bridge.connectors.library import shipped
from bridge.expressions import RenderError, TemplateRefused, compile_expression, compile_template
from bridge.expressions.syntax import MAX_SOURCE_BYTES
from bridge.expressions.values import MAX_OUTPUT_BYTES
from bridge.rules.compile import compile_rule
from bridge.rules.schema import RuleShape

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
    "{{ body.a.__class__() }}",
    "{{ (body | json).__class__.__mro__.mro() }}",
    "{{ [].append(body) }}",
    "{{ ().__class__.__bases__[0].__subclasses__() }}",
    "{{ body | groupby('a') }}",
    "{{ body | batch(1) }}",
    "{{ body.l | sum }}",
    "{{ body.a | filesizeformat }}",
    "{{ body.a | random }}",
    "{{ body.a | safe }}",
    "{{ body.l | select('defined') }}",
    "{{ body.l | map('upper') }}",
    "{{ body.a is callable }}",
    "{{ body.a is filter }}",
    "{{ body.a is sameas(body.a) }}",
    "{{ caller() }}",
    "{{ super() }}",
    "{{ url_for('x') }}",
    "{{ get_flashed_messages() }}",
    "{% autoescape false %}{{ body.a }}{% endautoescape %}",
    "{%- for a in body -%}{% endfor %}",
    "{%+ set a = 1 %}",
    "{{ body.a | truncate(10, '…' * 99999999) }}",
    "{{ body.a | regex_replace('a', 'b' * 99999999) }}",
    "{{ body.a | regex_search('(?P<n>a)(?P=n)') }}",
    "{{ body.a | regex_search('(a)\\1') }}",
    "{{ body.a | regex_search('a{100000}') }}",
    "{{ body.a | regex_search('(?:(?:(?:a{50}){50}){50}){50}') }}",
    "{{ body.a | regex_search('[') }}",
    "{{ " + "a if a else (" * 200 + "1" + ")" * 200 + " }}",
    "{{ " + "{'a': " * 400 + "1" + "}" * 400 + " }}",
    "{{ '" + "\\u0041" * 800 + "' }}",
    "{{ 1" + "0" * 5000 + " }}",
    "{{ body.a == " + "body.a == " * 380 + "1 }}",
    "{{ body.a }}{{ body.a } }",
    "{{ body.a | }}",
    "{{ | lower }}",
    "{{ body..a }}",
    "{{ body.a b }}",
    "{{ body.a | regex_replace('.', body.a) }}",
    "{{ '%' " + "| urlencode" * 60 + " }}",
    "{{ body.a | date('%Y' ~ body.a) }}",
    "{{ 1780369298 | date('%999999999d') }}",
    "{{ 1e300 * 1e300 }}",
    "{{ body.a | e164(body.a) }}",
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
    "{{ body.a | regex_search('(x|x)*y') }}",
    "{{ body.a | regex_replace('(x*)*', '\\\\1\\\\1\\\\1\\\\1') }}",
    "{{ body.a | replace('x', body.a) | replace('x', body.a) }}",
    "{{ body" + " | json" * 30 + " }}",
    "{{ body.a" + " | html_escape" * 40 + " }}",
    "{{ body.a" + " | base64" * 40 + " }}",
    "{{ " + "[" * 20 + "body.a" + ", body.a]" * 20 + " | json }}",
    "{{ " + "[" * 20 + "body" + ", body]" * 20 + " }}",
    "{{ body.a | split('x') | join(body.a) }}",
    "{{ body.a | split('') | join(body.a) }}",
    "{{ body.l | join('x' ~ body.a ~ body.a) }}",
    "{{ body.n % 0 }}",
    "{{ -body.n // 0.0 }}",
    "{{ 9" + "9" * 39 + " + 1 }}",
    "{{ body.n | round(9999999) }}",
    "{{ ('9' ~ body.a) | int }}",
    "{{ body.l | sort | first }}",
    "{{ [body, body.l, 1, 'a'] | sort }}",
    "{{ [[1], [1], {'a': 1}] | unique }}",
    "{{ body.l['__class__'] }}",
    "{{ body.l[-99999999999999999999] }}",
    "{{ body[body] }}",
    "{{ body[nothing] }}",
    "{{ {'__class__': 1}.__class__ }}",
    "{{ body.a | first }}",
    "{{ body.get }}",
    "{{ body.a.encode }}",
    "{{ body.n.__add__ }}",
    "{{ body.a" + " ~ body.a" * 450 + " }}",
    "{{ [omit, omit] }}",
]


MOST_WORK = 200 * MAX_SOURCE_BYTES
"""Lines of Python that reading a text or rendering it may take: so many for each byte of the longest, some 30 ms."""


def _work(act: Callable[[], object]) -> int:
    """How many lines of Python run while something is done or refused: a measure that no other process disturbs."""
    lines = 0

    def traced(_frame: FrameType, event: str, _argument: object) -> object:
        nonlocal lines
        lines += event == "line"
        return traced

    before = sys.gettrace()
    sys.settrace(traced)  # type: ignore[arg-type]  # the stub wants the type of the function itself
    try:
        with suppress(TemplateRefused, RenderError):
            act()
    finally:
        sys.settrace(before)
    return lines


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


@pytest.mark.parametrize("source", REFUSED_AT_LOAD, ids=range(len(REFUSED_AT_LOAD)))
def test_refusing_an_attack_is_little_work(source: str) -> None:
    assert _work(lambda: compile_template(source)) < MOST_WORK
    assert _work(lambda: compile_expression(source)) < MOST_WORK


@pytest.mark.parametrize("source", HARMLESS, ids=range(len(HARMLESS)))
def test_carrying_an_attack_out_is_little_work(source: str) -> None:
    assert _work(lambda: compile_template(source).render(SCOPE)) < MOST_WORK


def test_there_are_many_attacks_and_none_twice() -> None:
    assert len({*REFUSED_AT_LOAD, *HARMLESS}) == len(REFUSED_AT_LOAD) + len(HARMLESS) > 100


@pytest.mark.parametrize("key", ["if", "key", "vars", "recall", "for_each", "step if", "with", "path", "remember"])
@pytest.mark.parametrize("attack", ["''.__class__.__mro__()", "9 ** 9 ** 9", "body.a | attr('__class__')", "range(9)"])
def test_no_place_of_a_rule_takes_an_attack(key: str, attack: str) -> None:
    step: dict[str, object] = {"id": "s", "use": "erp.post", "with": {"path": "/x"}, "remember": {}}
    rule: dict[str, object] = {"name": "one", "on": "a/b", "steps": [step]}
    braced = f"{{{{ {attack} }}}}"
    places: dict[str, tuple[dict[str, object], str, object]] = {
        "if": (rule, "if", attack),
        "key": (rule, "key", braced),
        "vars": (rule, "vars", {"a": [braced]}),
        "recall": (rule, "recall", {"a": braced}),
        "for_each": (step, "for_each", attack),
        "step if": (step, "if", attack),
        "with": (step, "with", {"path": "/x", "json": {"deep": [{"a": braced}]}}),
        "path": (step, "with", {"path": f"/{braced}"}),
        "remember": (step, "remember", {"a": braced}),
    }
    holder, name, value = places[key]
    holder[name] = value
    compiled, problems = compile_rule(RuleShape.model_validate(rule), {"erp": shipped("http")})

    assert compiled is None
    assert {problem.code for problem in problems} <= {"BR120", "BR121", "BR122", "BR123"}


def test_variables_cannot_build_on_each_other_and_so_not_double_without_end() -> None:
    shape = RuleShape.model_validate(
        {
            "name": "one",
            "on": "a/b",
            "vars": {"a": "{{ body.a ~ body.a }}", "b": "{{ vars.a ~ vars.a }}"},
            "steps": [{"id": "s", "use": "erp.post", "with": {"path": "/x"}}],
        }
    )
    compiled, problems = compile_rule(shape, {"erp": shipped("http")})

    assert compiled is None
    assert problems[0].message == "there is no `vars` here"


@pytest.mark.parametrize("source", HARMLESS, ids=range(len(HARMLESS)))
def test_an_attack_gives_an_error_or_plain_data(source: str) -> None:
    result = _outcome(source)
    assert result is None or isinstance(result, str | int | float | list)
    assert not isinstance(result, str) or len(result) <= MAX_OUTPUT_BYTES
    assert "object at 0x" not in str(result)
    assert "method" not in str(result)


LONG = 240_000
SHORT = 3_000


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
    template = compile_template("{{ " + expression + " }}")

    def work(characters: int) -> int:
        return _work(lambda: template.render({"x": unit * (characters // len(unit))}))

    assert work(2 * SHORT) < 2.5 * work(SHORT) + 1000
    # What C does is not counted; quadratic work of it on this length takes minutes, and pytest's timeout would tell.
    with suppress(RenderError):
        template.render({"x": unit * (LONG // len(unit))})

"""Whatever is written, and whatever data comes: only our own errors."""

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.expressions import (
    FILTERS,
    OMIT,
    Problem,
    RenderError,
    Template,
    TemplateRefused,
    compile_expression,
    compile_template,
    compile_tree,
)
from bridge.expressions.values import MAX_OUTPUT_BYTES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.just("x"), inner, max_size=4),
    max_leaves=12,
)
SIGNS = "{{ }} {% %} {# #} {{- -}} . [ ] ( ) { } | ~ , : + - * / // % ** == != < <= = ' \""
NAMES = "body x not and or in is if else defined none true omit 1 0 2.5 1e9 'a' \"b\" '\\d+' é 🙏"
WORDS = st.sampled_from([*SIGNS.split(), *NAMES.split(), *FILTERS, "\r", "\n", " "])
SOURCES = st.lists(WORDS, max_size=25).map(" ".join) | st.text(max_size=60) | st.lists(WORDS, max_size=12).map("".join)
PATHS = st.sampled_from(["body", "body.x", "body.x.x", "body.x.0", "body['x']", "'text'", "12", "[1, 'a']", "null"])


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Expressions that mostly compile, so that rendering is reached."""
    kind = draw(st.integers(0, 5))
    one = draw(PATHS)
    if kind == 0:
        return one
    inner = draw(expressions()) if draw(st.booleans()) else draw(PATHS)
    if kind == 1:
        sign = draw(st.sampled_from(["+", "-", "*", "/", "//", "%", "~", "==", "<", "in", "and", "or"]))
        return f"({one} {sign} {inner})"
    if kind == 2:
        return f"({inner} | default({one}))"
    if kind == 3:
        return f"({one} if {inner} else omit)"
    name = draw(st.sampled_from([*FILTERS]))
    arguments = draw(st.sampled_from(["", "", "(3)", "('a')", "('a', 'b')", "('%Y')", f"({one})"]))
    return f"({inner} | {name}{arguments})"


def _compiled(source: str) -> Template | None:
    problems: tuple[Problem, ...] = ()
    try:
        return compile_template(source)
    except TemplateRefused as refused:
        problems = refused.problems
    assert problems
    for problem in problems:
        assert problem.offset is None or 0 <= problem.offset <= len(source)
        assert problem.message
    return None


@settings(max_examples=300, deadline=None)
@given(SOURCES)
def test_compiling_any_text_raises_only_a_refusal(source: str) -> None:
    _compiled(source)
    with suppress(TemplateRefused):
        compile_expression(source)


@settings(max_examples=300, deadline=None)
@given(expressions(), JSON)
def test_rendering_any_data_raises_only_a_render_error(expression: str, body: object) -> None:
    template = _compiled("{{ " + expression + " }}")
    if template is None:
        return
    for render in (template.render, template.render_text, template.render_path, template.evaluate):
        try:
            result = render({"body": body})
        except RenderError:
            continue
        if result is not OMIT:
            text = json.dumps(result, ensure_ascii=False, allow_nan=False)
            assert len(text.encode()) <= 8 * MAX_OUTPUT_BYTES


@settings(max_examples=100, deadline=None)
@given(expressions(), JSON)
def test_rendering_twice_gives_the_same(expression: str, body: object) -> None:
    template = _compiled("{{ " + expression + " }}")
    if template is None:
        return
    results = []
    for _ in range(2):
        try:
            results.append(repr(template.render({"body": body})))
        except RenderError as error:
            results.append(str(error))
    assert results[0] == results[1]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40).filter(lambda text: "{" not in text))
def test_text_without_braces_is_given_back_as_it_is(text: str) -> None:
    template = _compiled(text)
    assert template is None or template.render({}) == text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_a_value_never_becomes_part_of_the_template(text: str) -> None:
    try:
        rendered = compile_template("<{{ x }}>").render({"x": text})
    except RenderError:
        return
    assert rendered == f"<{text}>"


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_nested_value_compiles_or_is_refused(value: object) -> None:
    with suppress(TemplateRefused, RenderError):
        compile_tree(value).render({})

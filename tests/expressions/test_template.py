"""What templates give: types, text, paths, conditions, missing values."""

from collections.abc import Collection

import pytest

from bridge.expressions import OMIT, RenderError, TemplateRefused, compile_expression, compile_template, paths
from bridge.expressions.paths import nearest
from tests.canaries import CANARIES, CUSTOMER_NAME, PHONE, TEXT

SCOPE: dict[str, object] = {
    "body": {
        "items": [10, 20],
        "sender": PHONE,
        "text": TEXT,
        "nothing": None,
        "flag": True,
        "price": 4.5,
        "count": 3,
        "empty": "",
        "none_left": [],
        "deep": {"er": {"id": 7}},
        "get": "a field called get",
        "0": "a key of a digit",
    },
    "headers": {"x-request-id": "r-1"},
    "links": {"user": None, "ticket": 77},
}


def rendered(source: str) -> object:
    return compile_template(source).render(SCOPE)


def failure(source: str) -> RenderError:
    with pytest.raises(RenderError) as caught:
        rendered(source)
    return caught.value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ("{{ body.count }}", 3),
        ("{{ body.price }}", 4.5),
        ("{{ body.flag }}", True),
        ("{{ body.nothing }}", None),
        ("{{ body.items }}", [10, 20]),
        ("{{ body.deep }}", {"er": {"id": 7}}),
        ("{{ body.count }}\n", 3),
        ("{{ null }}", None),
        ("{{ body.empty }}", ""),
    ],
)
def test_a_single_expression_keeps_its_type(source: str, value: object) -> None:
    assert rendered(source) == value
    assert type(rendered(source)) is type(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("n={{ body.count }}", "n=3"),
        ("{{ body.price }} EUR", "4.5 EUR"),
        ("{{ body.flag }}!", "true!"),
        ("+{{ body.sender }}", "+" + PHONE),
        (" {{ body.count }}", " 3"),
        ("{{ body.count }}{{ body.count }}", "33"),
        ("a\r\nb {{ body.count }}\r\n", "a\r\nb 3\r\n"),
        ("a {{- body.count -}} b", "a3b"),
        ("{# a remark #}{{ body.count }}.", "3."),
        ("{{ '{{' }} stays", "{{ stays"),
        ("} and {", "} and {"),
    ],
)
def test_mixed_text_is_text(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize("field", ["nothing", "items", "deep"])
def test_what_has_no_text_is_an_error_inside_text(field: str) -> None:
    error = failure("x {{ body." + field + " }}")

    assert error.name == f"body.{field}"
    assert error.help is not None
    assert "default" in error.help or "json" in error.help


def test_omit_leaves_out_a_field_but_is_no_text() -> None:
    assert rendered("{{ body.nope | default(omit) }}") is OMIT
    assert "omit" in str(failure("x{{ body.nope | default(omit) }}"))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ body.items.0 }}", 10),
        ("{{ body.items[1] }}", 20),
        ("{{ body.items[-1] }}", 20),
        ("{{ body['items'] }}", [10, 20]),
        ("{{ body.get }}", "a field called get"),
        ("{{ body.0 }}", "a key of a digit"),
        ("{{ headers['x-request-id'] }}", "r-1"),
        ("{{ body.deep['er'].id }}", 7),
        ("{{ body[body.nope | default('count')] }}", 3),
        ("{{ {'a': {'b': 2}}.a.b }}", 2),
    ],
)
def test_look_ups_read_keys_and_indexes(source: str, value: object) -> None:
    assert rendered(source) == value


def test_similar_keys_are_looked_for_only_when_somebody_reads_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def watched(word: str, known: Collection[object]) -> str | None:
        asked.append(word)
        return nearest(word, known)

    monkeypatch.setattr(paths, "nearest", watched)
    error = failure("{{ body.sendr }}").at(("json", "from"))
    assert asked == []
    assert [error.help, error.help] == ["did you mean `body.sender`?"] * 2
    assert asked == ["sendr"]


def test_a_missing_key_is_an_error_that_names_it_and_the_nearest_key() -> None:
    error = failure("hello {{ body.sendr }}")

    assert str(error) == "`body.sendr` is missing"
    assert error.help == "did you mean `body.sender`?"
    assert (error.name, error.offset) == ("body.sendr", 9)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ body.a.b.c }}", "body.a"),
        ("{{ body.deep.x.y }}", "body.deep.x"),
        ("{{ body.nothing.x }}", "body.nothing.x"),
        ("{{ body.text.x }}", "body.text.x"),
        ("{{ body.items.9 }}", "body.items.9"),
        ("{{ body.items.name }}", "body.items.name"),
        ("{{ body.items['0'] }}", "body.items.0"),
        ("{{ nowhere }}", "nowhere"),
        ("{{ body[body.text] }}", "body[…]"),
        ("{{ body['a b'] }}", "body['a b']"),
        ("{{ body.items[true | string] }}", "body.items[…]"),
        ("{{ (body.items | first).x }}", "(…).x"),
    ],
)
def test_the_first_missing_part_of_a_path_is_named(source: str, name: str) -> None:
    error = failure(source)

    assert error.name == name
    assert str(error) == f"`{name}` is missing"
    assert error.help


@pytest.mark.parametrize(
    "source",
    [
        "{{ body.a.b.c | default('x') }}",
        "{{ body.nothing.deeper | default('x') }}",
        "{{ body.text.deeper | default('x') }}",
        "{{ nowhere.at.all | default('x') }}",
        "{{ body[body.nope] | default('x') }}",
        "{{ body.nope | default(body.nope2) | default('x') }}",
        "{{ body.none_left | first | default('x') }}",
        "{{ (body.nope if body.flag else 1) | default('x') }}",
        "{{ body.nothing | default('x', true) }}",
        "{{ body.empty | default('x', also_empty=true) }}",
        "{{ body.none_left | default('x', true) }}",
        "{{ (not body.flag) | default('x', true) }}",
    ],
)
def test_default_mends_what_is_missing_at_any_depth(source: str) -> None:
    assert rendered(source) == "x"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ body.nothing | default('x') }}", None),
        ("{{ body.empty | default('x') }}", ""),
        ("{{ 0 | default('x', true) }}", 0),
        ("{{ body.flag | default(body.text | int) }}", True),
    ],
)
def test_default_keeps_what_is_there(source: str, value: object) -> None:
    assert rendered(source) == value


@pytest.mark.parametrize(
    "source",
    [
        "{{ body.nope == 1 }}",
        "{{ body.nope or 1 }}",
        "{{ body.nope and 1 }}",
        "{{ not body.nope }}",
        "{{ body.nope + 1 }}",
        "{{ -body.nope }}",
        "{{ body.nope ~ 'a' }}",
        "{{ body.nope | lower }}",
        "{{ body.text | truncate(body.nope) }}",
        "{{ body.nope in [1] }}",
        "{{ 1 in body.nope }}",
        "{{ 1 if body.nope else 2 }}",
        "{{ [body.nope] }}",
        "{{ {'a': body.nope} }}",
        "{{ body.nope is string }}",
        "{{ body.nope }}",
        "{{ body.nope if true else 1 }}",
    ],
)
def test_a_missing_value_cannot_be_used(source: str) -> None:
    assert failure(source).name == "body.nope"


def test_conditions_may_ask_whether_a_field_is_there() -> None:
    assert rendered("{{ body.nope is defined }}") is False
    assert rendered("{{ body.nope is undefined }}") is True
    assert rendered("{{ body.nope is not defined }}") is True
    assert rendered("{{ body.nothing is defined }}") is True
    assert rendered("{{ body.nope is defined and body.nope == 1 }}") is False


def test_and_and_or_give_their_operands_and_stop_early() -> None:
    assert rendered("{{ links.user or links.ticket }}") == 77
    assert rendered("{{ links.ticket or body.nope }}") == 77
    assert rendered("{{ links.user and body.nope }}") is None


def test_lists_and_objects_leave_out_omitted_members() -> None:
    assert rendered("{{ [1, body.nope | default(omit), 2] }}") == [1, 2]
    assert rendered("{{ {'a': 1, 'b': body.nope | default(omit)} }}") == {"a": 1}


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("body.count == 3", True),
        ("not links.user", True),
        ("links.ticket", True),
        ("body.none_left", False),
        ("{{ body.count > 2 }}", True),
        (" body.text ", True),
        ("body.price >= 4.5 and 'pricing' in body.text", True),
        ("{'a': {'b': 1}}", True),
        ("0.0", False),
    ],
)
def test_conditions_have_plain_truth(source: str, result: bool) -> None:  # noqa: FBT001 - an expected value
    assert compile_expression(source).evaluate(SCOPE) is result


def test_omit_is_no_condition() -> None:
    with pytest.raises(RenderError, match="omit"):
        compile_expression("body.nope | default(omit)").evaluate(SCOPE)


@pytest.mark.parametrize("source", ["a {{ body.x }}", "{{ a }} {{ b }}", "", "  ", "{{ a }} or b", "a }} {{ b"])
def test_an_expression_is_exactly_one(source: str) -> None:
    with pytest.raises(TemplateRefused):
        compile_expression(source)


def test_render_text_writes_a_single_value_as_in_mixed_text() -> None:
    assert compile_template("{{ body.count }}").render_text(SCOPE) == "3"
    assert compile_template("{{ body.flag }}").render_text(SCOPE) == "true"
    with pytest.raises(RenderError, match="null"):
        compile_template("{{ body.nothing }}").render_text(SCOPE)
    with pytest.raises(RenderError, match="omit"):
        compile_template("{{ body.nope | default(omit) }}").render_text(SCOPE)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/tickets/{{ id }}/comments", "/tickets/a%2Fb%3Fc%3D%C3%A9%20%25/comments"),
        ("/users?x={{ id }}", "/users?x=a%2Fb%3Fc%3D%C3%A9%20%25"),
        ("/n/{{ n }}", "/n/5"),
        ("/v{{ n }}{{ empty }}", "/v5"),
        ("/literal path", "/literal path"),
        ("/x?q={{ empty }}", "/x?q="),
    ],
)
def test_paths_encode_computed_parts_only(source: str, path: str) -> None:
    scope = {"id": "a/b?c=é %", "n": 5, "empty": ""}
    assert compile_template(source).render_path(scope) == path


@pytest.mark.parametrize("source", ["/t/{{ x }}", "/t/{{ x }}/c", "{{ x }}", "/t/{{ x }}?q=1", "/t/{{ x }}{{ x }}/c"])
def test_an_empty_part_may_not_change_a_path(source: str) -> None:
    with pytest.raises(RenderError, match="is empty"):
        compile_template(source).render_path({"x": ""})


@pytest.mark.parametrize("value", [".", ".."])
def test_a_part_of_dots_may_not_climb_out_of_a_path(value: str) -> None:
    with pytest.raises(RenderError, match="leads elsewhere"):
        compile_template("/a/{{ x }}/b").render_path({"x": value})


def test_reads_are_the_static_paths() -> None:
    template = compile_template("{{ links.user or steps.user.id }} {{ body[fields.kind].x | default(vars['a-b'].0) }}")

    assert template.reads == {
        ("links", "user"),
        ("steps", "user", "id"),
        ("body",),
        ("fields", "kind"),
        ("vars", "a-b", "0"),
    }
    assert not template.constant
    assert compile_template("just text").constant
    assert compile_template("{{ omit }}").constant


def test_needs_are_the_reads_whose_absence_nothing_allows_for() -> None:
    template = compile_template(
        "{{ a.x | default(b.x) }} {{ c.x is defined or d.x is undefined }} {{ e.x | lower | default('') }} {{ f.x }}"
    )
    both = compile_template("{{ a.x | default('') }} {{ a.x }}")

    assert template.needs == {("b", "x"), ("e", "x"), ("f", "x")}
    assert both.needs == both.reads == {("a", "x")}


def test_output_is_limited() -> None:
    scope = {"x": "a" * 200_000, "é": "é" * 140_000}
    for source in ("{{ x }}{{ x }}", "{{ x ~ x }}", "{{ x + x }}", "{{ [x, x] }}", "{{ [x, x] | join }}", "{{ é }}"):
        with pytest.raises(RenderError, match="256 KiB"):
            compile_template(source).render(scope)


@pytest.mark.parametrize("value", ["\ud800", b"bytes", object(), float("nan"), float("inf"), {1: 2}, [object()]])
def test_what_json_cannot_carry_is_an_error(value: object) -> None:
    with pytest.raises(RenderError):
        compile_template("{{ x }}").render({"x": value})


def test_a_similar_key_that_could_be_data_is_never_shown() -> None:
    scope = {"body": {"918856879188": 1, "a" * 60: 1, CUSTOMER_NAME: 1}}
    for source in (
        "{{ body['91885687918'] }}",
        "{{ body." + "a" * 59 + " }}",
        "{{ body['" + CUSTOMER_NAME[:-1] + "'] }}",
    ):
        with pytest.raises(RenderError) as caught:
            compile_template(source).render(scope)
        assert "did you mean" not in (caught.value.help or "")


@pytest.mark.parametrize(
    "source",
    [
        "{{ body.text | int }}",
        "{{ body.text | float }}",
        "{{ body.text | e164 }}",
        "{{ body.text | person }}",
        "{{ body.text | iso8601 }}",
        "{{ body.text | from_json }}",
        "{{ body.text | lookup('t') }}",
        "{{ body.text | first }}",
        "{{ body.text - 1 }}",
        "{{ body.text < 1 }}",
        "{{ body.text.x }}",
        "{{ body[body.text] }}",
        "{{ body | lower }}",
        "{{ body.text | round }}",
    ],
)
def test_no_error_shows_a_value(source: str) -> None:
    with pytest.raises(RenderError) as caught:
        compile_template(source, tables={"t": {}}).render(SCOPE)
    shown = f"{caught.value!r} {caught.value.help} {caught.value.name}"
    assert not any(canary in shown for canary in CANARIES)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None

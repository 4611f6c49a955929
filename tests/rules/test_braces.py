import pytest

from bridge.rules.braces import without_braces
from tests.rules.builders import shape

STEP = "steps: [{id: a, use: erp.post, with: WITH}]"


def found(text: str) -> list[tuple[tuple[str | int, ...], tuple[str, ...]]]:
    return [(problem.path, problem.helps) for problem in without_braces(shape(text))]


def given(value: str) -> list[tuple[tuple[str | int, ...], tuple[str, ...]]]:
    return found(STEP.replace("WITH", f"{{path: /, json: {{x: {value}}}}}"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("key: fields.customer | person", ("key",)),
        ("key: body.customer", ("key",)),
        ("recall: {ticket: 'body.items[0].id'}", ("recall", "ticket")),
        ("coalesce: {within: 30s, by: body.id}", ("coalesce", "by")),
        ("only_newer: {by: body.id}", ("only_newer", "by")),
        ("vars: {name: fields.name}", ("vars", "name")),
    ],
)
def test_a_look_up_without_braces_is_doubted(text: str, path: tuple[str | int, ...]) -> None:
    assert [where for where, _ in found(f"{text}\n{STEP.replace('WITH', '{path: /}')}")] == [path]


def test_the_mend_is_ready_to_paste() -> None:
    assert given("body.name | upper") == [
        (("steps", 0, "with", "json", "x"), ('write `"{{ body.name | upper }}"`',)),
    ]


@pytest.mark.parametrize(
    "value", ["fields.text", "body.text", "steps.a.id", "'{ body.x }}'", "'{body.x}'", "'body.x }}'"]
)
def test_so_is_what_is_sent_where_nobody_would_write_it_as_a_text(value: str) -> None:
    assert [path for path, _ in given(value)] == [("steps", 0, "with", "json", "x")]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("/orders/{body.id}", "write `{{ body.id }}` in its place"),
        ("/orders/{ event.id | upper }/x", "write `{{ event.id | upper }}` in its place"),
        ("/a/{{ body.a }}/{body.id}", "write `{{ body.id }}` in its place"),
    ],
)
def test_a_look_up_in_single_braces_in_the_midst_of_a_text_is_doubted_where_it_stands(text: str, mend: str) -> None:
    [problem] = without_braces(shape(STEP.replace("WITH", f"{{path: '{text}'}}")))
    assert (problem.path, problem.helps) == (("steps", 0, "with", "path"), (mend,))
    assert problem.offset is not None
    assert text[problem.offset : problem.offset + problem.length].startswith("{")
    assert "{{" not in text[problem.offset :]


@pytest.mark.parametrize(
    "value",
    [
        "event.created",
        "'/orders/{id}'",
        "'a {body} b'",
        "'{{ body.a }}/{{ body.b }}'",
        "'x {{ {\"a\": body.a} | json }}'",
        "query.failed | soon",
        "'{{ body.x }}'",
        "see fields.text",
        "fields",
        "'{}'",
        "fields.",
        "a.b",
    ],
)
def test_a_text_that_may_be_meant_is_not_doubted(value: str) -> None:
    assert given(value) == []

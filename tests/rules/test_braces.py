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
    "value",
    [
        "event.created",
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

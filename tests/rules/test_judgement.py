from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.expressions import RenderError, compile_expression, compile_template
from bridge.rules.judgement import Judged, Verdict, concealed, deciding, judge

SCOPE: dict[str, object] = {
    "fields": {"kind": "image", "text": "hi", "tags": ["vip"]},
    "headers": {"x-shop": "berlin", "x-api-key": "top-secret", "x-signature-1": "top-secret"},
    "body": {"auth": {"password": "top-secret", "user": "ada"}, "n": None},
}


def judged(source: str) -> Judged:
    return judge(compile_expression(source), SCOPE)


def said(source: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The deciding parts, each with its verdict and the values it looked at."""
    return [
        (part.text, str(part.verdict), {each.name: "?" if each.missing else each.value for each in part.values})
        for part in deciding(judged(source))
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("fields.kind == 'text'", [("fields.kind == 'text'", "no", {"fields.kind": "image"})]),
        (
            "fields.kind == 'image' and fields.text == 'bye' and fields.nothing",
            [("fields.text == 'bye'", "no", {"fields.text": "hi"})],
        ),
        (
            "fields.kind == 'text' or fields.text == 'bye'",
            [
                ("fields.kind == 'text'", "no", {"fields.kind": "image"}),
                ("fields.text == 'bye'", "no", {"fields.text": "hi"}),
            ],
        ),
        (
            "not (fields.kind and fields.text)",
            [("fields.kind", "yes", {"fields.kind": "image"}), ("fields.text", "yes", {"fields.text": "hi"})],
        ),
        ("fields.nothing == 1", [("fields.nothing == 1", "error", {"fields.nothing": "?"})]),
        ("not fields.nothing", [("fields.nothing", "error", {"fields.nothing": "?"})]),
        ("'new' in fields.tags", [("'new' in fields.tags", "no", {"fields.tags": ["vip"]})]),
        ("fields.tags.0 == 'new'", [("fields.tags.0 == 'new'", "no", {"fields.tags.0": "vip"})]),
        ("body.n", [("body.n", "no", {"body.n": None})]),
        (
            "headers['x-shop'] == fields.kind",
            [("headers['x-shop'] == fields.kind", "no", {"headers['x-shop']": "berlin", "fields.kind": "image"})],
        ),
    ],
)
def test_the_clause_that_decided_is_found_with_what_it_looked_at(source: str, found: list[Any]) -> None:
    assert said(source) == found


def test_what_is_named_like_a_credential_is_masked_at_any_depth() -> None:
    assert said("headers['x-api-key'] == ''")[0][2] == {"headers['x-api-key']": "••••"}
    assert said("body.auth.password == ''")[0][2] == {"body.auth.password": "••••"}
    assert said("body.auth == 1")[0][2] == {"body.auth": {"password": "••••", "user": "ada"}}
    assert concealed([{"token": "x", "ids": [1]}]) == [{"token": "••••", "ids": [1]}]
    assert "top-secret" not in repr(judged("headers == 1 or body == 1"))


def test_parts_after_the_deciding_one_are_marked_as_not_reached() -> None:
    found = judged("fields.kind and fields.text == '' and (fields.tags or fields.kind)")
    assert [(part.verdict, part.reached) for part in found.parts] == [
        (Verdict.YES, True),
        (Verdict.NO, True),
        (Verdict.YES, False),
    ]
    assert [part.reached for part in found.parts[2].parts] == [False, False]


def test_what_cannot_be_evaluated_says_why_and_how_to_mend_it() -> None:
    found = judged("fields.kind and fields.txt == 'x'")
    assert (found.verdict, found.error, found.mend) == (
        Verdict.ERROR,
        "`fields.txt` is missing",
        "did you mean `fields.text`?",
    )


def test_only_a_condition_can_be_judged() -> None:
    with pytest.raises(TypeError):
        judge(compile_template("{{ fields.kind }}"), SCOPE)


SOURCES = [
    "a.x and a.y",
    "a.x or a.y == 1",
    "not (a.x and (a.y or a.z))",
    "a.x == a.y and not a.z",
    "a.x is defined or a.y",
]


@given(st.sampled_from(SOURCES), st.dictionaries(st.sampled_from("xyz"), st.sampled_from([None, 0, 1, "", True])))
def test_a_judgement_agrees_with_the_condition(source: str, a: dict[str, object]) -> None:
    condition = compile_expression(source)
    found = judge(condition, {"a": a})
    error = None
    try:
        expected = Verdict.YES if condition.evaluate({"a": a}) else Verdict.NO
    except RenderError as raised:
        expected, error = Verdict.ERROR, raised.message
    assert (found.verdict, found.error) == (expected, error)
    assert deciding(found)

"""What conditions can never hold at once; "never" must be certain."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.expressions import RenderError, compile_expression
from bridge.expressions.demands import MAX_ALTERNATIVES, Alternatives, Conflict, conflict, demands_of, fact


def parts(*sources: str) -> list[Alternatives]:
    found = [demands_of(source, source) for source in sources]
    assert None not in found
    return [each for each in found if each is not None]


def judged(*sources: str) -> Conflict | None:
    return conflict(parts(*sources))


NEVER = [
    "false",
    "body.a and false",
    "body.a == 'x' and body.a == 'y'",
    "body.a == 'x' and body['a'] == 'y'",
    "body.a == 'x' and not body.a == 'x'",
    "body.a == 'x' and body.a != 'x'",
    "body.a == 'x' and body.a in ['y', 'z']",
    "body.a in ['x', 'y'] and body.a not in ['y', 'x']",
    "body.a in []",
    "'x' == body.a and body.a == 'y'",
    "body.a and not body.a",
    "body.a == '' and body.a",
    "body.a == 1 and not body.a",
    "body.a is none and body.a == 1",
    "body.a == null and body.a",
    "body.a is true and body.a is false",
    "body.a > 5 and body.a < 3",
    "body.a > 5 and body.a <= 5",
    "body.a > 5 and body.a == 4",
    "body.a > 5 and not body.a > 3",
    "5 < body.a and body.a < 5",
    "body.a < -1 and body.a > 1",
    "body.a == 'x' and body.a > 3",
    "body.a is undefined and body.a == 'x'",
    "body.a is undefined and body.a is defined",
    "body.a == 'x' and body.a.b == 'y'",
    "(body.a | lower) == 'x' and (body.a | lower) == 'y'",
    "body.a | default('') == 'x' and body.a | default('') == 'y'",
    "(body.a == 'x' or body.b == 1) and body.a == 'y' and body.b == 2",
    "not (body.a == 'x' or body.b) and body.b",
    "body.a == 'x' if body.a == 'y' else false",
]
PERHAPS = [
    "true",
    "body.a",
    "body.a == 'x' or body.a == 'y'",
    "body.a == 'x' and body.b == 'y'",
    "body.a in ['x', 'y'] and body.a != 'x'",
    "body.a == 1 and body.a == 1.0",
    "body.a == 'x' and (body.a | lower) == 'y'",
    "body.a > 3 and body.a >= 5 and body.a <= 5",
    "body.a > 'x' and body.a < 'a'",
    "body.a and body.a != 0",
    "body.a is undefined or body.a == 'x'",
    "body.a is undefined and body.b == 'x'",
    "body.a.b is undefined and body.a == 'x'",
    "body.a == body.b and body.a != body.c",
    "body.a == 'x' == body.b and body.a == 'y'",
    "not (body.a == 'x' and body.a == 'y')",
    "(body.a | length) > 5 and (body.a | length) < 7",
]


@pytest.mark.parametrize("source", NEVER)
def test_a_condition_that_contradicts_itself_is_found(source: str) -> None:
    assert judged(source) is not None


@pytest.mark.parametrize("source", PERHAPS)
def test_a_condition_that_may_hold_is_left_alone(source: str) -> None:
    assert judged(source) is None


def test_two_conditions_are_taken_together_and_the_conflict_names_what_and_where() -> None:
    found = judged("fields.kind == 'text'", "links.user and fields.kind == 'image'")

    assert found is not None
    assert found.name == "fields.kind"
    assert [(demand.origin, demand.offset) for demand in found.demands] == [
        ("fields.kind == 'text'", 0),
        ("links.user and fields.kind == 'image'", 15),
    ]


def test_facts_take_part() -> None:
    known = fact(("event", "type"), "on", allowed=["sent", "read"])
    some = fact(("event", "type"), "on", fits=lambda text: text.startswith("message."))

    assert conflict([*parts("event.type == 'sent'"), known]) is None
    assert conflict([*parts("event.type == 'failed'"), known]) is not None
    assert conflict([*parts("event.type not in ['sent', 'read']"), known]) is not None
    assert conflict([*parts("event.type == 'message.x'"), some]) is None
    assert conflict([*parts("event.type in ['x', 'y']"), some]) is not None


def test_what_has_too_many_alternatives_is_not_judged() -> None:
    many = " and ".join(f"(body.a{i} or body.b{i})" for i in range(9))

    assert demands_of(many, "if") is None
    seven = parts(*[" and ".join(f"(body.a{i} or body.b{i})" for i in range(7))] * 2)
    assert len(seven[0]) ** 2 > MAX_ALTERNATIVES
    assert conflict(seven) is None


VALUES = (None, True, False, 0, 1, 2, "", "x", "y")
ATOMS = st.builds(
    str.format,
    st.sampled_from(
        [
            "body.{0} == {1}",
            "body.{0} != {1}",
            "{1} == body.{0}",
            "body.{0} in [{1}, {2}]",
            "body.{0} not in [{1}, {2}]",
            "body.{0} > {1}",
            "{1} >= body.{0}",
            "body.{0} < {1}",
            "body.{0}",
            "body.{0} is none",
            "body.{0} is undefined",
            "body.{0} is defined",
            "body.{0} is true",
            "body.{0} | default({1})",
            "(body.{0} | default({1})) == {2}",
            "{1}",
            "body.{0}.inner == {1}",
        ]
    ),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["null", "true", "false", "0", "1", "2", "''", "'x'"]),
    st.sampled_from(["null", "true", "1", "'y'"]),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("(not {})".format, inner)
        | st.builds("(({}) if ({}) else ({}))".format, inner, inner, inner)
    ),
    max_leaves=6,
)


def scopes() -> list[Mapping[str, object]]:
    there = [{"a": a, "b": b} for a, b in product(VALUES, VALUES)]
    partly: list[dict[str, object]] = [{}, {"a": "x"}, {"b": 1}, {"a": {"inner": 1}, "b": 1}, {"a": [], "b": {}}]
    return [{"body": body} for body in [*there, *partly]]


SCOPES = scopes()


@settings(max_examples=150, deadline=None)
@given(CONDITIONS)
def test_never_means_that_no_event_makes_it_true(source: str) -> None:
    condition = compile_expression(source)
    for wanted in (True, False):
        found = demands_of(source, "if", wanted=wanted)
        if found is None or conflict([found]) is None:
            continue
        for scope in SCOPES:
            with suppress(RenderError):
                assert condition.evaluate(scope) is not wanted, scope

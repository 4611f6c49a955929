import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import DeliveryState, NewDelivery
from bridge.rules.match import CACHED_TYPES, RuleIndex, pattern_regex
from bridge.rules.plan import plan
from bridge.rules.rule import Rule
from tests.rules.builders import rule, scope


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("aisoule/message.received", "aisoule/message.received", True),
        ("aisoule/message.received", "aisoule/messageXreceived", False),
        ("aisoule/message.received", "aisoule/Message.received", False),
        ("AISoule/*", "aisoule/x", False),
        ("aisoule/message.*", "aisoule/message.", True),
        ("aisoule/message.*", "aisoule/message.a.b/c\nd", True),
        ("aisoule/message.*", "aisoule/message", False),
        ("*/message.read", "orders/message.read", True),
        ("*/*", "a/b/c", True),
        ("a*/x", "ab/c/x", True),
        ("orders/*.paid", "orders/eu.west.paid", True),
        ("orders/**", "orders/x", True),
        ("orders/[ab]+?", "orders/a", False),
        ("orders/[ab]+?", "orders/[ab]+?", True),
        ("orders/x", "orders/x\n", False),
    ],
)
def test_a_star_covers_dots_and_slashes_and_everything_else_is_literal(
    pattern: str, name: str, *, matches: bool
) -> None:
    assert bool(pattern_regex(pattern).fullmatch(name)) is matches


@given(st.text())
def test_a_pattern_without_stars_matches_itself_only(text: str) -> None:
    plain = text.replace("*", "")
    assert pattern_regex(plain).fullmatch(plain)
    assert not pattern_regex(plain).fullmatch(plain + "x")


def test_many_stars_do_not_make_matching_slow() -> None:
    assert not pattern_regex("*" * 500 + "x").fullmatch("y" * 5000)


def test_rules_come_in_the_order_of_the_configuration() -> None:
    index = RuleIndex(
        [
            rule("name: third\non: orders/paid"),
            rule("name: first\non: [orders/*, '*/paid']"),
            rule("name: other\non: aisoule/*"),
        ]
    )
    assert [found.name for found in index.rules_for("orders", "paid")] == ["third", "first"]
    assert [found.name for found in index.rules_for("orders", "paid")] == ["third", "first"]
    assert index.rules_for("orders2", "paid") == (index.by_name("first"),)
    assert index.by_name("nobody") is None
    assert [each.name for each in index.rules] == ["third", "first", "other"]


def test_a_sender_that_makes_up_types_does_not_fill_the_memory() -> None:
    index = RuleIndex([rule("on: orders/*")])
    for number in range(CACHED_TYPES + 10):
        assert len(index.rules_for("orders", f"t{number}")) == 1
    assert len(index._seen) <= CACHED_TYPES


# --- the index over conditions ------------------------------------------------------------------------------------


CONDITIONS = [
    "fields.kind == 'text'",
    "'image' == fields.kind",
    "fields.kind == 'text' and fields.size == 1",
    "fields.kind == 'text' and fields.size in [1, 2] and fields.name",
    "fields.kind in ['text', 'image'] and fields.flag == true",
    "fields.size == 1.0",
    "fields.size == true",
    "fields.flag == none",
    "fields.name and fields.kind == 'text'",
    "fields.kind == 'text' or fields.size == 1",
    "fields.kind != 'text'",
    "fields.kind == fields.name",
    "fields.kind == 'text' == true",
    "not (fields.kind == 'text')",
    "(fields.deep.er == 'x' and fields.kind == 'text') and fields.size == 1",
    "fields.size == 1 and fields.no.such == 1",
]
RULES = [
    *(rule(f"name: r{number}", **{"if": condition}) for number, condition in enumerate(CONDITIONS)),
    rule("name: vars", **{"if": CONDITIONS[0], "vars": {"a": "{{ fields.name }}"}}),
    rule("name: broken", **{"if": CONDITIONS[0], "vars": {"a": "{{ 'x' | int }}"}}),
    rule("name: always"),
]
VALUES = st.sampled_from(["text", "image", "", 1, 1.0, 2, 0, True, False, None, [1], {"er": "x"}, ...])


@given(st.fixed_dictionaries(dict.fromkeys(("kind", "size", "flag", "name", "deep"), VALUES)))
def test_the_index_changes_nothing_but_the_time_it_takes(fields: dict[str, object]) -> None:
    names = scope() | {"fields": {name: value for name, value in fields.items() if value is not ...}}
    index = RuleIndex(RULES)
    found = index.plans("aisoule", "message.received", names, lambda each: plan(each, names))
    assert found == [plan(each, names) for each in RULES]


def test_only_rules_whose_first_comparisons_hold_are_evaluated() -> None:
    rules = [rule(f"name: r{n}", **{"if": f"fields.kind == 'k{n}' and fields.size == {n % 3}"}) for n in range(300)]
    index, asked = RuleIndex(rules), list[str]()

    def noted(each: Rule) -> NewDelivery:
        asked.append(each.name)
        return plan(each, names)

    names = scope(kind="k7", size=1)
    found = index.plans("aisoule", "message.received", names, noted)
    assert asked == ["r7"]
    assert [each.rule for each in found] == [each.name for each in rules]
    assert [each.rule for each in found if each.state is DeliveryState.PENDING] == ["r7"]
    assert found[8].reason == "`if` is false: fields.kind == 'k8' and fields.size == 2"
    asked.clear()
    index.plans("aisoule", "message.received", scope(kind="k7", size=2), noted)
    assert asked == []
    index.plans("aisoule", "message.received", scope(), noted)
    assert len(asked) == 300


def test_types_with_the_same_rules_share_one_index() -> None:
    index = RuleIndex([rule("on: orders/*")])
    for number in range(5):
        index.rules_for("orders", f"t{number}")
    assert len(index._shared) == 1

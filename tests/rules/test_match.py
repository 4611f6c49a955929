import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.match import CACHED_TYPES, RuleIndex, pattern_regex
from tests.rules.builders import rule


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

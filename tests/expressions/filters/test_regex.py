"""Regular expressions."""

import pytest

from tests.expressions.filters import applied, refusal


@pytest.mark.parametrize(
    ("filters", "value", "result"),
    [
        (r"regex_search('\d+')", "order 42 of 43", "42"),
        (r"regex_search('\bof\b')", "order 42 of 43", "of"),
        (r"regex_search('(\w+) (\d+)', 2)", "order 42", "42"),
        (r"regex_search('(?P<id>\d+)', 'id')", "order 42", "42"),
        (r"regex_search('(?P<id>\d+)', group='id')", "order 42", "42"),
        (r"regex_search('x')", "order", None),
        (r"regex_search('(x)?o', 1)", "order", None),
        (r"regex_search('(?i)ORDER')", "order", "order"),
        (r"regex_search('é.')", "né🙏", "é🙏"),
        (r"regex_search('\\d')", "a1", "1"),
        (r"regex_search('\d')", 75, "7"),
        (r"regex_replace('\s+', ' ')", "a  b\n\nc", "a b c"),
        (r"regex_replace('(\w)(\w)', '\2\1')", "abcd", "badc"),
        (r"regex_replace('(?P<x>b)', '<\g<x>>')", "abc", "a<b>c"),
        (r"regex_replace('(x)?b', '[\1]')", "abc", "a[]c"),
        (r"regex_replace('b', '\\\\')", "abc", "a\\c"),
        (r"regex_replace('', '-')", "é🙏", "-é-🙏-"),
        (r"regex_replace('$', '!')", "abc", "abc!"),
        (r"regex_replace('x', 'y')", "", ""),
    ],
)
def test_patterns_find_and_replace(filters: str, value: object, result: object) -> None:
    assert applied(filters, value) == result


@pytest.mark.parametrize(
    ("filters", "value", "words"),
    [
        ("regex_search('a')", "a" * 70_000, "64 KiB"),
        ("regex_replace('a', 'b')", "a" * 60_000, "too much to replace"),
        ("regex_replace('a', '" + "b" * 1000 + "')", "a" * 1000, "too much to replace"),
        ("regex_search('a')", "\ud800", "half of a character"),
        ("regex_search('a')", [], "a list"),
    ],
)
def test_work_is_bounded(filters: str, value: object, words: str) -> None:
    assert words in str(refusal(filters, value))

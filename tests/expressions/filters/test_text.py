"""Filters on text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.canaries import EMOJI_TEXT
from tests.expressions.filters import applied, refusal


@pytest.mark.parametrize(
    ("filters", "value", "result"),
    [
        ("truncate(5)", "hello", "hello"),
        ("truncate(5)", "hello!", "hell…"),
        ("truncate(5, '')", "hello!", "hello"),
        ("truncate(5, end='...')", "hello!", "he..."),
        ("truncate(2, '...')", "hello!", "he"),
        ("truncate(0)", "hello", ""),
        ("truncate(n=3)", 12345, "12…"),
        ("truncate_bytes(6)", "héllo", "héllo"),
        ("truncate_bytes(5)", "héllo", "h…"),
        ("truncate_bytes(5, '')", "héllo", "héll"),
        ("truncate_bytes(2, '')", "héllo", "h"),
        ("truncate_bytes(3, '')", "🙏", ""),
        ("truncate_bytes(2)", "hello", "he"),
        ("lower", "ÀB", "àb"),
        ("upper", "straße", "STRASSE"),
        ("title", "mary-ann o'neill (sales)", "Mary-Ann O'neill (Sales)"),
        ("capitalize", "", ""),
        ("trim", "\u00a0 a \n", "a"),
        ("replace('a', 'b')", "banana", "bbnbnb"),
        ("replace('.', '')", "1.2.3", "123"),
        ("split(',')", "", [""]),
        ("split(',') | last", "a,b", "b"),
        ("join", ["a", 1, 2.5, False], "a12.5false"),
        ("join(', ')", [], ""),
        ("lower", 5, "5"),
    ],
)
def test_text_is_changed_as_said(filters: str, value: object, result: object) -> None:
    assert applied(filters, value) == result


@pytest.mark.parametrize(
    ("filters", "value", "words"),
    [
        ("truncate(-1)", "a", "less than nothing"),
        ("truncate_bytes(-1)", "a", "less than nothing"),
        ("replace('', 'a')", "a", "empty text"),
        ("split('')", "a", "empty text"),
        ("join", ["a", None], "item that is null at 1"),
        ("join", "abc", "is text, not a list"),
        ("lower", ["a"], "a list"),
        ("truncate_bytes(1)", "a\ud800", "half of a character"),
        ("replace('a', 'bbbbbbbbbb')", "a" * 30_000, "256 KiB"),
        ("join('bbbbbbbbbb')", ["a"] * 30_000, "256 KiB"),
    ],
)
def test_what_cannot_be_done_is_said(filters: str, value: object, words: str) -> None:
    assert words in str(refusal(filters, value))


@given(st.text(max_size=80), st.integers(0, 60), st.text(max_size=4))
def test_truncate_never_exceeds_its_number(text: str, n: int, end: str) -> None:
    scope_text = text.encode(errors="ignore").decode()
    quoted = end.replace("\\", "\\\\").replace("'", "\\'")
    result = applied(f"truncate({n}, '{quoted}')", scope_text)
    assert isinstance(result, str)
    assert len(result) <= max(n, 0)
    assert result == scope_text or len(scope_text) > n


@given(st.text(max_size=80) | st.just(EMOJI_TEXT), st.integers(0, 60))
def test_truncate_bytes_never_exceeds_its_number_or_splits_a_character(text: str, n: int) -> None:
    result = applied(f"truncate_bytes({n})", text)
    assert isinstance(result, str)
    assert len(result.encode()) <= n
    assert result == text or text.startswith(result.removesuffix("…"))


@given(st.text(max_size=300), st.integers(4, 40))
def test_pieces_hold_everything_but_white_space_in_order_and_none_is_too_long(text: str, n: int) -> None:
    found = applied(f"pieces({n})", text)
    assert isinstance(found, list)
    assert all(piece and len(piece.encode()) <= n for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_pieces_are_cut_between_words_where_there_is_a_gap_and_inside_a_long_word_where_there_is_none() -> None:
    assert applied("pieces(10)", "one two three four") == ["one two", "three four"]
    assert applied("pieces(4)", "abcdefghij") == ["abcd", "efgh", "ij"]
    assert applied("pieces(4)", "🙏🙏") == ["🙏", "🙏"]
    assert applied("pieces(9)", "  \n ") == []
    assert "of at least 4" in str(refusal("pieces(3)", "abc").help)
    assert "more than 1000 pieces" in str(refusal("pieces(4)", "a" * 5_000))

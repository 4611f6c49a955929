"""Filters that give numbers."""

import pytest

from tests.expressions.filters import applied, refusal


@pytest.mark.parametrize(
    ("filters", "value", "result"),
    [
        ("int", " 42 ", 42),
        ("int", "+42", 42),
        ("int", "-0012", -12),
        ("int", "12.9", 12),
        ("int", 12.9, 12),
        ("int", -12.9, -12),
        ("int", "1e3", 1000),
        ("int", 2**64, 2**64),
        ("int", str(2**64), 2**64),
        ("float", "4", 4.0),
        ("float", "-1.5e2", -150.0),
        ("float", 3, 3.0),
        ("string", 4.0, "4.0"),
        ("string", False, "false"),
        ("string", 10**20, "1" + "0" * 20),
        ("round", 2.5, 3),
        ("round", -2.5, -3),
        ("round(2)", 1.005, 1.01),
        ("round(1)", 7, 7),
        ("round", 1e300 / 1e270, int(1e300 / 1e270)),
        ("abs", -2.5, 2.5),
    ],
)
def test_numbers_are_read_and_rounded(filters: str, value: object, result: object) -> None:
    given = applied(filters, value)
    assert given == result
    assert type(given) is type(result)


@pytest.mark.parametrize("filters", ["int", "float"])
@pytest.mark.parametrize("value", ["", "abc", "12 34", "1,5", "0x10", "inf", "NaN", "1e999", "١٢", "1_000", "9" * 60])
def test_text_that_is_no_number_is_an_error(filters: str, value: str) -> None:
    error = refusal(filters, value)
    assert not value or value not in str(error)


@pytest.mark.parametrize("value", [None, True, [], {}])
def test_other_kinds_are_no_numbers(value: object) -> None:
    for filters in ("int", "float", "round", "abs"):
        assert "not a number" in str(refusal(filters, value))


@pytest.mark.parametrize("digits", [-1, 10])
def test_rounding_has_bounds(digits: int) -> None:
    assert "rounded" in str(refusal(f"round({digits})", 1.5))

"""Filters that give numbers or plain text of scalars."""

import re
from decimal import ROUND_HALF_UP, Decimal

from bridge.expressions.filters.declare import Collection, Example, Kind, Parameter, Takes
from bridge.expressions.problems import Unusable
from bridge.expressions.values import as_text, bounded_number, kind_of, number

NUMBERS = Collection()

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_MOST_DECIMALS = 9


@NUMBERS.declare(Takes.ANY, name="int", example=Example("{{ body.x | int }}", "42", 42))
def to_int(value: object) -> int:
    """Turn text or a number into a whole number; a fraction is cut off."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(number(value))
    found = _decimal(value)
    return int(bounded_number(int(found))) if found.adjusted() <= _LARGEST_EXPONENT else _too_large()


@NUMBERS.declare(Takes.ANY, name="float", example=Example("{{ body.x | float }}", "4.50", 4.5))
def to_float(value: object) -> float:
    """Turn text or a number into a number with a fraction."""
    return float(bounded_number(float(_decimal(value))))


@NUMBERS.declare(Takes.ANY, example=Example("{{ body.x | string }}", 42, "42"))
def string(value: object) -> str:
    """Turn a number, true or false into text."""
    return as_text(value)


@NUMBERS.declare(
    Takes.NUMBER,
    Parameter("digits", Kind.INTEGER, 0),
    name="round",
    example=Example("{{ body.x | round(1) }}", 2.25, 2.3),
)
def round_(value: float, digits: int) -> float | int:
    """Round half away from zero, to a whole number or to `digits` decimals (at most 9)."""
    if not 0 <= digits <= _MOST_DECIMALS:
        raise Unusable("cannot be rounded so", f"`digits` goes from 0 to {_MOST_DECIMALS}")
    if isinstance(value, int):
        return value
    if abs(value) >= _NO_FRACTION_FROM:
        return value if digits else int(value)
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return float(rounded) if digits else int(rounded)


@NUMBERS.declare(Takes.NUMBER, name="abs", example=Example("{{ body.x | abs }}", -3, 3))
def abs_(value: float) -> float | int:
    """Drop the sign of a number."""
    return abs(value)


_LARGEST_EXPONENT = 40
_NO_FRACTION_FROM = 2**53


def _decimal(value: object) -> Decimal:
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return Decimal(text)
        raise Unusable("is not a number", "add `| default(0, true)` for empty text, or check the field")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"is {kind_of(value)}, not a number", "add `| default(0, true)` if it may be empty")
    return Decimal(repr(number(value)))


def _too_large() -> int:
    raise Unusable("is too large a number")

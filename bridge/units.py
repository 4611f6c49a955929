"""Durations and sizes as people write them: a whole number and a unit, nothing else.

`timeout: 10` is the classic mistake (ten what?), so a bare number is refused with the spelling to use. Inside the
program a duration is an `int` of milliseconds and a size an `int` of bytes. :data:`DurationMs` and
:data:`SizeBytes` are the same rules as pydantic field types; a Python default is given as the plain int.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

DURATION_UNITS: Final[Mapping[str, int]] = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
"""Unit -> milliseconds."""

SIZE_UNITS: Final[Mapping[str, int]] = {
    "B": 1,
    "KB": 1_000,
    "KiB": 1_024,
    "MB": 1_000_000,
    "MiB": 1_048_576,
    "GB": 1_000_000_000,
    "GiB": 1_073_741_824,
}
"""Unit -> bytes."""

LONGEST_MS: Final = 36_500 * 86_400_000  # a century: added to any date it still fits every store and every clock
LARGEST_BYTES: Final = 2**50

_AMOUNT = re.compile(r"([0-9]{1,16})(\.[0-9]{1,9})?[ ]?([A-Za-z]*)", re.ASCII)
_ECHO_LIMIT = 12  # a longer text may be a credential in the wrong place; it is not repeated in a message


class UnitError(ValueError):
    """A text that is no duration or size.

    Attributes:
        headline: What is wrong, as a heading: ``a duration needs a unit``.
        what: The question about the value itself, such as "`10` what?".
        help: How to mend it, ready to paste.
    """

    def __init__(self, headline: str, *, what: str, help_: str) -> None:
        super().__init__(headline)
        self.headline = headline
        self.what = what
        self.help = help_


def parse_duration(text: str) -> int:
    """Read ``500ms``, ``10s``, ``5m``, ``24h`` or ``7d``.

    Returns:
        Milliseconds, at most a century.

    Raises:
        UnitError: The unit is missing or unknown, or the number is not a whole one.
    """
    return _parse(
        text, noun="duration", units=DURATION_UNITS, largest=LONGEST_MS, example="10s", example_is="10 seconds"
    )


def parse_size(text: str) -> int:
    """Read ``500B``, ``64KiB``, ``1MB`` (1,000,000 bytes) or ``1MiB`` (1,048,576 bytes).

    Returns:
        Bytes, at most one PiB.

    Raises:
        UnitError: The unit is missing or unknown, or the number is not a whole one.
    """
    return _parse(
        text, noun="size", units=SIZE_UNITS, largest=LARGEST_BYTES, example="1MiB", example_is="1,048,576 bytes"
    )


def format_duration(milliseconds: int) -> str:
    """The shortest exact spelling: ``90s``, ``24h`` as ``1d``; :func:`parse_duration` reads it back."""
    return _format(milliseconds, DURATION_UNITS, zero="0s")


def format_size(size: int) -> str:
    """The shortest exact spelling in binary units where they fit, else in bytes: ``1MiB``, ``1500B``."""
    return _format(size, {unit: factor for unit, factor in SIZE_UNITS.items() if unit[1:] in {"", "iB"}}, zero="0B")


def _format(amount: int, units: Mapping[str, int], *, zero: str) -> str:
    if amount == 0:
        return zero
    unit, factor = next((unit, factor) for unit, factor in reversed(list(units.items())) if amount % factor == 0)
    return f"{amount // factor}{unit}"


def _parse(text: str, *, noun: str, units: Mapping[str, int], largest: int, example: str, example_is: str) -> int:
    known = "units are " + ", ".join(units)
    general_help = f"write for example `{example}` for {example_is}; {known}"
    text = text.strip()
    shown = f"`{text}`" if len(text) <= _ECHO_LIMIT else "this"
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise UnitError(f"a {noun} is a whole number and a unit", what=f"{shown} is not a {noun}", help_=general_help)
    digits, fraction, unit = found.groups()
    if not unit:
        raise _missing_unit(digits + (fraction or ""), noun, known)
    factor = units.get(unit)
    if factor is None:
        raise _unknown_unit(digits, unit, noun, units, general_help)
    if fraction:
        raise _fraction(Decimal(digits + fraction) * factor, noun, units, general_help, what=f"{shown} has a fraction")
    amount = int(digits) * factor
    if amount > largest:
        raise UnitError(
            f"this {noun} is too large",
            what=f"more than {_format(largest, units, zero='')}",
            help_=f"the largest {noun} is `{_format(largest, units, zero='')}`",
        )
    return amount


def _missing_unit(number: str, noun: str, known: str) -> UnitError:
    if noun == "duration":
        help_ = f"write `{number}s` for {number} seconds; {known}"
    else:
        help_ = f"write `{number}KiB` for {number} times 1,024 bytes; {known}"
    return UnitError(f"a {noun} needs a unit", what=f"`{number}` what?", help_=help_)


def _unknown_unit(number: str, unit: str, noun: str, units: Mapping[str, int], general_help: str) -> UnitError:
    guess = _LONG_NAMES.get(unit.lower()) if noun == "duration" else _same_but_case(unit, units)
    help_ = f"write `{number}{guess}`; units are {', '.join(units)}" if guess else general_help
    what = f"`{unit}` is not a unit" if len(unit) <= _ECHO_LIMIT else "not a unit"
    return UnitError(f"unknown unit in a {noun}", what=what, help_=help_)


_LONG_NAMES: Final[Mapping[str, str]] = {
    spelling: unit
    for unit, spellings in {
        "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
        "s": ("s", "sec", "secs", "second", "seconds"),
        "m": ("m", "min", "mins", "minute", "minutes"),
        "h": ("h", "hr", "hrs", "hour", "hours"),
        "d": ("d", "day", "days"),
    }.items()
    for spelling in spellings
}


def _same_but_case(unit: str, units: Mapping[str, int]) -> str | None:
    short = {"k": "KiB", "m": "MiB", "g": "GiB", "bytes": "B", "byte": "B"}
    return short.get(unit.lower()) or next((known for known in units if known.lower() == unit.lower()), None)


def _fraction(exact: Decimal, noun: str, units: Mapping[str, int], general_help: str, *, what: str) -> UnitError:
    whole = int(exact)
    help_ = f"write `{_format(whole, units, zero='')}`" if whole and whole == exact else general_help
    return UnitError(f"a {noun} is a whole number and a unit", what=what, help_=help_)


def _field(parse: Callable[[str], int], noun: str, example: str) -> Callable[[object], int]:
    """A validator that reports a :class:`UnitError` in the form `diagnostics.schema` understands."""

    def read(value: object) -> int:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)  # so that the message can show the number and the unit to add
        if not isinstance(value, str):
            raise UnitError(f"a {noun} is text such as `{example}`", what=f"not a {noun}", help_=f"write `{example}`")
        return parse(value)

    def validate(value: object) -> int:
        try:
            return read(value)
        except UnitError as error:
            details = {"code": "BR110", "label": error.what, "help": error.help, "headline": error.headline}
            raise PydanticCustomError("unit", "{headline}", details) from error

    return validate


def _pattern(units: Mapping[str, int]) -> str:
    return rf"^[0-9]+ ?({'|'.join(units)})$"


DurationMs = Annotated[
    int,
    BeforeValidator(_field(parse_duration, "duration", "10s")),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _pattern(DURATION_UNITS), "examples": ["10s", "5m", "24h"]}),
]
"""A pydantic field that takes ``10s`` and holds 10000."""

SizeBytes = Annotated[
    int,
    BeforeValidator(_field(parse_size, "size", "1MiB")),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _pattern(SIZE_UNITS), "examples": ["1MiB", "64KiB"]}),
]
"""A pydantic field that takes ``1MiB`` and holds 1048576."""

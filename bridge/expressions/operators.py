"""Arithmetic, comparison and the tests after `is`, with JSON's types and no surprises.

Numbers calculate with numbers, texts are put together with texts, only like is ordered with like. Everything
else raises `Unusable`. Results stay below the limits of `values`.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from bridge.expressions.problems import Unusable
from bridge.expressions.values import bounded_number, bounded_text, equal, is_number, kind_of, number

_UNLIKE_MEND = "compare numbers with numbers and text with text; `| int` and `| string` convert"


Number = int | float


def addend(value: object) -> object:
    """What may stand beside `+`: a number or text."""
    return value if isinstance(value, str) else number(value)


def add(left: object, right: object) -> object:
    """Sum of two numbers, or two texts put together."""
    if isinstance(left, str) and isinstance(right, str):
        return bounded_text(left + right)
    if isinstance(left, str) or isinstance(right, str):
        raise Unusable("would add text and a number", "write `~` to put texts together, or `| int` to calculate")
    return _calculated(operator.add, left, right)


def _calculated(calculate: Callable[[Number, Number], Number], left: object, right: object) -> object:
    try:
        return bounded_number(calculate(number(left), number(right)))
    except ZeroDivisionError:
        raise Unusable("would divide by zero", "guard it: `a / b if b != 0 else 0`") from None
    except OverflowError:
        raise Unusable("gives too large a number") from None


def negative(value: object) -> object:
    """The number with its sign changed."""
    return -number(value)


def positive(value: object) -> object:
    """The number itself."""
    return number(value)


def less(left: object, right: object) -> bool:
    """Whether `left` comes before `right`: two numbers by size, two texts by code point."""
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    if isinstance(left, bool) or isinstance(right, bool):
        raise _unlike(left, right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left < right
    raise _unlike(left, right)


def less_or_equal(left: object, right: object) -> bool:
    """Whether `left` comes before `right` or is the same."""
    return less(left, right) or equal(left, right)


def contains(container: object, item: object) -> bool:
    """Whether a list holds the item, an object the key, or a text the text."""
    if isinstance(container, list | tuple):
        return any(equal(entry, item) for entry in container)
    if isinstance(container, Mapping):
        return isinstance(item, str) and item in container
    if isinstance(container, str):
        if isinstance(item, str):
            return item in container
        raise Unusable(f"looks for {kind_of(item)} in a text", "use `| string` on what is looked for")
    raise Unusable(f"looks for something in what is {kind_of(container)}", "`in` needs a list, an object or text")


def _unlike(left: object, right: object) -> Unusable:
    return Unusable(f"would order {kind_of(left)} and {kind_of(right)}", _UNLIKE_MEND)


@dataclass(frozen=True, slots=True)
class Calculation:
    """A sign between two operands: what each of them must be, and what to do with them."""

    operand: Callable[[object], object]
    calculate: Callable[[object, object], object]


def _numeric(calculate: Callable[[Number, Number], Number]) -> Calculation:
    return Calculation(number, partial(_calculated, calculate))


# `/` always gives a fraction (`6 / 3` is `2.0`), `//` rounds down, `%` has the sign of the divisor.
ARITHMETIC: Final[Mapping[str, Calculation]] = {
    "Add": Calculation(addend, add),
    "Sub": _numeric(operator.sub),
    "Mul": _numeric(operator.mul),
    "Div": _numeric(operator.truediv),
    "FloorDiv": _numeric(operator.floordiv),
    "Mod": _numeric(operator.mod),
}

SIGNS: Final[Mapping[str, Callable[[object], object]]] = {"Neg": negative, "Pos": positive}

COMPARISONS: Final[Mapping[str, Callable[[object, object], bool]]] = {
    "eq": equal,
    "ne": lambda left, right: not equal(left, right),
    "lt": less,
    "lteq": less_or_equal,
    "gt": lambda left, right: less(right, left),
    "gteq": lambda left, right: less_or_equal(right, left),
    "in": lambda item, container: contains(container, item),
    "notin": lambda item, container: not contains(container, item),
}

# `defined` and `undefined` are not here: they alone may look at a missing value.
TESTS: Final[Mapping[str, Callable[[object], bool]]] = {
    "none": lambda value: value is None,
    "null": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": is_number,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "mapping": lambda value: isinstance(value, Mapping),
    "sequence": lambda value: isinstance(value, list | tuple),
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
}

TESTS_WITH_ONE_ARGUMENT: Final[Mapping[str, Callable[[object, object], bool]]] = {
    **COMPARISONS,
    "==": COMPARISONS["eq"],
    "equalto": COMPARISONS["eq"],
    "!=": COMPARISONS["ne"],
    "le": COMPARISONS["lteq"],
    "ge": COMPARISONS["gteq"],
}

"""The values of the language: JSON data plus two of our own, `OMIT` and missing.

Every rule about values that templates rely on is here, once: what is true, what equals what, how a value looks as
text, and how large a result may grow. Nothing here is Python's own behaviour by accident.
"""

import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from bridge.expressions.problems import RenderError, Unusable

MAX_OUTPUT_BYTES: Final = 256 * 1024
"""Largest text a template may give or build on the way, and largest JSON value it may give, in bytes of UTF-8."""

MAX_INTEGER: Final = 10**40
"""Arithmetic stays below this, so that no expression can grow a number without end."""


class Omit(Enum):
    """The type of `OMIT`; an enumeration, so that there is one value of it, also after a copy."""

    OMIT = "omit"


OMIT: Final = Omit.OMIT
"""What `default(omit)` gives: the field that holds it is left out."""


class Missing:
    """A look-up that found nothing. It travels on until `default` mends it or something uses it.

    `message` is the whole sentence for a person, without any value. `mend` is asked only when somebody reads it,
    since most missing values are replaced by `default` or expected, and looking for similar keys takes long.
    """

    __slots__ = ("_mend", "message", "name", "offset")

    def __init__(
        self, message: str, mend: Callable[[], str | None], *, name: str | None = None, offset: int | None = None
    ) -> None:
        self.message = message
        self.name = name
        self.offset = offset
        self._mend = mend

    def error(self) -> RenderError:
        """What to raise when the missing value is used after all."""
        return RenderError(self.message, mend=self._mend, name=self.name, offset=self.offset)


def kind_of(value: object) -> str:
    """The kind of a value in plain words: `text`, `a number`, `null`..."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    return _kind_of_composite(value)


def _kind_of_composite(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if value is OMIT:
        return "`omit`"
    if isinstance(value, Missing):
        return "missing"
    return "not JSON data"


def is_number(value: object) -> bool:
    """Whether `value` is an int or float; true and false are not numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(left: object, right: object) -> bool:
    """Whether two values are the same JSON data; `1` equals `1.0`, but true does not equal 1.

    Never raises. Works without recursion, so that no depth of data can stop it.
    """
    if type(left) is str and type(right) is str:
        return left == right
    pairs: list[tuple[object, object]] = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            if one.keys() != other.keys():
                return False
            pairs.extend((one[key], other[key]) for key in one)
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif not _same_scalar(one, other):
            return False
    return True


def _same_scalar(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if is_number(one) and is_number(other):
        return one == other
    if isinstance(one, bool) and isinstance(other, bool):
        return one is other
    return one is other


def as_text(value: object) -> str:
    """How a value looks inside text: text as it is, numbers as JSON writes them, `true` or `false`.

    Raises:
        Unusable: for null, lists, objects and anything else that has no one obvious text.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(value)
    if value is None:
        raise Unusable("is null, which has no text", "add `| default('', true)` to write nothing for null")
    if value is OMIT:
        raise Unusable(
            "is `omit` inside text", "`omit` leaves a whole field out; here write `| default('')` to write nothing"
        )
    raise Unusable(f"is {kind_of(value)}, which has no text", "add `| json`, or for a list `| join(', ')`")


def _number_text(value: float) -> str:
    if isinstance(value, int):
        if abs(value) >= MAX_INTEGER:
            raise Unusable("is a number with too many digits")
        return int.__repr__(value)
    if not math.isfinite(value):
        raise Unusable("is not a finite number, which JSON cannot hold")
    return float.__repr__(value)


def number(value: object) -> float | int:
    """`value` itself when it is a number that may take part in arithmetic.

    Raises:
        Unusable: for everything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"is {kind_of(value)}, not a number", "turn text into a number with `| int` or `| float`")
    return bounded_number(value)


def bounded_number(value: float) -> float | int:
    """`value` when it is below `MAX_INTEGER`, whatever its sign; a NaN is not.

    Raises:
        Unusable: when it is too large.
    """
    if abs(value) < MAX_INTEGER:
        return value
    raise Unusable("is too large a number")


def encoded(text: str) -> bytes:
    """`text` as UTF-8.

    Raises:
        Unusable: when it holds half of a surrogate pair, which no encoding can carry.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unusable("holds half of a character (a lone surrogate)") from None


def bounded_text(text: str) -> str:
    """`text` when it can be sent and is within `MAX_OUTPUT_BYTES`.

    Raises:
        Unusable: when it is too long or not valid Unicode.
    """
    size = len(text) if text.isascii() else _encoded_size(text)
    if size > MAX_OUTPUT_BYTES:
        raise _too_large()
    return text


def _encoded_size(text: str) -> int:
    # The short way out keeps a huge text from being encoded only to be refused.
    return len(text) if len(text) > MAX_OUTPUT_BYTES else len(encoded(text))


def check_size(value: object) -> None:
    """Make sure that a value is JSON data of at most `MAX_OUTPUT_BYTES`, counted roughly as compact JSON.

    Raises:
        Unusable: when it is larger, or holds something that JSON cannot.
    """
    budget = MAX_OUTPUT_BYTES
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict or isinstance(item, Mapping):  # the first is quick, and nearly always so
            budget -= 2 * len(item) + 2
            budget -= _push_entries(item, waiting) if budget > 0 else 0
        elif isinstance(item, list | tuple):
            budget -= len(item) + 2
            waiting.extend(item[: max(0, budget)])
        else:
            budget -= _scalar_size(item)
        if budget < 0:
            raise _too_large()


def _push_entries(mapping: Mapping[object, object], waiting: list[object]) -> int:
    """The size of the keys, and of the plainest values; the others wait to be looked at."""
    size = 0
    for key, item in mapping.items():
        if type(key) is str and key.isascii():
            size += len(key) + 2
        elif isinstance(key, str):
            size += len(bounded_text(key)) + 2
        else:
            raise Unusable("holds an object with a key that is not text")
        if type(item) is str and item.isascii():
            size += len(item) + 2
        else:
            waiting.append(item)
    return size


def _scalar_size(item: object) -> int:
    if isinstance(item, str):
        return len(bounded_text(item)) + 2
    if item is None or isinstance(item, bool):
        return 4
    if isinstance(item, int | float):
        return len(_number_text(item))
    raise Unusable(f"holds something that is {kind_of(item)}")


def _too_large() -> Unusable:
    limit = MAX_OUTPUT_BYTES // 1024
    return Unusable(f"is larger than {limit} KiB", "shorten it, e.g. with `| truncate(4000)`")

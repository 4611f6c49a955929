"""Which plain words and numbers of a YAML file are more than text: exactly those that JSON knows.

`NO`, `on`, `0123`, `+9188...`, `12:30`, `1_000`, `.inf` and dates all stay the text that was written (fact 10).
"""

import re
from typing import Final

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {"": None, "null": None, "true": True, "false": False}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


def resolve_plain(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar.

    Raises:
        OverflowError: It is a number that no program could hold: JSON has no limit, machines do.
    """
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if number.group(1) is None and number.group(2) is None:
        try:
            return int(text)
        except ValueError:  # more digits than Python is willing to convert
            raise OverflowError("the number has too many digits") from None
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise OverflowError("the number is too large")
    return value

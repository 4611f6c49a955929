"""JSON as a sender must write it, so that every reader of the stored bytes sees the same values.

Python's own parser takes what other parsers read differently: the last of two equal keys, `NaN`, numbers that
overflow to infinity, half of a surrogate pair, U+0000 (which PostgreSQL text cannot hold). All of that is refused
here. Whole numbers keep every digit.
"""

import json
import math
import re
from typing import Any, NoReturn

from bridge.errors import BridgeError

MAX_DEPTH = 64

_BOM = b"\xef\xbb\xbf"
_CONTAINERS = frozenset({dict, list})
_SURROGATE = re.compile("[\ud800-\udfff]")
# Text up to an escape that smuggles in a character that the rest of the program cannot carry: U+0000, or half of a
# surrogate pair. Nothing is ever tried again (possessive), so that the scan is linear whatever the body holds.
_FINE = re.compile(
    r"(?:[^\\]++|\\(?:[^u]|u(?!0000|[dD][89a-fA-F])|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]))*+", re.DOTALL
)


class Unreadable(BridgeError):  # noqa: N818 - reads as the state of the body, and is answered as one (400)
    """The bytes are not JSON that this program takes. `reason` is one of a few fixed texts, without any input."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_json(body: bytes, *, max_depth: int = MAX_DEPTH) -> object:
    """The value of a JSON text.

    Args:
        body: the text's bytes, UTF-8 without a byte order mark.
        max_depth: how many containers may stand in each other, for a text that will stand in another one.

    Returns:
        dict, list, str, int, float, bool or None; at most `max_depth` containers deep.

    Raises:
        Unreadable: for anything else, RecursionError and over-long numbers included.
    """
    text = _decode(body)
    value = _load(text, max_depth)
    if text.count("[") + text.count("{") > max_depth:
        _check_depth(value, max_depth)
    if "\\u" in text:
        _check_escapes(text)
    return value


def dump_json(value: object) -> bytes:
    """The compact JSON of a value that `parse_json` gave; equal values with equal key order give equal bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def indented_json(value: object) -> str:
    """The same for people, over several lines."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)


def _decode(body: bytes) -> str:
    if body.startswith(_BOM):
        raise Unreadable("the body starts with a byte order mark")
    try:
        return body.decode()
    except UnicodeDecodeError:
        reason = "the body is not UTF-8"
    raise Unreadable(reason)  # outside the handler: the decoder's error holds the whole body


def _check_depth(value: object, max_depth: int) -> None:
    """Count nesting, a level at a time: strangers can send a million brackets, and each must cost next to nothing."""
    level: list[Any] = [value] if type(value) in _CONTAINERS else []
    for _ in range(max_depth):
        level = [
            child
            for part in level
            for child in (part.values() if type(part) is dict else part)
            if type(child) in _CONTAINERS
        ]
        if not level:
            return
    raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> Unreadable:
    return Unreadable(f"the body is nested more than {max_depth} levels deep")


def _load(text: str, max_depth: int) -> object:
    try:
        value: object = _DECODER.decode(text)
    except Unreadable:
        raise
    except ValueError:  # not JSON, or a whole number beyond Python's limit of 4,300 digits
        reason = "the body is not JSON"
    except RecursionError:
        reason = _too_deep(max_depth).reason
    else:
        return value
    raise Unreadable(reason)  # outside the handler: the parser's error holds the whole body


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unreadable("an object of the body has the same key twice")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Unreadable("a number of the body is too large")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise Unreadable("the body holds NaN or Infinity, which are not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant)


def _check_escapes(text: str) -> None:
    """Refuse U+0000 and lone surrogates, which a JSON text that is UTF-8 can hold as escapes only."""
    fine = _FINE.match(text)
    odd = text[fine.end() :] if fine is not None else text
    if odd:
        check_text("\0" if odd.startswith("\\u0000") else "\ud800")


def check_text(text: str, noun: str = "a text of the body") -> None:
    """Refuse what PostgreSQL or UTF-8 cannot hold; `noun` says in the reason what it was found in."""
    if "\0" in text:
        raise Unreadable(f"{noun} holds the character U+0000")
    if _SURROGATE.search(text):
        raise Unreadable(f"{noun} holds half of a surrogate pair")

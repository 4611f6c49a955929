"""Text from files and senders, made harmless for a terminal."""

import unicodedata
from typing import Final

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_JOINER: Final = "\u200d"  # makes one emoji of several; the others of its category reorder or hide text


def visible(text: str) -> str:
    """The text with control and direction characters spelled out, so that none can act on a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    if character == "\t":
        return "\\t"
    if character != _JOINER and unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return f"\\u{{{ord(character):x}}}"
    return character

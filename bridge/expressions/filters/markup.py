"""Plain text of HTML in one pass over it; time grows with the length, whatever is in it."""

import html
import re
from typing import Final

from bridge.expressions.problems import Unusable

_TAG_NAME = re.compile(r"/?([a-z][a-z0-9]*)", re.IGNORECASE)
_BREAKING = re.compile(
    "address|article|blockquote|br|dd|div|dl|dt|footer|form|h[1-6]|header|hr|li|ol|p|pre|section|table|td|th|tr|ul"
)
_HIDDEN: Final = frozenset({"script", "style", "template", "noscript"})
_BLANK_LINES = re.compile(r"\n{3,}")


def plain_text(text: str) -> str:
    """The text that a reader of the HTML would see, with a line break for every block.

    A `<` that starts no tag stays. What follows an unclosed comment or script is not seen, as in a browser.

    Raises:
        Unusable: when a character reference names an absurd number.
    """
    pieces = _visible(text)
    try:
        plain = html.unescape("".join(pieces))
    except ValueError:
        raise Unusable("holds a character reference that is no character") from None
    trimmed = "\n".join(line.strip() for line in plain.split("\n"))
    return _BLANK_LINES.sub("\n\n", trimmed).strip()


def _visible(text: str) -> list[str]:
    lowered = text.lower() if text.isascii() else _lower_ascii(text)
    pieces: list[str] = []
    position = 0
    while (opening := text.find("<", position)) >= 0:
        pieces.append(text[position:opening])
        following, shown = _after_tag(lowered, opening)
        pieces.append(shown)
        position = following
    pieces.append(text[position:])
    return pieces


def _lower_ascii(text: str) -> str:
    # Keeps every offset, which lower() of the whole alphabet would not.
    return text.translate({code: code + 32 for code in range(ord("A"), ord("Z") + 1)})


def _after_tag(text: str, opening: int) -> tuple[int, str]:
    """Where to go on after the `<` at `opening`, and what is shown in place of what is left out."""
    if text.startswith("<!--", opening):
        return _beyond(text, "-->", opening + 4), ""
    name = _TAG_NAME.match(text, opening + 1)
    if name is None and not text.startswith(("<!", "<?"), opening):
        return opening + 1, "<"
    closing = text.find(">", opening)
    if closing < 0:
        return len(text), text[opening:]
    tag = name.group(1) if name else ""
    if tag in _HIDDEN and text[opening + 1] != "/":
        return _beyond(text, ">", _beyond(text, f"</{tag}", closing)), ""
    return closing + 1, "\n" if _BREAKING.fullmatch(tag) else ""


def _beyond(text: str, mark: str, start: int) -> int:
    found = text.find(mark, start)
    return len(text) if found < 0 else found + len(mark)

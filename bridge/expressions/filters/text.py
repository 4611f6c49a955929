"""Filters on text: case, length, pieces."""

import re

from bridge.expressions.filters.declare import Collection, Example, Kind, Parameter, Takes
from bridge.expressions.problems import Unusable
from bridge.expressions.values import MAX_OUTPUT_BYTES, as_text, bounded_text, encoded, kind_of

TEXT = Collection()

_WORD_STARTS = re.compile(r"([\s\-(\[{<]+)")
LONGEST_CHARACTER = 4  # bytes of UTF-8
MOST_PIECES = 1_000  # what `for_each` takes


@TEXT.declare(Takes.TEXT, example=Example("{{ body.x | lower }}", "Hi THERE", "hi there"))
def lower(text: str) -> str:
    """Turn all letters into small ones."""
    return text.lower()


@TEXT.declare(Takes.TEXT, example=Example("{{ body.x | upper }}", "de", "DE"))
def upper(text: str) -> str:
    """Turn all letters into capitals."""
    return text.upper()


@TEXT.declare(Takes.TEXT, example=Example("{{ body.x | title }}", "don't STOP now", "Don't Stop Now"))
def title(text: str) -> str:
    """Start every word with a capital, the rest in small letters."""
    return "".join(capitalize(piece) for piece in _WORD_STARTS.split(text))


@TEXT.declare(Takes.TEXT, example=Example("{{ body.x | capitalize }}", "hello WORLD", "Hello world"))
def capitalize(text: str) -> str:
    """Start the text with a capital, the rest in small letters."""
    return text[:1].upper() + text[1:].lower()


@TEXT.declare(Takes.TEXT, example=Example("{{ body.x | trim }}", "  hi \n", "hi"))
def trim(text: str) -> str:
    """Drop white space at both ends."""
    return text.strip()


@TEXT.declare(
    Takes.TEXT,
    Parameter("old"),
    Parameter("new"),
    example=Example("{{ body.x | replace('whatsapp:', '') }}", "whatsapp:+15550199999", "+15550199999"),
)
def replace(text: str, old: str, new: str) -> str:
    """Put `new` wherever `old` stands, exactly as written."""
    if not old:
        raise Unusable("cannot have an empty text replaced", "name the text to look for in `replace(old, new)`")
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_OUTPUT_BYTES:
        raise Unusable(f"is larger than {MAX_OUTPUT_BYTES // 1024} KiB after `replace`")
    return text.replace(old, new)


@TEXT.declare(
    Takes.TEXT,
    Parameter("n", Kind.INTEGER),
    Parameter("end", default="…"),
    example=Example("{{ body.x | truncate(8) }}", "A long subject", "A long …"),
)
def truncate(text: str, n: int, end: str) -> str:
    """Shorten to at most `n` characters, `end` included."""
    _check_limit(n)
    if len(text) <= n:
        return text
    return text[: n - len(end)] + end if len(end) <= n else text[:n]


@TEXT.declare(
    Takes.TEXT,
    Parameter("n", Kind.INTEGER),
    Parameter("end", default="…"),
    example=Example("{{ body.x | truncate_bytes(10) }}", "déjà vu encore", "déjà …"),
)
def truncate_bytes(text: str, n: int, end: str) -> str:
    """Shorten to at most `n` bytes of UTF-8, `end` included; no character is cut in two."""
    _check_limit(n)
    data, mark = encoded(text), encoded(end)
    if len(data) <= n:
        return text
    if len(mark) > n:
        return data[:n].decode(errors="ignore")
    return data[: n - len(mark)].decode(errors="ignore") + end


@TEXT.declare(
    Takes.TEXT,
    Parameter("n", Kind.INTEGER),
    example=Example("{{ body.x | pieces(12) }}", "a text in three parts", ["a text in", "three parts"]),
)
def pieces(text: str, n: int) -> list[str]:
    """Cut into pieces of at most `n` bytes of UTF-8, between words where there is a gap; for `for_each`."""
    if n < LONGEST_CHARACTER:
        raise Unusable("cannot be cut into pieces that hold no character", "give `pieces` a number of at least 4")
    found: list[str] = []
    rest = text.strip()
    while rest:
        piece = encoded(rest[:n])[:n].decode(errors="ignore")
        gap = max(piece.rfind(" "), piece.rfind("\n")) if len(piece) < len(rest) else -1
        if rest[len(piece) : len(piece) + 1] not in {" ", "\n", ""} and gap > len(piece) // 2:
            piece = piece[:gap]
        found.append(piece.rstrip())
        rest = rest[len(piece) :].lstrip()
        if len(found) > MOST_PIECES:
            raise Unusable(f"would be cut into more than {MOST_PIECES} pieces", "give `pieces` a larger number")
    return found


def _check_limit(n: int) -> None:
    if n < 0:
        raise Unusable("cannot be shortened to less than nothing", "give `truncate` a number that is not negative")


@TEXT.declare(
    Takes.TEXT,
    Parameter("sep"),
    example=Example("{{ body.x | split(', ') }}", "vip, blue", ["vip", "blue"]),
)
def split(text: str, sep: str) -> list[str]:
    """Cut a text into a list at every `sep`."""
    if not sep:
        raise Unusable("cannot be cut at an empty text", "name the text between the pieces in `split(sep)`")
    return bounded_text(text).split(sep)


@TEXT.declare(
    Takes.LIST,
    Parameter("sep", default=""),
    example=Example("{{ body.x | join(', ') }}", ["a", 2, True], "a, 2, true"),
)
def join(items: list[object], sep: str) -> str:
    """Put the items of a list together as one text, with `sep` between them."""
    size = len(sep) * max(0, len(items) - 1)
    pieces: list[str] = []
    for position, item in enumerate(items):
        pieces.append(_item_text(item, position))
        size += len(pieces[-1])
        if size > MAX_OUTPUT_BYTES:
            raise Unusable(f"is larger than {MAX_OUTPUT_BYTES // 1024} KiB after `join`")
    return sep.join(pieces)


def _item_text(item: object, position: int) -> str:
    try:
        return as_text(item)
    except Unusable:
        raise Unusable(f"has an item that is {kind_of(item)} at {position}, which has no text") from None

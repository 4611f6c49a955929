"""From a character of a text value back to the characters of the file that spell it.

A mistake inside a quoted template should be marked at its own column. PyYAML gives only where a scalar starts and
ends, so the spelling between is read once more here: escapes, folded lines, block indentation. The result counts
only when it spells exactly the value that PyYAML read; otherwise the caller marks the whole scalar.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

ScalarStyle = Literal["", "'", '"', "|", ">"]
"""Plain, single-quoted, double-quoted, literal block, folded block."""

Offsets = list[tuple[int, int]]
"""For each character of the value the offsets (start, exclusive end) of what spells it."""

_Spelled = tuple[str, int, int]

_SPACES: Final = re.compile(r"(?P<first>[ \t]*)(?P<rest>(?:\r\n|\r|\n)(?:[ \t]*(?:\r\n|\r|\n))*[ \t]*)?")
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(\r\n|[\s\S]))")
_HEADER: Final = re.compile(r"[|>](?P<signs>[+-]?[1-9]?[+-]?)[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|$)")
_ESCAPED: Final = {
    "0": "\0", "a": "\x07", "b": "\x08", "t": "\t", "\t": "\t", "n": "\n", "v": "\x0b", "f": "\x0c", "r": "\r",
    "e": "\x1b", " ": " ", '"': '"', "\\": "\\", "/": "/", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip


def character_offsets(text: str, start: int, end: int, style: ScalarStyle, value: str | None) -> Offsets | None:
    """Where each character of a scalar is spelled in `text`.

    Args:
        text: The whole file.
        start: Where the scalar starts, its quote or block sign included.
        end: Where it ends, exclusive.
        style: How it is written.
        value: The text it means; None for a number or word, whose spelling is itself.

    Returns:
        One pair per character of the value, or None when the spelling is not understood.
    """
    if value is None:
        return [(index, index + 1) for index in range(start, end)]
    for spelling in _spellings(text, start, end, style):
        joined = list(_with_whole_characters(spelling))
        if "".join(character for character, _, _ in joined) == value:
            return [(left, right) for _, left, right in joined]
    return None


def join_surrogates(text: str) -> str:
    """Make one character of each pair of escaped halves, as JSON does; a half alone stays as it is."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _spellings(text: str, start: int, end: int, style: ScalarStyle) -> Iterator[list[_Spelled]]:
    if style in {"|", ">"}:
        yield from _block_spellings(text, start, end, folded=style == ">")
    elif style == "":
        yield list(_flow(text, start, end, style))
    else:
        yield list(_flow(text, start + 1, end - 1, style))


def _with_whole_characters(spelled: list[_Spelled]) -> Iterator[_Spelled]:
    index = 0
    while index < len(spelled):
        character, left, right = spelled[index]
        if "\ud800" <= character <= "\udbff" and index + 1 < len(spelled):
            joined = join_surrogates(character + spelled[index + 1][0])
            if len(joined) == 1:
                yield joined, left, spelled[index + 1][2]
                index += 2
                continue
        yield character, left, right
        index += 1


def _flow(text: str, start: int, end: int, style: ScalarStyle) -> Iterator[_Spelled]:
    """Plain and quoted scalars: a line break is a space, further ones are line breaks."""
    index = start
    while index < end:
        spaces = _SPACES.match(text, index, end)
        if spaces is not None and spaces.end() > index:
            yield from _folded_spaces(spaces)
            index = spaces.end()
        elif style == "'" and text.startswith("''", index):
            yield "'", index, index + 2
            index += 2
        elif style == '"' and text[index] == "\\":
            escape = _ESCAPE.match(text, index, end)
            if escape is None:
                return
            yield from _escaped(escape)
            index = _after_escape(text, escape, end)
        else:
            yield text[index], index, index + 1
            index += 1


def _folded_spaces(spaces: re.Match[str]) -> Iterator[_Spelled]:
    rest = spaces["rest"]
    if rest is None:
        for index in range(*spaces.span("first")):
            yield spaces.string[index], index, index + 1
        return
    breaks = [(found.start(), found.end()) for found in _BREAK.finditer(spaces.string, *spaces.span("rest"))]
    if len(breaks) == 1:
        yield " ", *breaks[0]
    for left, right in breaks[1:]:
        yield "\n", left, right


def _escaped(escape: re.Match[str]) -> Iterator[_Spelled]:
    short_hex, hexadecimal, long_hex, sign = escape.groups()
    code = short_hex or hexadecimal or long_hex
    if code is not None:
        if int(code, 16) <= 0x10FFFF:  # noqa: PLR2004 - the last code point there is
            yield chr(int(code, 16)), escape.start(), escape.end()
    elif sign in _ESCAPED:
        yield _ESCAPED[sign], escape.start(), escape.end()


def _after_escape(text: str, escape: re.Match[str], end: int) -> int:
    """An escaped line break swallows the indentation of the next line."""
    if escape[4] not in {"\n", "\r", "\r\n"}:
        return escape.end()
    index = escape.end()
    while index < end and text[index] in " \t":
        index += 1
    return index


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a block scalar without its indentation; `next` is where the following line starts."""

    start: int
    end: int
    next: int


def _block_spellings(text: str, start: int, end: int, *, folded: bool) -> Iterator[list[_Spelled]]:
    header = _HEADER.match(text, start)
    if header is None:
        return
    signs = header["signs"]
    found = re.search(r"^( *)[^ \r\n]", text[header.end() : end], re.MULTILINE)
    widest = len(found[1]) if found is not None else 0
    # With an indentation sign the content may start left of the first line's text; the parent's column is not known
    # here, so each width is tried and the caller keeps the one that spells the value.
    widths = range(widest, -1, -1) if any(sign.isdigit() for sign in signs) else (widest,)
    for width in widths:
        rows = list(_rows(text, header.end(), end, width))
        yield list(_block(text, rows, folded=folded, signs=signs))


def _rows(text: str, start: int, end: int, width: int) -> Iterator[_Row]:
    index = start
    while index < end:
        line_break = _BREAK.search(text, index, end)
        line_end, after = line_break.span() if line_break is not None else (end, end)
        left = index
        while left < line_end and left - index < width and text[left] == " ":
            left += 1
        yield _Row(left, line_end, after)
        index = after


def _block(text: str, rows: list[_Row], *, folded: bool, signs: str) -> Iterator[_Spelled]:
    filled = [number for number, row in enumerate(rows) if row.end > row.start]
    if not filled:
        yield from _trailing(rows, signs) if "+" in signs else ()
        return
    for row in rows[: filled[0]]:
        yield "\n", row.end, row.next
    for number, following in zip(filled, [*filled[1:], None], strict=True):
        row = rows[number]
        for index in range(row.start, row.end):
            yield text[index], index, index + 1
        if following is None:
            break
        blanks = rows[number + 1 : following]
        folds = folded and text[row.start] not in " \t" and text[rows[following].start] not in " \t"
        if not folds:
            yield "\n", row.end, row.next
        elif not blanks:
            yield " ", row.end, row.next
        for blank in blanks:
            yield "\n", blank.end, blank.next
    last = filled[-1]
    kept = [] if "-" in signs else rows[last:] if "+" in signs else rows[last : last + 1]
    yield from _trailing(kept, signs)


def _trailing(rows: list[_Row], signs: str) -> Iterator[_Spelled]:
    if "-" in signs:
        return
    for row in rows:
        if row.next > row.end:
            yield "\n", row.end, row.next

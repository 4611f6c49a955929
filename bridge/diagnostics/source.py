"""The text of a file, with its line numbers, and with everything secret in it blanked out for display."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from bridge.diagnostics.findings import Place, Span

MASK: Final = "\N{BULLET}"
_KEPT = 4  # characters of a long secret left readable, so that its owner can tell which one it is
_LONG = 12

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:secrets?|tokens?|passwords?|passwd|passphrase|api[_-]?keys?|private[_-]key|signing[_-]key|authorization)$",
    re.IGNORECASE,
)
# A file that is no YAML has no scalars yet. Its lines are read for `key: value` just to hide the values of secrets.
_PAIR = re.compile(
    r"""(?<![\w.-])(?P<quote>["']?)(?P<key>[A-Za-z][\w.-]{0,80}+)(?P=quote)[ \t]*:(?=[ \t]|$)[ \t]*""", re.ASCII
)
_LIST_ENTRY = re.compile(r"[ \t]*-[ \t]+")
_WORD = re.compile(r"""[^\s\[\]{},"'#]+""")
_NEXT_LINES = re.compile(r"(?:[|>][+-]?[1-9]?[+-]?)?[ \t]*(?:#.*)?")  # what stands before a value that follows below
_USER_INFO = re.compile(r"://[^\s/@:\"']*:(?P<value>[^\s/@\"']+)@")
_QUERY_PAIR = re.compile(r"[?&](?P<key>[\w.-]{1,80})=(?P<value>[^\s&#\"']+)")
_REFERENCE = re.compile(r"\$?\$\{|\{\{")


def is_secret_name(key: str) -> bool:
    """Whether a key of this name usually holds a credential: `token`, `client_secret`, `api_key`..."""
    return _SECRET_NAME.search(key) is not None


def is_reference(text: str) -> bool:
    """Whether the text says where the secret comes from (`${NAME}`, a template), so that showing it is no harm."""
    return _REFERENCE.search(text) is not None


class Source:
    """A text with a name. Line numbers start at `base_line` + 1, for YAML that stands inside another file.

    Offsets are characters from the start of the text.
    """

    def __init__(self, name: str, text: str, *, base_line: int = 0) -> None:
        self.name = name
        self.text = text
        self.base_line = base_line
        self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
        self._masks: list[tuple[int, int]] = []
        self._guessed: dict[int, list[tuple[int, int]]] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"  # never the text: it may hold secrets

    @property
    def first_line(self) -> int:
        """The number of the first line."""
        return self.base_line + 1

    @property
    def last_line(self) -> int:
        """The number of the last line; an empty rest after the last line break is no line."""
        count = len(self._starts)
        return self.base_line + (count - 1 if count > 1 and self._starts[-1] == len(self.text) else count)

    def span_at(self, start: int, end: int) -> Span:
        """The span of the characters from `start` up to but not including `end`."""
        line, column = self._position(start)
        end_line, end_column = self._position(max(start, end))
        return Span(line, column, end_line, end_column)

    def place(self, span: Span | None = None) -> Place:
        """A place in this text."""
        return Place(self.name, span)

    def mask_range(self, start: int, end: int) -> None:
        """Hide these characters in every excerpt."""
        if end > start:
            self._masks.append((start, end))

    def line(self, number: int) -> str:
        """Line `number` without its line break, secrets hidden; the length is that of the real line."""
        start, end = self._bounds(number)
        shown = list(self.text[start:end])
        for mask_start, mask_end in [*self._masks, *self._guesses().get(number, [])]:
            keep = _KEPT if mask_end - mask_start > _LONG else 0
            for index in range(max(start, mask_start + keep), min(end, mask_end)):
                if not self.text[index].isspace():
                    shown[index - start] = MASK
        return "".join(shown)

    def _position(self, offset: int) -> tuple[int, int]:
        offset = min(max(0, offset), len(self.text))
        row = bisect_right(self._starts, offset) - 1
        return self.base_line + row + 1, offset - self._starts[row] + 1

    def _bounds(self, number: int) -> tuple[int, int]:
        row = number - self.base_line - 1
        if not 0 <= row < len(self._starts):
            return len(self.text), len(self.text)
        end = self._starts[row + 1] if row + 1 < len(self._starts) else len(self.text)
        start = self._starts[row]
        return start, start + len(self.text[start:end].rstrip("\r\n"))

    def _guesses(self) -> dict[int, list[tuple[int, int]]]:
        if self._guessed is None:
            self._guessed = dict(self._guess_secrets())
        return self._guessed

    def _guess_secrets(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Line number -> what looks like a secret there, read line by line because the text may be no YAML."""
        below_secret_key: int | None = None
        for number in range(self.first_line, self.last_line + 1):
            start, stop = self._bounds(number)
            line = self.text[start:stop]
            indentation = len(line) - len(line.lstrip(" \t"))
            pairs = list(_PAIR.finditer(line))
            ends = [_end_of_value(line, pairs[index + 1 :]) for index in range(len(pairs))]
            found = [(pair.end(), end) for pair, end in zip(pairs, ends, strict=False) if is_secret_name(pair["key"])]
            entry = _LIST_ENTRY.match(line)
            if not line.strip():
                continue
            in_urls = [(start + left, start + right) for left, right in _in_urls(line)]
            if below_secret_key is not None and indentation >= below_secret_key and not pairs:
                found.append((entry.end() if entry else indentation, len(line)))
            else:
                opens = bool(found) and _NEXT_LINES.fullmatch(line, found[-1][0]) is not None
                below_secret_key = indentation if opens else None
            in_values = [(start + left, start + right) for area in found for left, right in _words(line, *area)]
            yield number, in_values + in_urls


def _end_of_value(line: str, after: Sequence[re.Match[str]]) -> int:
    """Where a value ends: at the next key, which only stands in the same line inside of `{ }`."""
    return next((pair.start() for pair in after if line[: pair.start()].rstrip().endswith((",", "{", "["))), len(line))


def _in_urls(line: str) -> Iterator[tuple[int, int]]:
    """Passwords before the host of an address, and secrets in its query."""
    named = [found for found in _QUERY_PAIR.finditer(line) if is_secret_name(found["key"])]
    for found in (*_USER_INFO.finditer(line), *named):
        if not is_reference(found["value"]):
            yield found.span("value")


def _words(line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The pieces of a value between quotes, brackets and commas, but no references to variables."""
    value = line[start:end]
    if is_reference(value) or _NEXT_LINES.fullmatch(value):
        return
    for word in _WORD.finditer(value.partition(" #")[0]):
        yield start + word.start(), start + word.end()

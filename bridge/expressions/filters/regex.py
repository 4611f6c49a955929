"""Regular expressions by RE2: time grows with the text only, whatever the pattern."""

import re
from collections.abc import Callable
from typing import Any, Final

import re2

from bridge.expressions.filters.declare import Collection, Example, Kind, Parameter, Takes
from bridge.expressions.problems import BadArgument, Unusable
from bridge.expressions.values import MAX_OUTPUT_BYTES, encoded

REGEX = Collection()

MAX_TEXT_BYTES: Final = 64 * 1024
"""Longest text searched, in bytes of UTF-8."""

MAX_REPLACEMENTS: Final = 5000
MAX_PATTERN: Final = 1000
_MAX_MEMORY: Final = 1 << 20
_REFERENCE = re.compile(r"\\(?:([0-9]{1,2})|g<([A-Za-z_][A-Za-z0-9_]{0,63}|[0-9]{1,2})>|(\\))")


@REGEX.declare(
    Takes.TEXT,
    Parameter("pattern", literal=True),
    Parameter("group", Kind.TEXT_OR_INTEGER, 0, literal=True),
    example=Example("{{ body.x | regex_search('order #(\\d+)', 1) }}", "Where is order #1042?", "1042"),
)
def regex_search(pattern: str, group: str | int) -> Callable[[str], str | None]:
    """Give the first match of a pattern, or one group of it; null when there is none."""
    compiled = _compiled(pattern)
    _check_group(compiled, group, "group")

    def search(text: str) -> str | None:
        found = compiled.search(_searchable(text))
        if found is None:
            return None
        piece: str | None = found.group(group)
        return piece

    return search


@REGEX.declare(
    Takes.TEXT,
    Parameter("pattern", literal=True),
    Parameter("repl", literal=True),
    example=Example("{{ body.x | regex_replace('\\s+', ' ') }}", "a  b \n c", "a b c"),
)
def regex_replace(pattern: str, repl: str) -> Callable[[str], str]:
    r"""Put `repl` wherever the pattern matches; `\1` or `\g<name>` in it are groups of the match."""
    compiled = _compiled(pattern)
    parts = _replacement(compiled, repl)

    def replaced(text: str) -> str:
        return _replace(compiled, parts, _searchable(text))

    return replaced


def _replace(compiled: Any, parts: list[tuple[bool, str | int]], text: str) -> str:
    pieces: list[str] = []
    size, end, previous = 0, 0, -1
    for count, match in enumerate(compiled.finditer(text)):
        start, stop = match.span()
        if start == stop == previous:
            continue  # an empty match right after a match; re2 gives some of them twice
        inserted = "".join(str(part) if literal else match.group(part) or "" for literal, part in parts)
        pieces += (text[end:start], inserted)
        size += start - end + len(inserted)
        end = previous = stop
        if count >= MAX_REPLACEMENTS or size > MAX_OUTPUT_BYTES:
            raise Unusable("has too much to replace by `regex_replace`", "shorten it first with `| truncate(4000)`")
    return "".join(pieces) + text[end:]


def _compiled(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN:
        raise BadArgument("pattern", f"the pattern is longer than {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else b"it cannot be read"
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        mend = "the syntax is RE2's: no look-ahead, look-behind or references back"
        raise BadArgument("pattern", f"the pattern is not usable: {said}", mend) from None


def _searchable(text: str) -> str:
    if len(encoded(text)) > MAX_TEXT_BYTES:
        raise Unusable(
            f"is longer than {MAX_TEXT_BYTES // 1024} KiB, too long for a pattern", "shorten it with `| truncate(4000)`"
        )
    return text


def _check_group(compiled: Any, group: str | int, parameter: str) -> None:
    exists = group in compiled.groupindex if isinstance(group, str) else 0 <= group <= compiled.groups
    if not exists:
        mend = f"it has {compiled.groups} in brackets; 0 is the whole match"
        raise BadArgument(parameter, f"the pattern has no group `{group}`", mend)


def _replacement(compiled: Any, repl: str) -> list[tuple[bool, str | int]]:
    """The replacement as (is literal, text or group)."""
    parts: list[tuple[bool, str | int]] = []
    end = 0
    for found in _REFERENCE.finditer(repl):
        parts.append((True, repl[end : found.start()]))
        end = found.end()
        if found.group(3):
            parts.append((True, "\\"))
            continue
        name = found.group(1) or found.group(2)
        group = int(name) if name.isdecimal() else name
        _check_group(compiled, group, "repl")
        parts.append((False, group))
    return [*parts, (True, repl[end:])]

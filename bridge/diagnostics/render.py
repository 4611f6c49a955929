"""Findings as text for a person (`full`, `concise`) or a program (`json`, `github`).

Secrets are masked in every excerpt.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.cells import cell_len

from bridge.diagnostics.annotations import annotation
from bridge.diagnostics.findings import Finding, Place, Severity, Span, in_order
from bridge.diagnostics.source import Source
from bridge.diagnostics.visible import visible

Format = Literal["full", "concise", "json", "github"]

_BOLD, _RED, _YELLOW, _BLUE, _GREEN = "1", "1;31", "1;33", "1;34", "1;32"
_CONTEXT = 1  # lines shown before and after a marked one
_LEAD = 20  # cells kept before the marked place when a long line is cut
_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_MOST_LETTERS = 4  # letters to a cell: some take none


@dataclass(frozen=True, slots=True)
class _Mark:
    span: Span
    label: str
    is_primary: bool


class _Paint:
    """ANSI colours, or nothing at all."""

    def __init__(self, *, color: bool) -> None:
        self._color = color

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and text else text


def render(
    findings: Iterable[Finding],
    documents: Mapping[str, Source],
    format: Format = "full",  # noqa: A002 - the name of the command's option, and of nothing else here
    *,
    color: bool = False,
    width: int = 80,
) -> str:
    """Write findings out, ordered by place.

    Args:
        findings: Any number of them.
        documents: Display name -> text, for excerpts; also counted in the summary.
        format: `full` with excerpts, `concise` with one line each, `json` as one array,
            `github` as annotations of GitHub Actions.
        color: Whether to use ANSI colours (only in `full`).
        width: Cells per line of an excerpt; longer lines are cut around the marked place.

    Returns:
        The text, ending with a line break.
    """
    ordered = in_order(list(findings))
    if format == "json":
        return json.dumps([_as_json(finding) for finding in ordered], ensure_ascii=False, indent=2) + "\n"
    paint = _Paint(color=color)
    if format in {"concise", "github"}:
        one_line = _concise if format == "concise" else annotation
        lines = [one_line(finding) for finding in ordered]
        return "\n".join([*lines, summary(ordered, len(documents))]) + "\n"
    blocks = [_full(finding, documents, paint, width) for finding in ordered]
    return "\n\n".join([*blocks, summary(ordered, len(documents))]) + "\n"


def summary(findings: Sequence[Finding], files: int) -> str:
    """The last line: `3 files · 8 errors, 1 warning · ...`."""
    errors = sum(finding.is_error for finding in findings)
    warnings = len(findings) - errors
    counts = [_count(errors, "error")] if errors else []
    counts += [_count(warnings, "warning")] if warnings else []
    parts = [_count(files, "file"), ", ".join(counts) or "no problems found"]
    if counts:
        parts.append("`crm-bridge check --explain CODE` tells more")
    return " \N{MIDDLE DOT} ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "message": finding.message,
        **_place_as_json(finding.place),
        "label": finding.label,
        "notes": list(finding.notes),
        "helps": list(finding.helps),
        "related": [{**_place_as_json(place), "label": label} for place, label in finding.related],
    }


def _place_as_json(place: Place) -> dict[str, object]:
    span = place.span
    return {
        "file": place.file,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }


def _concise(finding: Finding) -> str:
    severity = "" if finding.is_error else f" {finding.severity}"
    help_ = f"; {finding.helps[0]}" if finding.helps else ""
    return visible(f"{finding.place}: {finding.code}{severity} {finding.message}{help_}")


def _full(finding: Finding, documents: Mapping[str, Source], paint: _Paint, width: int) -> str:
    shown = _marks_by_file(finding, documents)
    last = max((mark.span.line + _CONTEXT for marks in shown.values() for mark in marks), default=0)
    sources = {file: documents[file] for file in shown}
    gutter = len(str(min(last, max((source.last_line for source in sources.values()), default=0)))) if shown else 1
    style = _RED if finding.severity is Severity.ERROR else _YELLOW
    lines = [
        paint(style, f"{finding.severity}[{finding.code}]") + paint(_BOLD, f": {visible(finding.message)}"),
        f"{' ' * gutter}{paint(_BLUE, '-->')} {visible(str(finding.place))}",
    ]
    bar = f"{' ' * (gutter + 1)}{paint(_BLUE, '|')}"
    for file, marks in shown.items():
        if file != finding.place.file:
            first = _first_place(file, marks)
            lines.append(f"{' ' * gutter}{paint(_BLUE, ':::')} {visible(str(first))}")
        lines += [bar, *_excerpt(sources[file], marks, gutter, paint, style, width), bar]
    lines += _remarks(finding, shown, gutter, paint)
    while lines[-1] == bar:
        lines.pop()
    return "\n".join(lines)


def _first_place(file: str, marks: Sequence[_Mark]) -> Place:
    """The first marked place of a file."""
    return Place(file, min(mark.span for mark in marks))


def _marks_by_file(finding: Finding, documents: Mapping[str, Source]) -> dict[str, list[_Mark]]:
    shown: dict[str, list[_Mark]] = {}
    places = [(finding.place, finding.label, True), *((place, label, False) for place, label in finding.related)]
    for place, label, is_primary in places:
        if place.span is not None and place.file in documents:
            shown.setdefault(place.file, []).append(_Mark(place.span, label, is_primary))
    return shown


def _remarks(finding: Finding, shown: Mapping[str, object], gutter: int, paint: _Paint) -> list[str]:
    """Notes and helps; a label or related place that has no excerpt becomes a note."""
    notes = list(finding.notes)
    if finding.label and finding.place.file not in shown:
        notes.insert(0, finding.label)
    notes += [f"{label}: {place}" for place, label in finding.related if place.file not in shown or place.span is None]
    lead = f"{' ' * (gutter + 1)}{paint(_BLUE, '=')}"
    return [
        *(f"{lead} {paint(_BOLD, 'note')}: {visible(note)}" for note in notes),
        *(f"{lead} {paint(_GREEN, 'help')}: {visible(help_)}" for help_ in finding.helps),
    ]


def _excerpt(source: Source, marks: Sequence[_Mark], gutter: int, paint: _Paint, style: str, width: int) -> list[str]:
    by_line: dict[int, list[_Mark]] = {}
    for mark in marks:
        by_line.setdefault(mark.span.line, []).append(mark)
    wanted = _wanted_lines(source, by_line)
    lines: list[str] = []
    previous: int | None = None
    for number in wanted:
        if previous is not None and number > previous + 1:
            lines.append(paint(_BLUE, "..."))
        lines += _numbered_line(source, number, by_line.get(number, []), gutter, paint, style, width)
        previous = number
    return lines


def _wanted_lines(source: Source, by_line: Mapping[int, object]) -> list[int]:
    """The marked lines and one around each, without blank ones at the edges."""
    wanted: set[int] = set()
    for line in by_line:
        for number in range(line - _CONTEXT, line + _CONTEXT + 1):
            inside = source.first_line <= number <= source.last_line
            if number == line or (inside and source.line(number).strip()):
                wanted.add(number)
    return sorted(wanted)


def _numbered_line(
    source: Source, number: int, marks: Sequence[_Mark], gutter: int, paint: _Paint, style: str, width: int
) -> list[str]:
    raw = source.line(number)
    room = max(width - gutter - 3, 2 * _LEAD)
    ordered = sorted(marks, key=lambda mark: mark.span.column)
    text, cut = _window(raw, ordered[0].span.column - 1 if ordered else 0, room)
    bar = paint(_BLUE, "|")
    lines = [f"{paint(_BLUE, str(number).rjust(gutter))} {bar} {text}".rstrip()]
    for mark in ordered:
        start, length = _underline(raw, mark.span, cut, room)
        sign = paint(style, "^" * length) if mark.is_primary else paint(_BLUE, "-" * length)
        label = paint(style if mark.is_primary else _BLUE, visible(mark.label))
        lines.append(f"{' ' * (gutter + 1)}{bar} {' ' * start}{sign} {label}".rstrip())
    return lines


def _window(raw: str, marked: int, room: int) -> tuple[str, int]:
    """The part of a line that fits, around the character at `marked`; with it, how many characters were cut off."""
    # A line of a whole generated file is not measured letter by letter; no text of so many letters fits.
    if len(raw) <= _MOST_LETTERS * room and cell_len(visible(raw)) <= room:
        return visible(raw), 0
    keep = max(_LEAD, room // 2)
    cut = max(0, marked - keep)  # a character takes a cell or more (rarely none), so this is near; the loops finish it
    while cut < marked and cell_len(visible(raw[cut:marked])) > keep:
        cut += 1
    lead = _ELLIPSIS if cut else ""
    end = min(len(raw), cut + room)
    while end > cut and cell_len(lead + visible(raw[cut:end])) > room - 1:
        end -= 1
    return lead + visible(raw[cut:end]) + (_ELLIPSIS if end < len(raw) else ""), cut


def _underline(raw: str, span: Span, cut: int, room: int) -> tuple[int, int]:
    """Where the carets start and how many there are, in cells."""
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(raw)
    before = cell_len(visible(raw[cut:start])) + (1 if cut else 0)
    length = cell_len(visible(raw[start : min(end, start + _MOST_LETTERS * room)]))
    return before, max(1, min(length, room - before))

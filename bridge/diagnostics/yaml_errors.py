"""PyYAML's complaints in plain words, with the mistake that people most often made there."""

import re
from dataclasses import dataclass
from typing import Final

import yaml

from bridge.diagnostics.findings import Finding, Place, Severity
from bridge.diagnostics.source import Source

_PREFIX: Final = "this file is not valid YAML: "
_QUOTE_HELP: Final = "put the whole value in quotes"
_TEMPLATE: Final = re.compile(r"(?:^[ \t]*(?:-[ ]+)*|:[ \t]+|[,\[][ \t]*)(?P<braces>\{[{%])")
_KEY_ON_ITS_LINE: Final = re.compile(r"\n[ \t]*(?:-[ ]+)*[\w.-]+:(?=\s)")
_TAB: Final = re.compile(r"found character '\\t'")


@dataclass(frozen=True, slots=True)
class _Explanation:
    """What to say when PyYAML's problem (or its context) contains `sign`."""

    sign: str
    message: str
    label: str = ""
    help: str = ""
    code: str = "BR001"
    opened: str = ""
    """The label of the place where the unfinished thing began; empty: that place says nothing."""
    at_opening: bool = False
    """Mark where it began instead of where reading stopped, which is often the end of the file."""


_EXPLANATIONS: Final = (
    _Explanation(
        "while scanning an alias",
        "an unquoted `*` starts an alias, and aliases are not used here",
        "must be quoted",
        'write it in quotes: `"*"`, `"*/..."`',
        code="BR003",
        at_opening=True,
    ),
    _Explanation(
        "while scanning an anchor", "an unquoted `&` starts an anchor, and anchors are not used here", "must be quoted",
        _QUOTE_HELP, code="BR003", at_opening=True,
    ),
    _Explanation(
        "a tag", "an unquoted `!` starts a tag, and tags are not used here", "must be quoted", _QUOTE_HELP,
        code="BR003", at_opening=True,
    ),
    _Explanation(
        "undefined tag handle", "an unquoted `!` starts a tag, and tags are not used here", "must be quoted",
        _QUOTE_HELP, code="BR003",
    ),
    _Explanation(
        "non-specific tag", "an unquoted `!` starts a tag, and tags are not used here", "must be quoted",
        _QUOTE_HELP, code="BR003",
    ),
    _Explanation(
        "mapping values are not allowed", "a `:` followed by a space is not expected here", "unexpected `:`",
        "if it belongs to the text, put the whole value in quotes; else check the indentation",
    ),
    _Explanation(
        "but found '<scalar>'", "text goes on after the value has ended", "not expected here",
        "put the whole value in one pair of quotes, or start a new line with `key: value`",
    ),
    _Explanation(
        "expected <block end>", "the indentation does not line up with the lines above", "does not line up",
        "give the keys of one mapping, and the `-` of one list, the same number of spaces",
    ),
    _Explanation(
        "invalid indentation or unclosed", "the indentation is wrong, or a `[` or `{` above is not closed",
        help="close the bracket, or indent this line further",
    ),
    _Explanation(
        "could not find expected ':'", "a line is no `key: value`", "no `: ` follows",
        "add `: ` and a value, or indent the line if it continues the text above", at_opening=True,
    ),
    _Explanation(
        "found unexpected end of stream", "a quote is not closed", "opens here",
        "add the closing quote", at_opening=True,
    ),
    _Explanation(
        "found unexpected document separator", "a line `---` or `...` stands inside quoted text",
        opened="the quote opens here", help="close the quote before it, or indent the line",
    ),
    _Explanation(
        "expected ',' or ']'", "a list in `[ ]` is not closed, or a comma is missing", opened="opens here",
        help="add a comma or the `]`; text with `[`, `]`, `{`, `}`, `,` needs quotes",
    ),
    _Explanation(
        "expected ',' or '}'", "a mapping in `{ }` is not closed, or a comma is missing", opened="opens here",
        help="add a comma or the `}`; text with `[`, `]`, `{`, `}`, `,` needs quotes",
    ),
    _Explanation(
        "found unknown escape character", "an unknown escape in double quotes", "not an escape",
        r"write `\\` for a backslash, or use single quotes, where it needs no escape",
    ),
    _Explanation(
        "expected escape sequence", "an escape in double quotes is not complete", "hexadecimal digits are missing",
        r"`\x` takes 2 digits, `\u` 4, `\U` 8; write `\\` for a backslash",
    ),
    _Explanation(
        "sequence entries are not allowed", "a list entry `-` is not expected here", "unexpected `-`",
        "start the list on a line of its own, or put the value in quotes",
    ),
    _Explanation(
        "mapping keys are not allowed", "a `?` followed by a space is not expected here", "unexpected `?`", _QUOTE_HELP,
    ),
    _Explanation(
        "block scalar", "something stands behind `|` or `>`", "only `+`, `-` or an indentation digit may follow",
        "start the text on the next line, or put the value in quotes",
    ),
    _Explanation("directive", "a line that starts with `%` is not used here", help="remove it, or quote the text"),
    _Explanation("incompatible YAML document", "only YAML 1 is understood", help="remove the `%YAML` line"),
    _Explanation("expected '<document start>'", "text stands outside the one value of the file", "not expected here",
                 "indent it, or make it a `key: value` like the others"),
    _Explanation("expected the node content", "a value is missing or starts with a wrong character", help=_QUOTE_HELP),
)  # fmt: skip


def explain_yaml_error(
    source: Source, error: yaml.MarkedYAMLError, *, last_quoted: tuple[int, int] | None = None
) -> Finding:
    """One finding for the place where PyYAML gave up.

    Args:
        source: the text.
        error: what PyYAML says.
        last_quoted: the offsets of the value before that place, when it stands in quotes.
    """
    mark = error.problem_mark or error.context_mark
    at = mark.index if mark is not None else 0
    opened_at = error.context_mark.index if error.context_mark is not None else at
    problem = f"{error.context or ''} {error.problem or ''}"
    if _TAB.search(problem):
        return _tab(source, at)
    if last_quoted is not None:
        about_quotes = _unclosed_quote(source, at, *last_quoted) or _inner_quote(source, at, *last_quoted)
        if about_quotes is not None:
            return about_quotes
    for offset in (at, opened_at):
        template = _unquoted_template(source, offset)
        if template is not None:
            return template
    unusual = re.search(r"found character '(.)' that cannot start", problem)
    if unusual is not None:
        message = f"{_PREFIX}`{unusual[1]}` cannot start a value without quotes"
        return _finding(source, at, message, label="must be quoted", help_=_QUOTE_HELP)
    for explanation in _EXPLANATIONS:
        if explanation.sign in problem:
            return _explained(source, explanation, at, opened_at)
    return unreadable_from(source, at)


def unreadable_from(source: Source, offset: int) -> Finding:
    """The finding for a mistake that has no better explanation."""
    return _finding(source, offset, f"{_PREFIX}it cannot be understood from here on", help_=_QUOTE_HELP)


def _explained(source: Source, explanation: _Explanation, at: int, opened_at: int) -> Finding:
    message = explanation.message if explanation.code != "BR001" else _PREFIX + explanation.message
    related: tuple[tuple[Place, str], ...] = ()
    if explanation.opened and opened_at != at:
        related = ((source.place(source.span_at(opened_at, opened_at + 1)), explanation.opened),)
    return _finding(
        source,
        opened_at if explanation.at_opening else at,
        message,
        label=explanation.label,
        help_=explanation.help,
        code=explanation.code,
        related=related,
    )


def _tab(source: Source, at: int) -> Finding:
    column = source.span_at(at, at).column
    before = source.text[at - column + 1 : at]
    what = "a tab separates words" if before.strip() else "a tab is used for indentation"
    return _finding(
        source,
        at,
        _PREFIX + what,
        label="tab character",
        help_="replace the tab with spaces" + ("" if before.strip() else ", to line up with the lines above"),
        notes=("YAML allows only spaces here",),
    )


def _unclosed_quote(source: Source, at: int, start: int, end: int) -> Finding | None:
    """A quote that is missing lets a value go on up to the next quote, over the keys between them."""
    if source.text[end:at].strip() or not _KEY_ON_ITS_LINE.search(source.text, start, end):
        return None
    return _finding(
        source,
        start,
        _PREFIX + "a quote is not closed",
        label="opens here",
        help_="add the closing quote",
        related=((source.place(source.span_at(end - 1, end)), "so the value goes on to this quote"),),
    )


def _inner_quote(source: Source, at: int, start: int, end: int) -> Finding | None:
    """A text inside of a template in the quotes of the whole value ends the value in its midst."""
    value = source.text[start:end]
    if at != end or value.count("{{") <= value.count("}}"):
        return None
    other = "'" if value[-1] == '"' else '"'
    return _finding(
        source,
        end - 1,
        f"{_PREFIX}a quote inside `{{{{ }}}}` ends the value",
        label="the value ends here",
        help_=f"inside it write texts in the other quotes: `{other}text{other}`",
    )


def _unquoted_template(source: Source, offset: int) -> Finding | None:
    line_start = offset - source.span_at(offset, offset).column + 1
    line = source.text[line_start:].split("\n", 1)[0]
    found = _TEMPLATE.search(line)
    if found is None:
        return None
    return _finding(
        source,
        line_start + found.start("braces"),
        _PREFIX + "a template must stand in quotes",
        label="YAML reads `{` as the start of a mapping",
        help_='put the whole value in quotes: `"{{ ... }}"`',
        length=2,
    )


def _finding(
    source: Source,
    at: int,
    message: str,
    *,
    label: str = "",
    help_: str = "",
    notes: tuple[str, ...] = (),
    code: str = "BR001",
    related: tuple[tuple[Place, str], ...] = (),
    length: int = 1,
) -> Finding:
    place = source.place(source.span_at(at, at + length))
    helps = (help_,) if help_ else ()
    return Finding(code, Severity.ERROR, message, place, label, notes=notes, helps=helps, related=related)

r"""From a scalar's text to Jinja2's tree, with a character offset on every node.

Jinja2's lexer and parser do the reading; its compiler and runtime are never used. Its parser copies the line of a
token to the nodes it makes, and no more. We give it tokens whose "line" is the character offset, so every node and
every syntax error knows its exact place. String escapes are read here as well, because Python's rules would turn
the `\b` of a regular expression into a backspace.
"""

import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream, ignored_tokens, operators
from jinja2.parser import Parser

from bridge.expressions.problems import Problem, TemplateRefused

MAX_SOURCE_BYTES: Final = 4096
MAX_BRACKETS: Final = 24
MAX_PREFIXES: Final = 8
MAX_CONDITIONS: Final = 20

_Read = TypeVar("_Read")

_CONDITION_MEND = "write `{{ a if condition else b }}`, or give the step its own `if:`"
_STARTS = ("{{", "{%", "{#")
_CARRIERS = "\x1c\x1d\x1e\x1f"
_WORD = re.compile(r"\w+|'[^'\\]*'|\"[^\"\\]*\"|[=!<>]=|\*\*|//|\}\}|.", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t", "\n": ""}

_TYPOGRAPHIC: Final = "texts do not stand in typographic quotes"
_STRAIGHT: Final = "write 'text' or \"text\", with straight quotes"
_OTHER_WORDS: Final = {
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
    "contains": "write `'text' in body.field`",
}

# What people write from habits of other languages; longest spelling first.
_HABITS: Final = (
    ("===", "there is no `===`", "write `==`"),
    ("=>", "there is no `=>`", "write `>=`"),
    ("=", "`=` would assign, and templates cannot assign", "to compare, write `==`"),
    ("&&", "there is no `&&`", "write `and`"),
    ("&", "there is no `&`", "write `and`, or `~` to put texts together"),
    ("|", "there is no `||`", "write `or`"),
    ("!", "there is no `!`", "write `not x`, or `!=` to compare"),
    ("?", "there is no `?`", "write `a if condition else b`"),
    ("$", "`$` means nothing inside `{{ }}`", "names stand alone, e.g. `vars.name`"),
    ("\N{LEFT DOUBLE QUOTATION MARK}", _TYPOGRAPHIC, _STRAIGHT),
    ("\N{RIGHT DOUBLE QUOTATION MARK}", _TYPOGRAPHIC, _STRAIGHT),
    ("\N{LEFT SINGLE QUOTATION MARK}", _TYPOGRAPHIC, _STRAIGHT),
    ("\N{RIGHT SINGLE QUOTATION MARK}", _TYPOGRAPHIC, _STRAIGHT),
    *((quote, _TYPOGRAPHIC, _STRAIGHT) for quote in "\u2018\u2019\u201c\u201d"),
    ("`", "texts do not stand in backticks", "write 'text' or \"text\""),
)
_DATE_OR_TEXT: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|"""
    r"(?<![\w.-])(?P<date>\d{4}-\d{2}-\d{2}(?:[T ]\d\d:[\d:.]+)?Z?)(?![\w-])",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The pieces of a template in order: literal text and expressions.

    `single` is true when the template is one `{{ }}` and nothing else, so that its value keeps its type.
    """

    pieces: tuple[str | nodes.Expr, ...]
    single: bool


def refuse(message: str, offset: int | None, length: int = 1, mend: str | None = None) -> NoReturn:
    """Raise `TemplateRefused` with one problem."""
    raise TemplateRefused([Problem(message, offset, length, mend)])


def parse_template(source: str) -> Parsed:
    """Read literal text with `{{ }}` in it.

    Raises:
        TemplateRefused: with exactly one problem, the first that the text has.
    """
    _check_source(source)
    if not any(start in source for start in _STARTS):
        return Parsed((source,) if source else (), single=False)
    parsed = _guarded(source, lambda: Parser(_ENVIRONMENT, source).parse())
    pieces: list[str | nodes.Expr] = []
    for output in parsed.body:
        if not isinstance(output, nodes.Output):
            refuse("statements are not part of the language", output.lineno, mend=_CONDITION_MEND)
        pieces.extend(node.data if isinstance(node, nodes.TemplateData) else node for node in output.nodes)
    return Parsed(tuple(pieces), single=False) if not _is_single(pieces) else Parsed((pieces[0],), single=True)


def _is_single(pieces: list[str | nodes.Expr]) -> bool:
    # YAML's block scalars (`>` and `|`) end with a line break that their author does not mean.
    alone = len(pieces) == 1 or (len(pieces) == 2 and pieces[1] == "\n")  # noqa: PLR2004 - the value and its line break
    return alone and not isinstance(pieces[0], str)


def parse_expression(source: str) -> Parsed:
    """Read a bare expression; one `{{ }}` around it is accepted.

    Raises:
        TemplateRefused: with exactly one problem, the first that the text has.
    """
    _check_source(source)
    if not source.strip():
        refuse("the expression is empty", 0)
    _check_dates(source)
    if any(start in source for start in ("{{", "{%")) and source.lstrip().startswith(("{{", "{%")):
        parsed = parse_template(source.rstrip())
        if not parsed.single:
            refuse("this must be one expression, without text around it", 0, len(source), "write it without braces")
        return parsed
    return Parsed((_guarded(source, lambda: _bare(source), bare=True),), single=True)


def _check_dates(source: str) -> None:
    """Refuse `event.time > 2026-01-01`: without quotes it is a difference of numbers, or no syntax at all."""
    for found in _DATE_OR_TEXT.finditer(source):
        if found["date"] is not None:
            date = found["date"]
            refuse(f"the date `{date}` has no quotes", found.start(), len(date), f"write `'{date}'`")


def _bare(source: str) -> nodes.Expr:
    parser = Parser(_ENVIRONMENT, source, state="variable")
    expression = parser.parse_tuple(with_condexpr=True)
    if not parser.stream.eos:
        token = parser.stream.current
        raise TemplateSyntaxError("more text than one expression", token.lineno)
    return expression


@dataclass(frozen=True, slots=True)
class Word:
    """A word, sign, number or text of an expression as it is written, and where it begins."""

    offset: int
    text: str


def expression_words(source: str) -> Iterator[Word]:
    """The words of a condition that has been read before, without white space and the `{{ }}` around it."""
    in_braces = source.lstrip().startswith("{{")
    carrier = _carrier(source)
    for offset, kind, text in _lexed(_ENVIRONMENT, source.replace("\r", carrier), None if in_braces else "variable"):
        if kind not in _NO_WORDS:
            yield Word(offset, text.replace(carrier, "\r"))


def _check_source(source: str) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        refuse("the text holds half of a character (a lone surrogate)", 0, len(source))
    if size > MAX_SOURCE_BYTES:
        refuse(
            f"the template is {size} bytes long; at most {MAX_SOURCE_BYTES} are allowed",
            0,
            len(source),
            "put parts of it into `vars`, or choices into a lookup table",
        )


def _guarded(source: str, read: Callable[[], _Read], *, bare: bool = False) -> _Read:
    """Call the parser and turn whatever it says into a problem in our words; `bare`: there are no braces around."""
    try:
        return read()
    except TemplateSyntaxError as error:
        problem = _explained(source, min(error.lineno, len(source)), error.message or "", bare=bare)
    except RecursionError:
        problem = Problem("the template is nested too deeply", 0, len(source), "split it over several `vars`")
    raise TemplateRefused([problem])


def _explained(source: str, offset: int, said: str, *, bare: bool) -> Problem:
    rest = source[offset:]
    for spelling, message, mend in _HABITS:
        if rest.startswith(spelling):
            return Problem(message, offset, len(spelling), mend)
    if "comment" in said:
        mend = "write `{{ '{#' }}` to have it as text"
        return Problem("`{#` starts a comment that never ends", max(0, offset - 2), 2, mend)
    if not rest.strip() or "end of template" in said:
        return Problem("the expression ends too early", offset, max(1, len(rest)), "close every bracket, text and `{{`")
    return Problem(*_unexpected(source, offset, said, bare=bare))


def _unexpected(source: str, offset: int, said: str, *, bare: bool) -> tuple[str, int, int, str]:
    word = _word_at(source, offset)
    if word == "}}" and "Expected an expression" in said:
        return "a value is expected before `}}`", offset, 2, "write an expression, e.g. `{{ body.id }}`"
    if word[0] in "'\"":
        return (
            "a text is not closed, or stands where none is expected",
            offset,
            len(word),
            "close it with its own quote",
        )
    if source[:offset][-1:].isdigit():
        return f"`{word}` follows a digit", offset, len(word), "write a key like this in brackets: `a['2b']`"
    return f"`{word}` is not expected here", offset, len(word), _mend_of(word, bare=bare)


def _mend_of(word: str, *, bare: bool) -> str:
    """What to do about a word that cannot stand where it stands."""
    if word == "}}" and bare:
        return "write the whole expression without `{{ }}`"
    if word == "}" and not bare:
        return "close `{{` with `}}`"
    return _OTHER_WORDS.get(word, "check the brackets and operators before it")


def _word_at(source: str, offset: int) -> str:
    found = _WORD.match(source, offset)
    return found.group() if found else ""


def word_length(source: str, offset: int) -> int:
    """How many characters the word or sign at `offset` has; at least 1."""
    return max(1, len(_word_at(source, offset)))


class _OffsetEnvironment(Environment):
    """An environment whose tokens carry offsets. The hook is private in name, but the only seam the parser has."""

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return TokenStream(_tokens(self, source, state), name, filename)


_ENVIRONMENT = _OffsetEnvironment(keep_trailing_newline=True)
_NO_WORDS: Final = ignored_tokens | {"variable_begin", "variable_end", "data"}


def _tokens(environment: Environment, source: str, state: str | None) -> Iterator[Token]:
    carrier = _carrier(source)
    shielded = source.replace("\r", carrier)
    depth = _Depth()
    for offset, kind, text in _lexed(environment, shielded, state):
        if kind in {"block_begin", "raw_begin"}:
            refuse("statements such as `{% if %}` are not part of the language", offset, 2, _CONDITION_MEND)
        if kind not in ignored_tokens:
            depth.follow(kind, text, offset)
            yield _token(offset, kind, text.replace(carrier, "\r"))


def _carrier(source: str) -> str:
    """Jinja2 rewrites line breaks before it reads; a stand-in of the same width keeps carriage returns as they are."""
    carrier = next((sign for sign in _CARRIERS if sign not in source), None)
    if carrier is None:
        refuse("the text holds control characters that templates cannot carry", 0, len(source))
    return carrier


def _lexed(environment: Environment, source: str, state: str | None) -> Iterator[tuple[int, str, str]]:
    offset = 0
    try:
        for _, kind, text in environment.lexer.tokeniter(source, None, None, state):
            while not source.startswith(text, offset) and source[offset : offset + 1].isspace():
                offset += 1  # white space that `{{-` swallowed
            yield offset, kind, text
            offset += len(text)
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(error.message or "", offset) from None


def _token(offset: int, kind: str, text: str) -> Token:
    """Jinja2's own conversion (`Lexer.wrap`) with exact texts and finite numbers."""
    if kind == "name" and not text.isidentifier():
        refuse("a name starts with a letter", offset, len(text), "write a key like this in brackets: `a['2b']`")
    if kind == "string":
        return Token(offset, kind, _unescape(text[1:-1], offset))
    if kind in {"integer", "float"}:
        value = int(text.replace("_", ""), 0) if kind == "integer" else _float(text, offset)
        return Token(offset, kind, value)  # type: ignore[arg-type]  # declared as str, but any value fits
    return Token(offset, operators[text] if kind == "operator" else kind, text)


def _float(text: str, offset: int) -> float:
    value = float(text.replace("_", ""))
    if not math.isfinite(value):
        refuse("the number is too large", offset, len(text))
    return value


def _unescape(text: str, offset: int) -> str:
    r"""`\n`, `\t`, `\r`, `\\`, quotes and `\uXXXX`; a backslash before anything else stays, as in `\d`."""

    def replaced(found: re.Match[str]) -> str:
        code = found.group(1)
        if len(code) == 1:
            return _ESCAPED.get(code, found.group())
        point = int(code[1:], 16)
        if point > sys.maxunicode or unicodedata.category(chr(point)) == "Cs":
            refuse("this is no character", offset + 1 + found.start(), len(found.group()), "write the character itself")
        return chr(point)

    return _ESCAPE.sub(replaced, text)


class _Depth:
    """Bounds how deep the parser will recurse, before it does."""

    def __init__(self) -> None:
        self._brackets = 0
        self._prefixes = 0
        self._conditions = 0

    def follow(self, kind: str, text: str, offset: int) -> None:
        """Take notice of one token."""
        if kind == "operator" and text in "([{":
            self._brackets += 1
        elif kind == "operator" and text in ")]}":
            self._brackets -= 1
        self._conditions += kind == "name" and text == "if"
        self._prefixes = self._prefixes + 1 if text in {"-", "+", "not"} else 0
        if (
            self._brackets > MAX_BRACKETS
            or self._prefixes > MAX_PREFIXES
            or (kind == "name" and text == "if" and self._conditions > MAX_CONDITIONS)
        ):
            refuse("the template is nested too deeply", offset, len(text), "split it over several `vars`")

"""The template language that sources, connectors and rules share.

Jinja2's syntax, read by Jinja2's own parser, checked against a closed list of constructs when the configuration is
loaded, and compiled to closures over JSON-like data. A template cannot reach Python, loop, grow without bound, or
depend on the time; a missing field is an error and never an empty text.

    compile_template("{{ fields.customer | person }}").render({"fields": {"customer": "918856879188"}})
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from bridge.expressions.clauses import Clause, Key, leading_clauses
from bridge.expressions.compiler import Compiler
from bridge.expressions.filters import FILTERS
from bridge.expressions.filters.declare import FilterDoc
from bridge.expressions.filters.times import milliseconds
from bridge.expressions.outline import Outline, outline
from bridge.expressions.paths import spelled
from bridge.expressions.phone import NotAPhoneNumber, to_e164, to_person
from bridge.expressions.problems import Problem, RenderError, TemplateRefused, Unusable
from bridge.expressions.subjects import Subject
from bridge.expressions.syntax import Parsed, parse_expression, parse_template
from bridge.expressions.template import Template
from bridge.expressions.tree import Tree, TreeBuilder
from bridge.expressions.values import OMIT

__all__ = [
    "FILTERS",
    "OMIT",
    "Clause",
    "FilterDoc",
    "Key",
    "NotAPhoneNumber",
    "Outline",
    "Problem",
    "RenderError",
    "Tables",
    "Template",
    "TemplateRefused",
    "Tree",
    "compile_expression",
    "compile_template",
    "compile_tree",
    "spelled",
    "time_ms",
    "to_e164",
    "to_person",
]

Tables = Mapping[str, Mapping[str, object]]
_NO_TABLES: Final[Tables] = MappingProxyType({})


def compile_template(source: str, *, names: Collection[str] | None = None, tables: Tables = _NO_TABLES) -> Template:
    """Compile text with `{{ }}` in it.

    Args:
        source: the scalar's text, at most 4 KiB.
        names: the root names that will be in scope; None accepts every name.
        tables: the lookup tables by name, for `lookup` and `map_values`.

    Raises:
        TemplateRefused: with all problems found.
    """
    return _compiled(source, parse_template(source), names, tables)


def compile_expression(source: str, *, names: Collection[str] | None = None, tables: Tables = _NO_TABLES) -> Template:
    """Compile a bare expression such as an `if:`; one `{{ }}` around it is accepted.

    Args:
        source: the scalar's text, at most 4 KiB.
        names: the root names that will be in scope; None accepts every name.
        tables: the lookup tables by name.

    Raises:
        TemplateRefused: with all problems found.
    """
    parsed = parse_expression(source)
    template = _compiled(source, parsed, names, tables)
    (expression,) = parsed.pieces
    if not isinstance(expression, str):
        template.clauses = leading_clauses(expression)
    template.outline = lambda: outline(source, lambda part: compile_expression(part, names=names, tables=tables))
    return template


def compile_tree(value: object, *, names: Collection[str] | None = None, tables: Tables = _NO_TABLES) -> Tree:
    """Compile every text in a nested value of dicts, lists and scalars; keys stay as they are.

    Args:
        value: what the YAML says.
        names: the root names that will be in scope; None accepts every name.
        tables: the lookup tables by name.

    Raises:
        TemplateRefused: with all problems of all texts, each with the `path` of its text.
    """
    return TreeBuilder(lambda source: compile_template(source, names=names, tables=tables)).build(value)


def time_ms(value: object) -> int:
    """A point in time as whole milliseconds since 1970, read as the filter `epoch_ms` reads it.

    Args:
        value: Unix seconds or milliseconds, as a number or text, or ISO 8601 text.

    Raises:
        RenderError: it is no time from 1970 to 9999.
    """
    try:
        return milliseconds(value)
    except Unusable as problem:
        raise RenderError(f"the value {problem.predicate}", mend=problem.mend, offset=0) from None


def _compiled(source: str, parsed: Parsed, names: Collection[str] | None, tables: Tables) -> Template:
    compiler = Compiler(source, names, tables)
    pieces = tuple(piece if isinstance(piece, str) else compiler.compile(piece) for piece in parsed.pieces)
    if compiler.problems:
        raise TemplateRefused(sorted(compiler.problems, key=lambda problem: problem.offset or 0))
    subjects = tuple(Subject(None, None) if isinstance(p, str) else compiler.subject(p) for p in parsed.pieces)
    return Template(
        source,
        pieces,
        subjects,
        single=parsed.single,
        reads=frozenset(compiler.reads),
        needs=frozenset(compiler.needs),
        tables=frozenset(compiler.looked_up),
    )

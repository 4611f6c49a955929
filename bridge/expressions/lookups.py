"""Every look-up of a template with its place, and whether the template expects that it may find nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import nodes

from bridge.expressions.compiler import chain, static_step
from bridge.expressions.paths import Scope, spelled, static_path
from bridge.expressions.problems import RenderError, TemplateRefused
from bridge.expressions.syntax import parse_expression, parse_template
from bridge.expressions.values import Missing

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """One look-up. `path` begins with the root name and ends before the first computed step.

    `guarded`: the template goes on without it (`default`, `is defined`), or only perhaps looks (after `and`, `or`,
    `if`). `offset` and `length` are its place in the text.
    """

    path: Path
    offset: int
    length: int
    guarded: bool

    @property
    def name(self) -> str:
        """The path as its author would write it."""
        return spelled(self.path)

    def finds(self, scope: Scope) -> bool:
        """Whether something is there."""
        root, *steps = self.path
        try:
            return type(static_path(str(root), tuple(steps), self.offset)(scope)) is not Missing
        except RenderError:  # a field that could not be computed
            return False


def lookups(source: str, *, bare: bool) -> tuple[Lookup, ...]:
    """All look-ups of a template, or of a bare expression; none of one that is refused."""
    try:
        parsed = parse_expression(source) if bare else parse_template(source)
    except TemplateRefused:
        return ()
    found = (each for piece in parsed.pieces if not isinstance(piece, str) for each in _inside(piece, guarded=False))
    return tuple(
        Lookup(path, offset, _length(source, path, offset), guarded) for path, offset, guarded in found if len(path) > 1
    )


def _inside(node: nodes.Node, *, guarded: bool) -> Iterator[tuple[Path, int, bool]]:
    match node:
        case nodes.Name() | nodes.Getattr() | nodes.Getitem():
            yield from _chain(node, guarded=guarded)
        case nodes.Filter(name="default", node=nodes.Node() as inner):
            yield from _inside(inner, guarded=guarded or _passes_missing_on(inner))
            for argument in node.args:
                yield from _inside(argument, guarded=True)
        case nodes.Test(name="defined" | "undefined"):
            yield from _inside(node.node, guarded=True)
        case nodes.And() | nodes.Or():
            yield from _inside(node.left, guarded=guarded)
            yield from _inside(node.right, guarded=True)
        case nodes.CondExpr():
            yield from _inside(node.test, guarded=guarded)
            for branch in (node.expr1, node.expr2):
                if branch is not None:
                    yield from _inside(branch, guarded=True)
        case _:
            for child in node.iter_child_nodes():
                yield from _inside(child, guarded=guarded)


def _passes_missing_on(node: nodes.Node) -> bool:
    """Whether a missing value reaches the `default` behind this; any other filter or operator would fail before."""
    return isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem | nodes.CondExpr) or (
        isinstance(node, nodes.Filter) and node.name == "default"
    )


def _chain(node: nodes.Expr, *, guarded: bool) -> Iterator[tuple[Path, int, bool]]:
    root, steps = chain(node)
    static = [static_step(step) for step in steps]
    fixed = static.index(None) if None in static else len(static)
    if isinstance(root, nodes.Name):
        yield (root.name, *(step for step in static[:fixed] if step is not None)), root.lineno, guarded
    else:
        yield from _inside(root, guarded=guarded)
    for step in steps[fixed:]:
        if isinstance(step, nodes.Getitem):
            yield from _inside(step.arg, guarded=guarded)


def _length(source: str, path: Path, offset: int) -> int:
    name = spelled(path)
    return len(name) if source.startswith(name, offset) else len(str(path[0]))

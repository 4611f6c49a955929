"""What a condition demands before anything else: `fields.kind == "text" and …`, for an index over many conditions.

Only the leading comparisons of an `and` are taken, because later ones are not looked at once an earlier one is false;
so a condition whose leading clause does not hold is false, and evaluating it would have raised nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import nodes

from bridge.expressions import paths
from bridge.expressions.compiler import chain, static_step
from bridge.expressions.paths import Evaluate, Scope
from bridge.expressions.values import Missing

Key = tuple[type, object]
"""A scalar for a dictionary: equal for values that the language calls equal, and only for those."""

NO_KEY: Final = (object, None)
"""The key of a value that equals no scalar: a list or an object."""


@dataclass(frozen=True, slots=True)
class Clause:
    """The value at `path` must be one of `keys`."""

    path: tuple[str | int, ...]
    keys: frozenset[Key]
    _look_up: Evaluate

    def key(self, scope: Scope) -> Key | None:
        """The key of the value at the path; None when nothing is there, and comparing would be an error."""
        value = self._look_up(scope)
        return None if type(value) is Missing else key_of(value)


def key_of(value: object) -> Key:
    """The key of a value: `1` and `1.0` have the same, true and 1 have not."""
    if isinstance(value, str):
        return (str, value)
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, int | float):
        return (int, value)
    return (type(None), None) if value is None else NO_KEY


def leading_clauses(node: nodes.Expr) -> tuple[Clause, ...]:
    """The comparisons with literals that the expression begins with; none when it begins with something else."""
    clauses: list[Clause] = []
    for part in _conjuncts(node):
        clause = _clause(part)
        if clause is None:
            break
        clauses.append(clause)
    return tuple(clauses)


def _conjuncts(node: nodes.Expr) -> Iterator[nodes.Expr]:
    if isinstance(node, nodes.And):
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _clause(node: nodes.Expr) -> Clause | None:
    if not isinstance(node, nodes.Compare) or len(node.ops) != 1:
        return None
    left, operator, right = node.expr, node.ops[0].op, node.ops[0].expr
    if operator == "eq" and isinstance(left, nodes.Const):
        left, right = right, left
    if operator == "eq" and isinstance(right, nodes.Const):
        literals = [right.value]
    elif operator == "in" and isinstance(right, nodes.List) and all(isinstance(i, nodes.Const) for i in right.items):
        literals = [item.value for item in right.items if isinstance(item, nodes.Const)]
    else:
        return None
    root, steps = chain(left)
    path = [static_step(step) for step in steps]
    if not isinstance(root, nodes.Name) or not path:
        return None
    known = tuple(step for step in path if step is not None)
    if len(known) < len(path):
        return None
    keys = frozenset(key_of(literal) for literal in literals)
    return Clause((root.name, *known), keys, paths.static_path(root.name, known, root.lineno))

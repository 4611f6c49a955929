"""What conditions demand, and whether that can hold at once: `fields.kind == 'a' and fields.kind == 'b'` cannot.

A condition becomes alternatives, each a list of demands that hold together whenever the condition is true. What is not
understood is a demand on nothing but its own truth. So "impossible" is certain: no event can make the condition
true. "Possible" is not.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from jinja2 import nodes

from bridge.expressions.clauses import NO_KEY, Key, key_of
from bridge.expressions.compiler import chain, static_step
from bridge.expressions.paths import spelled
from bridge.expressions.problems import TemplateRefused
from bridge.expressions.syntax import parse_expression

MAX_ALTERNATIVES: Final = 256

Path = tuple[str | int, ...]
_FLIPPED: Final = {"lt": "gteq", "lteq": "gt", "gt": "lteq", "gteq": "lt"}
_TURNED: Final = {"lt": "gt", "lteq": "gteq", "gt": "lt", "gteq": "lteq"}


@dataclass(frozen=True, slots=True)
class Demand:
    """What one comparison, test or fact asks of one value.

    Attributes:
        subject: what it is about; the same for every spelling of one look-up.
        name: how its author calls it, None for what has no name.
        origin: where it was said, in the caller's words.
        path: the look-up, when the value is nothing but one.
        offset: where in the text of `origin`, None for a fact.
        allowed: the value is one of these.
        excluded: the value is none of these.
        truth: whether the value counts as true.
        absent: nothing is there.
        above: the value is a number beyond this one, or (true) at least this one; `below` likewise.
        fits: says of a text whether the value may be it.
    """

    subject: str
    name: str | None
    origin: str
    path: Path | None = None
    offset: int | None = None
    allowed: frozenset[Key] | None = None
    excluded: frozenset[Key] = frozenset()
    truth: bool | None = None
    absent: bool = False
    above: tuple[float, bool] | None = None
    below: tuple[float, bool] | None = None
    fits: Callable[[str], bool] | None = None


Alternatives = tuple[tuple[Demand, ...], ...]
"""The demands of each way in which a condition can be true; none at all when it is always false."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why conditions are never true together; without demands, because one of them is constantly false."""

    demands: tuple[Demand, ...] = ()

    @property
    def name(self) -> str | None:
        """What the demands are about."""
        return next((demand.name for demand in self.demands if demand.name), None)


class _TooMany(Exception):  # noqa: N818 - control flow within this module
    """The condition has more alternatives than anybody needs to look at."""


def demands_of(source: str, origin: str, *, wanted: bool = True) -> Alternatives | None:
    """The alternatives of a condition that could be compiled; None when they are too many to look at.

    Args:
        source: the expression.
        origin: what to call it in demands.
        wanted: false for the ways in which it is false.
    """
    try:
        (piece,) = parse_expression(source).pieces
        if isinstance(piece, str):
            return None
        return tuple(_alternatives(piece, origin, wanted=wanted))
    except (TemplateRefused, _TooMany):
        return None


def fact(
    path: Path, origin: str, *, allowed: Sequence[object] | None = None, fits: Callable[[str], bool] | None = None
) -> Alternatives:
    """What is known about the value at a path, as alternatives of one demand."""
    keys = frozenset(key_of(value) for value in allowed) if allowed is not None else None
    return ((Demand(_subject_of(path), spelled(path), origin, path, allowed=keys, fits=fits),),)


def conflict(parts: Sequence[Alternatives]) -> Conflict | None:
    """Why the parts can never all be true, or None when they may be (or are too many to look at)."""
    count, found = 1, Conflict()
    for part in parts:
        count *= len(part)
    if count > MAX_ALTERNATIVES:
        return None
    for number, combination in enumerate(product(*parts)):
        impossible = _impossible([demand for demands in combination for demand in demands])
        if impossible is None:
            return None
        if number == 0:
            found = impossible
    return found


# --- from a condition to demands ---------------------------------------------------------------------------------


def _alternatives(node: nodes.Expr, origin: str, *, wanted: bool) -> list[tuple[Demand, ...]]:
    is_constant, value = _literal(node)
    if is_constant:
        return [()] if bool(value) is wanted else []
    match node:
        case nodes.Not():
            return _alternatives(node.node, origin, wanted=not wanted)
        case nodes.And() | nodes.Or():
            left = _alternatives(node.left, origin, wanted=wanted)
            right = _alternatives(node.right, origin, wanted=wanted)
            return _both(left, right) if isinstance(node, nodes.And) is wanted else _either(left, right)
        case nodes.CondExpr(expr2=nodes.Expr() as otherwise):
            yes = _both(_alternatives(node.test, origin, wanted=True), _alternatives(node.expr1, origin, wanted=wanted))
            no = _both(_alternatives(node.test, origin, wanted=False), _alternatives(otherwise, origin, wanted=wanted))
            return _either(yes, no)
        case _:
            return [(_demand(node, origin, wanted=wanted),)]


def _both(left: list[tuple[Demand, ...]], right: list[tuple[Demand, ...]]) -> list[tuple[Demand, ...]]:
    if len(left) * len(right) > MAX_ALTERNATIVES:
        raise _TooMany
    return [(*one, *other) for one in left for other in right]


def _either(left: list[tuple[Demand, ...]], right: list[tuple[Demand, ...]]) -> list[tuple[Demand, ...]]:
    if len(left) + len(right) > MAX_ALTERNATIVES:
        raise _TooMany
    return [*left, *right]


def _demand(node: nodes.Expr, origin: str, *, wanted: bool) -> Demand:
    if isinstance(node, nodes.Compare) and len(node.ops) == 1:
        found = _comparison(node.expr, node.ops[0].op, node.ops[0].expr, origin, wanted=wanted)
        if found is not None:
            return found
    if isinstance(node, nodes.Test) and not node.args and not node.kwargs:
        found = _test(node, origin, wanted=wanted)
        if found is not None:
            return found
    return _about(node, origin, truth=wanted)


def _comparison(left: nodes.Expr, sign: str, right: nodes.Expr, origin: str, *, wanted: bool) -> Demand | None:
    if _literal(left)[0]:
        left, right, sign = right, left, _TURNED.get(sign, sign)
        if sign in {"in", "notin"}:
            return None
    if sign in {"in", "notin"}:
        keys = _keys(right)
        return _among(left, origin, keys, wanted=(sign == "in") is wanted) if keys is not None else None
    is_constant, value = _literal(right)
    if not is_constant:
        return None
    if sign in {"eq", "ne"}:
        return _among(left, origin, frozenset({key_of(value)}), wanted=(sign == "eq") is wanted)
    return _bounded(left, origin, sign if wanted else _FLIPPED[sign], value)


def _keys(node: nodes.Expr) -> frozenset[Key] | None:
    """The keys of a list of constants."""
    if not isinstance(node, nodes.List) or not all(_literal(item)[0] for item in node.items):
        return None
    return frozenset(key_of(_literal(item)[1]) for item in node.items)


def _bounded(node: nodes.Expr, origin: str, sign: str, value: object) -> Demand | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    bound = (value, sign.endswith("eq"))
    return _about(node, origin, above=bound) if sign.startswith("gt") else _about(node, origin, below=bound)


def _among(node: nodes.Expr, origin: str, keys: frozenset[Key], *, wanted: bool) -> Demand:
    return _about(node, origin, allowed=keys) if wanted else _about(node, origin, excluded=keys)


def _test(node: nodes.Test, origin: str, *, wanted: bool) -> Demand | None:
    if node.name in {"defined", "undefined"}:
        is_absent = (node.name == "undefined") is wanted
        return _about(node.node, origin, absent=True) if is_absent else _about(node.node, origin)
    values = {"none": None, "null": None, "true": True, "false": False}
    if node.name not in values:
        return None
    return _among(node.node, origin, frozenset({key_of(values[node.name])}), wanted=wanted)


def _about(
    node: nodes.Expr,
    origin: str,
    *,
    allowed: frozenset[Key] | None = None,
    excluded: frozenset[Key] = frozenset(),
    truth: bool | None = None,
    absent: bool = False,
    above: tuple[float, bool] | None = None,
    below: tuple[float, bool] | None = None,
) -> Demand:
    path = _path(node)
    inner = node
    while isinstance(inner, nodes.Filter) and inner.node is not None:
        inner = inner.node
    named = path or _path(inner)
    return Demand(
        subject=_subject_of(path) if path is not None else repr(node),
        name=spelled(named) if named is not None else None,
        origin=origin,
        path=path,
        offset=node.lineno if named is None else chain(inner)[0].lineno,
        allowed=allowed,
        excluded=excluded,
        truth=truth,
        absent=absent,
        above=above,
        below=below,
    )


def _subject_of(path: Path) -> str:
    return repr(path)


def _path(node: nodes.Expr) -> Path | None:
    """The look-up that the node is, when all its steps are written out."""
    root, steps = chain(node)
    if not isinstance(root, nodes.Name):
        return None
    static = [static_step(step) for step in steps]
    known = tuple(step for step in static if step is not None)
    return (root.name, *known) if len(known) == len(static) else None


def _literal(node: nodes.Expr) -> tuple[bool, object]:
    """Whether the node is a constant, and which."""
    if isinstance(node, nodes.Const):
        return True, node.value
    if isinstance(node, nodes.Name) and node.name == "null":
        return True, None
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const):
        value = node.node.value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return (True, -value) if is_number else (False, None)
    return False, None


# --- whether demands can hold at once --------------------------------------------------------------------------


def _impossible(demands: Sequence[Demand]) -> Conflict | None:
    """The demands that exclude each other, or None when all may hold."""
    by_subject: dict[str, list[Demand]] = {}
    for demand in demands:
        by_subject.setdefault(demand.subject, []).append(demand)
    for group in by_subject.values():
        if not _may_hold(group):
            return Conflict(tuple(group))
    return next(_inside_scalars(by_subject), None)


def _inside_scalars(by_subject: dict[str, list[Demand]]) -> Iterator[Conflict]:
    """Demands on what lies inside a value that must be a text, a number or null."""
    groups = [group for group in by_subject.values() if group[0].path is not None]
    scalars = [group for group in groups if _is_scalar(group)]
    for scalar in scalars:
        outer = scalar[0].path or ()
        for group in groups:
            inner = group[0].path or ()
            if len(inner) > len(outer) and inner[: len(outer)] == outer and not any(each.absent for each in group):
                yield Conflict((*scalar, *group))


def _is_scalar(group: Sequence[Demand]) -> bool:
    return any(each.allowed is not None and NO_KEY not in each.allowed for each in group)


def _may_hold(group: Sequence[Demand]) -> bool:
    """Whether one value can meet all demands."""
    if any(each.absent for each in group):
        return all(each.absent for each in group)
    if {each.truth for each in group} >= {True, False}:
        return False
    allowed = [each.allowed for each in group if each.allowed is not None]
    if allowed:
        return any(all(_meets(key, each) for each in group) for key in frozenset.intersection(*allowed))
    return _is_a_range(group)


def _meets(key: Key, demand: Demand) -> bool:
    kind, value = key
    if key in demand.excluded or (demand.truth is not None and key != NO_KEY and bool(value) is not demand.truth):
        return False
    if demand.fits is not None and isinstance(value, str) and not demand.fits(value):
        return False
    if demand.above is None and demand.below is None:
        return True
    return kind is int and isinstance(value, int | float) and _within(value, demand)


def _within(value: float, demand: Demand) -> bool:
    if demand.above is not None and not (value > demand.above[0] or (demand.above[1] and value == demand.above[0])):
        return False
    return demand.below is None or value < demand.below[0] or (demand.below[1] and value == demand.below[0])


def _is_a_range(group: Sequence[Demand]) -> bool:
    """Whether any number lies between the bounds."""
    lows = [each.above for each in group if each.above is not None]
    highs = [each.below for each in group if each.below is not None]
    return not any(
        low > high or (low == high and not (with_low and with_high))
        for low, with_low in lows
        for high, with_high in highs
    )

"""From Jinja2's tree to closures over a scope, for a closed list of node types.

What is not on the list is refused here, while the configuration is loaded. All problems of a template are gathered;
a part with a problem compiles to nothing that could run, because the template is then refused as a whole.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from jinja2 import nodes

from bridge.expressions import paths
from bridge.expressions.filter_calls import FilterCalls
from bridge.expressions.operators import ARITHMETIC, COMPARISONS, SIGNS, TESTS, TESTS_WITH_ONE_ARGUMENT, Calculation
from bridge.expressions.paths import Evaluate, Scope, nearest, spelled
from bridge.expressions.problems import Problem, RenderError, Unusable
from bridge.expressions.refusals import REFUSED, Refusal
from bridge.expressions.subjects import Subject
from bridge.expressions.syntax import word_length
from bridge.expressions.values import OMIT, Missing, as_text, bounded_text, kind_of

MAX_DEPTH: Final = 60
MAX_NODES: Final = 1000

Tables = Mapping[str, Mapping[str, object]]
Convert = Callable[[object], object]


class Compiler:
    """Compiles the expressions of one template and keeps what it learns: `problems`, `reads`, `needs`, `looked_up`."""

    def __init__(self, source: str, names: Collection[str] | None, tables: Tables) -> None:
        self.problems: list[Problem] = []
        self.reads: set[tuple[str, ...]] = set()
        self.needs: set[tuple[str, ...]] = set()
        """Those of its reads that it somewhere looks up without `default` and without asking whether they are there."""
        self.looked_up: set[str] = set()
        """The names of the tables that its filters look into."""
        self._source = source
        self._names = names
        self._filters = FilterCalls(self, tables)
        self._by_type: Mapping[type[nodes.Node], Callable[..., Evaluate]] = {
            nodes.Name: self._path,
            nodes.Getattr: self._path,
            nodes.Getitem: self._path,
            nodes.Const: self._constant,
            nodes.List: self._list,
            nodes.Dict: self._object,
            nodes.Filter: self._filters.compile,
            nodes.Test: self._test,
            nodes.Compare: self._compare,
            nodes.And: self._and,
            nodes.Or: self._or,
            nodes.Not: self._not,
            nodes.CondExpr: self._choice,
            nodes.Concat: self._concat,
        }

    def compile(self, node: nodes.Expr) -> Evaluate:
        """A whole expression of the template, after a look at its size."""
        if _is_too_large(node):
            return self.refuse(
                Refusal("the expression is nested too deeply or has too many parts", "split it over several `vars`"),
                node.lineno,
            )
        return self.visit(node)

    def visit(self, node: nodes.Expr) -> Evaluate:
        """One node and all below it."""
        compile_node = self._by_type.get(type(node))
        if compile_node is not None:
            return compile_node(node)
        kind = type(node).__name__
        if isinstance(node, nodes.BinExpr) and kind in ARITHMETIC:
            return self._arithmetic(node, ARITHMETIC[kind])
        if isinstance(node, nodes.UnaryExpr) and kind in SIGNS:
            return self.used(node.node, SIGNS[kind])
        return self.refuse(REFUSED.get(kind, Refusal("this is not part of the language", None)), node.lineno)

    def refuse(self, refusal: Refusal, offset: int) -> Evaluate:
        """Note a problem. The template is refused later, so what is returned never runs."""
        problem = Problem(refusal.message, offset, word_length(self._source, offset), refusal.mend)
        if problem not in self.problems:
            self.problems.append(problem)
        return _never

    def used(self, node: nodes.Expr, convert: Convert | None = None) -> Evaluate:
        """An operand: its value is needed now, so missing and `omit` are errors. `convert` may refuse or change it."""
        if isinstance(node, nodes.Const) and convert is not None:
            self._check_constant(node, convert)
        evaluate, subject = self.visit(node), self.subject(node)

        def operand(scope: Scope) -> object:
            value = evaluate(scope)
            if type(value) is Missing:
                raise value.error()
            if value is OMIT:
                raise RenderError("`omit` stands where a value is needed", mend=_OMIT_MEND, offset=subject.offset)
            return value if convert is None else subject.guard(convert, value)

        return operand

    def _check_constant(self, node: nodes.Const, convert: Convert) -> None:
        """Tell at load what would fail at every render, such as `'a' * 1000`."""
        try:
            convert(node.value)
        except Unusable as problem:
            self.refuse(Refusal(f"the value {problem.predicate}", problem.mend), node.lineno)

    def subject(self, node: nodes.Expr) -> Subject:
        """What messages about the value of this node are about."""
        while isinstance(node, nodes.Filter) and node.node is not None:
            node = node.node
        root, steps = chain(node)
        if isinstance(root, nodes.Name):
            return Subject(spelled((root.name, *(static_step(step) for step in steps))), root.lineno)
        return Subject(None, node.lineno)

    def spared(self, node: nodes.Expr) -> Evaluate:
        """As `visit`, where a look-up that finds nothing is expected."""
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            return self._path(node, needed=False)
        return self.visit(node)

    def _path(self, node: nodes.Name | nodes.Getattr | nodes.Getitem, *, needed: bool = True) -> Evaluate:
        root, steps = chain(node)
        static = [static_step(step) for step in steps]
        if isinstance(root, nodes.Name):
            if root.name in _WORDS and not steps:
                return _always(_WORDS[root.name])
            self._check_name(root)
            fixed = static.index(None) if None in static else len(static)
            known = tuple(step for step in static[:fixed] if step is not None)
            read = (root.name, *(str(step) for step in known))
            self.reads.add(read)
            if needed:
                self.needs.add(read)
            evaluate = paths.static_path(root.name, known, root.lineno)
            walked: tuple[str | int | None, ...] = (root.name, *known)
        else:
            fixed, walked, evaluate = 0, ("(…)",), self.visit(root)
        for step, key in list(zip(steps, static, strict=True))[fixed:]:
            evaluate = self._step(evaluate, step, key, walked)
            walked = (*walked, key)
        return evaluate

    def _step(
        self, base: Evaluate, step: nodes.Expr, key: str | int | None, walked: tuple[str | int | None, ...]
    ) -> Evaluate:
        if key is not None:
            return paths.further_step(base, key, walked, step.lineno)
        argument = step.arg if isinstance(step, nodes.Getitem) else step
        if isinstance(argument, nodes.Slice):
            return self.refuse(REFUSED["Slice"], step.lineno)
        key_of, subject = self.visit(argument), self.subject(argument)
        return paths.computed_step(base, lambda scope: subject.guard(_key, key_of(scope)), walked, step.lineno)

    def _check_name(self, node: nodes.Name) -> None:
        if self._names is None or node.name in self._names:
            return
        similar = nearest(node.name, [*self._names, *_WORDS])
        mend = f"did you mean `{similar}`?" if similar else f"known are {', '.join(sorted(self._names))}"
        if self._source[: node.lineno].endswith("-") and self._source[: node.lineno - 1][-1:].isalnum():
            mend = "a key with a dash stands in brackets: `headers['x-request-id']`"
        self.refuse(Refusal(f"there is no `{node.name}` here", mend), node.lineno)

    def _constant(self, node: nodes.Const) -> Evaluate:
        return _always(node.value)

    def _list(self, node: nodes.List) -> Evaluate:
        items = [self.member(item) for item in node.items]
        return lambda scope: [value for item in items if (value := item(scope)) is not OMIT]

    def _object(self, node: nodes.Dict) -> Evaluate:
        entries = [(self.used(pair.key, _object_key), self.member(pair.value)) for pair in node.items]
        return lambda scope: {key(scope): value for key, member in entries if (value := member(scope)) is not OMIT}

    def member(self, node: nodes.Expr) -> Evaluate:
        """A value inside a list or object: `omit` is allowed and leaves it out."""
        evaluate = self.visit(node)

        def member(scope: Scope) -> object:
            value = evaluate(scope)
            if type(value) is Missing:
                raise value.error()
            return value

        return member

    def _test(self, node: nodes.Test) -> Evaluate:
        if node.name in {"defined", "undefined"} and not node.args:
            evaluate, wanted = self.spared(node.node), node.name == "undefined"
            return lambda scope: (type(evaluate(scope)) is Missing) is wanted
        arguments = [*node.args, *node.kwargs]
        if node.name in TESTS and not arguments:
            test = TESTS[node.name]
            value = self.used(node.node)
            return lambda scope: test(value(scope))
        if node.name in TESTS_WITH_ONE_ARGUMENT and len(node.args) == 1 and not node.kwargs:
            return self._comparison(node.node, [(node.name, node.args[0])], TESTS_WITH_ONE_ARGUMENT)
        known = {"defined", "undefined", *TESTS, *TESTS_WITH_ONE_ARGUMENT}
        if node.name in known:
            return self.refuse(Refusal(f"`is {node.name}` has too many or too few arguments", None), node.lineno)
        similar = nearest(node.name, sorted(known))
        mend = f"did you mean `is {similar}`?" if similar else f"known are {', '.join(['defined', *TESTS])}"
        return self.refuse(Refusal(f"there is no test `is {node.name}`", mend), node.lineno)

    def _compare(self, node: nodes.Compare) -> Evaluate:
        return self._comparison(node.expr, [(part.op, part.expr) for part in node.ops], COMPARISONS)

    def _comparison(
        self,
        first: nodes.Expr,
        parts: list[tuple[str, nodes.Expr]],
        table: Mapping[str, Callable[[object, object], bool]],
    ) -> Evaluate:
        start, subject = self.used(first), self.subject(first)
        links = [(table[name], self.used(operand)) for name, operand in parts]

        def compare(scope: Scope) -> object:
            left = start(scope)
            for holds, operand in links:
                right = operand(scope)
                try:
                    if not holds(left, right):
                        return False
                except Unusable as problem:
                    message = f"the comparison {problem.predicate}"
                    raise RenderError(message, mend=problem.mend, name=subject.name, offset=subject.offset) from None
                left = right
            return True

        return compare

    def _and(self, node: nodes.And) -> Evaluate:
        left, right = self.used(node.left), self.used(node.right)
        return lambda scope: left(scope) and right(scope)

    def _or(self, node: nodes.Or) -> Evaluate:
        left, right = self.used(node.left), self.used(node.right)
        return lambda scope: left(scope) or right(scope)

    def _not(self, node: nodes.Not) -> Evaluate:
        operand = self.used(node.node)
        return lambda scope: not operand(scope)

    def _choice(self, node: nodes.CondExpr) -> Evaluate:
        if node.expr2 is None:
            mend = "say what stands there otherwise: `{{ a if condition else omit }}`"
            return self.refuse(Refusal("`if` lacks its `else`", mend), node.lineno)
        condition, then, otherwise = self.used(node.test), self.visit(node.expr1), self.visit(node.expr2)
        return lambda scope: then(scope) if condition(scope) else otherwise(scope)

    def _concat(self, node: nodes.Concat) -> Evaluate:
        parts = [self.used(part, as_text) for part in node.nodes]
        subject = Subject(None, node.lineno)
        return lambda scope: subject.guard(bounded_text, "".join([str(part(scope)) for part in parts]))

    def _arithmetic(self, node: nodes.BinExpr, calculation: Calculation) -> Evaluate:
        left, right = self.used(node.left, calculation.operand), self.used(node.right, calculation.operand)
        calculate = calculation.calculate
        name = self.subject(node.left).name or self.subject(node.right).name

        def compute(scope: Scope) -> object:
            try:
                return calculate(left(scope), right(scope))
            except Unusable as problem:
                called = f"the calculation with `{name}`" if name else "the calculation"
                message = f"{called} {problem.predicate}"
                raise RenderError(message, mend=problem.mend, name=name, offset=node.lineno) from None

        return compute


_OMIT_MEND = "`omit` stands alone in `default(omit)` or after `else`"
_WORDS: Final[Mapping[str, object]] = {"omit": OMIT, "null": None}


def chain(node: nodes.Expr) -> tuple[nodes.Expr, list[nodes.Expr]]:
    """The root of a look-up and its steps from left to right."""
    steps: list[nodes.Expr] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        steps.append(node)
        node = node.node
    return node, steps[::-1]


def static_step(step: nodes.Expr) -> str | int | None:
    """The key or index of a step when it is written in the template, else None."""
    if isinstance(step, nodes.Getattr):
        return step.attr
    argument = step.arg if isinstance(step, nodes.Getitem) else step
    if isinstance(argument, nodes.Const) and type(argument.value) in {str, int}:
        key: str | int = argument.value
        return key
    return None


def _key(value: object) -> object:
    if isinstance(value, str | Missing) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Unusable(f"is {kind_of(value)}; in brackets stands a key (text) or an index (a whole number)")


def _object_key(value: object) -> object:
    if isinstance(value, str):
        return value
    raise Unusable(f"is {kind_of(value)}; the keys of an object are text", "write it in quotes or add `| string`")


def _is_too_large(node: nodes.Node) -> bool:
    count = 0
    level: list[nodes.Node] = [node]
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_NODES or not level:
            return count > MAX_NODES
        level = [child for parent in level for child in parent.iter_child_nodes()]
    return bool(level)


def _always(value: object) -> Evaluate:
    return lambda _scope: value


def _never(_scope: Scope) -> object:
    raise AssertionError("a refused template was rendered")

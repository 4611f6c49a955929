"""Compiling `value | filter(arguments)`: names, arity, literal arguments and tables are checked at load."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from jinja2 import nodes

from bridge.diagnostics.suggest import suggest
from bridge.expressions.filters import REGISTRY
from bridge.expressions.filters.declare import REQUIRED, Filter, Kind, Parameter, Unfound, accept, fits
from bridge.expressions.paths import Evaluate, Scope
from bridge.expressions.problems import BadArgument, RenderError, Unusable
from bridge.expressions.refusals import OTHER_NAMES, Refusal
from bridge.expressions.subjects import Subject
from bridge.expressions.values import Missing, bounded_text, kind_of

if TYPE_CHECKING:
    from bridge.expressions.compiler import Compiler

_DYNAMIC: Final = object()


class FilterCalls:
    """The part of the compiler that knows filters."""

    def __init__(self, compiler: "Compiler", tables: Mapping[str, Mapping[str, object]]) -> None:
        self._compiler = compiler
        self._tables = tables

    def compile(self, node: nodes.Filter) -> Evaluate:
        """One filter with its arguments."""
        if node.node is None:
            return self._compiler.refuse(Refusal("a filter needs a value before it", None), node.lineno)
        chosen = REGISTRY.get(node.name)
        if chosen is None:
            self._compiler.visit(node.node)
            return self._unknown(node)
        given = self._bind(node, chosen)
        if given is None:
            self._compiler.visit(node.node)
            return self._wrong_arguments(node, chosen)
        if chosen.name == "default":
            return self._default(node.node, chosen, given)
        return self._call(node, node.node, chosen, given)

    def _unknown(self, node: nodes.Filter) -> Evaluate:
        similar = OTHER_NAMES.get(node.name) or suggest(node.name, REGISTRY)
        mend = f"did you mean `{similar}`?" if similar else f"known are {', '.join(REGISTRY)}"
        return self._compiler.refuse(Refusal(f"there is no filter `{node.name}`", mend), node.lineno)

    def _wrong_arguments(self, node: nodes.Filter, chosen: Filter) -> Evaluate:
        message = f"`{chosen.name}` has too many, too few or unknown arguments"
        return self._compiler.refuse(Refusal(message, f"write `| {chosen.doc.usage}`"), node.lineno)

    def _bind(self, node: nodes.Filter, chosen: Filter) -> dict[str, nodes.Expr] | None:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return None
        by_name = {str(pair.key): pair.value for pair in node.kwargs}
        if len(by_name) != len(node.kwargs):
            return None
        try:
            return dict(chosen.signature.bind(*node.args, **by_name).arguments)
        except TypeError:
            return None

    def _default(self, value_node: nodes.Expr, chosen: Filter, given: Mapping[str, nodes.Expr]) -> Evaluate:
        """`default` alone looks at missing values, and its replacement is computed only when it is needed."""
        compiler = self._compiler
        value, replacement = compiler.spared(value_node), compiler.visit(given["value"])
        also_empty = self._argument(chosen, chosen.parameters[1], given.get("also_empty"))

        def mended(scope: Scope) -> object:
            found = value(scope)
            if type(found) is Missing:
                return replacement(scope)
            if not found and _is_empty(found) and also_empty(scope):
                return replacement(scope)
            return found

        return mended

    def _call(
        self, node: nodes.Filter, value_node: nodes.Expr, chosen: Filter, given: Mapping[str, nodes.Expr]
    ) -> Evaluate:
        value, subject = self._compiler.used(value_node), self._compiler.subject(value_node)
        function = self._prepared(node, chosen, given)
        arguments = [
            self._argument(chosen, parameter, given.get(parameter.name))
            for parameter in chosen.parameters
            if not parameter.literal
        ]
        takes = chosen.takes

        def call(scope: Scope) -> object:
            found = value(scope)
            values = [argument(scope) for argument in arguments]
            try:
                return _finished(function(accept(takes, found), *values), subject)
            except Unusable as problem:
                raise subject.error(problem.predicate, problem.mend) from None

        return call

    def _prepared(self, node: nodes.Filter, chosen: Filter, given: Mapping[str, nodes.Expr]) -> Callable[..., object]:
        if not chosen.prepared:
            return chosen.function
        literals = [
            self._literal(chosen, parameter, given.get(parameter.name))
            for parameter in chosen.parameters
            if parameter.literal
        ]
        if any(literal is _DYNAMIC for literal in literals):
            return chosen.function
        try:
            prepared = chosen.function(*literals)
        except BadArgument as bad:
            place = self._start(given.get(bad.parameter, node))
            self._compiler.refuse(Refusal(bad.message, bad.mend), place)
            return chosen.function
        assert callable(prepared)  # noqa: S101 - the registry's tests prove it for every prepared filter
        return prepared

    def _start(self, node: nodes.Expr) -> int:
        start = self._compiler.subject(node).offset
        return node.lineno if start is None else start

    def _literal(self, chosen: Filter, parameter: Parameter, given: nodes.Expr | None) -> object:
        """The written value of a literal parameter; `_DYNAMIC` after a problem."""
        if given is None:
            return None if parameter.default is REQUIRED else parameter.default
        if not isinstance(given, nodes.Const) or not fits(parameter.kind, given.value):
            mend = f"write `| {chosen.doc.usage}`"
            if parameter.kind is Kind.TABLE and isinstance(given, nodes.Name):
                mend = f"put the table's name in quotes: `| {chosen.name}('{given.name}')`"
            message = f"`{parameter.name}` of `{chosen.name}` must be {parameter.kind} written in place"
            self._compiler.refuse(Refusal(message, mend), self._start(given))
            return _DYNAMIC
        return self._table(given, given.value) if parameter.kind is Kind.TABLE else given.value

    def _table(self, node: nodes.Expr, name: str) -> object:
        if name in self._tables:
            self._compiler.looked_up.add(name)
            return (name, self._tables[name])
        similar = suggest(name, self._tables)
        known = f"known are {', '.join(sorted(self._tables))}" if self._tables else "none is defined"
        mend = f"did you mean `{similar}`?" if similar else known
        self._compiler.refuse(Refusal(f"there is no lookup table `{name}`", mend), node.lineno)
        return _DYNAMIC

    def _argument(self, chosen: Filter, parameter: Parameter, given: nodes.Expr | None) -> Evaluate:
        if given is None:
            return lambda _scope: parameter.default
        what = f"`{parameter.name}` of `{chosen.name}`"
        if isinstance(given, nodes.Const) and not fits(parameter.kind, given.value):
            refusal = Refusal(f"{what} must be {parameter.kind}", f"write `| {chosen.doc.usage}`")
            return self._compiler.refuse(refusal, self._start(given))
        # A value that is only passed on may be `omit`: `lookup('stages', omit)`.
        argument = self._compiler.member(given) if parameter.kind is Kind.ANY else self._compiler.used(given)
        name = self._compiler.subject(given).name

        def checked(scope: Scope) -> object:
            value = argument(scope)
            if not fits(parameter.kind, value):
                message = f"{what} is {kind_of(value)}, not {parameter.kind}"
                raise RenderError(message, mend=f"write `| {chosen.doc.usage}`", name=name, offset=given.lineno)
            return value

        return checked


def _is_empty(value: object) -> bool:
    """Whether a value that is not true is an empty one; the number 0 is not."""
    return value is None or isinstance(value, bool | str | list | tuple | Mapping)


def _finished(result: object, subject: Subject) -> object:
    """A filter's result: long text is refused at once; a look-up that found nothing learns what it is about."""
    if isinstance(result, str):
        return bounded_text(result)
    if isinstance(result, Unfound):
        error = subject.error(result.predicate, None)
        return Missing(error.message, result.told_mend, name=subject.name, offset=subject.offset)
    return result

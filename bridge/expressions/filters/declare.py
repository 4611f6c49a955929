"""How a filter is declared: what it takes, its parameters, its documentation with an example that is tested."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from bridge.expressions.problems import Unusable
from bridge.expressions.values import as_text, kind_of, number

_Function = TypeVar("_Function", bound=Callable[..., object])

REQUIRED: Final = object()
"""The default of a parameter that must be given."""

NOT_GIVEN: Final = object()
"""What a filter sees of a parameter that may be left out and has no value of its own then."""


@dataclass(frozen=True, slots=True)
class Unfound:
    """A filter's answer when there is nothing to give, such as `first` of an empty list; `default` mends it."""

    predicate: str
    mend: str | Callable[[], str] = "add `| default(…)` for this case"
    """Text, or what gives it when it is needed: most of what is not found is mended by a default."""

    def told_mend(self) -> str:
        """The mend as text."""
        return self.mend if isinstance(self.mend, str) else self.mend()


class Takes(StrEnum):
    """What a filter accepts before the `|`."""

    TEXT = "text"
    NUMBER = "a number"
    LIST = "a list"
    OBJECT = "an object"
    ANY = "anything"


class Kind(StrEnum):
    """What a parameter of a filter accepts."""

    TEXT = "text"
    INTEGER = "a whole number"
    BOOLEAN = "true or false"
    TEXT_OR_INTEGER = "text or a whole number"
    ANY = "anything"
    TABLE = "the name of a lookup table"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a filter. A `literal` must be written in the template, because it is prepared at load."""

    name: str
    kind: Kind = Kind.TEXT
    default: object = REQUIRED
    literal: bool = False


@dataclass(frozen=True, slots=True)
class FilterDoc:
    """What a person reads about a filter. `template` rendered over `scope` gives `result`; a test does it."""

    name: str
    usage: str
    summary: str
    template: str
    scope: Mapping[str, object]
    result: object
    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as the compiler sees it.

    With literal parameters, `function` is called with them at load and returns what is called at render time;
    without, it is that function. At render time the call is `(value, *other arguments)`.
    """

    name: str
    takes: Takes
    parameters: tuple[Parameter, ...]
    function: Callable[..., object]
    doc: FilterDoc

    @property
    def prepared(self) -> bool:
        """Whether `function` is a factory that wants the literal arguments first."""
        return any(parameter.literal for parameter in self.parameters)

    @property
    def signature(self) -> inspect.Signature:
        """The arguments after the value, for binding what a template passes."""
        return inspect.Signature(
            [
                inspect.Parameter(
                    parameter.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=inspect.Parameter.empty if parameter.default is REQUIRED else parameter.default,
                )
                for parameter in self.parameters
            ]
        )


@dataclass(frozen=True, slots=True)
class Example:
    """`source` is the template, `value` what `body.x` is, `result` what comes out."""

    source: str
    value: object
    result: object
    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


class Collection:
    """The filters of one module, gathered by the decorator `declare`."""

    def __init__(self) -> None:
        self.filters: list[Filter] = []

    def declare(
        self, takes: Takes, *parameters: Parameter, example: Example, name: str | None = None
    ) -> Callable[[_Function], _Function]:
        """Register the decorated function; its docstring's first line is the documentation."""

        def register(function: _Function) -> _Function:
            called = name or function.__name__.rstrip("_")
            usage = _usage(called, parameters)
            summary = (inspect.getdoc(function) or "").partition("\n")[0]
            scope = {"body": {"x": example.value}}
            doc = FilterDoc(called, usage, summary, example.source, scope, example.result, example.tables)
            self.filters.append(Filter(called, takes, parameters, function, doc))
            return function

        return register


def _usage(name: str, parameters: Sequence[Parameter]) -> str:
    if not parameters:
        return name
    return f"{name}({', '.join(_spelled(parameter) for parameter in parameters)})"


def _spelled(parameter: Parameter) -> str:
    if parameter.default is REQUIRED:
        return parameter.name
    default = parameter.default
    if default is NOT_GIVEN:
        return f"{parameter.name}?"
    if default is None or isinstance(default, bool):
        return f"{parameter.name}={'null' if default is None else str(default).lower()}"
    return f"{parameter.name}={default!r}"


def accept(takes: Takes, value: object) -> object:
    """`value` as the filter wants it: numbers become text where text is wanted, nothing else is converted.

    Raises:
        Unusable: when it is of another kind.
    """
    if takes is Takes.ANY:
        return value
    if takes is Takes.TEXT:
        return as_text(value)
    if takes is Takes.NUMBER:
        return number(value)
    wanted = list | tuple if takes is Takes.LIST else Mapping
    if not isinstance(value, wanted):
        raise Unusable(f"is {kind_of(value)}, not {takes}")
    return value


def fits(kind: Kind, value: object) -> bool:
    """Whether an argument is of the kind that its parameter wants."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    match kind:
        case Kind.TEXT | Kind.TABLE:
            return isinstance(value, str)
        case Kind.INTEGER:
            return is_integer
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.TEXT_OR_INTEGER:
            return is_integer or isinstance(value, str)
        case Kind.ANY:
            return True

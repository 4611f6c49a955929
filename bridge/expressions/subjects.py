"""What an error message is about: the path that was read, or just "the value"."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bridge.expressions.problems import RenderError, Unusable

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Subject:
    """Names an expression in messages by what the template calls it, never by its value."""

    name: str | None
    offset: int | None

    def error(self, predicate: str, mend: str | None) -> RenderError:
        """The error "`name` predicate"."""
        called = f"`{self.name}`" if self.name else "the value"
        return RenderError(f"{called} {predicate}", mend=mend, name=self.name, offset=self.offset)

    def guard(self, convert: Callable[[_Value], _Result], value: _Value) -> _Result:
        """`convert(value)`, its refusal told with this subject.

        Raises:
            RenderError: when `convert` finds the value unusable.
        """
        try:
            return convert(value)
        except Unusable as problem:
            raise self.error(problem.predicate, problem.mend) from None

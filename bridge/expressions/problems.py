"""What can go wrong with a template: problems found when it is read, errors met when it is rendered.

Texts here name paths, filters and limits that the author of the configuration wrote. They never hold a value of
the event, because values are customers' data.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bridge.errors import BridgeError

Position = tuple[str | int, ...]
"""Where a scalar stands inside a nested value: keys and list indexes from the outside in."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must change before a template can be used.

    `offset` and `length` mark the characters at fault in the scalar's own text (0-based; None: all of it). `path`
    leads to the scalar inside a nested value and is empty for a template that stands alone.
    """

    message: str
    offset: int | None = None
    length: int = 1
    help: str | None = None
    path: Position = ()


class TemplateRefused(BridgeError):  # noqa: N818 - reads as what happened; shared name of the interface
    """The template, or at least one scalar of a tree, is not part of the language."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("; ".join(_line(problem) for problem in self.problems))


class RenderError(BridgeError):
    """A template met data that it cannot use.

    `help` says what to write instead; it may be given as a function, asked when somebody wants to read it, since most
    errors of look-ups are caught by who expects them. `name` is the dotted path that was read, when there is one.
    `offset` is the 0-based place in the template's text, `path` the place of the template inside its tree.
    """

    def __init__(
        self,
        message: str,
        *,
        mend: str | Callable[[], str | None] | None = None,
        name: str | None = None,
        offset: int | None = None,
        path: Sequence[str | int] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.offset = offset
        self.path: Position = tuple(path)
        self._mend = mend

    @property
    def help(self) -> str | None:
        """What to write instead."""
        if callable(self._mend):
            self._mend = self._mend()
        return self._mend

    def at(self, path: Sequence[str | int]) -> "RenderError":
        """The same error, placed at `path` inside a tree."""
        return RenderError(self.message, mend=self._mend, name=self.name, offset=self.offset, path=path)


class Unusable(Exception):  # noqa: N818 - raised only inside the package, becomes a RenderError with a name
    """A value cannot be used here; `predicate` continues a sentence such as "`fields.x` …"."""

    def __init__(self, predicate: str, mend: str | None = None) -> None:
        super().__init__(predicate)
        self.predicate = predicate
        self.mend = mend


class BadArgument(Exception):  # noqa: N818 - raised only inside the package, becomes a Problem with a place
    """A literal argument of a filter cannot be used; found while the template is compiled."""

    def __init__(self, parameter: str, message: str, mend: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message
        self.mend = mend


def _line(problem: Problem) -> str:
    place = ".".join(str(part) for part in problem.path)
    return f"{place}: {problem.message}" if place else problem.message

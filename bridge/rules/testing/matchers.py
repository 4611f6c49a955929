"""What may stand for a value that varies: an object whose one key begins with `$`; no data looks like it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import re2

from bridge.connectors.opened import PartPath
from bridge.diagnostics import quoted_list, suggest

KINDS: Mapping[str, Callable[[object], bool]] = {
    "value": lambda value: value is not None,
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, Mapping),
    "list": lambda value: isinstance(value, list),
}
"""What `{$any: …}` may ask for. `value` is anything but null."""
MATCHERS = ("$any", "$regex", "$contains", "$absent", "$is")
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Matcher:
    """`{$any: text}` and its like."""

    name: str
    argument: object

    def __str__(self) -> str:
        """What it asks for, in words."""
        match self.name:
            case "$any":
                return "any value" if self.argument == "value" else f"any {self.argument}"
            case "$regex":
                return f"text that matches {self.argument}"
            case "$contains":
                return f"text that contains {self.argument!r}"
            case _:
                return "nothing"

    def accepts(self, value: object) -> bool:
        """Whether the value is one that was asked for; `$is` and `$absent` are not asked this."""
        match self.name:
            case "$any":
                return KINDS[str(self.argument)](value)
            case "$regex":
                return isinstance(value, str) and _compiled(str(self.argument)).search(value) is not None
            case "$contains":
                return isinstance(value, str) and str(self.argument) in value
            case _:
                return False


def matcher(value: object) -> Matcher | None:
    """The matcher that a value of a test is, or None when it is plain data."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    [(name, argument)] = value.items()
    return Matcher(name, argument) if name in MATCHERS else None


@dataclass(frozen=True, slots=True)
class MatcherProblem:
    """A matcher that cannot be used; `path` is inside the value that was looked at, `on_key` about its name."""

    path: PartPath
    message: str
    help: str
    on_key: bool = False


def check_matchers(value: object, at: PartPath = ()) -> Iterator[MatcherProblem]:
    """What is wrong with the matchers inside a value."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from check_matchers(item, (*at, index))
        return
    if not isinstance(value, Mapping):
        return
    if len(value) == 1:
        [(name, argument)] = value.items()
        if str(name).startswith("$"):
            yield from _check(str(name), argument, (*at, name))
            return
    for key, item in value.items():
        yield from check_matchers(item, (*at, key))


def _check(name: str, argument: object, at: PartPath) -> Iterator[MatcherProblem]:
    if name not in MATCHERS:
        near = suggest(name, MATCHERS)
        help_ = f"did you mean `{near}`?" if near else f"there are {quoted_list(MATCHERS)}; data: `{{$is: …}}`"
        yield MatcherProblem(at, f"there is no matcher `{name[:_SHOWN]}`", help_, on_key=True)
    elif name == "$any" and argument not in KINDS:
        near = suggest(str(argument), KINDS)
        help_ = f"did you mean `{near}`?" if near else f"it may be {quoted_list(KINDS)}"
        yield MatcherProblem(at, "`$any` does not know this kind of value", help_)
    elif name == "$absent" and argument is not True:
        yield MatcherProblem(at, "`$absent` has nothing but `true`", "write `{$absent: true}`")
    elif name in {"$regex", "$contains"} and not isinstance(argument, str):
        yield MatcherProblem(at, f"`{name}` needs a text", "put it in quotes")
    elif name == "$regex":
        try:
            _compiled(str(argument))
        except re2.error:
            mend = "the syntax is RE2's: no look-ahead, look-behind or references back"
            yield MatcherProblem(at, "this pattern cannot be read", mend)


def _compiled(pattern: str) -> "re2.Pattern":
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)

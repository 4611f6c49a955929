"""A condition taken apart at its `and`, `or` and `not`, so that a person can be told which part of it said no.

The split follows the words of the text and not Jinja2's tree, because only they know where a part begins and ends. Each
part is compiled by itself: a part of a condition is a condition.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bridge.expressions.syntax import Word, expression_words
from bridge.expressions.template import Template

Joint = Literal["and", "or", "not"]

_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSING: Final = frozenset(_OPENING.values())
_LOOSER: Final = frozenset({"if", ","})
"""What binds less than `or`: a choice or a list of values is one part."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A condition or a part of one: `length` characters of the condition's text from `offset` on.

    `joint` says how its `parts` belong together; without one it has none. `template` evaluates all of it.
    """

    offset: int
    length: int
    joint: Joint | None
    parts: tuple["Outline", ...]
    template: Template


def outline(source: str, compile_part: Callable[[str], Template]) -> Outline:
    """Take a condition apart.

    Args:
        source: the text of a condition that has been compiled before.
        compile_part: compiles a part as the whole was.
    """
    return _Splitter(source, compile_part).split(list(expression_words(source)))


@dataclass(frozen=True, slots=True)
class _Splitter:
    source: str
    compile_part: Callable[[str], Template]

    def split(self, words: Sequence[Word]) -> Outline:
        words = _without_brackets(words)
        start = words[0].offset
        length = words[-1].offset + len(words[-1].text) - start
        joint, groups = _groups(words)
        parts = tuple(part for group in groups for part in _flat(self.split(group), joint))
        return Outline(start, length, joint, parts, self.compile_part(self.source[start : start + length]))


def _flat(part: Outline, joint: Joint | None) -> tuple[Outline, ...]:
    """The part, or what it consists of: `(a and b) and c` has three parts."""
    return part.parts if part.joint == joint != "not" and joint is not None else (part,)


def _without_brackets(words: Sequence[Word]) -> Sequence[Word]:
    """The words inside brackets that enclose all of them."""
    while len(words) > 2 and words[0].text == "(" and _closing(words) == len(words) - 1:  # noqa: PLR2004 - the brackets
        inner = words[1:-1]
        if any(word.text == "," for word in _outermost(inner)):
            break  # these brackets make a list
        words = inner
    return words


def _groups(words: Sequence[Word]) -> tuple[Joint | None, list[Sequence[Word]]]:
    """How the words are joined outside of all brackets, and what is."""
    outside = {word.offset for word in _outermost(words)}
    if any(word.text in _LOOSER and word.offset in outside for word in words):
        return None, []
    joints: tuple[Joint, ...] = ("or", "and")
    for joint in joints:
        at = [index for index, word in enumerate(words) if word.text == joint and word.offset in outside]
        if at:
            bounds = zip([-1, *at], [*at, len(words)], strict=True)
            return joint, [words[before + 1 : after] for before, after in bounds]
    return ("not", [words[1:]]) if words[0].text == "not" else (None, [])


def _outermost(words: Sequence[Word]) -> Iterator[Word]:
    """The words outside of all brackets that are no keys (`a.or`) and no literal texts."""
    depth, before = 0, ""
    for word in words:
        depth += word.text in _OPENING
        if depth == 0 and before != ".":
            yield word
        depth -= word.text in _CLOSING
        before = word.text


def _closing(words: Sequence[Word]) -> int:
    """Where the bracket that the words begin with ends."""
    depth = 0
    for index, word in enumerate(words):
        depth += (word.text in _OPENING) - (word.text in _CLOSING)
        if depth == 0:
            return index
    return len(words)

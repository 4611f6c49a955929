"""pydantic's kinds of error in words that a person who edits YAML uses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.diagnostics.suggest import suggest

EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "`null`",
    "path_type": "a path",
    "url_type": "a URL",
    "url_parsing": "a URL",
    "url_scheme": "a URL",
}
"""Kind of error -> what the value must be."""

_LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than": ("must be more than {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than": ("must be less than {}", "lt"),
    "less_than_equal": ("must be at most {}", "le"),
    "multiple_of": ("must be a multiple of {}", "multiple_of"),
    "string_too_short": ("must have at least {} characters", "min_length"),
    "string_too_long": ("must have at most {} characters", "max_length"),
    "too_short": ("must have at least {} entries", "min_length"),
    "too_long": ("must have at most {} entries", "max_length"),
}
_BOOLEAN: Final = EXPECTED["bool_type"]
_OTHER_WORDS: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_CHOICES: Final = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said about one value: the message goes on from its name."""

    predicate: str
    label: str = ""
    helps: tuple[str, ...] = ()


def found_word(value: object) -> str:
    """What a value is, in the user's words."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true or false"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "text"),
        ((int, float), "a number"),
        (list, "a list"),
        (dict, "a mapping"),
    )
    return next((word for kind, word in kinds if isinstance(value, kind)), "something else")


def expectation(words: list[str], value: object) -> Wording:
    """The value has none of the allowed types."""
    unique = list(dict.fromkeys(words))
    listed = unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
    return Wording(f"must be {listed}", f"this is {found_word(value)}", _help(unique, value))


def _help(words: list[str], value: object) -> tuple[str, ...]:
    if words == ["text"] and isinstance(value, bool | int | float):
        return ("put it in quotes",)
    if words == [_BOOLEAN] and isinstance(value, str):
        meant = _OTHER_WORDS.get(value.lower())
        return (f"write `{meant}`; other words for it are text" if meant else "write `true` or `false`",)
    return ()


def wording(kind: str, context: Mapping[str, Any], value: object) -> Wording:
    """What to say for one kind of error.

    Args:
        kind: pydantic's error type.
        context: pydantic's `ctx`.
        value: What was given; only its kind is ever shown.
    """
    if kind in EXPECTED:
        return expectation([EXPECTED[kind]], value)
    if kind in _LIMITS:
        sentence, name = _LIMITS[kind]
        limit = context.get(name)
        return Wording(_singular(sentence.format(limit)) if limit == 1 else sentence.format(limit))
    if kind in {"literal_error", "enum"}:
        return _choices(_CHOICES.findall(str(context.get("expected", ""))), value)
    if kind == "string_pattern_mismatch":
        return Wording("does not have the form that is needed here")
    if kind == "frozen_field":
        return Wording("cannot be changed")
    return Wording("has a value that does not fit here", f"this is {found_word(value)}")


def _singular(sentence: str) -> str:
    return sentence.replace("characters", "character").replace("entries", "entry")


def choices_of(context: Mapping[str, Any]) -> list[str]:
    """The tags that a union knows."""
    return _CHOICES.findall(str(context.get("expected_tags", "")))


def one_of(choices: list[str], value: object) -> Wording:
    """The value must be one of `choices`."""
    return _choices(choices, value)


def _choices(choices: list[str], value: object) -> Wording:
    listed = ", ".join(f"`{choice}`" for choice in choices)
    near = suggest(value, choices) if isinstance(value, str) else None
    predicate = f"must be {'one of ' if len(choices) > 1 else ''}{listed}" if choices else "has an unknown value"
    return Wording(predicate, helps=(f"did you mean `{near}`?",) if near else ())

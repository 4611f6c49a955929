"""True or false as our YAML has it: `yes` and `on` are text, as they would be in JSON."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Strict

_WORDS: Final = {"true": True, "false": False}


def from_variable(value: object) -> object:
    """What a variable gives is text, `true` and `false` too: `enabled: "${NOTE:-false}"`. All else stays as it is."""
    return _WORDS.get(value, value) if isinstance(value, str) else value


Flag = Annotated[bool, Strict(), BeforeValidator(from_variable)]
"""A pydantic field that takes true and false, and no other word or number for them."""

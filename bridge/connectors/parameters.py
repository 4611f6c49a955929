"""A step's rendered `with`, checked against the operation's parameters and put into the form the API wants."""

from collections.abc import Mapping

import orjson

from bridge.connectors.schema import Parameter
from bridge.errors import BridgeError

MAX_ID = 2**63 - 1
WORDS = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "id": "an id (text or a whole number)",
    "mapping": "a mapping of names to values",
    "list": "a list",
    "path": "text",
    "any": "anything",
}


class ParameterRefused(BridgeError):  # noqa: N818 - says what happened, like the other refusals
    """A value does not fit its parameter. The text names the parameter, never the value."""

    def __init__(self, name: str, message: str, mend: str) -> None:
        super().__init__(message)
        self.name = name
        self.mend = mend


def fit(parameters: Mapping[str, Parameter], given: Mapping[str, object]) -> dict[str, object]:
    """The parameters as the request template may use them; absent ones stay absent.

    Raises:
        ParameterRefused: the first value that is missing or of the wrong kind.
    """
    fitted: dict[str, object] = {}
    for name, parameter in parameters.items():
        if name not in given:
            if parameter.required:
                raise ParameterRefused(name, f"parameter `{name}` is missing", f"give `{name}` in the step's `with`")
            continue
        fitted[name] = _fit_one(name, parameter, given[name])
    return fitted


def _fit_one(name: str, parameter: Parameter, value: object) -> object:
    if value is None:
        if parameter.required:
            raise ParameterRefused(
                name,
                f"parameter `{name}` is null, but the call needs it",
                f"give `{name}` a value, for instance with `| default('…', true)`, or skip the step with `if`",
            )
        return None
    _check_type(name, parameter, value)
    value = _wire(name, parameter, value)
    if parameter.one_of and value not in parameter.one_of:
        choices = ", ".join(f"`{choice}`" for choice in parameter.one_of)
        raise ParameterRefused(name, f"parameter `{name}` is not one of {choices}", f"use one of {choices}")
    if parameter.max_bytes and isinstance(value, str) and len(value.encode()) > parameter.max_bytes:
        raise ParameterRefused(
            name,
            f"parameter `{name}` is longer than the {parameter.max_bytes} bytes that the API takes",
            f"cut it in the rule: `| truncate_bytes({parameter.max_bytes})`",
        )
    return value


def _check_type(name: str, parameter: Parameter, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    fits = {
        "text": isinstance(value, str) or (is_number and parameter.wire == "text"),
        "path": isinstance(value, str),
        "integer": is_integer or (isinstance(value, str) and parameter.wire == "integer"),
        "number": is_number,
        "boolean": isinstance(value, bool),
        "id": is_integer or (isinstance(value, str) and value != ""),
        "mapping": isinstance(value, Mapping),
        "list": isinstance(value, list),
        "any": True,
    }[parameter.type]
    if not fits:
        word = WORDS[parameter.type]
        raise ParameterRefused(
            name, f"parameter `{name}` is not {word}", f"`{name}` must be {word}; look at the value in the rule"
        )


def _wire(name: str, parameter: Parameter, value: object) -> object:
    match parameter.wire:
        case "text":
            return value if isinstance(value, str) else _as_text(value)
        case "integer":
            return _as_integer(name, value)
        case "texts" if isinstance(value, Mapping):
            return {key: "" if item is None else _as_text(item) for key, item in value.items()}
        case _:
            return value


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _as_integer(name: str, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_ID:
        raise ParameterRefused(
            name, f"parameter `{name}` is not a whole number", f"`{name}` must be the record's number in the CRM"
        )
    return int(text)

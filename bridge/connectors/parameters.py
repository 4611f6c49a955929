"""A step's rendered `with`, checked against the operation's parameters and put into the form the API wants."""

from collections.abc import Collection, Mapping

from bridge.connectors.schema import Clear, Parameter
from bridge.connectors.wire import ParameterRefused, as_text

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


def fit(
    parameters: Mapping[str, Parameter],
    given: Mapping[str, object],
    *,
    one_needed: Collection[str] = (),
    clear: Clear = "json_null",
) -> dict[str, object]:
    """The parameters as the request template may use them; absent ones stay absent.

    Args:
        parameters: what the operation declares.
        given: the rendered `with`.
        one_needed: parameters of which at least one must say something.
        clear: what a null becomes, where its parameter says nothing else.

    Raises:
        ParameterRefused: the first value that is missing or of the wrong kind.
    """
    return _fit_all("", parameters, given, one_needed, clear)


def _fit_all(
    inside: str,
    parameters: Mapping[str, Parameter],
    given: Mapping[str, object],
    one_needed: Collection[str],
    clear: Clear,
) -> dict[str, object]:
    """As `fit`; `inside` is the dotted place of a nested mapping, for the messages."""
    fitted: dict[str, object] = {}
    for name, parameter in parameters.items():
        place = inside + name
        if name not in given:
            if parameter.required:
                raise ParameterRefused(place, f"parameter `{place}` is missing", f"give `{place}` in the step's `with`")
            continue
        fitted[name] = _fit_one(place, parameter, given[name], parameter.clear or clear)
    if one_needed and all(_says_nothing(fitted.get(name)) for name in one_needed):
        places = " and ".join(f"`{inside}{name}`" for name in one_needed)
        raise ParameterRefused(
            inside + next(iter(one_needed)),
            f"{places} are missing or empty" if len(one_needed) > 1 else f"{places} is missing or empty",
            "give it a text, for instance with `| default('(no text)', true)`, or skip the step with `if`",
        )
    return fitted


def _says_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _fit_one(name: str, parameter: Parameter, value: object, clear: Clear) -> object:
    if value is None:
        if parameter.required:
            raise ParameterRefused(
                name,
                f"parameter `{name}` is null, but the call needs it",
                f"give `{name}` a value, for instance with `| default('…', true)`, or skip the step with `if`",
            )
        return _cleared(name, clear)
    _check_type(name, parameter, value)
    if parameter.required and value == "" and parameter.type != "path":
        raise ParameterRefused(
            name, f"parameter `{name}` is empty, but the call needs it", "give it a value, or skip the step with `if`"
        )
    value = _cut(parameter, _wire(name, parameter, value, clear))
    _check_limits(name, parameter, value)
    return value


def _cut(parameter: Parameter, value: object) -> object:
    """Text of the length that the API takes, with the mark that it was longer; never half a character."""
    if parameter.cut is None or parameter.max_bytes is None or not isinstance(value, str):
        return value
    data = value.encode()
    if len(data) <= parameter.max_bytes:
        return value
    return data[: parameter.max_bytes - len(parameter.cut.encode())].decode(errors="ignore") + parameter.cut


def _check_limits(name: str, parameter: Parameter, value: object) -> None:
    if parameter.one_of and value not in parameter.one_of:
        choices = ", ".join(f"`{choice}`" for choice in parameter.one_of)
        raise ParameterRefused(name, f"parameter `{name}` is not one of {choices}", f"use one of {choices}")
    if parameter.max_bytes and isinstance(value, str) and len(value.encode()) > parameter.max_bytes:
        raise ParameterRefused(
            name,
            f"parameter `{name}` is longer than the {parameter.max_bytes} bytes that the API takes",
            f"cut it in the rule: `| truncate_bytes({parameter.max_bytes})`",
        )


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


def _wire(name: str, parameter: Parameter, value: object, clear: Clear) -> object:
    if parameter.fields and isinstance(value, Mapping):
        _check_known(name, parameter.fields, value)
        return _fit_all(f"{name}.", parameter.fields, value, parameter.one_needed, clear)
    match parameter.wire:
        case "text":
            return as_text(value)
        case "integer":
            return _as_integer(name, value)
        case "texts" if isinstance(value, Mapping):
            return {key: _property_text(name, item, clear) for key, item in value.items()}
        case _:
            return value if clear == "json_null" else _cleared_inside(name, value, clear)


def _cleared(name: str, clear: Clear) -> str | None:
    """What the API is told for a null."""
    match clear:
        case "json_null":
            return None
        case "empty_text":
            return ""
        case "refuse":
            raise ParameterRefused(
                name,
                f"parameter `{name}` is null, and the API has nothing to clear there",
                "leave it out where there is no value: `| default(omit, true)`",
            )


def _cleared_inside(name: str, value: object, clear: Clear) -> object:
    """A mapping with its nulls in the form that clears, as deep as mappings go; items of lists are values."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _cleared(name, clear) if item is None else _cleared_inside(name, item, clear)
        for key, item in value.items()
    }


def _check_known(name: str, fields: Mapping[str, Parameter], value: Mapping[str, object]) -> None:
    if value.keys() - fields.keys():
        known = ", ".join(f"`{field}`" for field in fields)
        raise ParameterRefused(name, f"parameter `{name}` has a key that the call does not know", f"it knows {known}")


def _property_text(name: str, value: object, clear: Clear) -> str | None:
    """One property as text: null clears it, several choices are joined with `;`."""
    if value is None:
        return _cleared(name, clear)
    if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(i, list | Mapping) for i in value)):
        raise ParameterRefused(
            name,
            f"a value in `{name}` is a mapping or a list of lists, which a property cannot hold",
            "take one value out of it, or write it as text with `| json`",
        )
    if isinstance(value, list):
        return ";".join(as_text(item) for item in value if item is not None)
    return as_text(value)


def _as_integer(name: str, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_ID)) or int(text) > MAX_ID:
        raise ParameterRefused(
            name, f"parameter `{name}` is not a whole number", f"`{name}` must be the record's number in the CRM"
        )
    return int(text)

"""How values look on the wire: as text in paths, queries, headers and forms, and as JSON in bodies."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import orjson

from bridge.errors import BridgeError


class ParameterRefused(BridgeError):  # noqa: N818 - says what happened, like the other refusals
    """A value does not fit its parameter. The text names the parameter, never the value."""

    def __init__(self, name: str, message: str, mend: str) -> None:
        super().__init__(message)
        self.name = name
        self.mend = mend


def as_text(value: object) -> str:
    """Text as it is; numbers, true and false as JSON writes them; lists and mappings as JSON.

    The standard library writes it, because orjson refuses whole numbers beyond 64 bits, and a long order number in
    an event must reach the query as it came.
    """
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_bytes(value: object) -> bytes:
    """Compact UTF-8 JSON.

    Raises:
        ParameterRefused: a whole number beyond 64 bits; most CRMs would round it without a word.
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise ParameterRefused(
            "json", "the request holds a number that JSON cannot carry safely", "send it as text: `| string`"
        ) from error


def with_query(path: str, query: Mapping[str, object]) -> str:
    """`path?a=1&b=x`: lists give a name several times, true and false are lower case, nulls are left out."""
    encoded = form_text(query)
    if not encoded:
        return path
    return f"{path}{'&' if '?' in path else '?'}{encoded}"


def form_text(fields: Mapping[str, object]) -> str:
    """`a=1&b=x`, percent-encoded: a form body, or the part of a URL after `?`."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        pairs.extend((name, as_text(item)) for item in values if item is not None)
    return urlencode(pairs)

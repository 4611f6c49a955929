"""Jinja2's constructs that the language leaves out, with what to write instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is refused, and the mend."""

    message: str
    mend: str | None


REFUSED: Final[Mapping[str, Refusal]] = {
    "Call": Refusal(
        "calls such as `x.get('a')` are not part of the language",
        "fields are read with a dot and mended with a filter: `x.a | default('')`",
    ),
    "Slice": Refusal(
        "slices such as `x[1:3]` are not part of the language",
        "use `first`, `last`, one index, `truncate(n)` or `regex_search`",
    ),
    "Tuple": Refusal(
        "values in round brackets, or side by side, are not part of the language",
        "write a list: `['a', 'b']`",
    ),
    "Pow": Refusal("`**` is not part of the language", "multiply with `*`"),
}

OTHER_NAMES: Final[Mapping[str, str]] = {
    "tojson": "json",
    "to_json": "json",
    "fromjson": "from_json",
    "d": "default",
    "e": "html_escape",
    "escape": "html_escape",
    "count": "length",
    "len": "length",
    "str": "string",
    "strip": "trim",
    "striptags": "strip_html",
    "number": "int",
    "lowercase": "lower",
    "uppercase": "upper",
    "phone": "e164",
    "strftime": "date",
    "url_encode": "urlencode",
    "map": "map_values",
    "md5": "sha256",
    "b64encode": "base64",
}
"""What other template languages call our filters."""

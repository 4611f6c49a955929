"""Filters between text and its encodings: JSON, HTML, URLs, base64, hashes."""

import base64 as base64_codec
import hashlib
import html
import json as json_codec
import math
import re
from typing import NoReturn
from urllib.parse import quote

from bridge.expressions.filters.declare import Collection, Example, Takes
from bridge.expressions.filters.markup import plain_text
from bridge.expressions.problems import Unusable
from bridge.expressions.values import bounded_text, check_size, encoded

ENCODING = Collection()

_DEEPEST_JSON = 200
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


@ENCODING.declare(Takes.ANY, example=Example("{{ body.x | json }}", {"a": [1, None]}, '{"a":[1,null]}'))
def json(value: object) -> str:
    """Write any value as JSON text, compact, in the order it has."""
    check_size(value)
    try:
        return json_codec.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=dict)
    except (RecursionError, ValueError):
        raise Unusable("is nested too deeply for JSON text") from None


@ENCODING.declare(Takes.TEXT, example=Example("{{ (body.x | from_json).a }}", '{"a": 1}', 1))
def from_json(text: str) -> object:
    """Read JSON text."""
    bounded_text(text)
    _check_depth(text)
    try:
        return json_codec.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Unusable("is not JSON text") from None


@ENCODING.declare(Takes.TEXT, example=Example("{{ body.x | sha256 }}", "a", hashlib.sha256(b"a").hexdigest()))
def sha256(text: str) -> str:
    """Give the SHA-256 of the text's UTF-8 as 64 hexadecimal digits."""
    return hashlib.sha256(encoded(text)).hexdigest()


@ENCODING.declare(Takes.TEXT, example=Example("{{ body.x | base64 }}", "Hi?", "SGk/"))
def base64(text: str) -> str:
    """Write the text's UTF-8 as base64."""
    return base64_codec.b64encode(encoded(text)).decode()


@ENCODING.declare(Takes.TEXT, example=Example("{{ body.x | urlencode }}", "a b/c&d", "a%20b%2Fc%26d"))
def urlencode(text: str) -> str:
    """Percent-encode a text for use inside a URL; paths and queries of requests are encoded without it."""
    return quote(encoded(text), safe="")


@ENCODING.declare(Takes.TEXT, example=Example("{{ body.x | html_escape }}", "<b>&", "&lt;b&gt;&amp;"))
def html_escape(text: str) -> str:
    """Write `&`, `<`, `>` and quotes so that HTML shows them as text."""
    return html.escape(bounded_text(text))


@ENCODING.declare(
    Takes.TEXT, example=Example("{{ body.x | strip_html }}", "<p>Hi <b>you</b> &amp; me</p>", "Hi you & me")
)
def strip_html(text: str) -> str:
    """Drop HTML tags, scripts and comments, keep the text and its line breaks."""
    return plain_text(bounded_text(text))


def _check_depth(text: str) -> None:
    # The decoder recurses in C; depth that it survives may still stop somebody who walks the result.
    depth = 0
    for found in _BRACKETS.finditer(text):
        sign = found.group()
        depth += (sign in "[{") - (sign in "]}")
        if depth > _DEEPEST_JSON:
            raise Unusable("is JSON text nested too deeply")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError
    return value


def _no_constant(_name: str) -> NoReturn:
    raise ValueError

"""What may be shown of a raw body, whatever was sent: JSON as JSON, anything else as text, and proofs by their form."""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_plus

import orjson

from bridge.sources.masks import is_masked, looks_like_a_proof, masked_value, shape_of
from bridge.sources.media_types import FORM, MULTIPART, media_type_of
from bridge.sources.strict_json import Unreadable, dump_json, parse_json
from bridge.sources.wire import clean

SHOWN_BYTES = 65_536
"""Of a larger body only so many are shown, and looked at."""

_MEMBER = re.compile(r'"([^"\\]{1,64})"(\s{0,8}:\s{0,8})"((?:[^"\\]|\\.)*+)(?:"|\Z)', re.DOTALL)
# One part of a multipart form: the line with its name, the rest of its headers, and what it holds. Its repetitions
# have bounds, so that no text of the length above takes long.
_PART = re.compile(
    r'(?P<head>[; ]name="(?P<name>[^"\r\n]{0,200})"[^\r\n]{0,1000}\r?\n(?:[^\r\n]{1,1000}\r?\n){0,8}\r?\n)'
    r"(?P<content>.*?)(?P<end>\r?\n--|\Z)",
    re.DOTALL,
)


def masked_body(body: bytes, content_type: str = "", proofs: Iterable[str] = ()) -> object:
    """A body for people: a JSON value, a text, or `{"base64": …}`; a very large one in part.

    Args:
        body: the raw bytes.
        content_type: as the request says it, empty if it does not.
        proofs: names of keys and fields that hold a proof, besides those that look like credentials.

    Returns:
        Something that JSON of any reader can hold: no half characters, and no number of more than 64 bits.
    """
    names = frozenset(name.lower() for name in proofs)
    media = media_type_of(content_type)
    essence = "" if media is None else media.essence
    try:
        text = body.decode("utf-8", "replace" if essence == MULTIPART else "strict")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body[:SHOWN_BYTES]).decode()}
    text = text[:SHOWN_BYTES]
    if essence == MULTIPART:
        return clean(_PART.sub(lambda part: _part(part, names), text))
    if essence == FORM:
        return clean(_masked_form(text, names))
    value = _json(body, names) if len(body) <= SHOWN_BYTES else None
    return value if value is not None else clean(_masked_text(text, names))


def _json(body: bytes, names: frozenset[str]) -> object:
    """The body's value, masked; None for one that is no JSON, or that not every reader of JSON could read."""
    try:
        value = masked_value(parse_json(body), names)
        orjson.dumps(value)
    except (Unreadable, TypeError):
        return None
    return value


def _masked_text(text: str, names: frozenset[str]) -> str:
    """A text that may be broken JSON, or a form without its content type."""

    def member(found: re.Match[str]) -> str:
        name, colon, value = found.groups()
        return f'"{name}"{colon}"{shape_of(value)}"' if is_masked(name, names) else found[0]

    if "=" in text and not text.lstrip().startswith(("{", "[", '"', "<")):
        return _masked_form(text, names)
    return _MEMBER.sub(member, text)


def _masked_form(text: str, names: frozenset[str]) -> str:
    return "&".join(_pair(pair, names) for pair in text.split("&"))


def _pair(pair: str, names: frozenset[str]) -> str:
    name, equals, raw = pair.partition("=")
    value = unquote_plus(raw)
    shown = _shown(unquote_plus(name), value, names)
    return pair if shown == value else f"{name}{equals}{quote(shown, safe='<> ,=')}"


def _part(part: re.Match[str], names: frozenset[str]) -> str:
    return part["head"] + _shown(part["name"], part["content"], names) + part["end"]


def _shown(name: str, value: str, names: frozenset[str]) -> str:
    """A field's value; JSON inside it is looked into."""
    if is_masked(name, names) or looks_like_a_proof(value):
        return shape_of(value)
    if not value.startswith(("{", "[")):
        return value
    try:
        return dump_json(masked_value(parse_json(value.encode("utf-8", "surrogatepass")), names)).decode()
    except Unreadable:
        return _masked_text(value, names)

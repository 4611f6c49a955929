"""Bodies as browsers send them, read into the JSON object that rules see: forms, and multipart forms with files.

Nothing here is trusted: a source may have to read a form to find the signature in it.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from bridge.sources.charsets import UTF_8, codec_of, decoded, not_of
from bridge.sources.media_types import FORM, MULTIPART, media_type_of
from bridge.sources.strict_json import Unreadable, check_text, parse_json

MAX_FIELDS = 1_000
"""Fields of a form, or parts of a multipart form."""
MAX_FILES = 100
MAX_PART_HEADERS = 8
MAX_PART_HEADER_BYTES = 4_096
MAX_FIELD_BYTES = 1024 * 1024
"""Of one field of a multipart form; the fields of a plain one are bounded by the body alone."""
MAX_FILE_BYTES = 16 * 1024 * 1024

Value = str | dict[str, object]
"""A field's text, or a file as the object that rules see."""

# `filename*` is not allowed in a form (RFC 7578), and common mail libraries write it all the same.
_EXTENDED_NAME = re.compile(
    r";\s*filename\*\s*=\s*([A-Za-z0-9_-]{1,20})'[A-Za-z0-9-]{0,20}'([^;\s]{1,1000})", re.IGNORECASE
)
_CHARSET_FIELD = "_charset_"
"""RFC 7578, 4.6: a field of this name says in which charset the fields after it are written that do not say it."""
_PARTS_IN_PARTS = "multipart/"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart form. `filename` is None for a field, and may be empty for a file."""

    name: str
    filename: str | None
    content_type: str
    charset: str | None
    content: bytes


def parse_form(body: bytes, codec: str = UTF_8) -> dict[str, object]:
    """The fields of `application/x-www-form-urlencoded`.

    Args:
        body: the raw bytes, percent-encoded where a browser does.
        codec: the charset of the fields, as `codec_of` gives it.

    Returns:
        name -> text; a name that comes several times has the list of its texts, in the order received. Names are as
        sent, brackets and all: `body['data[email]']`.

    Raises:
        Unreadable: not of the charset, U+0000 in it, or more than `MAX_FIELDS` fields.
    """
    return _collected(_form_pairs(body, codec))


def parse_multipart(body: bytes, boundary: str, charsets: str = "") -> dict[str, object]:
    """The fields and files of `multipart/form-data`.

    Args:
        body: the raw bytes.
        boundary: what the Content-Type says under this name.
        charsets: the field that says of other fields in which charset they are written, as JSON: `{"text": "gbk"}`.

    Returns:
        As `parse_form`; a file is `{name, content_type, size, sha256, base64}`.

    Raises:
        Unreadable: not such a form, a field that is not of its charset, or more than the limits of this module.
    """
    return _collected(_part_pairs(_parts(body, boundary), charsets))


def form_fields(content_type: str, body: bytes) -> dict[str, list[str]]:
    """The text fields of a form or multipart form: name -> all its texts, in the order received. Files are left out.

    For whoever needs the fields before the source has looked at the body. A body that is no form has none.

    Raises:
        Unreadable: it says that it is a form, and cannot be read as one.
    """
    media = media_type_of(content_type)
    pairs: Iterable[tuple[str, Value]] = ()
    if media is not None and media.essence == FORM:
        pairs = _form_pairs(body, media.codec)
    elif media is not None and media.essence == MULTIPART:
        pairs = _part_pairs(_parts(body, media.boundary))
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
    return fields


def _collected(pairs: Iterable[tuple[str, Value]]) -> dict[str, object]:
    fields: dict[str, list[Value]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


# --- application/x-www-form-urlencoded -----------------------------------------------------------------------------


def _form_pairs(body: bytes, codec: str) -> list[tuple[str, Value]]:
    text = decoded(body, codec, "the form")
    if text.count("&") >= MAX_FIELDS:
        raise Unreadable(f"the form has more than {MAX_FIELDS:,} fields")
    try:
        pairs: list[tuple[str, Value]] = list(parse_qsl(text, keep_blank_values=True, encoding=codec, errors="strict"))
    except UnicodeDecodeError:
        reason = not_of(codec, "the form")
    else:
        for pair in pairs:
            for each in pair:
                check_text(str(each), "the form")
        return pairs
    raise Unreadable(reason)  # outside the handler: the decoder's error holds the form


# --- multipart/form-data -------------------------------------------------------------------------------------------


def _parts(body: bytes, boundary: str) -> list[Part]:
    """All parts in order. Strict: nothing is taken that two readers might understand in two ways."""
    try:
        parser = PushMultipartParser(
            boundary.encode("ascii"),
            max_header_size=MAX_PART_HEADER_BYTES,
            max_header_count=MAX_PART_HEADERS,
            max_segment_size=MAX_FILE_BYTES,
            max_segment_count=MAX_FIELDS,
            strict=True,
        )
        return list(_read_parts(parser, body))
    except ParserLimitReached:
        reason = (
            f"the multipart form has more than {MAX_FIELDS:,} parts, or a part with more than {MAX_PART_HEADERS} "
            f"headers, a header over {MAX_PART_HEADER_BYTES:,} bytes or a file over {MAX_FILE_BYTES // 2**20} MiB"
        )
    except (MultipartError, UnicodeEncodeError):
        reason = "the body is no multipart form with the boundary that its Content-Type names"
    raise Unreadable(reason)  # outside the handler: the parser's error quotes the body


def _read_parts(parser: PushMultipartParser, body: bytes) -> Iterator[Part]:
    files = 0
    with parser:
        segment, content = None, b""
        for found in parser.parse(body):
            if isinstance(found, MultipartSegment):
                segment, content = found, b""
            elif found is not None:  # one piece, as all of the body was handed over at once
                content = bytes(found)
            elif segment is not None:
                part = _part(segment, content)
                files += part.filename is not None
                if files > MAX_FILES:
                    raise Unreadable(f"the multipart form has more than {MAX_FILES} files")
                yield part


def _part(segment: MultipartSegment, content: bytes) -> Part:
    names = [name for name, _ in segment.headerlist]
    if len(set(names)) < len(names):
        raise Unreadable("a part of the multipart form has the same header twice")
    content_type = segment.content_type or ""
    if content_type.startswith(_PARTS_IN_PARTS):
        raise Unreadable("a part of the multipart form has parts of its own")
    filename = segment.filename
    if filename is None:
        filename = _extended_name(segment.header("Content-Disposition") or "")
    for text in (segment.name or "", filename or "", content_type):
        check_text(text, "a part's header")
    return Part(segment.name or "", filename, content_type, segment.charset, content)


def _extended_name(disposition: str) -> str | None:
    """The name in `filename*=UTF-8''r%C3%A9sum%C3%A9.pdf`."""
    found = _EXTENDED_NAME.search(disposition)
    codec = codec_of(found[1]) if found else None
    return decoded(unquote_to_bytes(found[2]), codec, "a part's header") if found and codec else None


def _part_pairs(parts: Sequence[Part], charsets: str = "") -> Iterator[tuple[str, Value]]:
    usual, labels = UTF_8, _labels(parts, charsets)
    for part in parts:
        if part.filename is not None:
            yield part.name, _file(part)
            continue
        label = part.charset or labels.get(part.name)
        text = _text(part, usual if label is None else _known_codec(label))
        if part.name == _CHARSET_FIELD:
            usual = _known_codec(text)
        yield part.name, text


def _labels(parts: Sequence[Part], charsets: str) -> dict[str, str]:
    """The charset of each field that the form says in one of its fields."""
    said = [part for part in parts if charsets and part.name == charsets and part.filename is None]
    labels = parse_json(said[0].content) if len(said) == 1 else {}
    if len(said) > 1 or not isinstance(labels, dict) or not all(isinstance(label, str) for label in labels.values()):
        raise Unreadable(f"the form's field `{charsets}` does not say the charsets of other fields")
    return labels


def _text(part: Part, codec: str) -> str:
    if len(part.content) > MAX_FIELD_BYTES:
        raise Unreadable(f"a field of the multipart form is longer than {MAX_FIELD_BYTES // 2**20} MiB")
    return decoded(part.content, codec, "a field of the form")


def _known_codec(label: str) -> str:
    codec = codec_of(label)
    if codec is None:
        raise Unreadable("a field of the form is written in a charset that is not taken")
    return codec


def _file(part: Part) -> dict[str, object]:
    return {
        "name": part.filename,
        "content_type": part.content_type or "application/octet-stream",
        "size": len(part.content),
        "sha256": hashlib.sha256(part.content).hexdigest(),
        "base64": base64.b64encode(part.content).decode(),
    }

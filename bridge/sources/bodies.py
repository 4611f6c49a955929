"""How a source's bodies may be written, which of these a request's Content-Type means, and reading the body so.

Whatever the form, what comes out is a JSON value and the JSON text that is stored for it, so that all that reads events
reads one form only. A body that is JSON is stored byte for byte.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal, NamedTuple, Self, assert_never

from bridge.sources.charsets import OF_JSON, UTF_8, decoded
from bridge.sources.forms import (
    MAX_FIELDS,
    MAX_FILE_BYTES,
    MAX_FILES,
    parse_form,
    parse_multipart,
)
from bridge.sources.media_types import FORM, JSON, JSON_LINES, LINES, MULTIPART, MediaType
from bridge.sources.strict_json import MAX_DEPTH, Unreadable, dump_json, parse_json

MAX_LINES = 5_000
"""As many as there may be events in one request."""

BodyKind = Literal["json", "form", "form_json", "multipart", "text_json", "json_lines", "empty"]
PLAIN_KINDS: tuple[BodyKind, ...] = ("json", "form", "multipart", "text_json", "json_lines", "empty")
"""Those that are written as one word; `form_json` names a field, and `multipart` may."""
OF_FIELD = r"(form_json|multipart)\(([A-Za-z0-9_.\[\]-]{1,64})\)"

_OF_FIELD = re.compile(OF_FIELD)
_BLANK = b" \t\r\n"


class _FieldAbsent(Unreadable):
    """The form is none of those that hold JSON in this field, and may be a plain one."""


class Readable(NamedTuple):
    """A body that was read: what it says, and the JSON text of that for the store."""

    value: object
    content: bytes


class _Words(NamedTuple):
    """What people are told about a kind."""

    media_type: str
    name: str
    how: str


_STRICT = f"without repeated keys, NaN or U+0000, at most {MAX_DEPTH} levels deep"
_WORDS: Mapping[BodyKind, _Words] = {
    "json": _Words(JSON, "JSON", f"Send one JSON text in UTF-8, {_STRICT}."),
    "form": _Words(
        FORM,
        "form fields",
        f"Send form fields in UTF-8 or the charset that is declared, without U+0000, at most {MAX_FIELDS:,} of them.",
    ),
    "form_json": _Words(
        FORM,
        "JSON in the form field `{field}`",
        f"Send a form with one field `{{field}}` that holds a JSON text, {_STRICT}.",
    ),
    "multipart": _Words(
        MULTIPART,
        "multipart form fields",
        f"Send a multipart form of at most {MAX_FIELDS:,} parts, at most {MAX_FILES} of them files of at most "
        f"{MAX_FILE_BYTES // 2**20} MiB, its fields in UTF-8 or the charset that each declares.",
    ),
    "text_json": _Words(JSON, "JSON as text", f"Send one JSON text in the charset that is declared, {_STRICT}."),
    "json_lines": _Words(
        JSON_LINES,
        "JSON lines",
        f"Send a JSON text in UTF-8 on each line, {_STRICT}, at most {MAX_LINES:,} lines.",
    ),
    "empty": _Words(JSON, "an empty body", "Send no body: what there is to say stands in the headers."),
}


@dataclass(frozen=True, slots=True)
class BodyForm:
    """One way to write a body.

    `field` is that of `form_json(FIELD)`, which holds the JSON, or of `multipart(FIELD)`, which says the charsets.
    """

    kind: BodyKind
    field: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What `body:` says, None for what it may not say."""
        plain: BodyKind | None = next((kind for kind in PLAIN_KINDS if kind == text), None)
        if plain is not None:
            return cls(plain)
        found = _OF_FIELD.fullmatch(text)
        return cls("form_json" if found[1] == "form_json" else "multipart", found[2]) if found else None

    @property
    def media_type(self) -> str:
        """The Content-Type that is asked for."""
        return _WORDS[self.kind].media_type

    @property
    def words(self) -> str:
        """What it is called in an answer."""
        return _WORDS[self.kind].name.format(field=self.field)

    @property
    def how(self) -> str:
        """How to write it, for whoever sent what cannot be read."""
        return _WORDS[self.kind].how.format(field=self.field)

    def takes(self, media: MediaType) -> bool:  # noqa: PLR0911 - a table
        """Whether a body of this type may be written so. JSON is UTF-8, and what declares ASCII is that, too."""
        match self.kind:
            case "json":
                return media.is_json and media.codec in OF_JSON
            case "text_json":
                return (media.is_json and media.codec in OF_JSON) or media.is_text
            case "json_lines":
                is_lines = media.is_json or media.essence in LINES or media.essence == "text/plain"
                return is_lines and media.codec in OF_JSON
            case "form":
                return media.essence == FORM
            case "multipart":
                return media.essence == MULTIPART and media.boundary != ""
            case "form_json":
                return media.essence == FORM or (media.essence == MULTIPART and media.boundary != "")
            case "empty":
                return True
            case _:
                assert_never(self.kind)

    def read(self, body: bytes, media: MediaType) -> Readable:
        """Read a body that `takes` said yes to.

        Raises:
            Unreadable: it is not written so.
        """
        match self.kind:
            case "json":
                return Readable(parse_json(body), body)
            case "text_json":
                text = body if media.codec == UTF_8 else decoded(body, media.codec, "the body").encode()
                return Readable(parse_json(text), text)
            case "json_lines":
                return _read_lines(body)
            case "form" | "multipart":
                fields = _fields(body, media, self.field)
                return Readable(fields, dump_json(fields))
            case "form_json":
                return self._read_field(_fields(body, media))
            case "empty":
                if body.strip(_BLANK):
                    raise Unreadable("the body is not empty")
                return Readable({}, b"{}")
            case _:
                assert_never(self.kind)

    def _read_field(self, fields: dict[str, object]) -> Readable:
        if self.field not in fields:
            raise _FieldAbsent(f"the form has no field `{self.field}`")
        text = fields[self.field]
        if not isinstance(text, str):
            raise Unreadable(f"the form's field `{self.field}` is a file, or comes several times")
        content = text.encode()
        return Readable(parse_json(content), content)

    def passes_on(self, error: Unreadable) -> bool:
        """Whether a body that could not be read so may be one of the source's next form for the same type."""
        return self.kind in {"json", "empty"} or isinstance(error, _FieldAbsent)


def read_body(forms: Sequence[BodyForm], body: bytes, media: MediaType) -> Readable:
    """Read a body in the first of the forms that fits; all of them take its type.

    Raises:
        Unreadable: it is written in none of them.
    """
    if body.strip(_BLANK):
        forms = [form for form in forms if form.kind != "empty"] or forms
    for form in forms[:-1]:
        try:
            return form.read(body, media)
        except Unreadable as error:
            if not form.passes_on(error):
                raise
    return forms[-1].read(body, media)


def _fields(body: bytes, media: MediaType, charsets: str = "") -> dict[str, object]:
    return parse_form(body, media.codec) if media.essence == FORM else parse_multipart(body, media.boundary, charsets)


def _read_lines(body: bytes) -> Readable:
    """The list of what the lines say. Only a line feed ends a line: U+2028 and others may stand inside a text."""
    lines: list[bytes] = []
    for raw in BytesIO(body):
        if line := raw.strip(_BLANK):
            lines.append(line)
        if len(lines) > MAX_LINES:
            raise Unreadable(f"the body has more than {MAX_LINES:,} lines")
    if not lines:
        raise Unreadable("the body has no line with anything on it")
    values = [parse_json(line, max_depth=MAX_DEPTH - 1) for line in lines]
    return Readable(values, b"[%b]" % b",".join(lines))

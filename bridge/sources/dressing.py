"""The sender's half of `bodies`: a body as the sender would write it, for `explain`, rule tests and samples.

People write events as JSON; a source may take only forms.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never
from urllib.parse import urlencode

from multipart import content_disposition_quote

from bridge.sources.bodies import BodyForm
from bridge.sources.media_types import FORM, JSON, MULTIPART
from bridge.sources.strict_json import Unreadable, dump_json, parse_json

_OBJECT_OR_LIST = (b"{", b"[")


def dressed(forms: Sequence[BodyForm], body: bytes) -> tuple[str, bytes]:
    """The Content-Type and the bytes with which a sender would send a body.

    Args:
        forms: those that the source takes.
        body: JSON, which is put into the first of the forms if the source takes no JSON; or anything else, sent as it
            is under the type that it looks like.
    """
    looks_json = body.lstrip()[:1] in _OBJECT_OR_LIST
    plain = next((form for form in forms if form.kind in {"json", "text_json"}), None)
    if looks_json and plain is not None:
        return plain.media_type, body
    if looks_json:
        try:
            return encode(forms[0], parse_json(body))
        except Unreadable:
            return forms[0].media_type, body
    return _looked_at(forms, body), body


def content_type(forms: Sequence[BodyForm], body: bytes) -> str:
    """The Content-Type to send a body with as it is, by its look where the source takes several forms."""
    if body.lstrip()[:1] in _OBJECT_OR_LIST:
        return next((form for form in forms if form.kind in {"json", "text_json", "json_lines"}), forms[0]).media_type
    return _looked_at(forms, body)


def _looked_at(forms: Sequence[BodyForm], body: bytes) -> str:
    """The type of a body that does not begin as JSON does."""
    if body.startswith(b"--") and any(form.kind in {"multipart", "form_json"} for form in forms):
        boundary = body[2:].partition(b"\r\n")[0].decode("ascii", "replace")
        return f'{MULTIPART}; boundary="{boundary}"'
    return next((form for form in forms if form.media_type == FORM), forms[0]).media_type


def encode(form: BodyForm, value: object) -> tuple[str, bytes]:
    """The Content-Type and the bytes of a value in one form: what `BodyForm.read` makes this value of."""
    match form.kind:
        case "json" | "text_json":
            return JSON, dump_json(value)
        case "json_lines":
            return form.media_type, b"\n".join(
                dump_json(each) for each in (value if isinstance(value, list) else [value])
            )
        case "form_json":
            return FORM, encode_form({form.field: dump_json(value).decode()})
        case "form":
            return FORM, encode_form(value if isinstance(value, dict) else {})
        case "empty":
            return form.media_type, b""
        case "multipart":
            return _encode_multipart(value if isinstance(value, dict) else {})
        case _:
            assert_never(form.kind)


def encode_form(fields: Mapping[str, object]) -> bytes:
    """Form fields; a list stands for a name that comes several times, and what is neither text nor list is JSON."""
    return urlencode([(name, _text(value)) for name, value in _pairs(fields)]).encode()


def _pairs(fields: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, each


def _text(value: object) -> str:
    return value if isinstance(value, str) else dump_json(value).decode()


def _encode_multipart(fields: Mapping[str, object]) -> tuple[str, bytes]:
    parts = [_part(name, value) for name, value in _pairs(fields)]
    boundary = f"crm-bridge-{hashlib.sha256(b''.join(parts)).hexdigest()[:32]}"
    delimiter = f"--{boundary}".encode()
    body = b"".join(b"%b\r\n%b\r\n" % (delimiter, part) for part in parts) + delimiter + b"--\r\n"
    return f"{MULTIPART}; boundary={boundary}", body


def _part(name: str, value: object) -> bytes:
    disposition = f"Content-Disposition: form-data; name={content_disposition_quote(name)}"
    content = _file_content(value)
    if content is None or not isinstance(value, dict):
        return f"{disposition}\r\n\r\n{_text(value)}".encode()
    filename = content_disposition_quote(str(value.get("name", "")))
    head = f"{disposition}; filename={filename}\r\nContent-Type: {value.get('content_type', '')}\r\n\r\n"
    return head.encode() + content


def _file_content(value: object) -> bytes | None:
    """The bytes of a file as `forms` shows it; None for anything else."""
    text = value.get("base64") if isinstance(value, dict) else None
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None

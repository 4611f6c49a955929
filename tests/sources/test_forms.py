import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.charsets import CHARSETS, codec_of
from bridge.sources.forms import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_FILES,
    MAX_PART_HEADER_BYTES,
    MAX_PART_HEADERS,
    form_fields,
    parse_form,
    parse_multipart,
)
from bridge.sources.strict_json import Unreadable, dump_json, parse_json

FORM = "application/x-www-form-urlencoded"
LIMITS = "more than 1,000 parts, or a part with more than 8 headers, a header over 4,096 bytes or a file over 16 MiB"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=1&b=", {"a": "1", "b": ""}),
        (b"name=Asha+Kulkarni&city=M%C3%BCnchen", {"name": "Asha Kulkarni", "city": "München"}),
        ("city=München".encode(), {"city": "München"}),
        (b"i%5B%5D=x&i%5B%5D=y&data[email]=a%40b.example", {"i[]": ["x", "y"], "data[email]": "a@b.example"}),
        (b"a=1;b=2", {"a": "1;b=2"}),
        (b"lonely", {"lonely": ""}),
        (b"a=%zz", {"a": "%zz"}),
    ],
)
def test_fields_are_texts_and_repeated_names_lists_of_them(body: bytes, fields: dict[str, object]) -> None:
    assert parse_form(body) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"a=%FF",
        b"\xff=1",
        b"a=%ED%A0%80",
        b"a=%00",
        b"%00=a",
        b"a=1&" * MAX_FIELDS + b"b=2",
        b"&" * 100_000,
        b"a[" * 100_000 + b"&" * 100_000,
    ],
)
def test_what_no_store_could_hold_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_form(body)


@pytest.mark.parametrize("label", CHARSETS)
def test_a_form_is_read_in_the_charset_that_it_declares(label: str) -> None:
    codec = codec_of(label)
    assert codec is not None
    text = next(each for each in ("é", "Ё", "人", "plain") if each.encode(codec, "ignore"))
    body = urlencode({"name": text, "mail": "a@b.example"}, encoding=codec).encode()
    assert parse_form(body, codec) == {"name": text, "mail": "a@b.example"}
    assert form_fields(f'{FORM}; charset="{label.upper()}"', body) == {"name": [text], "mail": ["a@b.example"]}


def test_bytes_that_are_not_of_the_declared_charset_are_refused() -> None:
    with pytest.raises(Unreadable, match="not written in the charset that it declares"):
        parse_form(b"a=%81", "cp1252")


@pytest.mark.parametrize("label", ["utf-7", "unicode_escape", "idna", "hex", "base64", "zlib", "rot13", "utf-16", ""])
def test_no_request_picks_a_codec_that_is_not_listed(label: str) -> None:
    assert codec_of(label) is None


# --- multipart -----------------------------------------------------------------------------------------------------


def part(content: bytes, *headers: str) -> bytes:
    return b"\r\n".join([b"--B", *(header.encode() for header in headers), b"", content, b""])


def field(name: str, content: bytes, *headers: str) -> bytes:
    return part(content, f'Content-Disposition: form-data; name="{name}"', *headers)


def file(name: str, filename: str, content: bytes, type_: str = "image/png") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
    return part(content, disposition, f"Content-Type: {type_}")


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--B--\r\n"


def described(content: bytes, name: str, content_type: str = "image/png") -> dict[str, object]:
    return {
        "name": name,
        "content_type": content_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "base64": base64.b64encode(content).decode(),
    }


def test_fields_are_texts_and_files_are_objects_in_the_order_received() -> None:
    png = b"\x89PNG\r\n\x1a\n\r\n--not-B"
    body = multipart(
        field("to", b"a@b.example"),
        file("attachment", 'r"é.png'.replace('"', "%22"), png),
        field("to", "Zoë".encode()),
        file("empty", "", b"", "application/octet-stream"),
    )
    assert parse_multipart(body, "B") == {
        "to": ["a@b.example", "Zoë"],
        "attachment": described(png, 'r"é.png'),
        "empty": described(b"", "", "application/octet-stream"),
    }
    assert form_fields("multipart/form-data; boundary=B", body) == {"to": ["a@b.example", "Zoë"]}


def test_a_field_is_read_in_its_own_charset_or_in_the_forms() -> None:
    own = field("a", b"caf\xe9", "Content-Type: text/plain; charset=ISO-8859-1")
    assert parse_multipart(multipart(own), "B") == {"a": "café"}
    body = multipart(field("_charset_", b"windows-1252"), field("a", b"\x80"))
    assert parse_multipart(body, "B") == {"_charset_": "windows-1252", "a": "€"}


def test_a_field_may_say_the_charsets_of_the_others_wherever_it_stands() -> None:
    parts = (
        field("text", b"caf\xe9"),
        field("charsets", b'{"text": "iso-8859-1", "to": "UTF-8"}'),
        field("to", "é".encode()),
    )
    assert parse_multipart(multipart(*parts), "B", "charsets")["text"] == "café"
    with pytest.raises(Unreadable, match="a field of the form is not UTF-8"):
        parse_multipart(multipart(*parts), "B")
    own = field("text", b"\x80", "Content-Type: text/plain; charset=windows-1252")
    assert parse_multipart(multipart(own, parts[1]), "B", "charsets")["text"] == "€"
    assert parse_multipart(multipart(parts[2]), "B", "charsets") == {"to": "é"}


@pytest.mark.parametrize(
    "said", [b"", b"[]", b'{"a": 1}', b'{"a": {}}', b'{"a": "rot13"}', b"\xff", b'{"a":"x","a":"y"}']
)
def test_a_field_that_says_no_charsets_refuses_the_form(said: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_multipart(multipart(field("a", b"x"), field("charsets", said)), "B", "charsets")
    with pytest.raises(Unreadable, match="does not say the charsets"):
        parse_multipart(multipart(*[field("charsets", b"{}")] * 2), "B", "charsets")


def test_a_file_may_have_its_name_in_the_form_that_mail_libraries_use() -> None:
    disposition = "Content-Disposition: form-data; name=a; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf"
    found = parse_multipart(multipart(part(b"\xff", disposition)), "B")
    assert found == {"a": described(b"\xff", "résumé.pdf", "application/octet-stream")}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no multipart form"),
        (b"--B", "no multipart form"),
        (field("a", b"x"), "no multipart form"),
        (b"--B--", None),
        (multipart(part(b"x")), "no multipart form"),
        (multipart(part(b"x", "Content-Disposition: attachment; name=a")), "no multipart form"),
        (multipart(part(b"x", "Content-Disposition: form-data")), "no multipart form"),
        (multipart(field("a", b"x", "Content-Type text/plain")), "no multipart form"),
        (multipart(field("a", b"x", " folded: y")), "no multipart form"),
        (multipart(field("a", b"x")).replace(b"\r\n", b"\n"), "no multipart form"),
        (multipart(field("a", b"x", "Content-Disposition: form-data; name=b")), "the same header twice"),
        (multipart(field("a", b"x", "Content-Type: multipart/mixed; boundary=C")), "parts of its own"),
        (multipart(field("a", b"\xff")), "a field of the form is not UTF-8"),
        (multipart(field("a", b"x\0")), "U\\+0000"),
        (multipart(field("a\0", b"x")), "U\\+0000"),
        (multipart(field("a", b"x", "Content-Type: text/plain; charset=utf-7")), "a charset that is not taken"),
        (multipart(field("_charset_", b"rot13"), field("a", b"x")), "a charset that is not taken"),
        (multipart(field("a", b"x", *(f"X-{number}: y" for number in range(MAX_PART_HEADERS)))), LIMITS),
        (multipart(field("a", b"x", "X-Long: " + "y" * MAX_PART_HEADER_BYTES)), LIMITS),
        (multipart(*[field("a", b"x")] * (MAX_FIELDS + 1)), LIMITS),
        (multipart(*[field("a", b"x")] * 10_000), LIMITS),
        (multipart(*[file("a", "x", b"x")] * (MAX_FILES + 1)), "more than 100 files"),
        (multipart(field("a", b"x" * (MAX_FIELD_BYTES + 1))), "a field of the multipart form is longer than 1 MiB"),
    ],
)
def test_what_is_no_plain_multipart_form_or_beyond_the_limits_is_refused(body: bytes, reason: str | None) -> None:
    if reason is None:
        assert parse_multipart(body, "B") == {}
        return
    with pytest.raises(Unreadable, match=reason) as refusal:
        parse_multipart(body, "B")
    assert refusal.value.__context__ is None or not refusal.value.__context__.args


@pytest.mark.parametrize("boundary", ["", "é", "a\nb", "\udcff", "x" * 2000])
def test_an_impossible_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(Unreadable, match="the boundary that its Content-Type names"):
        parse_multipart(multipart(field("a", b"x")), boundary)


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "text/plain; charset=rot13", f"{FORM}; charset=utf-7"]
)
def test_a_body_that_is_no_form_has_no_fields(content_type: str) -> None:
    assert form_fields(content_type, b"a=1") == {}


# --- whatever comes --------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
NAMES = st.text(st.characters(exclude_characters='\0"\r\n\\%', exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(TEXTS, TEXTS, max_size=8))
def test_any_fields_come_through_and_are_json_that_we_take(fields: dict[str, str]) -> None:
    parsed = parse_form(urlencode(fields).encode())
    assert parsed == fields
    assert parse_json(dump_json(parsed)) == fields


@given(st.lists(st.tuples(NAMES, st.none() | NAMES, st.binary(max_size=40)), max_size=6))
def test_any_parts_come_through_and_are_json_that_we_take(given_parts: Sequence[tuple[str, str | None, bytes]]) -> None:
    expected: dict[str, list[object]] = {}
    parts = []
    for name, filename, content in given_parts:
        if filename is None:
            text = content.decode("utf-8", "replace").replace("\0", "?")
            expected.setdefault(name, []).append(text)
            parts.append(field(name, text.encode()))
        else:
            expected.setdefault(name, []).append(described(content, filename))
            parts.append(file(name, filename, content))
    body = multipart(*parts)
    if any(name == "_charset_" for name, _, _ in given_parts) or b"\r\n--B" in b"".join(
        each[2] for each in given_parts
    ):
        return
    parsed = parse_multipart(body, "B")
    assert parsed == {name: values[0] if len(values) == 1 else values for name, values in expected.items()}
    assert parse_json(dump_json(parsed)) == parsed


PIECES = st.sampled_from(
    [
        b"--B",
        b"--B--",
        b"\r\n",
        b"\n",
        b"Content-Disposition: form-data; name=",
        b'"a"',
        b"; filename*=utf-8''%00",
        b":",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=10), max_size=14).map(b"".join), st.sampled_from(["B", "", "\r\n"]))
def test_any_bytes_are_fields_or_a_refusal(body: bytes, boundary: str) -> None:
    for read in (parse_form, lambda raw: parse_multipart(raw, boundary)):
        try:
            parsed = read(body)
        except Unreadable:
            continue
        assert parse_json(dump_json(parsed)) == parsed


@given(st.text(max_size=60), st.binary(max_size=60))
def test_any_content_type_has_fields_or_a_refusal(content_type: str, body: bytes) -> None:
    with suppress(Unreadable):
        assert all(form_fields(content_type, body).values())

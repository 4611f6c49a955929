import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources import Refused, Source, sign
from bridge.sources.bodies import MAX_LINES, PLAIN_KINDS, BodyForm, Readable, read_body
from bridge.sources.dressing import content_type, dressed, encode
from bridge.sources.media_types import FORM, MULTIPART, MediaType
from bridge.sources.strict_json import MAX_DEPTH, Unreadable, dump_json, parse_json
from tests.sources.builders import NOW_MS, accepted, orders, refused, send, stored

PAYLOAD = "form_json(payload)"


def forms(*names: str) -> list[BodyForm]:
    found = [BodyForm.parse(name) for name in names]
    return [form for form in found if form is not None]


def read(body: bytes, content_type: str, *names: str) -> Readable:
    media = MediaType.parse(content_type)
    assert media is not None
    return read_body([form for form in forms(*names) if form.takes(media)], body, media)


@pytest.mark.parametrize("text", ["", "JSON", "form_json", "form_json()", "form_json(a b)", "form_json(a))", "xml"])
def test_there_are_no_other_forms(text: str) -> None:
    assert BodyForm.parse(text) is None


def test_a_form_may_say_the_charsets_of_its_fields() -> None:
    content_type, body = encode(BodyForm("multipart"), {"charsets": '{"text": "gbk"}', "text": "@"})
    found = read(body.replace(b"@", "人".encode("gbk")), content_type, "multipart(charsets)")
    assert found.value == {"charsets": '{"text": "gbk"}', "text": "人"}


def test_json_is_kept_byte_for_byte() -> None:
    body = b'{ "a": 1.10 }'
    assert read(body, "application/json", "json") == Readable({"a": 1.1}, body)
    assert read(body, "text/plain", "text_json") == Readable({"a": 1.1}, body)


def test_text_is_read_in_its_charset_and_kept_in_utf_8() -> None:
    found = read('{"a":"é"}'.encode("latin-1"), "text/plain; charset=ISO-8859-1", "text_json")
    assert found == Readable({"a": "é"}, '{"a":"é"}'.encode())
    with pytest.raises(Unreadable, match="the body is not written in the charset that it declares"):
        read(b"\x81", "text/plain; charset=windows-1252", "text_json")
    with pytest.raises(Unreadable, match="the body is not UTF-8"):
        read(b"\xff", "text/plain", "text_json")


# --- JSON in a form's field ------------------------------------------------------------------------------------------


def test_the_body_is_the_json_in_the_field_and_the_other_fields_are_left_out() -> None:
    body = b"token=x&payload=%7B%22a%22%3A+1.0%7D"
    assert read(body, FORM, PAYLOAD) == Readable({"a": 1.0}, b'{"a": 1.0}')


def test_the_field_may_stand_in_a_multipart_form() -> None:
    content_type, body = encode(BodyForm("multipart"), {"json": '{"a":1}', "other": "x"})
    assert read(body, content_type, "form_json(json)") == Readable({"a": 1}, b'{"a":1}')


def test_a_form_without_the_field_is_a_plain_form_where_the_source_takes_those_too() -> None:
    assert read(b"command=%2Fhi", FORM, PAYLOAD, "form").value == {"command": "/hi"}
    assert read(b"payload=%7B%7D", FORM, PAYLOAD, "form").value == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a=1", "the form has no field `payload`"),
        (b"payload=1&payload=2", "comes several times"),
        (b"payload=", "the body is not JSON"),
        (b"payload=%7B%22a%22:1,%22a%22:2%7D", "same key twice"),
    ],
)
def test_a_form_whose_field_holds_no_json_is_refused_and_never_a_plain_one(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(body, FORM, *((PAYLOAD,) if body == b"a=1" else (PAYLOAD, "form")))


def test_a_file_of_the_fields_name_is_no_json() -> None:
    content_type, body = encode(BodyForm("multipart"), {"payload": {"name": "a", "base64": "e30="}})
    with pytest.raises(Unreadable, match="is a file"):
        read(body, content_type, PAYLOAD, "multipart")


# --- JSON lines ------------------------------------------------------------------------------------------------------


def test_each_line_is_one_item_of_the_list_and_blank_ones_are_nothing() -> None:
    body = b'{"a":1.10}\n\n  \r\n[2]\r\n"3"'
    assert read(body, "application/x-ndjson", "json_lines") == Readable([{"a": 1.1}, [2], "3"], b'[{"a":1.10},[2],"3"]')


def test_only_a_line_feed_ends_a_line() -> None:
    body = '{"a":"x\u2028y\u0085z"}'.encode()
    assert read(body, "application/x-ndjson", "json_lines").value == [{"a": "x\u2028y\u0085z"}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no line with anything on it"),
        (b"\n \n", "no line with anything on it"),
        (b"1,2", "not JSON"),
        (b"1\n],[\n2", "not JSON"),
        (b"[\n1]", "not JSON"),
        (b'{"a":1}\n{"a":1,"a":2}', "same key twice"),
        (b"1\n" * (MAX_LINES + 1), "more than 5,000 lines"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "nested more than 63 levels deep"),
    ],
)
def test_a_line_that_is_no_json_refuses_all_of_them(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(body, "application/x-ndjson", "json_lines")


def test_what_is_not_one_json_text_is_read_line_by_line_where_the_source_takes_both() -> None:
    assert read(b'[{"a":1}]', "application/json", "json", "json_lines").value == [{"a": 1}]
    assert read(b"1\n2", "application/json", "json", "json_lines").value == [1, 2]


# --- no body ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json; utf-8", "text/plain", "image/png"])
def test_a_sender_that_says_all_in_its_headers_sends_an_empty_body(content_type: str) -> None:
    assert read(b"", content_type, "empty") == Readable({}, b"{}")
    assert read(b"\r\n", content_type, "empty") == Readable({}, b"{}")
    with pytest.raises(Unreadable, match="not empty"):
        read(b"{}", content_type, "empty")


def test_a_body_that_may_be_empty_or_json_is_read_as_what_it_is() -> None:
    for forms in (("json", "empty"), ("empty", "json")):
        assert read(b"", "application/json", *forms).value == {}
        assert read(b'{"a":1}', "application/json", *forms).value == {"a": 1}
        with pytest.raises(Unreadable, match="the body is not JSON"):
            read(b'{"a":', "application/json", *forms)
    assert encode(BodyForm("empty"), {}) == ("application/json", b"")


# --- through a source -----------------------------------------------------------------------------------------------


def test_the_fields_of_a_form_are_what_rules_read_and_what_is_stored() -> None:
    source = orders(body=["form", "multipart"], event={"type": "{{ body.kind }}", "id": "{{ body['data[id]'] }}"})
    (event,) = accepted(send(source, b"kind=paid&data%5Bid%5D=7", headers=[("Content-Type", FORM)]))
    assert (event.type, event.event_id, event.content) == ("paid", "7", b'{"kind":"paid","data[id]":"7"}')
    content_type, body = encode(
        BodyForm("multipart"), {"kind": "paid", "data[id]": "8", "scan": {"name": "a", "base64": "AA=="}}
    )
    (event,) = accepted(send(source, body, headers=[("Content-Type", content_type)]))
    assert event.event_id == "8"
    scope: Any = source.scope(stored(event))
    assert scope["body"]["scan"]["size"] == 1


def test_the_signature_is_over_the_bytes_before_anything_is_read() -> None:
    source = orders(body=PAYLOAD)
    signed = sign(source.verification, b"payload=%7B%7D", now_ms=NOW_MS)
    headers = [*signed.headers, ("Content-Type", FORM)]
    assert refused(source.receive(headers=headers, query=[], body=b"payload={}", now_ms=NOW_MS)).status == 401


@pytest.mark.parametrize(
    ("names", "content_type", "help_"),
    [
        ([PAYLOAD], FORM, "Send a form with one field `payload` that holds a JSON text"),
        (["multipart"], "multipart/form-data; boundary=x", "at most 1,000 parts, at most 100 of them files"),
        (
            ["json_lines"],
            "application/x-ndjson",
            "on each line, without repeated keys, NaN or U+0000, at most 64 levels",
        ),
        (["text_json"], "text/plain", "in the charset that is declared"),
        (["form"], FORM, "at most 1,000 of them"),
    ],
)
def test_a_signed_body_that_cannot_be_read_is_told_how_to_be_written(names: str, content_type: str, help_: str) -> None:
    answer = refused(send(orders(body=names), b"\xff", headers=[("Content-Type", content_type)]))
    assert (answer.status, answer.code) == (400, "body_unreadable")
    assert help_ in answer.help


# --- the sender's half, and whatever comes ------------------------------------------------------------------------

TEXTS = st.sampled_from(["a", "b"]) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["json", "text_json", PAYLOAD]))
def test_any_value_comes_through_in_the_forms_that_hold_json(value: object, name: str) -> None:
    (form,) = forms(name)
    content_type, body = encode(form, value)
    assert read(body, content_type, name) == Readable(value, dump_json(value))


@given(st.lists(JSON, min_size=1, max_size=5))
def test_any_values_come_through_as_lines(values: list[object]) -> None:
    content_type, body = encode(BodyForm("json_lines"), values)
    found = read(body, content_type, "json_lines")
    assert found.value == parse_json(found.content) == values


@given(
    st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, min_size=2, max_size=3), max_size=5),
    st.sampled_from(["form", "multipart"]),
)
def test_any_fields_come_through_as_forms(fields: dict[str, object], name: str) -> None:
    if "_charset_" in fields or any(mark in field for field in fields for mark in ("%0", "%2", "\\")):
        return  # names that the standard's own escapes cannot tell apart
    (form,) = forms(name)
    content_type, body = encode(form, fields)
    assert read(body, content_type, name).value == fields


@pytest.mark.parametrize(
    ("names", "body", "type_", "sent"),
    [
        (["json", "form"], b'{"a":1}', "application/json", None),
        (["form", "json"], b"a=1", FORM, None),
        (["json"], b"a=1", "application/json", None),
        (["text_json"], b"{}", "application/json", None),
        (["form"], b'{"a":"x","b":["y",{"z":1}]}', FORM, b"a=x&b=y&b=%7B%22z%22%3A1%7D"),
        ([PAYLOAD], b'{"a": 1}', FORM, b"payload=%7B%22a%22%3A1%7D"),
        ([PAYLOAD], b"payload={}", FORM, None),
        (["json_lines"], b"[1,\n2]", "application/x-ndjson", b"1\n2"),
        (["json_lines"], b"{}\n{}", "application/x-ndjson", None),
        (["multipart"], b"--B\r\nx", f'{MULTIPART}; boundary="B"', None),
    ],
)
def test_an_event_in_a_file_is_sent_as_its_sender_would(
    names: list[str], body: bytes, type_: str, sent: bytes | None
) -> None:
    assert dressed(forms(*names), body) == (type_, body if sent is None else sent)
    if sent is None:
        assert content_type(forms(*names), body) == type_


ALL = [*PLAIN_KINDS, PAYLOAD]
TYPES = st.sampled_from(
    [
        "application/json",
        "text/plain",
        "text/plain; charset=gb18030",
        FORM,
        f"{FORM}; charset=shift_jis",
        "application/x-ndjson",
        "multipart/form-data; boundary=B",
        "application/a+json",
    ]
)
PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b"\\u0000", b"\\ud800", b"1e999", b"NaN", b"\n", b"payload=", b"&", b"%7B"]
)
BODIES = st.lists(PIECES | st.binary(max_size=6), max_size=10).map(b"".join) | JSON.map(dump_json)


SPLITS = st.sampled_from([None, "[]", "[]?", "a?", "a[].b", ["a[].b[]", "a[]", "[]?"], ["[]", "a.b"]])


@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True), SPLITS, TYPES, BODIES)
def test_whatever_is_signed_becomes_events_or_a_refusal(
    names: list[str], split: object, type_: str, body: bytes
) -> None:
    source = orders(body=names, split=split, event={"type": "x", "id": "body"}, verify={"type": "none"})
    answer = source.receive(headers=[("Content-Type", type_)], query=[], body=body, now_ms=NOW_MS)
    if isinstance(answer, Refused):
        assert answer.status in {400, 415}
        return
    for event in answer.events:
        assert parse_json(event.content) == event.value
        assert event.place is None or parse_json(event.parent or b"") is not None


def rough(source: Source, body: bytes, type_: str) -> Refused:
    return refused(source.receive(headers=[("Content-Type", type_)], query=[], body=body, now_ms=NOW_MS))


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"[" * 1_000_000, "application/json"),
        (b'{"a":' * 200_000, "application/json"),
        (b'[{"a":' * 100_000 + b"1" + b"}]" * 100_000, "application/json"),
        (b"9" * 1_000_000, "application/json"),
        (b"[1e" + b"9" * 1_000_000 + b"]", "application/json"),
        (b"-" * 1_000_000, "application/json"),
        (b'"' + b"\\" * 1_000_001, "application/json"),
        (b"a=1&" * 100_000, FORM),
        (b"&" * 1_000_000, FORM),
        (b"a" + b"[a]" * 300_000 + b"=1&" + b"%" * 999, f"{FORM}; charset=utf-7"),
        (
            b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 10_000 + b"--B--",
            "multipart/form-data; boundary=B",
        ),
        (b"--B\r\n" * 100_000, "multipart/form-data; boundary=B"),
        (b"--B\r\nContent-Disposition: form-data; " + b'a=\\"; ' * 100_000, "multipart/form-data; boundary=B"),
        (b"\r\n--" * 200_000, "multipart/form-data; boundary=-"),
        (b"{}\n" * 100_000, "application/x-ndjson"),
        (b"\n" * 1_000_000, "application/x-ndjson"),
    ],
    ids=range(16),
)
def test_bodies_made_to_exhaust_a_reader_are_refused(body: bytes, type_: str) -> None:
    source = orders(
        body=["json", "form", "multipart", "json_lines"], verify={"type": "none"}, event={"type": "x", "id": "body"}
    )
    tracemalloc.start()
    try:
        assert rough(source, body, type_).status in {400, 415}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def test_brackets_in_the_names_of_a_form_stay_letters_of_the_name() -> None:
    name = "a" + "[a]" * 20_000
    (form,) = forms("form")
    _, body = encode(form, {name: "1"})
    assert json.loads(read(body, FORM, "form").content) == {name: "1"}

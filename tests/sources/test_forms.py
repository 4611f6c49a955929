from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.forms import MAX_FIELDS, parse_form
from bridge.sources.strict_json import Unreadable, dump_json, parse_json


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
    "body", [b"a=%FF", b"\xff=1", b"a=%ED%A0%80", b"a=%00", b"%00=a", b"a=1&" * MAX_FIELDS + b"b=2"]
)
def test_what_no_store_could_hold_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_form(body)


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(TEXTS, TEXTS, max_size=8))
def test_any_fields_come_through_and_are_json_that_we_take(fields: dict[str, str]) -> None:
    parsed = parse_form(urlencode(fields).encode())
    assert parsed == fields
    assert parse_json(dump_json(parsed)) == fields


@given(st.binary(max_size=80))
def test_any_bytes_are_fields_or_a_refusal(body: bytes) -> None:
    try:
        parsed = parse_form(body)
    except Unreadable:
        return
    assert parse_json(dump_json(parsed)) == parsed

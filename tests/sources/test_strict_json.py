import contextlib
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sources.strict_json import MAX_DEPTH, Unreadable, dump_json, parse_json
from tests.canaries import TEXT

ENCODABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ENCODABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ENCODABLE, inner, max_size=4),
    max_leaves=20,
)

REFUSED = {
    "nothing": b"",
    "not JSON": b"{'a': 1}",
    "text after the value": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "Latin-1": b'{"a":"\xe9"}',
    "an encoded surrogate": b'"\xed\xa0\xbd"',
    "a repeated key": b'{"a":1,"a":2}',
    "a repeated key deep inside": b'[{"x":{"a":1,"b":2,"a":1}}]',
    "a key repeated by an escape": b'{"a":1,"\\u0061":2}',
    "NaN": b'{"a":NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "an overflowing number": b"1e400",
    "a number of 5000 digits": b"9" * 5000,
    "half a surrogate pair": b'"\\ud83d"',
    "half a surrogate pair as a key": b'{"\\uDE4F":1}',
    "U+0000": b'{"a":"x\\u0000y"}',
    "U+0000 in a key": b'{"\\u0000":1}',
    "a raw control character": b'"a\nb"',
    "too many lists": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "too many objects": b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    "a parser killer": b"[" * 200_000,
    "an unclosed string full of escapes": b"[" * 70 + b'"' + b'\\"' * 300_000,
    "a lone backslash at the end": b"[" * 60 + b"]" * 60 + b"[" * 10 + b'"' + b'\\"' * 300_000 + b"\\",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_readers_could_understand_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_json(body)


def test_whole_numbers_keep_every_digit() -> None:
    assert parse_json(b'{"id":18446744073709551617}') == {"id": 2**64 + 1}


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    assert parse_json(b'"\\ud83d\\ude4f"') == "\N{PERSON WITH FOLDED HANDS}"


def test_an_escaped_backslash_before_u0000_is_just_text() -> None:
    assert parse_json(b'"\\\\u0000"') == "\\u0000"


def test_brackets_inside_texts_do_not_count_as_depth() -> None:
    assert parse_json(b'["' + b"[{" * 100 + b'"]') == ["[{" * 100]


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


def test_many_brackets_side_by_side_are_not_depth() -> None:
    assert parse_json(b"[" + b"[]," * 100 + b"1]") == [*[[] for _ in range(100)], 1]


@given(JSON_VALUES)
def test_what_dump_writes_parse_reads(value: object) -> None:
    assert parse_json(dump_json(value)) == value


@given(JSON_VALUES)
def test_escaped_and_plain_spelling_read_the_same(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\u0dD8e19.-+NaIf ', max_size=60).map(str.encode))
def test_no_bytes_raise_anything_but_unreadable(body: bytes) -> None:
    with contextlib.suppress(Unreadable):
        parse_json(body)


ESCAPES = [
    "\\ud83d",
    "\\uDE4f",
    "\\udbff",
    "\\uDC00",
    "\\u0000",
    "\\u0001",
    "\\uffff",
    "\\\\",
    "\\n",
    "\\/",
    "u0000",
    "ud83d",
    "a",
    "ä",
]


@given(pieces=st.lists(st.sampled_from(ESCAPES), max_size=12), as_key=st.booleans())
def test_of_escapes_just_those_are_refused_that_make_a_character_which_cannot_be_kept(
    pieces: list[str], *, as_key: bool
) -> None:
    text = "".join(pieces)
    value: str = json.loads(f'"{text}"')
    is_fine = "\0" not in value and all(not "\ud800" <= character <= "\udfff" for character in value)
    body = (f'{{"{text}": 1}}' if as_key else f'["{text}"]').encode()
    if is_fine:
        assert parse_json(body) == ({value: 1} if as_key else [value])
    else:
        with pytest.raises(Unreadable):
            parse_json(body)


@given(st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("a"), inner)))
def test_depth_is_counted_as_it_is(value: object) -> None:
    depth = deepest(value)
    assert parse_json(dump_json(value), max_depth=depth) == value
    if depth:
        with pytest.raises(Unreadable, match="levels deep"):
            parse_json(dump_json(value), max_depth=depth - 1)


def deepest(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(deepest, value), default=0)
    return 1 + max(map(deepest, value.values()), default=0) if isinstance(value, dict) else 0


@pytest.mark.parametrize("body", [b"[" + b"[]," * 50_000 + b"1]", b'["\\ud83d\\ude4f' + b'", "a' * 50_000 + b'"]'])
def test_however_many_brackets_or_texts_a_body_holds_none_is_looked_at_by_a_call_of_its_own(body: bytes) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        parse_json(body)
    finally:
        sys.setprofile(None)
    assert calls < 5_000  # the collector has hooks that count, too


def test_no_error_holds_or_remembers_the_body() -> None:
    with pytest.raises(Unreadable) as caught:
        parse_json(b'{"text":"' + TEXT.encode() + b'"')
    assert TEXT not in str(caught.value)
    assert caught.value.__context__ is None

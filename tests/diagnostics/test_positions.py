import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.diagnostics import Document, parse_yaml

TEXT = st.text(alphabet="ab \n\t'\"\\:#{}é🙏\u00a0", max_size=30)


def document_of(text: str) -> Document:
    loaded = parse_yaml(text, "f")
    assert loaded.document is not None, loaded.findings
    return loaded.document


def marked(text: str, offset: int, length: int, path: tuple[str | int, ...] = ("a",)) -> str:
    """The characters of the file that `span_inside` marks."""
    document = document_of(text)
    span = document.span_inside(path, offset, length)
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return text[starts[span.line - 1] + span.column - 1 : starts[span.end_line - 1] + span.end_column - 1]


@pytest.mark.parametrize(
    ("text", "wanted", "spelled"),
    [
        ("a: say WORD now", "WORD", "WORD"),
        ("a: say\n  some WORD now", "WORD", "WORD"),
        ("a: 'it''s WORD'", "WORD", "WORD"),
        ("a: 'it''s'", "'", "''"),
        (r'a: "\u00e9\t\x41 WORD"', "WORD", "WORD"),
        (r'a: "x\tWORD"', "\t", r"\t"),
        (r'a: "\ud83d\ude00 WORD"', "WORD", "WORD"),
        (r'a: "\ud83d\ude00 x"', "\N{GRINNING FACE}", r"\ud83d\ude00"),
        ('a: "one\n\n   two WORD"', "WORD", "WORD"),
        ('a: "one \\\n   two WORD"', "WORD", "WORD"),
        ("a: |\n  one\n   two WORD\n", "WORD", "WORD"),
        ("a: |2-\n   one\n  WORD\n", "WORD", "WORD"),
        ("a: >\n  one\n  two\n\n  WORD\n", "WORD", "WORD"),
        ("a: >+\n\n  one\n   WORD\n  three\n\n", "WORD", "WORD"),
        ("a: >- # note\r\n  one\r\n  WORD\r\n", "WORD", "WORD"),
        ("b: 1\na: |\n  WORD", "WORD", "WORD"),
    ],
)
def test_a_word_inside_a_scalar_is_found_in_its_spelling(text: str, wanted: str, spelled: str) -> None:
    value = document_of(text).value(("a",))
    assert isinstance(value, str)
    assert marked(text, value.index(wanted), len(wanted)) == spelled


@settings(max_examples=200, deadline=None)
@given(TEXT, st.sampled_from(["'", '"', "|", ">", None]), st.integers(min_value=5, max_value=40), st.data())
def test_every_character_of_every_style_is_found(
    value: str, style: str | None, width: int, data: st.DataObject
) -> None:
    text = yaml.dump({"a": value, "b": 0}, default_style=style, width=width, allow_unicode=True)
    loaded = parse_yaml(text.replace("!!int ", "").replace("!!null ", ""), "f")
    assert loaded.document is not None
    document = loaded.document
    written = document.value(("a",))
    if not isinstance(written, str) or not written:
        return
    offset = data.draw(st.integers(min_value=0, max_value=len(written) - 1))
    character = written[offset]
    span = document.span_inside(("a",), offset, 1)
    if character.isalpha() and character.isascii():
        assert span.line == span.end_line
        assert document.text.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1] == character


@settings(deadline=None)
@given(st.text(max_size=30), st.data())
def test_every_letter_of_a_json_text_is_found(value: str, data: st.DataObject) -> None:
    text = json.dumps({"a": value + "Z" + value})
    assert marked(text, len(value), 1) == "Z"
    position = data.draw(st.integers(min_value=0, max_value=2 * len(value)))
    assert marked(text, position, 1)


@pytest.mark.parametrize(
    ("offset", "length", "spelled"), [(0, 0, ""), (3, 0, ""), (4, 1, "abc"), (-1, 1, "abc"), (0, 99, "abc")]
)
def test_a_position_outside_marks_the_whole_scalar(offset: int, length: int, spelled: str) -> None:
    assert marked("a: abc", offset, length) == spelled


def test_a_number_is_its_own_spelling() -> None:
    assert marked("a: 12345", 1, 2) == "23"


def test_a_mapping_has_no_inside() -> None:
    document: Any = document_of("a: {b: 1}")
    assert document.span_inside(("a",), 0, 3) == document.span(("a",))

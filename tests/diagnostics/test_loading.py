import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.diagnostics import Document, load_yaml, parse_yaml
from bridge.diagnostics.loading import MAX_BYTES
from tests.canaries import AISOULE_SECRET

YAML_LIKE = st.text(alphabet=" \n\t:-?[]{},#&*!|>'\"%@`\\$<=~.0a\u2028\x85é🙏", max_size=60)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\ufffe\uffff"), max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def document_of(text: str) -> Document:
    loaded = parse_yaml(text, "f.yaml")
    assert loaded.findings == ()
    assert loaded.document is not None
    return loaded.document


def codes_and_places(text: str) -> list[str]:
    return [f"{finding.code} {finding.place}" for finding in parse_yaml(text, "f").findings]


def test_only_json_words_and_numbers_are_typed() -> None:
    text = "{a: true, b: null, c: -1.5, d: NO, e: 0123, f: 12:30, g: , h: '1', i: \"null\", on: 7}"
    assert document_of(text).data == {
        "a": True, "b": None, "c": -1.5, "d": "NO", "e": "0123", "f": "12:30", "g": None, "h": "1",
        "i": "null", "on": 7,
    }  # fmt: skip


def test_keys_are_always_text() -> None:
    assert document_of("true: 1\n12: 2\nnull: 3\n").data == {"true": 1, "12": 2, "null": 3}


@pytest.mark.parametrize(
    ("text", "data"), [("", None), ("# only a comment\n", None), ("---\n", None), ("\ufeffa: 1", {"a": 1})]
)
def test_small_files_are_read(text: str, data: object) -> None:
    assert document_of(text).data == data


def test_a_file_without_document_has_no_findings() -> None:
    document = document_of("")
    assert document.span(()).line == 1


@settings(deadline=None)
@given(JSON_VALUES, st.sampled_from([None, 2]), st.booleans())
def test_json_means_the_same_as_to_a_json_parser(value: Any, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    loaded = parse_yaml(text, "f.json")
    raw_control = not ascii_only and any("\x7f" <= character <= "\x9f" and character != "\x85" for character in text)
    if raw_control:
        assert [finding.code for finding in loaded.findings] == ["BR005"]
    else:
        assert loaded.document is not None
        assert loaded.document.data == json.loads(text)


@settings(max_examples=300, deadline=None)
@given(st.text() | YAML_LIKE)
def test_no_text_makes_the_parser_raise(text: str) -> None:
    loaded = parse_yaml(text, "f")
    assert loaded.document is not None or loaded.findings


@settings(max_examples=200, deadline=None)
@given(YAML_LIKE)
def test_every_value_has_a_place_in_the_text(text: str) -> None:
    loaded = parse_yaml(text, "f")
    if loaded.document is not None:
        for path in loaded.document.nodes:
            span = loaded.document.span(path)
            assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["BR002 f:3:1"]),
        ("<<: {a: 1}\n", ["BR003 f:1:1"]),
        ("a: &x 1\nb: *x\n", ["BR003 f:1:4", "BR003 f:2:4"]),
        ("a: !!int 1\nif: !links.user\n", ["BR003 f:1:4", "BR003 f:2:5"]),
        ("[a]: 1\n", ["BR104 f:1:1"]),
        (": 1\n", ["BR001 f:1:1"]),
        ("?\n: 1\n", ["BR104 f:1:2"]),
        ("a: {{ body.x }}\n", ["BR001 f:1:4"]),
        ("- {{ body.x }}\n", ["BR001 f:1:3"]),
        ("a: 1\n---\nb: 2\n", ["BR006 f:2:1"]),
        ("a: " + "[" * 64 + "]" * 64, ["BR004 f:1:67"]),
        ("a: 1e999", ["BR104 f:1:4"]),
        ('a: "\\ud800"', ["BR005 f:1:4"]),
        ("a: \x00", ["BR005 f:1:4"]),
        ("a: \x1b[0m", ["BR005 f:1:4"]),
    ],
)
def test_what_is_refused_has_its_code_and_place(text: str, expected: list[str]) -> None:
    assert codes_and_places(text) == expected


def test_several_mistakes_are_found_at_once() -> None:
    text = "a: 1\na: 2\nb: &x 3\nc: {d: 4, d: 5}\n"
    assert codes_and_places(text) == ["BR002 f:2:1", "BR003 f:3:4", "BR002 f:4:11"]


def test_a_key_given_twice_keeps_the_first_and_points_to_it() -> None:
    loaded = parse_yaml("a: {x: 1}\na: {y: 2}\n", "f")
    assert loaded.document is not None
    assert loaded.document.data == {"a": {"x": 1}}
    assert not loaded.is_usable
    assert str(loaded.findings[0].related[0][0]) == "f:1:1"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[["])
def test_deep_nesting_is_refused_without_exhausting_the_stack(opening: str) -> None:
    assert {finding.code for finding in parse_yaml(opening * 20_000, "f").findings} & {"BR004", "BR001", "BR104"}


def test_sixty_four_levels_are_fine() -> None:
    document_of("[" * 64 + "]" * 64)


def test_lines_are_counted_as_editors_count_them() -> None:
    loaded = parse_yaml('a: "x\u2028y"\r\nb: "\x85"\rc: 1\nc: 2\n', "f")
    assert loaded.document is not None
    assert loaded.document.data == {"a": "x\u2028y", "b": "\x85", "c": 1}
    assert str(loaded.findings[0].place) == "f:4:1"


def test_yaml_inside_another_file_counts_its_lines_from_there() -> None:
    assert str(parse_yaml("a: 1\na: 2\n", "README.md", base_line=40).findings[0].place) == "README.md:42:1"


def test_a_file_is_read_under_its_display_name(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("a: é\n", encoding="utf-8")
    loaded = load_yaml(file, name="config.yaml")
    assert loaded.document is not None
    assert (loaded.document.name, loaded.document.path, loaded.document.data) == ("config.yaml", file, {"a": "é"})


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    missing = load_yaml(tmp_path / "nothing.yaml", name="nothing.yaml")
    assert [finding.message for finding in missing.findings] == ["cannot read `nothing.yaml`: there is no such file"]
    folder = load_yaml(tmp_path, name="folder")
    assert [finding.message for finding in folder.findings] == ["cannot read `folder`: it is a folder"]
    assert load_yaml(Path("a\0b")).findings[0].code == "BR208"


def test_a_large_file_and_a_file_in_another_encoding_are_refused(tmp_path: Path) -> None:
    large, latin = tmp_path / "large.yaml", tmp_path / "latin.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    latin.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    assert [finding.code for finding in load_yaml(large).findings] == ["BR004"]
    assert [(finding.code, finding.notes) for finding in load_yaml(latin).findings] == [
        ("BR005", ("the first wrong byte is in line 2",))
    ]


def test_a_loaded_file_does_not_print_its_text() -> None:
    assert AISOULE_SECRET not in repr(parse_yaml(f"secret: {AISOULE_SECRET}", "f"))


@pytest.mark.parametrize("text", ["a: *b\n", "a: {{ b }}\n", "a: [*b]\n", "a: [{{ b }}]\n"])
def test_a_value_that_was_refused_is_not_to_be_judged(text: str) -> None:
    document = parse_yaml(text, "f").document
    assert document is not None
    assert document.unresolved == {("a", 0) if "[" in text else ("a",)}

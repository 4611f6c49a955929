from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.diagnostics import Document, Place, Resolved, parse_yaml, readable_by_others, resolve_variables
from tests.canaries import HUBSPOT_TOKEN, ORDERS_SECRET

NOWHERE = Path("/nowhere")


def document_of(text: str) -> Document:
    loaded = parse_yaml(text, "config.yaml")
    assert loaded.document is not None, loaded.findings
    return loaded.document


def resolve(text: str, environ: Mapping[str, str] | None = None, base_dir: Path = NOWHERE) -> Resolved:
    return resolve_variables(document_of(text), environ or {}, base_dir=base_dir)


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("${NAME}", {"NAME": "value"}, "value"),
        ("a ${A} b ${B}", {"A": "1", "B": "2"}, "a 1 b 2"),
        ("${NAME}", {"NAME": "true"}, "true"),
        ("${NAME}", {"NAME": "a: {b: *c}"}, "a: {b: *c}"),
        ("${NAME}", {"NAME": "${OTHER}"}, "${OTHER}"),
        ("${NAME:-text}", {}, "text"),
        ("${NAME:-text}", {"NAME": ""}, "text"),
        ("${NAME:-text}", {"NAME": "value"}, "value"),
        ("x${NAME:-}", {}, "x"),
        ("$${NAME}", {}, "${NAME}"),
        ("costs ${{ body.amount }}", {}, "costs ${{ body.amount }}"),
        ("costs $${{ body.amount }}", {}, "costs $${{ body.amount }}"),
        ("$5 and {x}", {}, "$5 and {x}"),
    ],
)
def test_a_text_is_filled_in_and_stays_text(text: str, environ: dict[str, str], expected: str) -> None:
    data, findings, _ = resolve(f"key: '{text}'", environ)
    assert findings == []
    assert data == {"key": expected}


def test_only_values_are_filled_in_and_other_types_stay() -> None:
    data, findings, secrets = resolve('"${A}": [1, null, {b: "${A}"}]', {"A": "x"})
    assert (data, findings) == ({"${A}": [1, None, {"b": "x"}]}, [])
    assert secrets == {("${A}", 2, "b")}


def test_a_file_gives_its_text_without_the_last_line_break(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{HUBSPOT_TOKEN}\r\n", encoding="utf-8")
    file.chmod(0o600)
    data, findings, _ = resolve("token: ${file:token}", base_dir=tmp_path)
    assert (data, findings) == ({"token": HUBSPOT_TOKEN}, [])


def test_a_secret_file_that_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(HUBSPOT_TOKEN, encoding="utf-8")
    file.chmod(0o644)
    finding = resolve("token: ${file:token}", base_dir=tmp_path).findings[0]
    assert (finding.code, finding.is_error, finding.label) == ("BR303", False, "its mode is 0644")
    assert readable_by_others(tmp_path / "nothing", Place("f")) is None


def test_everybody_may_read_a_public_key(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("a key", encoding="utf-8")
    file.chmod(0o644)
    assert resolve("public_key: ${file:key.pem}", base_dir=tmp_path).findings == []
    assert resolve('public_keys: ["${file:key.pem}"]', base_dir=tmp_path).findings == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"\xff", "is not UTF-8 text"),
        (b"x" * 70_000, "is larger than 64 KiB"),
    ],
)
def test_a_file_that_gives_no_text_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    finding = resolve("token: ${file:token}", base_dir=tmp_path).findings[0]
    assert (finding.code, finding.message) == ("BR301", f"the file `token` {message}")


def test_a_file_name_that_is_no_path_is_refused_too() -> None:
    assert [finding.code for finding in resolve('a: "${file:x\\0y}"').findings] == ["BR301"]


def test_a_missing_variable_is_one_finding_with_all_places() -> None:
    text = "a:\n  token: x${TOKEN}\nb:\n  token: ${TOKEN}\n"
    finding, *others = resolve(text, {"TOKENS": ORDERS_SECRET}).findings
    assert others == []
    assert (finding.code, finding.message) == ("BR301", "environment variable `TOKEN` is not set")
    assert (str(finding.place), finding.label) == ("config.yaml:2:11", "needed by `a.token`")
    assert [(str(place), label) for place, label in finding.related] == [
        ("config.yaml:4:10", "also needed by `b.token`")
    ]
    assert finding.notes == ("a variable with a similar name is set: `TOKENS`",)
    assert ORDERS_SECRET not in repr(finding)


def test_an_empty_variable_is_missing() -> None:
    finding = resolve("a: ${TOKEN}", {"TOKEN": ""}).findings[0]
    assert finding.message == "environment variable `TOKEN` is empty"


def test_a_variable_that_is_no_text_is_refused() -> None:
    finding = resolve("a: ${TOKEN}", {"TOKEN": "\udcff"}).findings[0]
    assert finding.message == "environment variable `TOKEN` is not UTF-8 text"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("${NAME", "the `}` is missing"),
        ("${}", "not the name of a variable"),
        ("${event.id}", "not the name of a variable"),
        ("${NAME-x}", "not the name of a variable"),
        ("${1A}", "not the name of a variable"),
        ("${file:}", "not the name of a variable"),
        ("${A:-${B}}", "a default cannot hold `{` or another variable"),
    ],
)
def test_another_spelling_is_refused(text: str, label: str) -> None:
    findings = resolve(f"a: '{text}'").findings
    assert [(finding.code, finding.label) for finding in findings] == [("BR305", label)]


def test_the_place_is_that_of_the_variable_inside_its_text() -> None:
    finding = resolve('a: "\\u00e9 ${NOT SET}"').findings[0]
    assert finding.place.span is not None
    assert (finding.place.span.column, finding.place.span.end_column) == (12, 22)


def test_a_text_that_misses_something_stays_as_written_and_is_known() -> None:
    document = document_of("a: ${A} ${B}\nb: ${A}")
    data, _, secrets = resolve_variables(document, {"A": "x"}, base_dir=NOWHERE)
    assert data == {"a": "${A} ${B}", "b": "x"}
    assert document.unresolved == {("a",)}
    assert ("b",) in secrets


def test_positions_after_a_filled_in_variable_stay_right() -> None:
    document = document_of("a: '${A}/{{ x }} ${B} end'")
    data: Any = resolve_variables(document, {"A": "long value", "B": "y"}, base_dir=NOWHERE).data
    for word, column in (("x", 13), ("end", 23)):
        assert document.span_inside(("a",), data["a"].index(word), len(word)).column == column
    inside_variable = document.span_inside(("a",), 3, 1)
    assert inside_variable.column == 5


@settings(deadline=None)
@given(st.text(alphabet="${}A:-file/ .\\x00", max_size=20), st.text(max_size=5))
def test_no_text_makes_resolving_raise(text: str, value: str) -> None:
    loaded = parse_yaml(f"a: |\n  .{text}", "f")
    if loaded.document is not None:
        resolve_variables(loaded.document, {"A": value}, base_dir=NOWHERE)

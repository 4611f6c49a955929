import json
from importlib import import_module
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from bridge.diagnostics import Document, Finding, Place, Severity, Source, Span, parse_yaml, render, visible
from tests.canaries import EMOJI_TEXT, ZENDESK_SECRET

RULES = """\
rules:
  - name: new-customer
    steps:
      - use: hubspot-eu.contacts.upsert
        match_onn: email
        with: {}
  - name: other
    source: shopify
    on: a
    if: b
    source: stripe
"""


def document_of(text: str, name: str = "config/rules.yaml") -> Document:
    loaded = parse_yaml(text, name)
    assert loaded.document is not None
    return loaded.document


def shown(finding: Finding, *documents: Source, width: int = 80) -> str:
    """The rendering without the summary line."""
    text = render([finding], {document.name: document for document in documents}, width=width)
    return text.rsplit("\n\n", 1)[0] + "\n"


def test_an_unknown_key_is_shown_with_its_line_and_one_around_it() -> None:
    document = document_of(RULES)
    place = document.place_of(("rules", 0, "steps", 0, "match_onn"), key=True)
    finding = Finding(
        "BR102",
        Severity.ERROR,
        "unknown key `match_onn` in an `upsert` step",
        place,
        "not a key of `upsert`",
        notes=("rule `new-customer`, step 1",),
        helps=("a key with a similar name exists: `match_on`",),
    )
    assert (
        shown(finding, document)
        == """\
error[BR102]: unknown key `match_onn` in an `upsert` step
 --> config/rules.yaml:5:9
  |
4 |       - use: hubspot-eu.contacts.upsert
5 |         match_onn: email
  |         ^^^^^^^^^ not a key of `upsert`
6 |         with: {}
  |
  = note: rule `new-customer`, step 1
  = help: a key with a similar name exists: `match_on`
"""
    )


def test_two_places_of_one_file_are_shown_in_order_with_a_gap() -> None:
    finding = parse_yaml(RULES, "config/rules.yaml").findings[0]
    assert (
        shown(finding, document_of(RULES))
        == """\
error[BR002]: key `source` is given twice
  --> config/rules.yaml:11:5
   |
 7 |   - name: other
 8 |     source: shopify
   |     ------ first given here
 9 |     on: a
10 |     if: b
11 |     source: stripe
   |     ^^^^^^ this one would silently win in most programs
   |
   = help: keep one
"""
    )


def test_lines_between_are_left_out() -> None:
    source = Source("f", "a\nb\nc\nd\ne\nf\n")
    related = ((Place("f", Span(1, 1, 1, 2)), "here first"),)
    finding = Finding("BR103", Severity.ERROR, "twice", Place("f", Span(6, 1, 6, 2)), related=related)
    assert (
        shown(finding, source)
        == """\
error[BR103]: twice
 --> f:6:1
  |
1 | a
  | - here first
2 | b
...
5 | e
6 | f
  | ^
"""
    )


def test_a_place_in_another_file_has_an_excerpt_of_its_own() -> None:
    here, there = Source("b.yaml", "on: erp/*\n"), Source("a.yaml", "sources:\n  erq: {}\n")
    related = ((Place("a.yaml", Span(2, 3, 2, 6)), "defined here"), (Place("c.yaml", Span(1, 1, 1, 2)), "not loaded"))
    finding = Finding("BR204", Severity.WARNING, "unknown source", Place("b.yaml", Span(1, 5, 1, 8)), related=related)
    assert (
        shown(finding, here, there)
        == """\
warning[BR204]: unknown source
 --> b.yaml:1:5
  |
1 | on: erp/*
  |     ^^^
  |
 ::: a.yaml:2:3
  |
1 | sources:
2 |   erq: {}
  |   --- defined here
  |
  = note: not loaded: c.yaml:1:1
"""
    )


def test_a_tab_is_made_visible_and_marked() -> None:
    text = "source: shopify\n\twhen: x\n"
    loaded = parse_yaml(text, "broken.yaml")
    assert loaded.source is not None
    assert (
        shown(loaded.findings[0], loaded.source)
        == """\
error[BR001]: this file is not valid YAML: a tab is used for indentation
 --> broken.yaml:2:1
  |
1 | source: shopify
2 | \\twhen: x
  | ^^ tab character
  |
  = note: YAML allows only spaces here
  = help: replace the tab with spaces, to line up with the lines above
"""
    )


def test_a_credential_is_masked_in_its_own_excerpt() -> None:
    document = document_of(f"username: ops\nclient_secret: {ZENDESK_SECRET}\n", "config.yaml")
    place = document.place_of(("client_secret",))
    text = shown(Finding("BR302", Severity.ERROR, "a credential is written in a file", place), document)
    assert ZENDESK_SECRET[4:] not in text
    assert f"client_secret: zend{'•' * (len(ZENDESK_SECRET) - 4)}" in text
    assert "^" * len(ZENDESK_SECRET) in text


def test_a_setting_from_the_environment_has_no_excerpt() -> None:
    place = Place("environment variable BRIDGE_SERVER__LISTEN")
    finding = Finding("BR104", Severity.ERROR, "no port", place, "the port is missing", helps=("add one",))
    assert (
        shown(finding)
        == """\
error[BR104]: no port
 --> environment variable BRIDGE_SERVER__LISTEN
  = note: the port is missing
  = help: add one
"""
    )


def test_a_long_line_is_cut_around_the_marked_place() -> None:
    source = Source("f", "a: " + "x" * 200 + "WORD" + "y" * 200)
    lines = shown(
        Finding("BR104", Severity.ERROR, "m", Place("f", Span(1, 204, 1, 208)), "label"), source, width=60
    ).splitlines()
    line, carets = lines[3], lines[4]
    assert len(line) <= 60
    assert line[carets.index("^") : carets.rindex("^") + 1] == "WORD"
    assert line.count("…") == 2


def test_a_file_in_one_line_is_not_measured_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def counted(text: str) -> str:
        looked_at.append(len(text))
        return visible(text)

    monkeypatch.setattr(import_module("bridge.diagnostics.render"), "visible", counted)
    source = Source("f", "a: é" + "x" * 500_000 + "WORD" + "y" * 500_000)
    span = Span(1, 500_005, 1, 1_000_009)
    lines = shown(Finding("BR104", Severity.ERROR, "m", Place("f", span), "label"), source, width=60).splitlines()
    assert "…" in lines[3]
    assert "WORD" in lines[3]
    assert sum(looked_at) < 20_000


def test_carets_stand_under_wide_characters() -> None:
    source = Source("f", f"名前: {EMOJI_TEXT}")
    column = source.line(1).index("bientôt") + 1
    lines = shown(
        Finding("BR104", Severity.ERROR, "m", Place("f", Span(1, column, 1, column + 7))), source
    ).splitlines()
    assert cell_len(lines[3][: lines[3].index("bientôt")]) == lines[4].index("^")


def test_a_span_over_several_lines_marks_the_rest_of_its_first() -> None:
    source = Source("f", "a: one\n  two\n")
    assert "  |    ^^^\n" in shown(Finding("BR104", Severity.ERROR, "m", Place("f", Span(1, 4, 2, 6))), source)


def test_an_empty_span_still_has_one_caret() -> None:
    assert "1 | a\n  |  ^\n" in shown(
        Finding("BR104", Severity.ERROR, "m", Place("f", Span(1, 2, 1, 2))), Source("f", "a\n")
    )


FINDINGS = [
    Finding("BR401", Severity.WARNING, "no authentication", Place("b.yaml", Span(2, 3, 2, 4))),
    Finding(
        "BR102", Severity.ERROR, "unknown key `a`", Place("a.yaml", Span(8, 9, 8, 10)), helps=("did you mean `b`?",)
    ),
]


def test_concise_is_one_line_each_and_a_summary() -> None:
    assert (
        render(FINDINGS, {}, "concise")
        == """\
a.yaml:8:9: BR102 unknown key `a`; did you mean `b`?
b.yaml:2:3: BR401 warning no authentication
0 files · 1 error, 1 warning · `crm-bridge check --explain CODE` tells more
"""
    )


def test_json_is_one_array_with_every_part() -> None:
    related = ((Place("a.yaml"), "see"),)
    finding = Finding("BR102", Severity.ERROR, "é", Place("a.yaml", Span(8, 9, 8, 10)), "l", ("n",), ("h",), related)
    assert json.loads(render([finding], {}, "json")) == [
        {
            "code": "BR102", "severity": "error", "message": "é", "file": "a.yaml", "line": 8, "column": 9,
            "end_line": 8, "end_column": 10, "label": "l", "notes": ["n"], "helps": ["h"],
            "related": [
                {"file": "a.yaml", "line": None, "column": None, "end_line": None, "end_column": None, "label": "see"},
            ],
        }
    ]  # fmt: skip


def test_no_findings_are_said_so() -> None:
    assert render([], {"f": Source("f", "")}) == "1 file · no problems found\n"
    assert render([], {}, "json") == "[]\n"


def test_colours_appear_only_when_asked_for() -> None:
    plain = render(FINDINGS, {})
    coloured = render(FINDINGS, {}, color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31merror[BR102]\x1b[0m" in coloured
    assert "\x1b[1;33mwarning[BR401]\x1b[0m" in coloured


def test_nothing_in_a_file_can_act_on_the_terminal() -> None:
    assert visible("a\x1b[2J\u202e\tb\r") == "a\\u{1b}[2J\\u{202e}\\tb\\u{d}"
    assert visible(EMOJI_TEXT) == EMOJI_TEXT


@pytest.mark.parametrize("kind", ["full", "concise", "json"])
@settings(deadline=None)
@given(
    text=st.text(),
    line=st.integers(1, 5),
    column=st.integers(1, 300),
    length=st.integers(0, 300),
    width=st.integers(0, 100),
)
def test_any_text_and_place_can_be_shown(
    kind: Literal["full", "concise", "json"], text: str, line: int, column: int, length: int, width: int
) -> None:
    finding = Finding("BR104", Severity.ERROR, "m", Place("f", Span(line, column, line, column + length)), "l")
    assert render([finding], {"f": Source("f", text)}, kind, width=width).endswith("\n")


def test_a_huge_line_is_shown_without_delay() -> None:
    source = Source("f", "x" * 1_000_000)
    lines = shown(Finding("BR104", Severity.ERROR, "m", Place("f", Span(1, 500_000, 1, 900_000))), source).splitlines()
    assert max(len(line) for line in lines) <= 80

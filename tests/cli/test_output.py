import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.output import cell, indented, print_json, print_table


def test_a_cell_shows_nothing_for_null_and_short_times() -> None:
    assert cell(None) == ""
    assert cell("2026-06-02T03:01:38.000Z") == "06-02 03:01:38"
    assert cell({"log": "done", "other": "dead"}) == "log: done, other: dead"
    assert cell(0) == "0"


@given(st.text())
def test_no_text_of_a_customer_or_vendor_acts_on_the_terminal(text: str) -> None:
    for shown in (cell(text), cell({text: text}), indented([text.encode("utf-8", "replace").decode()])):
        assert not any((ord(letter) < 32 and letter != "\n") or 0x7F <= ord(letter) < 0xA0 for letter in shown)


def test_a_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "dlv_01M8271ZCBSEBS9CKEAXKJVQJ1", "rule": "r" * 90, "state": "dead"}]
    print_table({"id": "id", "rule": "rule", "state": "state"}, rows, nothing="none")

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("dlv_01M8271ZCBSEBS9CKEAXKJVQJ1  rrr")


def test_where_there_is_no_room_the_widest_columns_are_cut_and_the_narrow_ones_stay_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"id": "dlv_01M8271ZCBSEBS9CKEAXKJVQJ1", "rule": "r" * 40, "state": "dead", "why": "w" * 60, "failed": 0}
    print_table({name: name for name in row}, [row], nothing="none", whole={"state"})

    head, cells = capsys.readouterr().out.splitlines()
    assert max(len(head), len(cells)) <= 80
    assert head.split() == ["id", "rule", "state", "why", "failed"]
    assert cells.split()[::2] == [row["id"], "dead", "0"]
    assert all("\N{HORIZONTAL ELLIPSIS}" in cut for cut in cells.split()[1::2])


def test_names_that_differ_at_their_ends_can_be_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"rule": f"{'long-' * 20}{end}", "message": "m" * 60} for end in ("to-hubspot", "to-zendesk")]
    print_table({"rule": "rule", "message": "message"}, rows, nothing="none")

    one, other = capsys.readouterr().out.splitlines()[1:]
    assert "to-hubspot  m" in one
    assert "to-zendesk  m" in other


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table({"id": "id"}, [], nothing="no events")

    assert capsys.readouterr().out == "no events\n"


def test_json_is_one_value(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([])

    assert capsys.readouterr().out == "[]\n"

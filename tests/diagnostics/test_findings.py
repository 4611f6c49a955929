import pytest

from bridge.diagnostics import Finding, Place, Severity, Span, in_order


def finding(file: str, line: int | None, column: int = 1, code: str = "BR102") -> Finding:
    span = None if line is None else Span(line, column, line, column + 1)
    return Finding(code, Severity.ERROR, "something", Place(file, span))


def test_findings_are_ordered_by_file_line_and_column() -> None:
    expected = [finding("a", None), finding("a", 2, 3), finding("a", 2, 10), finding("a", 10), finding("b", 1)]
    assert in_order([expected[index] for index in (3, 4, 1, 0, 2)]) == expected


def test_a_finding_with_an_unregistered_code_cannot_be_made() -> None:
    with pytest.raises(LookupError):
        finding("a", 1, code="BR998")


def test_a_place_reads_as_file_line_and_column() -> None:
    assert str(Place("config.yaml", Span(3, 7, 3, 9))) == "config.yaml:3:7"
    assert str(Place("environment variable BRIDGE_STORE__URL")) == "environment variable BRIDGE_STORE__URL"

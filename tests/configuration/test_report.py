from pathlib import Path

import pytest

from bridge.configuration.report import Report, shown
from bridge.diagnostics import Place, Severity


def test_a_file_is_shown_relative_to_where_the_person_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert shown(tmp_path / "a" / "b.yaml", tmp_path / "a") == "a/b.yaml"


def test_a_file_elsewhere_is_shown_relative_to_the_configuration_or_whole(tmp_path: Path) -> None:
    assert shown(tmp_path / "a" / "b.yaml", tmp_path) == "a/b.yaml"
    assert shown(Path("/etc/other.yaml"), tmp_path) == "/etc/other.yaml"


def test_only_errors_stop_the_start(tmp_path: Path) -> None:
    report = Report({}, tmp_path)
    report.add("BR402", "a warning", Place("x"), severity=Severity.WARNING)
    assert not report.has_errors

    report.add("BR104", "an error", Place("x"))
    assert report.has_errors

"""Every row of the benchmark runs; how fast anything is, no test says."""

from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import report
from tests.bench.__main__ import MEASURES, measure
from tests.bench.bench import TINY, Row


@pytest.mark.timeout(120)
def test_every_row_runs_and_shows_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    rows = measure(TINY, list(MEASURES), Console())

    assert all(row.measured for row in rows)
    assert all(row.ratio or "left out" in row.measured for row in rows)
    assert "batched: " in capsys.readouterr().out


def test_the_table_goes_between_the_marks_of_the_document(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")

    report.update(document, report.markdown([Row("an aim", "1 vs 2", "0.50", ">= 0.8", met=False)], "make bench"))

    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| an aim | 1 vs 2 | 0.50 | >= 0.8 | no |" in text
    assert "old" not in text

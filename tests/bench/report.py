"""The table: for the terminal, and for docs/performance.md."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.bench import Row
from tests.bench.loop import loop_factory

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
HEADINGS = ("aim", "measured", "ratio", "aim for", "met?")
LEFT_OUT = ("Left out, because the parts do not exist yet: ingest and deliver in two processes, PostgreSQL.",)


def machine() -> str:
    """What it ran on, in one line."""
    loop = "uvloop" if loop_factory() else "asyncio's own loop"
    return f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, Python {platform.python_version()}, {loop}"


def cells(row: Row) -> tuple[str, ...]:
    """The columns of a row."""
    met = {True: "yes", False: "no", None: ""}[row.met]
    return (row.aim, row.measured, row.ratio, row.aim_for, met)


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(*HEADINGS)
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)


def markdown(rows: Sequence[Row], command: str) -> str:
    """The table with its date, command and machine."""
    now = datetime.now(UTC)
    commit = subprocess.run(("git", "rev-parse", "--short", "HEAD"), capture_output=True, text=True, check=False)
    lines = [
        f"{now:%Y-%m-%d}, `{command}`, {machine()}, after commit {commit.stdout.strip() or 'unknown'}.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
        "",
        *LEFT_OUT,
    ]
    return "\n".join(lines)


def update(path: Path, table: str) -> None:
    """Put the table between the two marks of a document.

    Raises:
        ValueError: the document has no such place.
    """
    text = path.read_text()
    marks = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not marks.search(text):
        raise ValueError(f"{path.name} has no place for the table: {BEGIN} … {END}")
    path.write_text(marks.sub(lambda _: f"{BEGIN}\n{table}\n{END}", text))

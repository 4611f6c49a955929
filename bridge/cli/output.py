"""How results look: tables that fit 80 columns, JSON when asked, colours only on a terminal."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli.options import wants_color
from bridge.diagnostics import visible

WIDTH = 80
STYLES = {
    "done": "green",
    "dead": "bold red",
    "retrying": "yellow",
    "running": "cyan",
    "superseded": "dim",
    "skipped": "dim",
}


def terminal() -> Console:
    """The terminal, or 80 plain columns when stdout is none."""
    is_terminal = sys.stdout.isatty()
    color = wants_color(is_terminal)
    return Console(width=None if is_terminal else WIDTH, no_color=not color, force_terminal=color, highlight=False)


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, nothing: str) -> None:
    """A table; `columns` maps a key of the rows to its heading. `nothing` is said when there are no rows."""
    if not rows:
        typer.echo(nothing)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for key, heading in columns.items():
        table.add_column(
            heading, overflow="ellipsis", no_wrap=True, min_width=30 if key in {"id", "delivery"} else None
        )
    for row in rows:
        table.add_row(*(Text(cell(row.get(key)), style=STYLES.get(str(row.get(key)), "")) for key in columns))
    terminal().print(table)


def cell(value: object) -> str:
    """A value as a cell: nothing for null, times without their year, nothing that acts on a terminal."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return visible(", ".join(f"{key}: {item}" for key, item in value.items()))
    text = visible(str(value))
    if len(text) == 24 and text.endswith("Z") and text[10] == "T":  # noqa: PLR2004 - RFC 3339 with milliseconds
        return text[5:19].replace("T", " ")
    return text


def indented(value: object, by: int = 4) -> str:
    """JSON for people, moved to the right."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return "\n".join(" " * by + visible(line) for line in text.split("\n"))

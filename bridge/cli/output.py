"""How results look: tables that fit 80 columns, JSON when asked, colours only on a terminal."""

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli.options import wants_color
from bridge.diagnostics import visible
from bridge.engine.console import Rows
from bridge.sources.strict_json import indented_json

WIDTH = 80
_GAP = 2
_NARROWEST = 4
_IDS = frozenset({"id", "delivery"})
_NAMES = frozenset({"rule", "type"})
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


def print_rows(
    rows: Rows, columns: Mapping[str, str], *, nothing: str, json: bool, whole: Collection[str] = ()
) -> None:
    """A list as a table, or as JSON; when rows were left out, stderr says so."""
    if json:
        print_json(rows)
    else:
        print_table(columns, rows, nothing=nothing, whole=whole)
    if rows.more:
        typer.echo(f"{len(rows)} shown, there are more: raise --limit", err=True)


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    typer.echo(indented_json(value))


def print_table(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, nothing: str, whole: Collection[str] = ()
) -> None:
    """A table of at most 80 columns away from a terminal.

    Args:
        columns: a key of the rows -> its heading.
        rows: what to show.
        nothing: said when there are no rows.
        whole: keys whose cells must not be cut, besides ids.
    """
    if not rows:
        typer.echo(nothing)
        return
    console = terminal()
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    widths = _widths(columns, rows, {*whole, *_IDS}, console.width)
    for key, heading in columns.items():
        table.add_column(heading, overflow="ellipsis", no_wrap=True, width=widths[key])
    for row in rows:
        table.add_row(
            *(
                Text(_cut(key, cell(row.get(key)), widths[key]), style=STYLES.get(str(row.get(key)).rstrip("*"), ""))
                for key in columns
            )
        )
    console.print(table)


def _cut(key: str, text: str, width: int) -> str:
    """A name that is too long without its middle: names of one family differ at their ends."""
    if key not in _NAMES or cell_len(text) <= width:
        return text
    kept = width - 1
    return text[: kept - kept // 2] + "\N{HORIZONTAL ELLIPSIS}" + text[len(text) - kept // 2 :]


def _widths(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], whole: Collection[str], room: int
) -> dict[str, int]:
    """How wide each column is: as wide as its cells, but for the widest, which are cut as far as there is no room."""
    widths = {
        key: max(cell_len(heading), *(cell_len(cell(row.get(key))) for row in rows)) for key, heading in columns.items()
    }
    loose = [key for key in widths if key not in whole]
    for _ in range(sum(widths.values()) + _GAP * len(widths) - room):
        widest = max(loose, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return widths


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
    text = indented_json(value)
    return "\n".join(" " * by + visible(line) for line in text.split("\n"))

"""Help sheets: what there is to use, for people. Wrapped to the terminal, or to 80 columns."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import typer
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bridge.cli.options import Exit, fail
from bridge.cli.output import WIDTH, print_json, print_table, terminal
from bridge.configuration.report import shown
from bridge.diagnostics import Finding, Source, quoted_list, render, suggest, visible
from bridge.rules.testing.writing import block

_INDENT = (0, 0, 0, 2)
_YAML_WIDTH = WIDTH - 4


class CatalogRow(NamedTuple):
    """One thing that there is to use, with what is in it."""

    name: str
    title: str
    origin: str
    contents: list[str]


def print_catalog(noun: str, contents: str, rows: Sequence[CatalogRow], *, json: bool) -> None:
    """A list of what there is: as a table with how much is in each, or as JSON with all of it."""
    if json:
        print_json(
            [{"name": row.name, "title": row.title, "origin": row.origin, contents: row.contents} for row in rows]
        )
        return
    columns = {"name": noun, "title": "title", "count": contents.replace("_", " "), "origin": "from"}
    shown = [{**row._asdict(), "count": len(row.contents)} for row in rows]
    print_table(columns, shown, nothing=f"there is no {noun}")


def print_heading(name: str, title: str, doc: str, *, origin: str = "") -> None:
    """What the sheet is about."""
    words = Text.assemble((visible(name), "bold"), f"  {visible(title)}" if title else "")
    if origin:
        words.append(f"  ({visible(origin)})", style="dim")
    terminal().print(Group(words, Padding(_text(doc), _INDENT)) if doc else words)


def print_section(title: str, rows: Sequence[Sequence[str]]) -> None:
    """A table without lines below a title; nothing when it has no rows. The last column is wrapped."""
    if not rows:
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in rows[0][:-1]:
        table.add_column(no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    terminal().print(Group(Text(""), Text(title, style="bold"), Padding(table, _INDENT)))


def print_lines(title: str, text: str) -> None:
    """Text that has lines of its own, below a title."""
    typer.echo(f"\n{title}")
    for line in text.rstrip().split("\n"):
        typer.echo(f"  {visible(line)}")


def print_yaml(title: str, value: Mapping[str, object]) -> None:
    """Keys and values as a person would write them in a file."""
    print_lines(title, "\n".join(f"{key}:{block(item, 0, _YAML_WIDTH - len(key))}" for key, item in value.items()))


def origin_of(own: Path | None, directory: Path) -> str:
    """`shipped`, or the operator's own file in `config/connectors` or `config/sources` (the directory)."""
    return "shipped" if own is None else shown(own, directory.parents[1])


def refuse_file(findings: Sequence[Finding], document: Source | None = None) -> NoReturn:
    """End the program: the operator's own file is wrong."""
    documents = {} if document is None else {document.name: document}
    typer.echo(render(findings, documents, "full", color=False), err=True, nl=False)
    raise typer.Exit(Exit.FINDINGS)


def refuse_name(what: str, name: str, known: Iterable[str]) -> NoReturn:
    """End the program: there is none of this name."""
    names = list(known)
    nearest = suggest(name, names)
    fail(
        f"there is no {what} `{name}`",
        f"did you mean `{nearest}`?" if nearest else f"there are {quoted_list(names, most=60)}",
        Exit.WRONG_USE,
    )


def _text(words: str) -> Text:
    return Text("\n".join(visible(line) for line in words.strip().split("\n")))

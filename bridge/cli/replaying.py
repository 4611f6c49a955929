"""A replay of many, page by page: the bar while it runs, and what is said of it in the end."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bridge.cli.consoles import AnyConsole
from bridge.cli.options import wants_color
from bridge.diagnostics import visible
from bridge.engine.console import Query
from bridge.errors import BridgeError

FEW = 5
ALL = 1_000_000
"""As many differences as there are."""
Row = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """What became of all pages so far. Ids are only kept for JSON: there may be a hundred thousand of them."""

    dry_run: bool
    keeps_ids: bool
    count: int = 0
    refused: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    differences: list[Row] = field(default_factory=list)
    _ids: list[str] = field(default_factory=list)
    _refusals: list[Row] = field(default_factory=list)

    def add(self, page: Row) -> None:
        """Count one page in; refusals are told at once when they need not be kept."""
        self.count += len(page["replayed"])
        self.refused += len(page["refused"])
        self.counts.update({(each["rule"], each["kind"]): each["count"] for each in page["counts"]})
        self.differences += page["differences"]
        if self.keeps_ids:
            self._ids += page["replayed"]
            self._refusals += page["refused"]
            return
        for each in page["refused"]:
            typer.echo(f"not replayed: {each['delivery']}: {visible(each['message'])}", err=True)

    def to_json(self) -> Row:
        """All pages as one answer."""
        return {
            "ok": not self.refused,
            "dry_run": self.dry_run,
            "replayed": self._ids,
            "refused": self._refusals,
            "counts": [
                {"rule": rule, "kind": kind, "count": count} for (rule, kind), count in sorted(self.counts.items())
            ],
            "differences": self.differences,
        }

    def say(self) -> None:
        """For people: how many, of which rules and kinds, and what would be sent otherwise than before."""
        typer.echo(f"{self.count} {'would be replayed' if self.dry_run else 'replayed'}")
        if not self.dry_run:
            return
        for (rule, kind), count in sorted(self.counts.items()):
            typer.echo(f"  {count} of rule {rule}, {kind}")
        for each in self.differences:
            _say_difference(each)
        if self.differences and self.count > len(self.differences):
            rest = self.count - len(self.differences)
            typer.echo(f"{rest} more differences are not shown: raise --limit, or take --json", err=True)


async def replay_pages(
    console: AnyConsole, query: Query, tally: Tally, differences: int, bar: "Bar | None" = None
) -> None:
    """Replay all that is meant, one page after the other.

    Args:
        console: whom to ask.
        query: what is meant.
        tally: where to count.
        differences: how many differences are wanted in all.
        bar: shown meanwhile.
    """
    after: str | None = None
    while True:
        wanted = max(0, differences - len(tally.differences))
        try:
            page = await console.replay(replace(query, after=after), dry_run=tally.dry_run, differences=wanted)
        except BridgeError:
            if tally.count and not tally.dry_run:
                typer.echo(f"{tally.count} replayed before it stopped; the same command goes on", err=True)
            raise
        tally.add(page)
        if bar is not None:
            bar.show(tally.count + tally.refused, page["total"])
        after = page["next"]
        if after is None:
            return


class Bar:
    """A bar whose total is known after the first page."""

    def __init__(self, progress: Progress, line: TaskID) -> None:
        self._progress = progress
        self._line = line

    def show(self, done: int, total: int | None) -> None:
        """So many are done; `total` only when it is known anew."""
        if total is not None:
            self._progress.update(self._line, total=total)
        self._progress.update(self._line, completed=done)


@contextmanager
def progress(what: str) -> Iterator[Bar]:
    """A bar on stderr while the block runs; nothing at all when stderr is no terminal."""
    terminal = sys.stderr.isatty()
    console = Console(stderr=True, no_color=not wants_color(terminal))
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not terminal) as shown:
        yield Bar(shown, shown.add_task(what, total=None))


def _say_difference(each: Row) -> None:
    typer.echo("")
    step = f", step {each['step']}" if each["step"] else ""
    typer.echo(f"{each['delivery']} of rule {each['rule']}{step}")
    if each["note"]:
        typer.echo(f"  {visible(each['note'])}")
    if not each["diff"]:
        typer.echo("  the request would be the same")
    for line in each["diff"].split("\n") if each["diff"] else ():
        typer.echo(f"  {visible(line)}")

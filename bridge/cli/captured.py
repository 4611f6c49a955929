"""How captured requests are shown, and what can be made of one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import typer

from bridge.cli.output import cell
from bridge.cli.written_source import written
from bridge.clock import SystemClock
from bridge.diagnostics import visible
from bridge.sources.recognize import Likeness, likenesses

LINES = 40
"""So many lines of a body are shown; the file has all of it."""
EVENTS = 3
Row = dict[str, Any]


class Printer:
    """Prints requests as they come.

    Args:
        name: the source's name.
        base_dir: where the configuration is, for the operator's own presets.
        json: one JSON object a line, in place of text.
    """

    def __init__(self, name: str, base_dir: Path, *, json: bool) -> None:
        self._name = name
        self._presets = base_dir / "config" / "sources"
        self._json = json
        self._first: Row | None = None

    def begun(self, capture: Row, url: str, *, is_daemon: bool) -> None:
        """Say where to send requests."""
        how = (
            "beside the daemon, which goes on as always"
            if is_daemon
            else "no daemon runs: every request is answered 200"
        )
        self._aside(
            f"capturing {url}{capture['path']} ({how})\n"
            f"  until {cell(capture['until'])} UTC, or {capture['left']} requests; files in {capture['folder']}"
        )

    def request(self, request: Row) -> None:
        """Show one."""
        likely = likenesses(
            headers=[(name, value) for name, value in request["headers"]],
            query=[(name, value) for name, value in request["query"]],
            body=_bytes_of(request["body"]),
            now_ms=SystemClock().now_ms(),
            directory=self._presets,
        )
        shown = {**request, "looks_like": [_row(each) for each in likely]}
        self._first = self._first or shown
        if self._json:
            typer.echo(orjson.dumps(shown).decode())
        else:
            self._say(shown, likely)

    def ended(self, capture: Row) -> None:
        """Say why it is over, and what can be done with the files."""
        self._aside(f"{capture['taken']} captured; {capture['ended']}")
        if capture["taken"] and not self._json:
            name = self._name
            self._aside(
                f"  when `{name}` is a source (--yaml prints one to begin with), `crm-bridge explain {name} FILE` and\n"
                f"  `send {name} FILE` take the body files"
            )
            self._aside("  the files hold customers' data and proofs: delete them when you are done")

    def starter(self) -> None:
        """A source and a rule to begin with, made from the first request."""
        if self._first is None:
            self._aside("no request came, so there is nothing to make a rule from")
        else:
            typer.echo(written(self._name, self._first))

    def _say(self, request: Row, likely: Sequence[Likeness]) -> None:
        query = "".join(f"  ?{name}={value}\n" for name, value in request["query"])
        headers = "".join(f"  {name}: {value}\n" for name, value in request["headers"])
        why = f" {request['code']}: {request['why']}" if request["code"] else ""
        text = (
            f"\n#{request['number']}  {cell(request['at'])}  {request['method']} {request['path']}  "
            f"{request['bytes']} bytes, answered {request['status']}{why}\n{query}{headers}"
        )
        for line in text.rstrip("\n").split("\n"):
            typer.echo(visible(line))
        for line in _body_lines(request["body"]):
            typer.echo("    " + visible(line))
        typer.echo(visible(f"  body: {request['body_file']}"))
        for each in likely:
            typer.echo(visible(f"  looks like preset `{each.preset}` ({each.title}): its proof is in `{each.proof}`"))
            for event in each.events[:EVENTS]:
                fields = orjson.dumps(event["fields"]).decode()
                typer.echo(visible(f"    event {event['type']}, id {event['id']}, fields {fields}"))

    def _aside(self, text: str) -> None:
        """Said to the person, never among the JSON."""
        for line in text.split("\n"):
            typer.echo(visible(line), err=True)


def _row(likeness: Likeness) -> Row:
    return {
        "preset": likeness.preset,
        "title": likeness.title,
        "proof": likeness.proof,
        "events": list(likeness.events),
    }


def _bytes_of(body: object) -> bytes:
    """The body as it is shown, for those who look what is in it."""
    return body.encode() if isinstance(body, str) else orjson.dumps(body)


def _body_lines(body: object) -> list[str]:
    text = body if isinstance(body, str) else orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    lines = text.split("\n")
    return lines if len(lines) <= LINES else [*lines[:LINES], f"… {len(lines) - LINES} more lines, see the file"]

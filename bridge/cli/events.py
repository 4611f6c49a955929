"""`crm-bridge events list|show`."""

from collections import Counter
from typing import Annotated

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, JsonOption, LimitOption, load
from bridge.cli.output import indented, print_json, print_table
from bridge.engine.console import Query

commands = typer.Typer(help="What came in.", no_args_is_help=True)
COLUMNS = {"id": "id", "type": "type", "rules": "deliveries", "source": "source", "received_at": "received"}


@commands.command("list")
def list_(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only this event type.")] = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List events, newest first, with the state of each rule's delivery."""
    query = Query(source=source, type=type_, limit=limit)
    rows = ask(load(config, env_file), lambda console: console.events(query))
    if json:
        print_json(rows)
    else:
        print_table(COLUMNS, [{**row, "rules": _counted(row["rules"])} for row in rows], nothing="no events")


def _counted(rules: dict[str, str]) -> str:
    """How many deliveries stand in which state, in few words; `events show` names them."""
    counts = Counter(rules.values())
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no rule"


@commands.command("show")
def show(
    event: Annotated[str, typer.Argument(help="The event's id, evt_…")],
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show one event with its body and its deliveries."""
    found = ask(load(config, env_file), lambda console: console.event(event))
    if json:
        print_json(found)
        return
    for name in ("id", "source", "type", "raw_type", "event_id", "time", "received_at"):
        typer.echo(f"{name:<12} {found[name] if found[name] is not None else ''}")
    typer.echo("body")
    typer.echo(indented(found["body"]))
    typer.echo("deliveries")
    columns = {"id": "id", "rule": "rule", "state": "state", "reason": "reason"}
    print_table(columns, found["deliveries"], nothing="  none: no rule's `on` covers this event")

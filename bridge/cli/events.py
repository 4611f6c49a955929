"""`crm-bridge events list|show|rerun|replay`."""

from collections import Counter
from typing import Annotated, Any

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, LimitOption, fail, locate
from bridge.cli.output import cell, indented, print_json, print_rows, print_table
from bridge.diagnostics import visible
from bridge.engine.console import Query, Rows
from bridge.engine.redelivery import LET_IN_FOR

commands = typer.Typer(add_completion=False, help="What came in.", no_args_is_help=True)
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
    rows = ask(locate(config, env_file), lambda console: console.events(query))
    if not json:
        rows = Rows([{**row, "rules": _counted(row["rules"])} for row in rows], more=rows.more)
    print_rows(rows, COLUMNS, nothing="no events", json=json)


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
    """Show one event with its body, the fields that rules read, and its deliveries."""
    found = ask(locate(config, env_file), lambda console: console.event(event))
    if json:
        print_json(found)
        return
    for name in ("id", "source", "type", "raw_type", "event_id", "time", "received_at", "repeats"):
        if name == "repeats" and found[name] is None:
            continue
        typer.echo(f"{name:<12} {found[name] if found[name] is not None else ''}")
    typer.echo("body")
    typer.echo(indented(found["body"]))
    if found["fields"] or found["failed_fields"]:
        typer.echo("fields")
        typer.echo(indented(found["fields"]))
    for why in found["failed_fields"].values():
        typer.echo(f"    {visible(why)}")
    typer.echo("deliveries")
    columns = {"id": "id", "rule": "rule", "state": "state", "reason": "reason"}
    print_table(columns, found["deliveries"], nothing="  none: no rule's `on` covers this event")


@commands.command("rerun")
def rerun(
    event: Annotated[str, typer.Argument(help="The event's id, evt_…")],
    rule: Annotated[str | None, typer.Option(help="Only this rule's delivery.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also what is done: every step is sent once more, with a new key.")
    ] = False,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Start an event's dead deliveries again with the rules as they are now. Exit 1 when one could not be."""
    result = ask(locate(config, env_file), lambda console: console.rerun(event, rule=rule, force=force))
    if json:
        print_json(result)
    else:
        _say_rerun(result, force=force)
    raise typer.Exit(Exit.DONE if result["ok"] else Exit.FINDINGS)


def _say_rerun(result: dict[str, Any], *, force: bool) -> None:
    typer.echo(f"{len(result['replayed'])} started again")
    for left in result["left"]:
        hint = " (--force sends it once more)" if left["state"] == "done" and not force else ""
        typer.echo(f"left as it is: {left['delivery']} of rule {left['rule']} is {left['state']}{hint}")
    for refused in result["refused"]:
        typer.echo(f"not started: {refused['delivery']}: {visible(refused['message'])}", err=True)


@commands.command("replay")
def replay(
    events: Annotated[list[str], typer.Argument(help="Events, evt_…")],
    next_: Annotated[
        bool, typer.Option("--next", help="Not what is stored: the sender's own next repeat of it, once.")
    ] = False,
    within: Annotated[
        str | None, typer.Option("--for", help=f"With --next: how long to wait for the sender (default: {LET_IN_FOR}).")
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Take events in once more, as new ones: every rule runs anew. Exit 1 when one could not be.

    For what a sender's button "Redeliver" would send, and we would take for a duplicate. To start only what is dead of
    an event, use `rerun`.
    """
    if within is not None and not next_:
        fail("--for says how long --next waits", "add --next, or leave --for out", Exit.WRONG_USE)
    deployment = locate(config, env_file)
    if next_:
        result = ask(deployment, lambda console: console.let_through(events, within or LET_IN_FOR))
    else:
        result = ask(deployment, lambda console: console.replay_events(events))
    if json:
        print_json(result)
    elif next_:
        _say_let_through(result)
    else:
        _say_replayed(result)
    raise typer.Exit(Exit.DONE if result["ok"] else Exit.FINDINGS)


def _say_replayed(result: dict[str, Any]) -> None:
    for each in result["replayed"]:
        typer.echo(f"{each['repeats']} is taken in again as {each['event']}")
    _say_refused(result)


def _say_let_through(result: dict[str, Any]) -> None:
    for each in result["waiting"]:
        until = cell(result["until"])
        typer.echo(f"until {until} UTC the next repeat of {each['event']} by {each['source']} is taken in, once")
    for each in result["not_needed"]:
        typer.echo(f"{each['event']} is not remembered any more: a repeat by {each['source']} is a new event anyway")
    _say_refused(result)


def _say_refused(result: dict[str, Any]) -> None:
    for refused in result["refused"]:
        typer.echo(f"not taken in: {visible(refused['message'])}", err=True)

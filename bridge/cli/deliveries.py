"""`crm-bridge deliveries list|show|retry|skip`."""

from typing import Annotated, Any

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, LimitOption, fail, locate
from bridge.cli.output import indented, print_json, print_rows, print_table
from bridge.diagnostics import visible
from bridge.engine.console import ORPHANED, Query, Rows

commands = typer.Typer(add_completion=False, help="What the rules made of it.", no_args_is_help=True)
COLUMNS = {"id": "id", "rule": "rule", "state": "state", "step": "step", "attempts": "failed", "due_at": "due"}
SHADOW = "shadow"
"""The code of an attempt that a rule with `mode: shadow` only recorded."""
TRY_COLUMNS = {
    "number": "no",
    "operation": "call",
    "outcome": "outcome",
    "status": "status",
    "code": "code",
    "message": "message",
}
DeliveryArgument = Annotated[str, typer.Argument(help="The delivery's id, dlv_…")]


@commands.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option(help="pending, running, retrying, done, skipped, superseded, dead, orphaned.")
    ] = None,
    orphaned: Annotated[
        bool, typer.Option("--orphaned", help="Only those that wait for a rule or destination to come back.")
    ] = False,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    event: Annotated[str | None, typer.Option(help="Only of this event, evt_…")] = None,
    destination: Annotated[str | None, typer.Option(help="Only those whose next step goes there.")] = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List deliveries, newest first."""
    if orphaned and state not in {None, ORPHANED}:
        fail(f"a delivery that is {state} is no orphan", "give one of --state and --orphaned", Exit.WRONG_USE)
    query = Query(state=ORPHANED if orphaned else state, rule=rule, event=event, destination=destination, limit=limit)
    rows = ask(locate(config, env_file), lambda console: console.deliveries(query))
    if json:
        print_rows(rows, COLUMNS, nothing="", json=True)
        return
    shown = Rows(
        [{**row, "state": _marked(row), "due_at": row["orphaned"] or row["queue"] or row["due_at"]} for row in rows],
        more=rows.more,
    )
    waits = any(row["orphaned"] or row["queue"] for row in rows)
    columns = {**COLUMNS, "due_at": "waits for"} if waits else COLUMNS
    print_rows(shown, columns, nothing="no deliveries", json=False, whole={"state", "attempts"})
    if any(row["replay"] for row in rows):
        typer.echo("* a replay, which live deliveries go before")


def _marked(row: dict[str, Any]) -> str:
    return f"{row['state']}*" if row["replay"] else str(row["state"])


@commands.command("show")
def show(
    delivery: DeliveryArgument,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show one delivery with its steps and every attempt, requests included (secrets masked)."""
    found = ask(locate(config, env_file), lambda console: console.delivery(delivery))
    if json:
        print_json(found)
        return
    for name in (
        "id",
        "event",
        "rule",
        "revision",
        "state",
        "key",
        "orphaned",
        "queue",
        "reason",
        "due_at",
        "settled_at",
    ):
        if found[name] is not None:
            typer.echo(f"{name:<12} {visible(str(found[name]))}")
    if found["generation"]:
        typer.echo(f"{'replayed':<12} {found['generation']} times")
    if found["state"] == "dead":
        typer.echo(f"{'why':<12} crm-bridge dead-letters show {found['id']}")
    if found["steps"]:
        typer.echo("steps")
        print_table({"step": "step", "ended": "ended", "id": "record"}, _steps(found["steps"]), nothing="")
    typer.echo("attempts")
    print_table(TRY_COLUMNS, found["tries"], nothing="  none", whole={"number", "outcome", "status"})
    for attempt in found["tries"]:
        what = "would have been sent (shadow)" if attempt["code"] == SHADOW else "request"
        typer.echo(f"attempt {attempt['number']}, step {attempt['step']}, revision {attempt['revision']}: {what}")
        typer.echo(indented(attempt["request"]))
        if attempt["answer"]:
            typer.echo(f"attempt {attempt['number']}: answer {attempt['status']}")
            typer.echo(f"    {visible(attempt['answer'])}")


def _steps(steps: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps that have ended, and how."""
    return [
        {"step": name, "ended": "skipped" if step["skipped"] else _ended(step), "id": step["id"]}
        for name, step in steps.items()
    ]


def _ended(step: dict[str, Any]) -> str:
    return f"{step['error']['outcome']} (caught)" if step["error"] else "done"


@commands.command("retry")
def retry(delivery: DeliveryArgument, config: ConfigOption = None, env_file: EnvFileOption = None) -> None:
    """Try a waiting delivery now."""
    ask(locate(config, env_file), lambda console: console.retry(delivery))
    typer.echo(f"{delivery} is due now")


@commands.command("skip")
def skip(
    delivery: DeliveryArgument,
    reason: Annotated[str, typer.Option(help="Kept with the delivery.")] = "skipped by hand",
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """End a waiting or dead delivery, so that its lane goes on."""
    ask(locate(config, env_file), lambda console: console.skip(delivery, reason))
    typer.echo(f"{delivery} is skipped")

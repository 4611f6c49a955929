"""`crm-bridge status`: the books, and how each destination stands."""

from typing import Any

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, locate
from bridge.cli.output import cell, print_json, print_table
from bridge.diagnostics import visible
from bridge.outbound.gate import PauseReason
from bridge.units import format_duration

COUNTS = ("rule", "pending", "running", "retrying", "done", "skipped", "superseded", "dead")
DESTINATIONS = {"name": "destination", "state": "state", "in_flight": "in flight", "waiting": "waiting", "why": "why"}
SOURCES = {
    "name": "source",
    "accepted": "accepted",
    "redelivered": "redelivered",
    "duplicates": "duplicates",
    "differing": "differing",
    "refused": "refused",
    "last": "last taken",
}
RARE = {"redelivered", "differing"}
BUDGETS = {"destination": "destination", "name": "limit", "use": "used", "per": "per", "held_until": "held until"}
Row = dict[str, Any]


def status(config: ConfigOption = None, env_file: EnvFileOption = None, json: JsonOption = False) -> None:
    """Show what was accepted, what became of it, and how each destination stands.

    Exit 1 when somebody has to act: the books differ, a destination refuses our credentials, deliveries wait for a
    rule or destination that is not configured, a source has no secret yet, or the edited files were refused.
    """
    found = ask(locate(config, env_file), lambda console: console.status())
    if json:
        print_json(found)
    else:
        _say(found)
    raise typer.Exit(Exit.FINDINGS if _needs_a_person(found) else Exit.DONE)


def _needs_a_person(found: Row) -> bool:
    refused = any(each["paused"] not in {None, PauseReason.OPERATOR} for each in found["destinations"].values())
    waiting = bool(found["orphans"] or found["configuration"]["refused"]) or any(map(_is_deaf, found["learning"]))
    return refused or not found["books"]["balanced"] or waiting


def _is_deaf(source: Row) -> bool:
    """Whether a source refuses everything, because its sender has brought no secret yet."""
    return bool(source["learns"]) and not source["configured"] and not source["learned"]


def _say(found: Row) -> None:
    typer.echo("daemon: " + ("running" if found["daemon"] else "not running"))
    _say_configuration(found["configuration"])
    typer.echo("events: " + ", ".join(f"{count} {name}" for name, count in found["events"].items()))
    if found["oldest_open_age_s"] is not None:
        typer.echo(f"oldest open delivery: {found['oldest_open_age_s']} s")
    _say_books(found["books"])
    _say_sources(found["sources"])
    _say_astray(found["astray"])
    rows = [{"rule": rule, **counts} for rule, counts in found["rules"].items()]
    print_table({name: name for name in COUNTS}, rows, nothing="no deliveries yet", whole={"rule"})
    _say_orphans(found["orphans"])
    _say_learning(found["learning"])
    _say_destinations(found["destinations"])


def _say_configuration(configuration: Row) -> None:
    since = f", in use since {cell(configuration['loaded_at'])} UTC" if configuration["loaded_at"] else ""
    typer.echo(f"configuration: revision {configuration['revision']}{since}")
    refused = configuration["refused"]
    if refused is not None:
        typer.echo(f"  the files were REFUSED at {cell(refused['at'])} UTC ({refused['trigger']}); the above is in use")
        for finding in refused["findings"]:
            typer.echo(f"  {visible(finding)}")


def _say_books(books: Row) -> None:
    if books["balanced"]:
        typer.echo(f"books: balanced at {cell(books['checked_at'])} UTC")
        return
    typer.echo("books: THEY DIFFER; keep a copy of the store, and report it")
    for each in books["differences"]:
        whose = " ".join(each[name] for name in ("rule", "destination") if each[name]) or "events"
        typer.echo(f"  {whose}, {each['name']}: {each['counted']} rows, {each['booked']} in the books")


def _say_sources(sources: dict[str, Row]) -> None:
    """What each source sent, since ever; and since the start of the daemon what a person should know of it."""
    if not sources:
        return
    typer.echo("")
    rows = [
        {"name": name, **each, "refused": sum(each["refused"].values()), "last": each["last_taken_at"]}
        for name, each in sources.items()
    ]
    print_table(_columns(rows), rows, nothing="", whole={"name", "last"})
    for name, each in sources.items():
        if each["refused"]:
            reasons = ", ".join(f"{count} {reason}" for reason, count in each["refused"].items())
            typer.echo(visible(f"{name} refused: {reasons}"))
        if each["last_sent_away"] is not None:
            last = each["last_sent_away"]
            typer.echo(
                visible(f"  the last one at {cell(last['at'])} UTC, {last['status']} {last['code']}: {last['why']}")
            )
        if each["older_secret_at"] is not None:
            typer.echo(visible(f"{name}: last signed with an older secret at {cell(each['older_secret_at'])} UTC"))
    typer.echo("")


def _say_astray(astray: Row) -> None:
    if astray["requests"]:
        typer.echo(
            f"requests to addresses that no source has: {astray['requests']}, answered 404, the last one at "
            f"{cell(astray['last_at'])} UTC\n"
        )


def _columns(rows: list[Row]) -> dict[str, str]:
    """The columns of the sources; what hardly ever happens has one only where it did, so that all fit in a line."""
    return {key: heading for key, heading in SOURCES.items() if key not in RARE or any(row[key] for row in rows)}


def _say_orphans(orphans: list[Row]) -> None:
    for each in orphans:
        typer.echo(visible(f"waiting: {each['deliveries']} of rule {each['rule']} for {each['destination']}"))
        typer.echo(visible(f"  {each['why']}"))
    if orphans:
        typer.echo("  add it again, and they go on; or see `deliveries list --orphaned`")


def _say_learning(sources: list[Row]) -> None:
    for each in sources:
        name, until = each["source"], each["window_closes_at"]
        if until:
            typer.echo(f"source {name}: takes one secret from its sender until {cell(until)} UTC")
        elif _is_deaf(each):
            typer.echo(f"source {name}: has NO SECRET yet, so it refuses everything")
            typer.echo(f"  its sender brings one: `crm-bridge open-window {name}`, then set the webhook up there")


def _say_destinations(destinations: dict[str, Row]) -> None:
    if not destinations:
        return
    typer.echo("")
    rows = [{"name": name, **each, "why": _why(each)} for name, each in destinations.items()]
    print_table(DESTINATIONS, rows, nothing="", whole={"name", "state"})
    budgets = [
        {**budget, "destination": name, "use": _use(budget), "per": format_duration(budget["per_ms"])}
        for name, each in destinations.items()
        for budget in each["budgets"]
    ]
    if budgets:
        typer.echo("")
        print_table(BUDGETS, budgets, nothing="")


def _why(each: Row) -> str:
    """What holds it back, and what ends that."""
    match each["state"]:
        case "paused" if each["paused"] == PauseReason.OPERATOR:
            return f"{visible(str(each['detail']))}; ends with `resume`"
        case "paused":
            return f"{each['paused']}: {visible(str(each['detail']))}; correct it, then reload or resume"
        case "broken":
            return f"it fails; one call tries again at {cell(each['retry_at'])}"
        case "held":
            return f"it asked for that, until {cell(each['held_until'])}"
        case _:
            return ""


def _use(budget: Row) -> str:
    """`12/100`; of a limit for each record, that of the record which used most of it."""
    if budget["keys"] is not None:
        return f"{budget['used']}/{budget['limit']} at most, of {budget['keys']}"
    return f"{budget['used']}/{budget['limit']}"

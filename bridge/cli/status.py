"""`crm-bridge status`: the books."""

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, JsonOption, load
from bridge.cli.output import print_json, print_table


def status(config: ConfigOption = None, env_file: EnvFileOption = None, json: JsonOption = False) -> None:
    """Show what was accepted and what became of it: accepted = routed + unrouted + unmatched."""
    found = ask(load(config, env_file), lambda console: console.status())
    if json:
        print_json(found)
        return
    events = found["events"]
    typer.echo("events: " + ", ".join(f"{count} {name}" for name, count in events.items()))
    if found["oldest_open_age_s"] is not None:
        typer.echo(f"oldest open delivery: {found['oldest_open_age_s']} s")
    rows = [{"rule": rule, **counts} for rule, counts in found["rules"].items()]
    names = ("rule", "pending", "running", "retrying", "done", "skipped", "superseded", "dead")
    print_table({name: name for name in names}, rows, nothing="no deliveries yet")
    for name, state in found["destinations"].items():
        if state["paused"]:
            typer.echo(f"destination {name} is paused ({state['paused']}: {state['detail']}): correct it, then reload")
        elif state["held_until"]:
            typer.echo(
                f"destination {name} is held back until {state['held_until']}: it asked for that, or did not answer"
            )

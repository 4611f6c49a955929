"""`crm-bridge reload`: have the daemon load its files again."""

from typing import Any

import typer

from bridge.cli.consoles import AnyConsole, ask
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, locate
from bridge.cli.output import print_json
from bridge.cli.remote import DaemonSilent, RemoteConsole
from bridge.diagnostics import visible

KINDS = {"added": "added", "changed": "changed", "removed": "removed", "destinations": "destinations changed"}


def reload(config: ConfigOption = None, env_file: EnvFileOption = None, json: JsonOption = False) -> None:
    """Have the running daemon load its configuration again; exit 1 and the findings when it refuses."""
    done = ask(locate(config, env_file), _ask)
    if json:
        print_json(done)
    elif not done["ok"]:
        for finding in done["findings"]:
            typer.echo(visible(finding), err=True)
        typer.echo("refused: the old configuration stays in use; `crm-bridge check` says more", err=True)
    else:
        typer.echo(f"revision {done['revision']} is in use" + (", as before" if done["unchanged"] else ""))
        for kind, heading in KINDS.items():
            if done["changes"][kind]:
                typer.echo(visible(f"  {heading}: {', '.join(done['changes'][kind])}"))
        if done["note"]:
            typer.echo(f"  {done['note']}")
    raise typer.Exit(Exit.DONE if done["ok"] else Exit.FINDINGS)


async def _ask(console: AnyConsole) -> dict[str, Any]:
    if not isinstance(console, RemoteConsole):
        raise DaemonSilent("no daemon runs here", "start it: `crm-bridge run` reads the files as they are")
    return await console.reload()

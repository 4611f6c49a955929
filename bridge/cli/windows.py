"""`crm-bridge open-window`: let a sender that brings its own secret do so, for a while."""

from typing import Annotated

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, locate
from bridge.cli.output import cell


def open_window(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.")],
    length: Annotated[str, typer.Option("--for", help="How long at most, such as 10m; up to 24h.")] = "10m",
    close: Annotated[bool, typer.Option("--close", help="Close it instead.")] = False,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Let a sender bring its secret (Asana, Notion): one, then the window closes by itself.

    While no window is open, nobody can plant a secret. Set the webhook up at the sender now.
    """
    deployment = locate(config, env_file)
    if close:
        result = ask(deployment, lambda console: console.close_window(name))
        typer.echo(f"the window of {name} is closed" + ("" if result["was_open"] else "; it was not open"))
        return
    result = ask(deployment, lambda console: console.open_window(name, length))
    typer.echo(f"{name} takes one secret from its sender until {cell(result['closes_at'])} UTC, then it is closed")

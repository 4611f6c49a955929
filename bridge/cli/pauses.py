"""`crm-bridge pause` and `crm-bridge resume`: hold a destination back by hand."""

from typing import Annotated, Any

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, locate
from bridge.diagnostics import visible

DestinationArgument = Annotated[str, typer.Argument(help="The destination's name.")]


def pause(
    destination: DestinationArgument,
    reason: Annotated[str, typer.Option(help="Shown by `status`.")] = "paused by hand",
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Send nothing to a destination until it is resumed, also after a restart. Its deliveries wait, none fails."""
    result = ask(locate(config, env_file), lambda console: console.pause(destination, reason))
    typer.echo(f"{destination} is paused; it was {_before(result)}")


def resume(destination: DestinationArgument, config: ConfigOption = None, env_file: EnvFileOption = None) -> None:
    """End a destination's pause: one by hand, and one for refused credentials."""
    result = ask(locate(config, env_file), lambda console: console.resume(destination))
    typer.echo(f"{destination} is open; it was {_before(result)}")


def _before(result: dict[str, Any]) -> str:
    before = result["before"]
    return "open" if before["state"] == "open" else f"paused ({before['reason']}: {visible(before['detail'] or '')})"

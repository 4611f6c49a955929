"""`crm-bridge secrets list|show|retire`: what senders brought as their secrets."""

from typing import Annotated, Any

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, JsonOption, locate
from bridge.cli.output import cell, print_json, print_table

commands = typer.Typer(add_completion=False, help="Secrets that senders brought.", no_args_is_help=True)
COLUMNS = {"source": "source", "number": "secret", "learned_at": "learned", "shown_at": "shown", "window": "window"}
SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.")]
Row = dict[str, Any]


@commands.command("list")
def list_(config: ConfigOption = None, env_file: EnvFileOption = None, json: JsonOption = False) -> None:
    """List the sources whose senders bring their secret, newest secrets first; no value is shown."""
    found = ask(locate(config, env_file), lambda console: console.secrets())
    if json:
        print_json(found)
    else:
        print_table(COLUMNS, [row for each in found for row in _rows(each)], nothing="no sender brings its secret")


@commands.command("show")
def show(name: SourceArgument, config: ConfigOption = None, env_file: EnvFileOption = None) -> None:
    """Print the newest secret of a source, to copy it into the sender's settings (Notion). Once: it is audited."""
    result = ask(locate(config, env_file), lambda console: console.show_secret(name))
    typer.echo(result["secret"])


@commands.command("retire")
def retire(
    name: SourceArgument,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Which; without, all but the newest.")
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Forget secrets that a source has learned: what is signed with them is refused from now on."""
    result = ask(locate(config, env_file), lambda console: console.retire_secrets(name, numbers or None))
    retired = result["retired"]
    typer.echo(f"retired: {', '.join(map(str, retired))}" if retired else "there is nothing to retire")


def _rows(each: Row) -> list[Row]:
    """A row for each secret of a source, or one that says that there is none."""
    window = f"open until {cell(each['window_closes_at'])}" if each["window_closes_at"] else "closed"
    own = {"source": each["source"], "window": window if each["learns"] else "not configured"}
    configured = [{**own, "number": "configured"}] if each["configured"] else []
    learned = [{**own, **secret} for secret in each["learned"]]
    return [*configured, *learned] or [{**own, "number": "none yet"}]

"""`crm-bridge links list|set|forget`: what the bridge remembers of the CRM's records."""

import re
from typing import Annotated

import typer

from bridge.cli.consoles import ask
from bridge.cli.options import ConfigOption, EnvFileOption, JsonOption, LimitOption, locate
from bridge.cli.output import cell, print_rows
from bridge.engine.console import Query

commands = typer.Typer(add_completion=False, help="Remembered records: (name, key) -> id.", no_args_is_help=True)
COLUMNS = {"name": "name", "key": "key", "value": "id"}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
"""A number that every part of the way keeps exactly: at most 18 digits, written as JSON would."""

NameArgument = Annotated[str, typer.Argument(help="The link's name, as rules recall it.")]
KeyArgument = Annotated[str, typer.Argument(help="The key exactly as the rule makes it, e.g. +918856879188.")]


@commands.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only this name.")] = None,
    key: Annotated[str | None, typer.Option(help="Only this key.")] = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List remembered links, by name and key."""
    query = Query(name=name, key=key, limit=limit)
    rows = ask(locate(config, env_file), lambda console: console.links(query))
    print_rows(rows, COLUMNS, nothing="no links", json=json)


@commands.command("set")
def set_(
    name: NameArgument,
    key: KeyArgument,
    value: Annotated[str, typer.Argument(help="The record's id in the CRM.")],
    text: Annotated[bool, typer.Option("--text", help="Keep an id of digits as text, as HubSpot's are.")] = False,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Remember a record's id. Digits are a number unless --text is given."""
    kept = int(value) if _NUMBER.fullmatch(value) and not text else value
    result = ask(locate(config, env_file), lambda console: console.set_link(name, key, kept))
    typer.echo("remembered" + _before(result["before"]))


@commands.command("forget")
def forget(name: NameArgument, key: KeyArgument, config: ConfigOption = None, env_file: EnvFileOption = None) -> None:
    """Forget a record: the next event with this key looks for it or creates it anew."""
    result = ask(locate(config, env_file), lambda console: console.forget_link(name, key))
    typer.echo("nothing was remembered there" if result["before"] is None else "forgotten" + _before(result["before"]))


def _before(value: object) -> str:
    return "" if value is None else f" (it was {cell(value)})"

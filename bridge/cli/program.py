"""All commands put together. A command's module is loaded when it is called, so that none pays for the others."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from bridge import __version__

COMMANDS: Final[Mapping[str, str]] = {
    "run": "run:run",
    "demo": "demo:demo",
    "init": "init:init",
    "check": "check:check",
    "explain": "explain:explain",
    "test": "test:run_tests",
    "filters": "filters:filters",
    "connectors": "connectors:connectors",
    "sources": "sources:sources",
    "schema": "schema:schema",
    "send": "send:send",
    "capture": "capture:capture",
    "sandbox": "sandbox:sandbox",
    "reload": "reload:reload",
    "status": "status:status",
    "events": "events:commands",
    "deliveries": "deliveries:commands",
    "dead-letters": "dead_letters:commands",
    "links": "links:commands",
    "pause": "pauses:pause",
    "resume": "pauses:resume",
    "open-window": "windows:open_window",
    "secrets": "secrets:commands",
    "audit": "audit:audit",
}
"""A command's name -> the module of `bridge.cli` and what it is called there: a function, or a group of commands."""


class _Commands(Mapping[str, TyperCommand | TyperGroup]):
    """The commands by name, each loaded when it is looked up."""

    def __init__(self) -> None:
        self._loaded: dict[str, TyperCommand | TyperGroup] = {}

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        if name not in self._loaded:
            self._loaded[name] = _load(name, COMMANDS[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _load(name: str, place: str) -> TyperCommand | TyperGroup:
    module, _, attribute = place.partition(":")
    with _nothing_to_collect():
        found = getattr(import_module(f"bridge.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        command, found = found, typer.Typer(add_completion=False)
        found.command(name)(command)
    loaded = get_command(found)
    loaded.name = name
    if not isinstance(loaded, TyperCommand | TyperGroup):
        raise TypeError(f"{place} is no command")
    return loaded


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """What modules make while they are loaded is kept; to look through it again and again is a third of the start."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        _freeze_what_is_loaded()
        if was_on:
            gc.enable()


@cache  # once in a process: the first command has loaded nearly everything, and counting takes its time
def _freeze_what_is_loaded() -> None:
    """Have it looked through by no later collection, unless the process has frozen things itself, as our tests do."""
    if not gc.get_freeze_count():
        gc.freeze()


class _Program(TyperGroup):
    """The group of all commands."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.commands: Any = _Commands()


program = typer.Typer(
    name="crm-bridge",
    cls=_Program,
    help="Signed webhooks become CRM records: stored before they are answered, in order, once, explainably.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@program.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """See `crm-bridge COMMAND --help`."""


def main() -> None:
    """The entry point."""
    program()

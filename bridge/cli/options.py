"""Options that all commands have, and what follows from them: the configuration or its findings."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from dotenv import dotenv_values

from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.model import Configuration
from bridge.diagnostics import render, visible
from bridge.errors import UsageError
from bridge.settings import Settings


class Exit(IntEnum):
    """What the exit codes mean (design.md section 10)."""

    DONE = 0
    FINDINGS = 1
    WRONG_USE = 2
    UNREACHABLE = 3


ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration file (default: $BRIDGE_CONFIG, else config.yaml)."),
]
EnvFileOption = Annotated[
    Path | None, typer.Option("--env-file", help="Read environment variables from this file first.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON array or object on stdout.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most this many rows.")]


def environment(env_file: Path | None) -> Mapping[str, str]:
    """The environment; what is set in it wins over the file. Ends the program when the file cannot be read."""
    try:
        return read_environment(env_file)
    except UsageError as error:
        fail(str(error), "give --env-file the path of a file with NAME=value lines", Exit.WRONG_USE)


def read_environment(env_file: Path | None) -> Mapping[str, str]:
    """As `environment`, for a daemon that reads the file again.

    Raises:
        UsageError: there is no such file, or it is no text.
    """
    if env_file is None:
        return dict(os.environ)
    try:
        text = env_file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"the file of variables `{env_file}` is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"cannot read the file of variables `{env_file}`: {error.strerror}") from None
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    from_file = {name: value for name, value in values.items() if value is not None}
    return {**from_file, **os.environ}


def config_path(given: Path | None, environ: Mapping[str, str]) -> Path:
    """Which configuration file is meant."""
    return given or Path(environ.get("BRIDGE_CONFIG") or "config.yaml")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A bridge as its file describes it: where its store and its admin API are, whatever else is wrong in the file."""

    settings: Settings
    base_dir: Path
    loaded: LoadedConfiguration

    @property
    def configuration(self) -> Configuration | None:
        """The whole configuration, None when it has mistakes."""
        return self.loaded.configuration


def locate(config: Path | None, env_file: Path | None) -> Deployment:
    """The bridge that a command is about; ends the program with 1 when the file does not even say where it is.

    Mistakes elsewhere in the file are only told where they matter, by :func:`needed`: a running daemon has a
    configuration of its own.
    """
    environ = environment(env_file)
    path = config_path(config, environ)
    loaded = load_configuration(path, environ)
    settings = loaded.settings.settings if loaded.settings else None
    if settings is None:
        report(loaded)
        raise typer.Exit(Exit.FINDINGS)
    return Deployment(settings, path.resolve().parent, loaded)


def needed(deployment: Deployment) -> Configuration:
    """The whole configuration; errors go to stderr and end the program with 1, warnings are only counted there."""
    if deployment.configuration is None:
        report(deployment.loaded)
        raise typer.Exit(Exit.FINDINGS)
    if count := len(deployment.loaded.findings):
        words = "a warning" if count == 1 else f"{count} warnings"
        typer.echo(f"the configuration has {words}; `crm-bridge check` tells more", err=True)
    return deployment.configuration


def load(config: Path | None, env_file: Path | None) -> Configuration:
    """The configuration; errors go to stderr and end the program with 1, warnings are only counted there."""
    return needed(locate(config, env_file))


def report(loaded: LoadedConfiguration) -> None:
    """Print findings, if there are any, to stderr."""
    if loaded.findings:
        text = render(loaded.findings, loaded.documents, "full", color=wants_color(sys.stderr.isatty()))
        typer.echo(text, err=True, nl=False)


def wants_color(is_terminal: bool) -> bool:
    """Colours only on a terminal, and never against NO_COLOR."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def fail(what: str, mend: str | None, code: Exit) -> NoReturn:
    """Say what is wrong and how to mend it, and end; None: what is wrong says it already."""
    typer.echo(f"error: {visible(what)}" + ("" if mend is None else f"\n  = help: {visible(mend)}"), err=True)
    raise typer.Exit(code)

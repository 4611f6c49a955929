"""`crm-bridge run`: the daemon."""

import asyncio
import os
import sys
from pathlib import Path
from typing import NoReturn

import typer

from bridge.app import Daemon, ListenFailed, TokenFailed
from bridge.cli.logs import configure_logging
from bridge.cli.options import (
    ConfigOption,
    EnvFileOption,
    Exit,
    config_path,
    environment,
    read_environment,
    report,
    wants_color,
)
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.diagnostics import Finding, Severity, render
from bridge.errors import StoreError, StoreLocked


def run(config: ConfigOption = None, env_file: EnvFileOption = None) -> None:
    """Serve until SIGTERM (drains, then ends); SIGHUP loads the configuration again."""
    environ = environment(env_file)
    path = config_path(config, environ)
    loaded = _reading(load_configuration(path, environ), env_file)
    report(loaded)
    configuration = loaded.configuration
    if configuration is None:
        raise typer.Exit(Exit.FINDINGS)
    os.umask(0o077)
    configure_logging(configuration.settings.log)

    def load() -> LoadedConfiguration:
        """A reload reads the file of variables again, too: a rotated secret usually arrives there."""
        return _reading(load_configuration(path, read_environment(env_file)), env_file)

    daemon = Daemon(configuration, load=load, inputs=loaded.inputs)
    try:
        code = _run(daemon)
    except StoreLocked as error:
        refuse_start(
            loaded, "BR703", str(error), ("store", "url"), "stop the other one, or give this one another store"
        )
    except (StoreError, TokenFailed) as error:
        mend = "`crm-bridge check --explain BR701` says what to look at"
        refuse_start(loaded, "BR701", str(error), ("store", "url"), mend)
    except ListenFailed as error:
        refuse_start(
            loaded, "BR702", str(error), (error.section, "listen"), "stop what uses it, or choose another port"
        )
    else:
        raise typer.Exit(code)


def _reading(loaded: LoadedConfiguration, env_file: Path | None) -> LoadedConfiguration:
    """The same, with the file of variables among what it was read from."""
    if env_file is not None:
        loaded.inputs.note(env_file)
    return loaded


def _run(daemon: Daemon) -> int:
    try:
        import uvloop  # noqa: PLC0415 - the `speed` extra
    except ImportError:
        return asyncio.run(daemon.serve())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(daemon.serve())


def refuse_start(loaded: LoadedConfiguration, code: str, message: str, setting: tuple[str, str], mend: str) -> NoReturn:
    """Say why the daemon cannot start, with the setting it hangs on, and end with 1."""
    finding = Finding(code, Severity.ERROR, message, loaded.place_of(*setting), helps=(mend,))
    typer.echo(render([finding], loaded.documents, "full", color=wants_color(sys.stderr.isatty())), err=True, nl=False)
    raise typer.Exit(Exit.FINDINGS)

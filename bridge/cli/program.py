"""All commands put together."""

import typer

from bridge import __version__
from bridge.cli import (
    audit,
    check,
    connectors,
    dead_letters,
    deliveries,
    demo,
    events,
    explain,
    filters,
    init,
    links,
    pauses,
    reload,
    run,
    sandbox,
    schema,
    send,
    sources,
    status,
    test,
)

program = typer.Typer(
    name="crm-bridge",
    help="Signed webhooks become CRM records: stored before they are answered, in order, once, explainably.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)

program.command("run")(run.run)
program.command("demo")(demo.demo)
program.command("check")(check.check)
program.command("explain")(explain.explain)
program.command("test")(test.run_tests)
program.command("send")(send.send)
program.command("sandbox")(sandbox.sandbox)
program.command("reload")(reload.reload)
program.command("status")(status.status)
program.command("pause")(pauses.pause)
program.command("resume")(pauses.resume)
program.command("audit")(audit.audit)
program.command("filters")(filters.filters)
program.command("connectors")(connectors.connectors)
program.command("sources")(sources.sources)
program.command("schema")(schema.schema)
program.command("init")(init.init)
program.add_typer(events.commands, name="events")
program.add_typer(deliveries.commands, name="deliveries")
program.add_typer(dead_letters.commands, name="dead-letters")
program.add_typer(links.commands, name="links")


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

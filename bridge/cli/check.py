"""`crm-bridge check`: everything that is wrong with the configuration, at once."""

import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from bridge.cli.live import Asked, ask_accounts, check_use
from bridge.cli.markdown import check_markdown
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, config_path, environment, fail, wants_color
from bridge.configuration.load import load_configuration
from bridge.diagnostics import PAGES, Finding, Source, page, render, visible

FormatOption = Annotated[Literal["full", "concise", "json"], typer.Option("--format", help="How findings are shown.")]


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Configuration files, or Markdown files with YAML blocks.")
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    format: FormatOption = "full",  # noqa: A002 - the option's name
    explain: Annotated[str | None, typer.Option("--explain", help="Print the page of a code such as BR102.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the real accounts, too; this only reads.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="With --live: create properties that are missing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: do not ask.")] = False,
) -> None:
    """Check configurations and all files they name. Exit 0: clean, 1: findings, 3: an account could not be asked."""
    if explain is not None:
        _explain(explain.upper())
    check_use(live=live, fix=fix, yes=yes)
    environ = environment(env_file)
    findings: list[Finding] = []
    accounts: list[Asked] = []
    documents: dict[str, Source] = {}
    for path in paths or [config_path(config, environ)]:
        read = check_markdown if path.suffix == ".md" else load_configuration
        loaded = read(path, environ)
        findings += loaded.findings
        documents |= loaded.documents
        if live:
            accounts.append(ask_accounts(loaded, fix=fix, yes=yes))
            findings += accounts[-1].findings
    text = render(findings, documents, format, color=format != "json" and wants_color(sys.stdout.isatty()))
    typer.echo(text, nl=False)
    for line in (line for asked in accounts for line in asked.lines):
        typer.echo(visible(line), err=format != "full")
    found = Exit.FINDINGS if any(finding.is_error for finding in findings) else Exit.DONE
    raise typer.Exit(max([found, *(asked.code for asked in accounts)]))


def _explain(code: str) -> NoReturn:
    if code not in PAGES:
        fail(f"there is no code `{code}`", f"codes: {', '.join(sorted(PAGES))}", Exit.WRONG_USE)
    typer.echo(str(page(code)))
    raise typer.Exit(Exit.DONE)

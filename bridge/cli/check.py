"""`crm-bridge check`: everything that is wrong with the configuration, at once."""

import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from bridge.cli.markdown import check_markdown
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, config_path, environment, fail, wants_color
from bridge.configuration.load import load_configuration
from bridge.diagnostics import PAGES, Finding, Source, page, render

FormatOption = Annotated[Literal["full", "concise", "json"], typer.Option("--format", help="How findings are shown.")]


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Configuration files, or Markdown files with YAML blocks.")
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    format: FormatOption = "full",  # noqa: A002 - the option's name
    explain: Annotated[str | None, typer.Option("--explain", help="Print the page of a code such as BR102.")] = None,
) -> None:
    """Check configurations and all files they name. Exit 0: clean, 1: findings."""
    if explain is not None:
        _explain(explain.upper())
    environ = environment(env_file)
    findings: list[Finding] = []
    documents: dict[str, Source] = {}
    for path in paths or [config_path(config, environ)]:
        read = check_markdown if path.suffix == ".md" else load_configuration
        loaded = read(path, environ)
        findings += loaded.findings
        documents |= loaded.documents
    text = render(findings, documents, format, color=format != "json" and wants_color(sys.stdout.isatty()))
    typer.echo(text, nl=False)
    raise typer.Exit(Exit.FINDINGS if any(finding.is_error for finding in findings) else Exit.DONE)


def _explain(code: str) -> NoReturn:
    if code not in PAGES:
        fail(f"there is no code `{code}`", f"codes: {', '.join(sorted(PAGES))}", Exit.WRONG_USE)
    typer.echo(str(page(code)))
    raise typer.Exit(Exit.DONE)

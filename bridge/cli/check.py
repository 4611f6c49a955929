"""`crm-bridge check`: everything that is wrong with the configuration and the tests beside its rules, at once."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import orjson
import typer

from bridge.cli.against_store import Compared, compare
from bridge.cli.live import Asked, ask_accounts, check_use
from bridge.cli.markdown import check_markdown
from bridge.cli.options import ConfigOption, EnvFileOption, Exit, LimitOption, config_path, environment, wants_color
from bridge.cli.output import print_json
from bridge.cli.pages import explain_code, list_codes
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.rule_tests import check_beside
from bridge.diagnostics import Finding, Format, Source, render, visible

FormatOption = Annotated[Format, typer.Option("--format", help="How findings are shown.")]


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Configuration files, or Markdown files with YAML blocks.")
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    format: FormatOption = "full",  # noqa: A002 - the option's name
    explain: Annotated[str | None, typer.Option("--explain", help="Print the page of a code such as BR102.")] = None,
    codes: Annotated[bool, typer.Option("--codes", help="List all codes.")] = False,
    against_store: Annotated[
        bool, typer.Option("--against-store", help="Compare the rules with the stored events, too.")
    ] = False,
    since: Annotated[str, typer.Option("--since", help="With --against-store: how old events may be.")] = "7d",
    limit: LimitOption = 500,
    live: Annotated[bool, typer.Option("--live", help="Ask the real accounts, too; this only reads.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="With --live: create properties that are missing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: do not ask.")] = False,
) -> None:
    """Check configurations and all files they name. Exit 0: clean, 1: findings, 3: something could not be asked."""
    if explain is not None:
        explain_code(explain, json=format == "json")
    if codes:
        list_codes(json=format == "json")
    check_use(live=live, fix=fix, yes=yes)
    environ = environment(env_file)
    findings: list[Finding] = []
    accounts: list[Asked] = []
    compared: list[Compared] = []
    documents: dict[str, Source] = {}
    for path in paths or [config_path(config, environ)]:
        is_markdown = path.suffix == ".md"
        loaded = check_markdown(path, environ, config) if is_markdown else _with_tests(path, environ)
        documents |= loaded.documents
        found = list(loaded.findings)
        if live:
            accounts.append(ask_accounts(loaded, fix=fix, yes=yes))
            found += accounts[-1].findings
        history = compare(loaded, path, since=since, limit=limit) if against_store and not is_markdown else None
        if history is not None:
            compared.append(history)
            found += history.findings
        findings += [each for each in found if each not in findings]
    text = render(findings, documents, format, color=format == "full" and wants_color(sys.stdout.isatty()))
    if against_store and format == "json":
        print_json({"findings": orjson.loads(text), "against_store": [each.to_json() for each in compared]})
    else:
        typer.echo(text, nl=False)
    if format in {"full", "concise"}:
        for each in compared:
            each.print()
    for line in (line for asked in accounts for line in asked.lines):
        typer.echo(visible(line), err=format != "full")
    code = Exit.FINDINGS if any(finding.is_error for finding in findings) else Exit.DONE
    raise typer.Exit(max([code, *(asked.code for asked in accounts)]))


def _with_tests(path: Path, environ: Mapping[str, str]) -> LoadedConfiguration:
    """A configuration, with what is wrong with the tests beside its rules among its findings."""
    loaded = load_configuration(path, environ)
    findings, documents = check_beside(loaded, path.resolve().parent, environ)
    merged = tuple(dict.fromkeys([*loaded.findings, *findings]))
    return replace(loaded, findings=merged, documents={**documents, **loaded.documents})

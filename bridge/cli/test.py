"""`crm-bridge test`: the rules against given events and canned answers. No network, no store."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.junit import write_junit
from bridge.cli.options import (
    ConfigOption,
    EnvFileOption,
    Exit,
    JsonOption,
    config_path,
    environment,
    fail,
    locate,
    wants_color,
)
from bridge.cli.output import print_json
from bridge.cli.recording import record
from bridge.cli.rule_tests import (
    Configurations,
    Tried,
    coverage_json,
    coverage_lines,
    covered,
    places_of,
    report_json,
    try_file,
)
from bridge.cli.updating import update_files
from bridge.configuration.load import LoadedConfiguration
from bridge.configuration.rule_tests import files_beside, files_in, read_tests
from bridge.diagnostics import Finding, Source, in_order, render
from bridge.rules.testing.render import failed_lines


def run_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files of tests, or folders with *.test.yaml (default: those beside the rules)."),
    ] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only tests that name this rule.")] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Name rules, steps and conditions that no test covers.")
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", min=0, max=100, help="Exit 1 when fewer percent of the steps are covered."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Rewrite failed tests so that they say what happens; shows a diff."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --update: do not ask.")] = False,
    from_: Annotated[
        str | None, typer.Option("--from", help="Write a test from a stored event, evt_…, or delivery, dlv_….")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="With --from: the new file (default: stdout).")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write the results as JUnit XML to this file.")] = None,
    json: JsonOption = False,
) -> None:
    """Run the tests of the rules. Exit 0: all passed, 1: some failed or have mistakes."""
    began = time.monotonic()
    if update and not yes and not sys.stdin.isatty():
        fail("--update asks before it writes, and there is nobody to ask", "add --yes", Exit.WRONG_USE)
    if from_ is not None:
        record(locate(config, env_file), from_, output)
        raise typer.Exit(Exit.DONE)
    environ = environment(env_file)
    configurations = Configurations(config_path(config, environ), environ)
    loaded, _ = configurations.of({})
    files = [read_tests(path, environ) for path in _files(paths, loaded, configurations.path)]
    tried = [try_file(file, configurations, rule) for file in files]
    _refuse_findings(tried, loaded)
    if update:
        update_files(tried, environ, configurations, yes=yes)
    if rule is not None and not any(each.results for each in tried):
        fail(f"no test names the rule `{rule}`", "rules are named by `rule:` or `rules:` in a test", Exit.WRONG_USE)
    found = covered(tried, loaded, rule) if coverage or fail_under is not None else None
    if junit is not None:
        _write_junit(junit, tried)
    if json:
        print_json(report_json(tried) | ({"coverage": coverage_json(found, loaded)} if found is not None else {}))
    else:
        _print(tried, time.monotonic() - began)
        for line in coverage_lines(found, loaded) if found is not None else ():
            typer.echo(line)
    failed = any(not result.passed for each in tried for result in each.results)
    too_little = found is not None and fail_under is not None and found.percent < fail_under
    raise typer.Exit(Exit.FINDINGS if failed or too_little else Exit.DONE)


def _write_junit(path: Path, tried: Sequence[Tried]) -> None:
    try:
        write_junit(path, tried)
    except OSError as error:
        fail(f"cannot write `{path}`: {error.strerror}", "give --junit a file in a folder that exists", Exit.WRONG_USE)


def _files(paths: Sequence[Path] | None, loaded: LoadedConfiguration, config: Path) -> list[Path]:
    if not paths:
        found = files_beside(loaded, config.resolve().parent)
        if not found and loaded.configuration is not None:
            fail("there are no tests", "write *.test.yaml beside the rules: docs/testing-rules.md", Exit.WRONG_USE)
        return found
    found = []
    for path in paths:
        if not path.exists():
            fail(f"there is no file `{path}`", "name *.test.yaml files, or folders with them", Exit.WRONG_USE)
        inside = files_in(path) if path.is_dir() else [path]
        if not inside:
            fail(f"there is no *.test.yaml in `{path}`", "name a folder with tests, or a file", Exit.WRONG_USE)
        found += inside
    return list(dict.fromkeys(found))


def _refuse_findings(tried: Sequence[Tried], loaded: LoadedConfiguration) -> None:
    """Print what is wrong with files and configurations, and end with 1 if any of it is an error."""
    findings: list[Finding] = [] if tried else [*loaded.findings]
    documents: dict[str, Source] = dict(loaded.documents)
    for each in tried:
        findings += [*each.file.findings, *each.loaded.findings]
        documents |= {**each.loaded.documents, **each.file.documents}
    errors = in_order(list(dict.fromkeys(finding for finding in findings if finding.is_error)))
    if errors:
        text = render(errors, documents, "full", color=wants_color(sys.stderr.isatty()))
        typer.echo(text, err=True, nl=False)
        raise typer.Exit(Exit.FINDINGS)


def _print(tried: Sequence[Tried], seconds: float) -> None:
    color = wants_color(sys.stdout.isatty())
    passed = failed = 0
    for each in tried:
        places = places_of(each.file, each.loaded)
        for result in each.results:
            passed += result.passed
            failed += not result.passed
            if not result.passed:
                head, *lines = failed_lines(result, places)
                mark = typer.style("FAIL", fg="red", bold=True) if color else "FAIL"
                typer.echo(os.linesep.join([mark + head.removeprefix("FAIL"), *lines, ""]))
    counts = f"{failed} failed, {passed} passed" if failed else f"{passed} passed"
    typer.echo(f"{counts} in {seconds:.2f} s")

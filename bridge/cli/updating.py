"""`crm-bridge test --update`: failed tests rewritten, after a look at the difference."""

from collections.abc import Mapping, Sequence
from difflib import unified_diff

import typer

from bridge.cli.options import Exit
from bridge.cli.rule_tests import Configurations, Tried, try_file
from bridge.configuration.rule_test_edits import CannotUpdate, Edits, update
from bridge.configuration.rule_tests import parse_tests
from bridge.diagnostics import visible


def update_files(
    tried: Sequence[Tried], environ: Mapping[str, str], configurations: Configurations, *, yes: bool
) -> None:
    """Rewrite the files with failed tests, and end: 0 when all of them pass now, else 1.

    Args:
        tried: what came of the files.
        environ: the environment that they were read with.
        configurations: what their tests run with.
        yes: whether to write without asking.
    """
    left = 0
    for each in tried:
        left += _update_file(each, environ, configurations, yes=yes)
    raise typer.Exit(Exit.FINDINGS if left else Exit.DONE)


def _update_file(tried: Tried, environ: Mapping[str, str], configurations: Configurations, *, yes: bool) -> int:
    """Returns how many tests of the file still fail."""
    document = tried.file.document
    failed = [result for result in tried.results if not result.passed]
    if document is None or not failed:
        return 0
    edits = Edits(document)
    for result in failed:
        try:
            update(edits, result)
        except CannotUpdate as why:
            typer.echo(f"not updated: {visible(result.case.label)}: {why}", err=True)
    text = edits.applied()
    again = try_file(parse_tests(text, tried.file.path, environ), configurations)
    still = len(failed) if not again.file.is_usable else sum(not result.passed for result in again.results)
    if text == document.text:
        return still
    diff = unified_diff(
        document.text.splitlines(keepends=True), text.splitlines(keepends=True), document.name, document.name
    )
    typer.echo("".join(visible(line.rstrip("\n")) + "\n" for line in diff), nl=False)
    if not again.file.is_usable:
        typer.echo("nothing was written: the result would not be a file of tests; please report this", err=True)
        return still
    if not yes and not typer.confirm("Write this?"):
        return len(failed)
    tried.file.path.write_text(text, encoding="utf-8")
    typer.echo(f"updated {len(failed) - still} of {len(failed)} failed tests in {visible(document.name)}")
    return still

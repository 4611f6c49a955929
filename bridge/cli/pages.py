"""`crm-bridge check --explain CODE` and `--codes`: what the codes of findings mean."""

import re
from dataclasses import asdict
from typing import NoReturn

import typer

from bridge.cli.options import Exit, fail
from bridge.cli.output import print_json
from bridge.diagnostics import PAGES, Page, suggest
from bridge.diagnostics.reference import chapters

_CODE = re.compile(r"(?:error|warning)?\[?(?:BR)?([0-9]{3})\]?:?", re.IGNORECASE)


def explain_code(given: str, *, json: bool) -> NoReturn:
    """Print the page of a code and end; `br102`, `102` and `error[BR102]` are understood too."""
    found = _CODE.fullmatch(given.strip())
    code = f"BR{found[1]}" if found is not None else given.strip().upper()
    page = PAGES.get(code)
    if page is None:
        nearest = suggest(code, PAGES)
        mend = f"did you mean {nearest}? " if nearest else ""
        fail(f"there is no code `{code}`", f"{mend}`crm-bridge check --codes` lists all", Exit.WRONG_USE)
    _print_page(page, json=json)
    raise typer.Exit(Exit.DONE)


def list_codes(*, json: bool) -> NoReturn:
    """Print all codes with their titles and end."""
    if json:
        print_json([asdict(page) for page in PAGES.values()])
        raise typer.Exit(Exit.DONE)
    for about, pages in chapters():
        typer.echo(f"{about}:")
        for page in pages:
            typer.echo(f"  {page.code}  {page.title}")
    typer.echo("\n`crm-bridge check --explain CODE` tells more")
    raise typer.Exit(Exit.DONE)


def _print_page(page: Page, *, json: bool) -> None:
    if json:
        print_json(asdict(page))
    else:
        typer.echo(str(page), nl=False)

"""`crm-bridge init`: a new configuration with rules, their tests, schemas for the editor and an `.env.example`."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import orjson
import typer

from bridge.cli.options import Exit, fail, report
from bridge.cli.recipes import Recipe, shipped_recipes
from bridge.cli.schema import write_schemas
from bridge.cli.sheets import refuse_name
from bridge.cli.starter import CRMS, Starter, choose, further, offered_crms, offered_sources, own_tests, starter
from bridge.cli.starter_sources import is_signed_by_key_pair
from bridge.cli.starter_tests import recorded_tests
from bridge.configuration.json_schema import named_connectors
from bridge.configuration.load import load_configuration
from bridge.errors import UsageError
from bridge.sources import preset_names

IGNORED = (".env", "var/")
_OWNER_ONLY = 0o600
"""`check` warns of files for values that others may read."""
EDITED = ("config", "rules", "tests")
"""The kinds of files for which schemas are written."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write; it is made if need be.")] = Path(),
    source: Annotated[
        str | None, typer.Option("--source", help="Who sends: a preset such as aisoule, or hmac for any signed body.")
    ] = None,
    crm: Annotated[str | None, typer.Option("--crm", help="Where to: hubspot, zendesk, both or http.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", help="A shipped recipe by name, instead; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is usual.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Write a new configuration. Asks on a terminal for what no option says."""
    asks = sys.stdin.isatty() and not yes
    made = starter(_named(recipe) if recipe else _chosen(source, crm, asks=asks))
    with tempfile.TemporaryDirectory(prefix="crm-bridge-init-") as draft:
        _write_draft(Path(draft), made)
        written = _move(Path(draft), folder, force=force)
    written += _ignore(folder)
    _say(folder, made, written)


def _named(names: Sequence[str]) -> list[Recipe]:
    known = shipped_recipes()
    for name in names:
        if name not in known:
            refuse_name("recipe", name, known)
    return [known[name] for name in dict.fromkeys(names)]


def _chosen(source: str | None, crm: str | None, *, asks: bool) -> list[Recipe]:
    source = source or (_ask("Who sends the webhooks?", offered_sources()) if asks else offered_sources()[0])
    crm = crm or (_ask("Where shall they go?", offered_crms(source)) if asks else offered_crms(source)[0])
    if crm not in CRMS:
        refuse_name("CRM to choose", crm, CRMS)
    try:
        chosen = choose(source, crm)
    except UsageError as error:
        _no_recipe(error, source)
    more = {recipe.name: recipe for recipe in further(chosen)}
    return [*chosen, *(more[name] for name in (_ask_for_more(list(more)) if asks and more else ()))]


def _ask(question: str, choices: Sequence[str]) -> str:
    """One of the choices; asked again until it is one."""
    while True:
        typer.echo(f"{question} {', '.join(choices)}")
        answer = str(typer.prompt("  ", default=choices[0], prompt_suffix="> ")).strip()
        if answer in choices:
            return answer


def _ask_for_more(names: Sequence[str]) -> list[str]:
    """Any of the names, or none; asked again until all are known."""
    while True:
        typer.echo(f"What else? {', '.join(names)} (several with commas, nothing for none)")
        answer = str(typer.prompt("  ", default="", show_default=False, prompt_suffix="> "))
        wanted = [word.strip() for word in answer.split(",") if word.strip()]
        if set(wanted) <= set(names):
            return list(dict.fromkeys(wanted))


def _no_recipe(error: UsageError, source: str) -> NoReturn:
    """End the program with what there is instead."""
    if source in preset_names():
        ways = [f"--crm {crm}" for crm in offered_crms(source)] if source in offered_sources() else []
        ways.append(f"write the rules yourself: `crm-bridge sources {source}` and docs/recipes say how")
        fail(str(error), "; or ".join(ways), Exit.WRONG_USE)
    names = ", ".join(shipped_recipes())
    fail(
        str(error),
        f"--source may be {', '.join(offered_sources())}; or name a recipe with --recipe: {names}",
        Exit.WRONG_USE,
    )


# --- writing ---------------------------------------------------------------------------------------------------


def _write_draft(draft: Path, made: Starter) -> None:
    """All files, in a folder of their own; ends the program when the bridge itself would refuse them."""
    for name, text in {**made.files, **made.keys}.items():
        _write(draft / name, text)
    for name in made.keys:
        (draft / name).chmod(_OWNER_ONLY)
    for source, examples in made.examples.items():
        for example in list(examples.values())[:1]:
            _write(draft / f"samples/{source}.json", _file_text(example.body))
    write_schemas(draft / "schema", EDITED, named_connectors(draft / "config.yaml", made.environ)[0])
    loaded = load_configuration(draft / "config.yaml", made.environ)
    if loaded.configuration is None:
        report(loaded)
        fail("the shipped parts do not fit together", "please report this", Exit.FINDINGS)
    for recipe in made.recipes:
        rules = draft / f"rules/{recipe.name}.yaml"
        text = own_tests(recipe) or recorded_tests(loaded, rules, made.examples)
        _write(draft / f"rules/{recipe.name}.test.yaml", text)


def _file_text(body: object) -> str:
    return body if isinstance(body, str) else orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _move(draft: Path, folder: Path, *, force: bool) -> list[Path]:
    """Put the draft's files into the folder, all or none of them."""
    names = sorted(path.relative_to(draft) for path in draft.rglob("*") if path.is_file())
    present = [name for name in names if (folder / name).exists()]
    if present and not force:
        listed = ", ".join(f"`{folder / name}`" for name in present)
        fail(
            f"these files exist already: {listed}",
            "choose another folder, or overwrite them with --force",
            Exit.FINDINGS,
        )
    try:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(draft / name, folder / name)
    except OSError as error:
        fail(f"cannot write into `{folder}`: {error.strerror}", "choose another folder", Exit.FINDINGS)
    return names


def _ignore(folder: Path) -> list[Path]:
    """Keep secrets and the store out of a repository: what `.gitignore` lacks is added to it."""
    path = folder / ".gitignore"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lacking = [line for line in IGNORED if line not in text.splitlines()]
    if not lacking:
        return []
    ends = "" if not text or text.endswith("\n") else "\n"
    path.write_text(text + ends + "".join(f"{line}\n" for line in lacking), encoding="utf-8")
    return [Path(".gitignore")]


def _say(folder: Path, made: Starter, written: Sequence[Path]) -> None:
    typer.echo(f"wrote into {folder}:")
    for name in written:
        typer.echo(f"  {name}")
    others = [path for path in sorted((folder / "rules").glob("*.yaml")) if path.relative_to(folder) not in written]
    if others:
        typer.echo("\nthese were there before, and are loaded too (`rules: rules/*.yaml`):")
        for path in others:
            typer.echo(f"  {path.relative_to(folder)}")
    typer.echo("\nnext:")
    if folder != Path():
        typer.echo(f"  cd {folder}")
    typer.echo("  crm-bridge check --env-file .env.example")
    typer.echo("  crm-bridge test --env-file .env.example")
    for source, examples in made.examples.items():
        if examples:
            typer.echo(f"  crm-bridge explain {source} samples/{source}.json --env-file .env.example")
    if not any(source in preset_names() and is_signed_by_key_pair(source) for source in made.examples):
        typer.echo("  crm-bridge demo -c config.yaml --env-file .env.example")
    typer.echo("  cp .env.example .env        # and put your own values in")
    typer.echo("  crm-bridge run --env-file .env")

"""`crm-bridge schema`: JSON Schema of the files that users write, for editors."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer

from bridge.cli.options import EnvFileOption, Exit, environment, fail, wants_color
from bridge.configuration.json_schema import FILES, DestinationNames, named_connectors, schema_of_file
from bridge.diagnostics import render

Kind = Literal["config", "rules", "tests", "connector", "source"]


def schema(
    kind: Annotated[Kind | None, typer.Argument(help="Which kind of file; `config` unless said.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write KIND.json, or those of all kinds, into this folder.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", help="Know the destinations of this configuration, and their operations."),
    ] = None,
    env_file: EnvFileOption = None,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a kind of file, or write it into a folder."""
    environ = environment(env_file)
    destinations = _destinations(config, environ) if config is not None else None
    if output is None:
        typer.echo(_text(kind or "config", destinations), nl=False)
        return
    for path in write_schemas(output, [kind] if kind is not None else FILES, destinations):
        typer.echo(f"wrote {path}")


def write_schemas(folder: Path, kinds: Iterable[str], destinations: DestinationNames | None) -> list[Path]:
    """Write the schemas of these kinds of files into a folder; their paths. Ends the program when it cannot."""
    paths = [folder / f"{kind}.json" for kind in kinds]
    for path in paths:
        _write(path, _text(path.stem, destinations))
    return paths


def _destinations(config: Path, environ: Mapping[str, str]) -> DestinationNames:
    found, loaded = named_connectors(config, environ)
    if loaded.document is None:
        documents = {loaded.source.name: loaded.source} if loaded.source is not None else {}
        typer.echo(render(loaded.findings, documents, "full", color=wants_color(False)), err=True, nl=False)
        raise typer.Exit(Exit.FINDINGS)
    return found


def _text(kind: str, destinations: DestinationNames | None) -> str:
    return orjson.dumps(
        schema_of_file(kind, destinations), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    ).decode()


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"cannot write `{path}`: {error.strerror}", "choose another folder with --output", Exit.FINDINGS)

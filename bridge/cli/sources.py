"""`crm-bridge sources`: the presets that a source can have, and how to connect each sender."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import typer

from bridge.cli.options import ConfigOption, EnvFileOption, Exit, JsonOption, config_path, environment, fail
from bridge.cli.output import print_json
from bridge.cli.preset_page import GROUPS, presets_page
from bridge.cli.preset_sheet import print_preset
from bridge.cli.sheets import origin_of, print_section, refuse_file
from bridge.sources import LoadedPreset, load_preset, preset_names, shipped_heads, speaks_of, where_to_look
from bridge.sources.describe import Written, body, entry, marks, proof
from bridge.sources.schema import Group


@dataclass(frozen=True, slots=True)
class _Row:
    """One preset of the list."""

    name: str
    origin: str
    written: Written

    @property
    def group(self) -> str:
        return str(self.written.get("group", "other"))

    @property
    def title(self) -> str:
        return str(self.written.get("title", self.name))

    @property
    def event_types(self) -> Mapping[str, str]:
        found = self.written.get("event_types")
        return found if isinstance(found, Mapping) else {}


def sources(
    preset: Annotated[str | None, typer.Argument(help="Only this preset, with its set-up and samples.")] = None,
    find: Annotated[str | None, typer.Option("--find", metavar="WORD", help="Only those that speak of it.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page of all shipped presets.")] = False,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List the source presets (your own in `config/sources/` too), or show one."""
    if markdown:
        typer.echo(presets_page(shipped_heads()), nl=False)
        return
    directory = config_path(config, environment(env_file)).resolve().parent / "config" / "sources"
    if preset is None:
        _list(
            [row for row in _rows(directory) if find is None or speaks_of({**row.written, "name": row.name}, find)],
            json=json,
        )
        return
    known = preset_names(directory)
    if preset not in known:
        fail(f"there is no source preset `{preset}`", where_to_look(preset, known), Exit.WRONG_USE)
    loaded = _loaded(preset, directory)
    if not json:
        print_preset(loaded, _origin(preset, directory))
    elif loaded.preset is not None:
        dumped = loaded.preset.model_dump(mode="json", by_alias=True, exclude_none=True)
        more = {"proof": proof(loaded.written), "configuration": {"sources": entry(loaded.written)}}
        print_json({"origin": _origin(preset, directory), **dumped, **more})


def _loaded(name: str, directory: Path) -> LoadedPreset:
    """The preset; ends the program when the operator's file is wrong."""
    loaded = load_preset(name, directory)
    if loaded.preset is None:
        refuse_file(loaded.findings, loaded.document)
    return loaded


def _origin(name: str, directory: Path) -> str:
    own = directory / f"{name}.yaml"
    return origin_of(own if own.is_file() else None, directory)


def _rows(directory: Path) -> list[_Row]:
    """All presets by name: an operator's file is checked, a shipped one only read."""
    shipped = shipped_heads()
    rows = []
    for name in preset_names(directory):
        origin = _origin(name, directory)
        written = shipped[name] if origin == "shipped" else _loaded(name, directory).written
        rows.append(_Row(name, origin, written))
    return rows


def _list(rows: list[_Row], *, json: bool) -> None:
    if json:
        print_json([_as_json(row) for row in rows])
        return
    for group in get_args(Group):
        found = [row for row in rows if row.group == group]
        print_section(GROUPS[group], [(row.name, _title(row), proof(row.written)) for row in found])
    typer.echo(
        "\n`crm-bridge sources PRESET` shows how to connect a sender."
        if rows
        else "there is no such preset: leave --find out to see all of them"
    )


def _title(row: _Row) -> str:
    return row.title if row.origin == "shipped" else f"{row.title} ({row.origin})"


def _as_json(row: _Row) -> Mapping[str, object]:
    return {
        "name": row.name,
        "title": row.title,
        "origin": row.origin,
        "group": row.group,
        "proof": proof(row.written),
        "body": body(row.written),
        "marks": marks(row.written),
        "event_types": list(row.event_types),
    }

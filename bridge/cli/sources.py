"""`crm-bridge sources`: the presets that a source can have, and how to connect each sender."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.options import ConfigOption, EnvFileOption, JsonOption, config_path, environment
from bridge.cli.output import print_json
from bridge.cli.sheets import (
    CatalogRow,
    origin_of,
    print_catalog,
    print_heading,
    print_lines,
    print_section,
    print_yaml,
    refuse_file,
    refuse_name,
)
from bridge.sources import Preset, load_preset, preset_names
from bridge.units import format_duration


def sources(
    preset: Annotated[str | None, typer.Argument(help="Only this preset, with its set-up and samples.")] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
    json: JsonOption = False,
) -> None:
    """List the source presets (your own in `config/sources/` too), or show one."""
    directory = config_path(config, environment(env_file)).resolve().parent / "config" / "sources"
    known = preset_names(directory)
    if preset is None:
        _list({name: _loaded(name, directory) for name in known}, directory, json=json)
        return
    if preset not in known:
        refuse_name("source preset", preset, known)
    found = _loaded(preset, directory)
    if json:
        dumped = found.model_dump(mode="json", by_alias=True, exclude_none=True)
        print_json({"origin": _origin(preset, directory), **dumped})
    else:
        _print(found, _origin(preset, directory))


def _loaded(name: str, directory: Path) -> Preset:
    """The preset; ends the program when the operator's file is wrong."""
    loaded = load_preset(name, directory)
    if loaded.preset is None:
        refuse_file(loaded.findings, loaded.document)
    return loaded.preset


def _origin(name: str, directory: Path) -> str:
    own = directory / f"{name}.yaml"
    return origin_of(own if own.is_file() else None, directory)


def _list(found: dict[str, Preset], directory: Path, *, json: bool) -> None:
    rows = [
        CatalogRow(name, preset.title, _origin(name, directory), list(preset.event_types))
        for name, preset in found.items()
    ]
    print_catalog("preset", "event_types", rows, json=json)


def _print(preset: Preset, origin: str) -> None:
    print_heading(preset.name, preset.title, preset.doc, origin=origin)
    print_lines("how to connect it", preset.setup)
    print_section("events, for `on`", list(preset.event_types.items()))
    print_section("names under `fields`", [(", ".join(preset.fields),)] if preset.fields else [])
    habits = preset.sender
    print_section(
        "how the sender behaves",
        [
            ("waits for an answer", habits.waits),
            ("sends again", habits.retries),
            ("gives up", habits.gives_up),
            ("takes for success", habits.success),
            ("repeats an event for", "nobody knows" if (most := habits.repeats_for) is None else format_duration(most)),
        ],
    )
    for sample in preset.samples[:1]:
        print_yaml(f"a sample: {sample.name}", {"body": sample.body})

"""The presets there are: those that come with the program, and the operator's own in `config/sources/`.

The only module of the package that reads files; an operator's preset wins over a shipped one of the same name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from bridge.diagnostics import (
    Document,
    Finding,
    Place,
    Severity,
    from_validation_error,
    load_yaml,
    suggest,
)
from bridge.errors import UsageError
from bridge.sources.assembly import Assembly
from bridge.sources.problems import SourceProblem
from bridge.sources.schema import Preset, SourceConfig

_SUFFIX = ".yaml"
_OF_SOURCES = SourceConfig.model_fields.keys() - Preset.model_fields.keys()
_WORD = re.compile(r"[A-Za-z0-9-]{2,40}")
"""What may be put into a command for somebody to copy."""
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True, slots=True)
class LoadedPreset:
    """A preset's file as read: the preset, or everything that is wrong with the file."""

    preset: Preset | None
    findings: tuple[Finding, ...] = ()
    document: Document | None = None

    @property
    def written(self) -> Mapping[str, object]:
        """What the file says, as it says it; empty when there is nothing to use."""
        data = None if self.document is None else self.document.data
        return data if isinstance(data, dict) else {}


def preset_names(directory: Path | None = None) -> tuple[str, ...]:
    """The names of all presets, sorted.

    Args:
        directory: the operator's own presets; one that does not exist holds none.
    """
    own = () if directory is None or not directory.is_dir() else (item.name for item in directory.iterdir())
    return tuple(sorted({*_shipped_names(), *(_stem(name) for name in own if name.endswith(_SUFFIX))}))


def load_preset(name: str, directory: Path | None = None) -> LoadedPreset:
    """Read one preset and check all its templates.

    Args:
        name: as in `preset: NAME`.
        directory: the operator's own presets.

    Raises:
        UsageError: there is no preset of this name.
    """
    names = preset_names(directory)
    if name not in names:
        raise UsageError(f"there is no such preset; {where_to_look(name, names)}")
    own = None if directory is None else directory / f"{name}{_SUFFIX}"
    return load_preset_file(own) if own is not None and own.is_file() else _shipped(name)


def load_preset_file(path: Path, *, name: str | None = None) -> LoadedPreset:
    """Read one preset's file; `name` is what findings call it, by default its path."""
    loaded = load_yaml(path, name=name)
    if loaded.document is None or not loaded.is_usable:
        return LoadedPreset(None, loaded.findings, loaded.document)
    document = loaded.document
    stem = _stem(path.name)
    data = document.data
    misplaced = _misplaced(document, stem)
    if isinstance(data, dict):
        data = {"name": stem, "title": stem, **{key: data[key] for key in data if key not in _OF_SOURCES}}
    try:
        preset = Preset.model_validate(data)
    except ValidationError as error:
        findings = tuple(from_validation_error(document, error, model=Preset))
        return LoadedPreset(None, (*loaded.findings, *misplaced, *findings), document)
    findings = (*loaded.findings, *misplaced, *_findings(document, preset, stem))
    return LoadedPreset(None if findings else preset, findings, document)


def shipped_heads() -> dict[str, Mapping[str, object]]:
    """The YAML of every shipped preset but for its samples, by name; neither checked nor compiled, so that it is quick.

    Tests hold the shipped files right, and `samples` last in them.
    """
    folder = resources.files("bridge.sources") / "presets"
    heads = {}
    for name in sorted(_shipped_names()):
        text = (folder / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
        heads[name] = yaml.load(text.partition("\nsamples:\n")[0], Loader=_LOADER)  # noqa: S506 - a safe one
    return heads


def speaks_of(head: Mapping[str, object], word: str) -> bool:
    """Whether one of a preset's names or descriptions, or one of its event types, holds the word."""
    types = head.get("event_types")
    texts = (
        *(head.get(key, "") for key in ("name", "group", "title", "doc")),
        *(types if isinstance(types, dict) else ()),
    )
    return any(word.casefold() in str(text).casefold() for text in texts)


def where_to_look(name: str, known: Iterable[str]) -> str:
    """What helps somebody who asked for a preset that there is not: the nearest name, or the command that finds one."""
    nearest = suggest(name, known)
    if nearest is not None:
        return f"did you mean `{nearest}`?"
    if _WORD.fullmatch(name) and any(speaks_of(head, name) for head in shipped_heads().values()):
        return f"`crm-bridge sources --find {name}` lists the presets that speak of it"
    return "`crm-bridge sources` lists the presets"


def place_of(document: Document, problem: SourceProblem, *, at: tuple[str | int, ...] = ()) -> Place:
    """Where a problem stands in the file whose part at `at` was compiled."""
    path = (*at, *problem.path)
    if problem.offset is None:
        return Place(document.name, document.span(path))
    return Place(document.name, document.span_inside(path, problem.offset, problem.length))


def _misplaced(document: Document, stem: str) -> list[Finding]:
    """The operator's own words, which stand at the source and not in its preset."""
    written = document.data if isinstance(document.data, dict) else {}
    return [
        Finding(
            "BR102",
            Severity.ERROR,
            f"`{key}` belongs to the source, not to its preset",
            document.place_of((key,), key=True),
            helps=(f"write it in the configuration, beside `preset: {stem}`",),
        )
        for key in written
        if key in _OF_SOURCES
    ]


def _findings(document: Document, preset: Preset, stem: str) -> list[Finding]:
    findings = [
        Finding(
            each.code,
            Severity.ERROR,
            each.message,
            place_of(document, each),
            helps=(each.help,) if each.help else (),
        )
        for each in _template_problems(preset)
    ]
    if preset.name != stem:
        place = Place(document.name, document.span(("name",)))
        findings.append(
            Finding(
                "BR104", Severity.ERROR, "the preset's name is not that of its file", place, helps=(f"name: {stem}",)
            )
        )
    return findings


def _template_problems(preset: Preset) -> list[SourceProblem]:
    """What is wrong with the preset's own templates; what it leaves to the operator is not."""
    assembly = Assembly(preset.name, SourceConfig(preset=preset.name), preset)
    assembly.extraction()
    return [problem for problem in assembly.problems if problem.in_preset]


@cache
def _shipped_names() -> tuple[str, ...]:
    folder = resources.files("bridge.sources") / "presets"
    return tuple(_stem(item.name) for item in folder.iterdir() if item.name.endswith(_SUFFIX))


@cache
def _shipped(name: str) -> LoadedPreset:
    with resources.as_file(resources.files("bridge.sources") / "presets" / f"{name}{_SUFFIX}") as path:
        return load_preset_file(path, name=f"presets/{name}{_SUFFIX}")


def _stem(file_name: str) -> str:
    return file_name.removesuffix(_SUFFIX)

"""The recipes that come with the program: rules for usual tasks, as they stand in `config/`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dotenv import dotenv_values

import bridge
from bridge.diagnostics import load_yaml

_TESTS = ".test.yaml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file of rules. `sources` and `destinations` are the names that its rules use, in their order."""

    name: str
    text: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    tests: str | None
    """Its file of tests; None when it has none."""


def recipes_folder() -> Path:
    """Where the shipped recipes are: inside an installed package, or beside it in a checkout."""
    inside = Path(str(resources.files("bridge"))) / "recipes"
    return inside if inside.is_dir() else Path(bridge.__file__).resolve().parents[1] / "config"


def shipped_recipes() -> Mapping[str, Recipe]:
    """All recipes by name; they come with the program, so they are read once."""
    return _recipes_in(recipes_folder())


def known_dummies() -> Mapping[str, str]:
    """The variables of the shipped `.env.example` with the dummies that pass `check`."""
    folder = recipes_folder()
    paths = [folder / "env.example", folder.parent / ".env.example"]
    found = next((path for path in paths if path.is_file()), None)
    return {name: value for name, value in dotenv_values(found).items() if value} if found is not None else {}


@cache
def _recipes_in(folder: Path) -> Mapping[str, Recipe]:
    paths = sorted(path for path in folder.glob("*.yaml") if not path.name.endswith(_TESTS))
    return MappingProxyType({path.stem: _recipe(path) for path in paths})


def _recipe(path: Path) -> Recipe:
    document = load_yaml(path).document
    data = document.data if document is not None else None
    if not isinstance(data, dict):
        raise TypeError(f"the shipped recipe {path.stem} cannot be read")
    rules: list[dict[str, Any]] = data["rules"]
    tests = path.with_name(path.stem + _TESTS)
    return Recipe(
        path.stem,
        path.read_text(encoding="utf-8"),
        tuple(dict.fromkeys(name for rule in rules for name in _sources(rule))),
        tuple(dict.fromkeys(step["use"].partition(".")[0] for rule in rules for step in rule["steps"])),
        tests.read_text(encoding="utf-8") if tests.is_file() else None,
    )


def _sources(rule: Mapping[str, Any]) -> Iterator[str]:
    patterns = [rule["on"]] if isinstance(rule["on"], str) else rule["on"]
    return (pattern.partition("/")[0] for pattern in patterns)

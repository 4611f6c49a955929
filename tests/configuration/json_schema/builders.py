"""What an editor would say about a text: each mistake with its path."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from bridge.configuration.json_schema import DestinationNames, schema_of_file
from bridge.diagnostics import parse_yaml

Told = tuple[str, str]
"""(dotted path, message) of a mistake."""


@cache
def generic(kind: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of_file(kind))


def told(kind: str, text: str, destinations: DestinationNames | None = None) -> list[Told]:
    """Every mistake of a text, as the schema of its kind tells it."""
    loaded = parse_yaml(text, "test.yaml")
    assert loaded.document is not None, loaded.findings
    validator = generic(kind)
    if destinations is not None:
        validator = Draft202012Validator(schema_of_file(kind, destinations))
    return sorted({_told(error) for error in validator.iter_errors(loaded.document.data)})


def _told(error: ValidationError) -> Told:
    """The place that is meant, with everything that is said about it (an `anyOf` has a word for each choice)."""
    deepest = best_match([error])
    assert deepest is not None
    path: list[Any] = list(deepest.absolute_path)
    if deepest.validator == "additionalProperties":
        path += re.findall(r"'([^']+)'", deepest.message)[:1]
    words = [each.message for each in _all(error) if each.absolute_path == deepest.absolute_path]
    return ".".join(map(str, path)), "; ".join(words)


def _all(error: ValidationError) -> Iterator[ValidationError]:
    yield error
    for inner in error.context or ():
        yield from _all(inner)

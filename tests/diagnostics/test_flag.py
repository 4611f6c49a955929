"""True and false in our files are what JSON calls so."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from bridge.configuration.shape import ConfigurationShape
from bridge.connectors.destination import DestinationShape
from bridge.connectors.schema import Connector
from bridge.diagnostics import Flag, from_validation_error, parse_yaml
from bridge.rules.schema import RuleShape
from bridge.rules.testing.schema import RuleTestsFileShape
from bridge.settings import Settings
from bridge.sources import SourceConfig

FILES = (ConfigurationShape, DestinationShape, Connector, RuleShape, RuleTestsFileShape, Settings, SourceConfig)
"""Imported with them: the models of everything that people write."""
SWITCHES = {"Batch.default", "DestinationShape.batch"}
"""These take `on` and `off` besides, and no other words: tests/connectors/test_overrides.py."""


class Shape(BaseModel):
    enabled: Flag = True


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("false", False), ('"true"', True), ('"false"', False)])
def test_true_and_false_are_taken_also_as_the_text_that_a_variable_gives(*, written: str, meant: bool) -> None:
    document = parse_yaml(f"enabled: {written}", "a.yaml").document
    assert document is not None
    assert Shape.model_validate(document.data).enabled is meant


@pytest.mark.parametrize(
    ("written", "label", "helps"),
    [
        ("yes", "this is text", ("write `true`; other words for it are text",)),
        ("On", "this is text", ("write `true`; other words for it are text",)),
        ("no", "this is text", ("write `false`; other words for it are text",)),
        ("True", "this is text", ("write `true` or `false`",)),
        ('""', "this is text", ("write `true` or `false`",)),
        ("1", "this is a number", ()),
        ("0", "this is a number", ()),
        ("1.0", "this is a number", ()),
        ("null", "this is nothing (null)", ()),
    ],
)
def test_other_words_and_numbers_are_refused_with_the_mend(written: str, label: str, helps: tuple[str, ...]) -> None:
    document = parse_yaml(f"enabled: {written}", "a.yaml").document
    assert document is not None
    with pytest.raises(ValidationError) as refused:
        Shape.model_validate(document.data)
    (finding,) = from_validation_error(document, refused.value, model=Shape)
    assert (finding.code, finding.message) == ("BR104", "`enabled` must be `true` or `false`")
    assert (finding.label, finding.helps) == (label, helps)
    assert str(finding.place) == "a.yaml:1:10"


def flags() -> dict[str, Any]:
    """Every field of a model of ours that takes true and false, by its name."""
    models: list[type[BaseModel]] = [*BaseModel.__subclasses__()]
    found = {}
    while models:
        model = models.pop()
        models += model.__subclasses__()
        if model.__module__.startswith("bridge.") and not model.__module__.startswith("bridge.sandbox."):
            for name, info in model.model_fields.items():
                field = Annotated[(info.annotation, "as declared", *info.metadata)]  # type: ignore[name-defined]
                if takes(field, True) and not takes(field, "some text"):
                    found[f"{model.__name__}.{name}"] = field
    return found


def takes(field: Any, value: object) -> bool:
    try:
        found = TypeAdapter(field).validate_python(value)
    except ValidationError:
        return False
    return found is value or isinstance(value, str)


def test_no_field_of_our_files_takes_other_words() -> None:
    found = flags()
    assert {name for name in found if takes(found[name], "on")} <= SWITCHES
    assert {"RuleShape.enabled", "DestinationShape.allow_private_addresses", "ReloadSettings.watch"} <= found.keys()
    for name in found.keys() - SWITCHES:
        assert [word for word in ("yes", "no", "on", "1", "True") if takes(found[name], word)] == [], name

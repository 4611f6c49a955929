"""Details of the way from a model to its schema."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, Field

from bridge.configuration.json_schema.shapes import VARIABLE, schema_of
from bridge.sources.places import one_or_many
from bridge.units import DurationMs

NAMES = Annotated[tuple[str, ...], BeforeValidator(one_or_many), Field(max_length=8)]


class Inner(BaseModel):
    """An inner model."""

    n: int
    """A number."""


class Model(BaseModel):
    """A model with one of each."""

    wait: DurationMs = 15_000
    """How long."""
    level: Literal["low", "high"] = "low"
    count: Annotated[int, Field(ge=1)] | None = None
    inner: Inner | None = None
    names: NAMES = ()


def properties(*, variables: bool) -> dict[str, Any]:
    found: dict[str, Any] = schema_of(Model, {}, text=VARIABLE if variables else None)["properties"]
    return found


def test_keys_are_described_and_defaults_are_spelled_as_in_a_file() -> None:
    shown = properties(variables=False)
    assert (shown["wait"]["description"], shown["wait"]["default"]) == ("How long.", "15s")
    assert "default" not in shown["count"]
    assert "title" not in shown["wait"]


def test_models_inside_are_definitions() -> None:
    defs: dict[str, Any] = {}
    schema_of(Model, defs, text=None)
    assert defs["Inner"]["description"] == "An inner model."
    assert defs["Inner"]["properties"]["n"]["description"] == "A number."


def test_a_list_that_a_text_may_stand_for_keeps_its_bounds() -> None:
    assert properties(variables=False)["names"]["anyOf"] == [
        {"type": "string"},
        {"items": {"type": "string"}, "type": "array", "maxItems": 8},
    ]


@pytest.mark.parametrize(
    ("name", "without", "with_them"),
    [
        ("count", ["integer", "null"], ["integer", "null", "string"]),
        ("wait", "string", "string"),
    ],
)
def test_a_scalar_takes_a_variable_where_the_file_may_hold_one(name: str, without: object, with_them: object) -> None:
    assert properties(variables=False)[name]["type"] == without
    shown = properties(variables=True)[name]
    assert shown["type"] == with_them
    assert shown["pattern"].endswith(r"\$\{")
    assert shown["pattern"].count(r"\$\{") == 1


def test_a_choice_takes_a_variable_beside_its_words() -> None:
    assert properties(variables=False)["level"]["enum"] == ["low", "high"]
    assert properties(variables=True)["level"]["anyOf"] == [
        {"enum": ["low", "high"], "type": "string"},
        {"type": "string", "pattern": r"\$\{"},
    ]

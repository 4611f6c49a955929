"""The top level of a configuration file."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _nothing_below(value: object) -> object:
    """`sources:` with nothing below it is an empty section."""
    return {} if value is None else value


def _no_rules(value: object) -> object:
    return [] if value is None else value


Section = Annotated[dict[str, object], BeforeValidator(_nothing_below)]


class ConfigurationShape(BaseModel):
    """What may stand at the top level; each section is judged by the part of the program that it belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1]
    server: object = None
    admin: object = None
    store: object = None
    dead_letters: object = None
    log: object = None
    reload: object = None
    sources: Section = Field(default_factory=dict)
    destinations: Section = Field(default_factory=dict)
    tables: Section = Field(default_factory=dict)
    rules: Annotated[str | list[object], BeforeValidator(_no_rules)] = Field(default_factory=list)


SECTIONS = ("sources", "destinations", "tables", "rules")

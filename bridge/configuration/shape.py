"""The top level of a configuration file."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _nothing_below(value: object) -> object:
    """A section with nothing below it is an empty one."""
    return {} if value is None else value


def _no_rules(value: object) -> object:
    return [] if value is None else value


Section = Annotated[dict[str, object], BeforeValidator(_nothing_below, json_schema_input_type=dict[str, object] | None)]


class ConfigurationShape(BaseModel):
    """What may stand at the top level; each section is judged by the part of the program that it belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    version: Literal[1]
    """The version of this format: 1."""
    server: object = None
    """The public listener, where webhooks arrive."""
    admin: object = None
    """The admin listener, for the commands, the API and metrics."""
    store: object = None
    """The database."""
    dead_letters: object = None
    """The file of deliveries that need a person."""
    log: object = None
    """What is logged, and how."""
    reload: object = None
    """How changed files are taken in while the bridge runs."""
    sources: Section = Field(default_factory=dict)
    """name -> who sends webhooks; served at /hooks/NAME."""
    destinations: Section = Field(default_factory=dict)
    """name -> an account at an API; steps call `NAME.operation`."""
    tables: Section = Field(default_factory=dict)
    """name -> lookup table for `lookup` and `map_values`, in place or `{file: table.csv}`; for all rules."""
    rules: Annotated[
        str | list[object], BeforeValidator(_no_rules, json_schema_input_type=str | list[object] | None)
    ] = Field(default_factory=list)
    """Files of rules (paths or patterns such as `config/*.yaml`), or rules in place. `*.test.yaml` is never loaded."""


SECTIONS = ("sources", "destinations", "tables", "rules")

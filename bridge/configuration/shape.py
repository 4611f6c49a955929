"""The top level of a configuration file."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ConfigurationShape(BaseModel):
    """What may stand at the top level; each section is judged by the part of the program that it belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    server: object = None
    admin: object = None
    store: object = None
    dead_letters: object = None
    log: object = None
    sources: dict[str, dict[str, object]] = Field(default_factory=dict)
    destinations: dict[str, dict[str, object]] = Field(default_factory=dict)
    rules: str | list[object] = Field(default_factory=list)

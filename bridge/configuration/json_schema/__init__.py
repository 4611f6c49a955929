"""JSON Schema (draft 2020-12) of the files that users write, made from the shapes that also read them.

    schema_of_file("rules")["properties"]["rules"]

`shapes` makes schemas of pydantic models, `operations` those of destinations and steps, `files` puts them together.
"""

from bridge.configuration.json_schema.files import FILES, schema_of_file
from bridge.configuration.json_schema.operations import DestinationNames, named_connectors

__all__ = ["FILES", "DestinationNames", "named_connectors", "schema_of_file"]

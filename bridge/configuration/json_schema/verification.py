"""The schema of `any_of` and `every_of`, whose alternatives leave out what stands beside the list."""

from collections.abc import Iterator
from typing import Final

from bridge.configuration.json_schema.shapes import Schema

COMBINED: Final = {"AnyOf": "any_of", "EveryOf": "every_of"}
"""The definitions of the combining blocks, and the key that holds the alternatives."""
ALTERNATIVE: Final = "Alternative"


def share_keys(defs: Schema) -> None:
    """Let an alternative be any part of a block, and the keys of all blocks stand beside the list.

    Whether the two together are one block is for the configuration's own check; an editor offers keys and values.
    """
    blocks = [defs[name] for name in _names(defs["AnyOf"]["properties"]["any_of"]["items"])]
    merged: Schema = {}
    for block in blocks:
        for key, shown in block["properties"].items():
            merged[key] = _either(merged[key], shown) if key in merged else shown
    merged["type"] = {
        "enum": [block["properties"]["type"]["const"] for block in blocks],
        "description": "How this proof is made.",
    }
    defs[ALTERNATIVE] = {
        "type": "object",
        "description": "One of several proofs; it has the keys beside the list besides its own.",
        "properties": merged,
        "additionalProperties": False,
    }
    for name, key in COMBINED.items():
        block = defs[name]
        listed = block["properties"][key] | {"items": {"$ref": f"#/$defs/{ALTERNATIVE}"}}
        block["properties"] = {key: listed, **merged}


def _names(items: Schema) -> Iterator[str]:
    """The definitions that the items of the list may be."""
    for choice in items["oneOf"]:
        yield choice["$ref"].rpartition("/")[2]


def _either(one: Schema, other: Schema) -> Schema:
    """A schema for what either takes."""
    described = {"description": one["description"]} if "description" in one else {}
    choices = [
        choice
        for shown in (one, other)
        for choice in (shown["anyOf"] if shown.keys() == {"anyOf", "description"} else [_bare(shown)])
    ]
    unique = [choice for position, choice in enumerate(choices) if choice not in choices[:position]]
    return {"anyOf": unique, **described} if len(unique) > 1 else {**unique[0], **described}


def _bare(shown: Schema) -> Schema:
    return {keyword: value for keyword, value in shown.items() if keyword not in {"description", "default"}}

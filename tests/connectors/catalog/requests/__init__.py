"""Whether a request has the shape that HubSpot documents: `hubspot.yaml` beside this file says what that is."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from jsonschema import Draft202012Validator

from bridge.connectors.opened import Opened, open_request
from bridge.connectors.request import OutboundRequest
from bridge.sandbox import JournalEntry

_DATED = "20[0-9]{2}-(?:03|09)"
_PARTS = {"{dated}": _DATED, "{kind}": "([a-z0-9_-]+)", "{id}": "[^/]+"}
_NEW = ("create", "create_batch", "upsert_batch")
"""Bodies that may make a record."""


@dataclass(frozen=True)
class Shape:
    """One request that the API knows."""

    method: str
    path: re.Pattern[str]
    query: Collection[str]
    body: str | None


class Shapes:
    """All requests that one API knows."""

    def __init__(self, text: str) -> None:
        self._said: Mapping[str, Any] = yaml.safe_load(text)
        self._shapes = [
            Shape(row["method"], _pattern(root + row["path"]), row.get("query", ()), row.get("body"))
            for row in self._said["requests"]
            for root in self._said["rooms"][row["room"]]
        ]

    def problems(self, method: str, path: str, query: Mapping[str, object], body: object) -> list[str]:
        """What is wrong with a request, in words; nothing when it is as documented."""
        for shape in self._shapes:
            found = shape.path.fullmatch(path)
            if found is not None and shape.method == method:
                strange = [f"unknown query key `{key}`" for key in query if key not in shape.query]
                return [*strange, *self._body_problems(shape, body, found.groups())]
        return [f"{method} {path} is no documented request"]

    def _body_problems(self, shape: Shape, body: object, kinds: tuple[str, ...]) -> Iterator[str]:
        if shape.body is None:
            if body is not None:
                yield "it has a body and should have none"
            return
        wrong = [*self._against({"$ref": f"#/$defs/{shape.body}"}, body)]
        yield from wrong
        if not wrong and kinds and kinds[0] in self._said["kinds"]:
            schema = self._properties(kinds[0], new=shape.body in _NEW)
            for values in _property_maps(body):
                yield from self._against(schema, values)

    def _properties(self, kind: str, *, new: bool) -> dict[str, Any]:
        """The schema of a record's properties: what begins with `hs_` must be among those of HubSpot."""
        said = self._said["kinds"][kind]
        values = said.get("values", {})
        known = {name: values.get(name, True) for name in said["known"]}
        return {
            "properties": known,
            "patternProperties": {"^(?!hs_)[a-z][a-z0-9_]*$": True},
            "additionalProperties": False,
            "required": said.get("new", []) if new else [],
        }

    def _against(self, schema: Mapping[str, Any], value: object) -> Iterator[str]:
        validator = Draft202012Validator({**schema, "$defs": self._said["$defs"]})
        for error in validator.iter_errors(value):
            yield f"{error.json_path}: {error.message}"


def of_request(request: OutboundRequest) -> list[str]:
    """What is wrong with a request to HubSpot."""
    return of_opened(open_request(request))


def of_opened(request: Opened) -> list[str]:
    """The same of a request taken apart."""
    return hubspot().problems(request.method, unquote(request.path), request.query, request.body)


def strange(entries: Iterable[JournalEntry]) -> list[str]:
    """What is wrong with the requests that a sandbox got for HubSpot from the bridge."""
    return [
        f"{entry.method} {entry.path}: {problem}"
        for entry in entries
        if entry.api == "hubspot" and "crm-bridge" in entry.headers.get("user-agent", "")
        for problem in hubspot().problems(entry.method, entry.path, entry.query, entry.body)
    ]


@cache
def hubspot() -> Shapes:
    """HubSpot's."""
    return Shapes((Path(__file__).parent / "hubspot.yaml").read_text())


def _pattern(path: str) -> re.Pattern[str]:
    text = re.escape(path)
    for name, pattern in _PARTS.items():
        text = text.replace(re.escape(name), pattern)
    return re.compile(text)


def _property_maps(body: object) -> Iterator[object]:
    if isinstance(body, Mapping) and "filterGroups" not in body:
        inputs = body.get("inputs", [body])
        yield from (item["properties"] for item in inputs if "properties" in item)

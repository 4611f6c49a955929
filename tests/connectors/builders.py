"""Answers and calls as the connector tests need them."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import orjson

from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.library import LoadedConnector, load_connector, shipped, shipped_names
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.verdict import Verdict
from tests.connectors.catalog.recorded import all_settings, recording

NOW_MS = 1_780_369_300_000
KEY = "5f0c5b1e-0000-4000-8000-000000000001"
SINCE = "2026-06-02T03:00:40.000Z"  # a minute before the first try
SETTINGS: dict[str, dict[str, object]] = {name: dict(all_settings(name)) for name in shipped_names()}

OPERATIONS = [
    (connector, name) for connector in shipped_names() for name in shipped(connector).operations
]  # every shipped operation, for parametrized tests


SILENT = [
    (connector, name) for connector, name in OPERATIONS if recording(connector).empty_success.keys() & {name, "*"}
]  # those whose success may be an empty answer: the record's id stands in the path


def operation(connector: str, name: str) -> CompiledOperation:
    return shipped(connector).operations[name]


def call_of(compiled: CompiledOperation, params: Mapping[str, object] | None = None, key: str = KEY) -> Call:
    """A call with these parameters, or with the operation's sample."""
    given = compiled.operation.sample.params if params is None else params
    return Call(compiled.fit(given), SETTINGS.get(compiled.connector.name, {}), key, SINCE)


def json_answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, {"content-type": "application/json", **(headers or {})}, orjson.dumps(body))


def judged(compiled: CompiledOperation, answer: Answer) -> Verdict:
    return compiled.classify(call_of(compiled), answer, now_ms=NOW_MS)


def loaded(folder: Path, text: str) -> LoadedConnector:
    """A connector file with this text, read as an operator's own would be."""
    path = folder / "own.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return load_connector(path)

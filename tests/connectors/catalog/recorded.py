"""The recorded exchanges of the shipped connectors, as `exchanges/README.md` describes them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.library import shipped
from bridge.connectors.opened import open_request
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.request import OutboundRequest
from bridge.diagnostics import load_yaml
from bridge.model import Outcome
from bridge.units import DurationMs

FOLDER = Path(__file__).parent / "exchanges"
KEYS = tuple(f"5f0c5b1e-0000-4000-8000-{number:012}" for number in range(1, 10))
SINCE = "2026-06-02T03:00:40.000Z"  # a minute before the first try
NOW_MS = 1_780_369_300_000
LISTED = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


class Recorded(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Sent(Recorded):
    """A request: exact but for the headers."""

    method: str
    path: str = ""
    query: dict[str, object] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    json_: object = Field(default=None, alias="json")
    form: dict[str, object] | None = None
    text: str | None = None
    fetch: str | None = None
    """The address of a file elsewhere."""

    def differences(self, request: OutboundRequest) -> dict[str, object]:
        """Part by part what was sent, where it is not what was expected."""
        opened = open_request(request)
        kind = next((name for name in ("json", "form", "text", "fetch") if self.expected(name) is not None), None)
        sent = {"method": opened.method, "path": opened.path, "query": dict(opened.query), "kind": opened.kind}
        expected = {"method": self.method, "path": self.path, "query": self.query, "kind": kind}
        names = {name.lower(): value for name, value in opened.headers.items()}
        found = {name: value for name, value in sent.items() if value != expected[name]}
        found |= {
            name: names.get(name.lower()) for name in self.headers if names.get(name.lower()) != self.headers[name]
        }
        return found | ({"body": opened.body} if kind is not None and opened.body != self.expected(kind) else {})

    def expected(self, kind: str) -> object:
        return {"json": self.json_, "form": self.form, "text": self.text, "fetch": self.fetch}[kind]


class Got(Recorded):
    """An answer."""

    status: int
    headers: dict[str, str] = Field(default_factory=dict)
    json_: object = Field(default=None, alias="json")
    text: str | None = None

    def answer(self) -> Answer:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.text is not None:
            return Answer(self.status, {"content-type": "text/plain", **headers}, self.text.encode())
        if "json_" not in self.model_fields_set:
            return Answer(self.status, headers)
        return Answer(self.status, {"content-type": "application/json", **headers}, orjson.dumps(self.json_))


class Told(Recorded):
    """What headers tell of a limit."""

    limit: int | None = None
    remaining: int | None = None
    resets: DurationMs | None = None


class Poll(Recorded):
    request: Sent
    answer: Got


class Exchange(Recorded):
    """One request and its answer, a look before a repeat, or a batch of exchanges."""

    name: str
    operation: str
    params: dict[str, object] | None = None
    probe: bool = False
    batch: tuple[str, ...] = ()
    poll: Poll | None = None
    request: Sent | None = None
    answer: Got
    outcome: Outcome | None = None
    id: object = None
    code: str | None = None
    message: str | None = None
    advice: str | None = None
    wait: DurationMs | None = None
    limits: tuple[str, ...] | None = None
    reads: dict[str, Told] = Field(default_factory=dict)
    found: bool | None = None

    @model_validator(mode="after")
    def _says_what_it_expects(self) -> Self:
        if (self.outcome is None) is not bool(self.batch):
            raise ValueError("an exchange has an `outcome`, a batch has those of its exchanges")
        if self.probe is not (self.found is not None):
            raise ValueError("a `probe` says whether it `found` our call")
        if self.outcome is Outcome.SUCCEEDED and not self.probe and "id" not in self.model_fields_set:
            raise ValueError("a success says its `id`, null where the API gives none")
        return self

    @property
    def is_plain(self) -> bool:
        return not self.probe and not self.batch


class OwnError(Recorded):
    """The vendor's own error in a word that no row knows, and what it means where `statuses` says something else."""

    json_: object = Field(default=None, alias="json")
    text: str | None = None
    statuses: dict[str, Outcome] = Field(default_factory=dict)

    def answer(self, status: int) -> Answer:
        return Got.model_validate(
            {"status": status, **self.model_dump(include={"json_", "text"}, exclude_unset=True)}
        ).answer()


class Recording(Recorded):
    """A file of exchanges."""

    connector: str
    settings: dict[str, object] = Field(default_factory=dict)
    no_scopes: bool = False
    statuses: dict[str, Outcome] = Field(default_factory=dict)
    operation_statuses: dict[str, dict[str, Outcome]] = Field(default_factory=dict)
    page_statuses: dict[str, Outcome] = Field(default_factory=dict)
    error: OwnError
    empty_success: dict[str, tuple[str | int, ...]] = Field(default_factory=dict)
    exchanges: tuple[Exchange, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [exchange.name for exchange in self.exchanges]
        if len(set(names)) < len(names):
            raise ValueError("two exchanges have one name")
        return self

    def named(self, name: str) -> Exchange:
        return next(exchange for exchange in self.exchanges if exchange.name == name)

    def compiled(self, exchange: Exchange) -> CompiledOperation:
        return shipped(self.connector).operations[exchange.operation]

    def call(self, exchange: Exchange, key: str = KEYS[0]) -> Call:
        compiled = self.compiled(exchange)
        given = compiled.operation.sample.params if exchange.params is None else exchange.params
        return Call(compiled.fit(given), all_settings(self.connector), key, SINCE)


@cache
def recording(connector: str) -> Recording:
    path = FOLDER / f"{connector}.yaml"
    loaded = load_yaml(path, name=path.name)
    assert loaded.document is not None, loaded.findings
    return Recording.model_validate(loaded.document.data)


def all_settings(connector: str) -> Mapping[str, object]:
    """The settings of a destination: what the file gives, and the connector's defaults."""
    declared = shipped(connector).connector.settings
    defaults = {name: setting.default for name, setting in declared.items() if setting.default is not None}
    return {**defaults, **(recording(connector).settings if connector in LISTED else {})}

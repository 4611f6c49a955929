"""docs/adding-a-connector.md is executed: its YAML makes a connector, its commands give what the page shows.

The exchanges of the page are held against the connector here, since the contract tests of the catalog read only shipped
connectors.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from bridge.cli.program import program
from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.library import CompiledConnector, load_connector
from bridge.connectors.opened import open_request
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.request import OutboundRequest
from bridge.diagnostics import load_yaml
from bridge.units import parse_duration
from tests.canaries import AISOULE_SECRET
from tests.connectors.builders import KEY, NOW_MS, SINCE

FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SESSION = re.compile(r"^```console\n\$ crm-bridge (.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENVIRON = {"TIDYDESK_KEY": "tidydesk-key-0123456789", "AISOULE_WEBHOOK_SECRET": AISOULE_SECRET, "TERM": "dumb"}
CONNECTOR = "config/connectors/tidydesk.yaml"
RULES = "config/whatsapp-to-tidydesk.yaml"

Exchange = Mapping[str, Any]


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/adding-a-connector.md").read_text()


@pytest.fixture
def folder(page: str, tmp_path: Path) -> Path:
    """The files of the page; a file that it builds step by step is its blocks in their order."""
    blocks: dict[str, list[str]] = defaultdict(list)
    for name, text in FILE.findall(page):
        blocks[name].append(text)
    assert len(blocks[CONNECTOR]) == 7
    for name, texts in blocks.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("\n".join(texts))
    return tmp_path


@pytest.fixture
def connector(folder: Path) -> CompiledConnector:
    loaded = load_connector(folder / CONNECTOR)
    assert loaded.findings == ()
    assert loaded.connector is not None
    return loaded.connector


@pytest.fixture
def exchanges(folder: Path) -> list[Exchange]:
    loaded = load_yaml(folder / "exchanges.yaml")
    assert loaded.document is not None
    document = loaded.document.data
    assert isinstance(document, dict)
    assert document["connector"] == "tidydesk"
    found = document["exchanges"]
    assert isinstance(found, list)
    return found


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d+ s\b", "0.00 s", text.rstrip())


def test_the_commands_give_what_the_page_shows(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    sessions = SESSION.findall(page)
    assert [words.split()[0] for words, _ in sessions] == ["check", "explain", "test"]
    for words, shown in sessions:
        result = CliRunner().invoke(program, shlex.split(words), env=ENVIRON, catch_exceptions=False)
        assert (without_times(result.stdout), result.stderr) == (without_times(shown), "")
        assert result.exit_code == 0


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        (CONNECTOR, "{{ params.ref }}", "{{ param.ref }}"),
        (CONNECTOR, "repeat: upsert", "repeat: upserts"),
        (CONNECTOR, "idempotency: {header: Idempotency-Key}\n", ""),
        (CONNECTOR, "when: body.error.code ==", "when: body.error.code ="),
        (CONNECTOR, "id: body.note.id", "ids: body.note.id"),
        (RULES, "with: {case_id:", "with: {caseid:"),
    ],
)
def test_a_slip_is_found_by_check_in_the_file_where_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, file: str, right: str, wrong: str
) -> None:
    monkeypatch.chdir(folder)
    whole = (folder / file).read_text()
    assert right in whole
    (folder / file).write_text(whole.replace(right, wrong, 1))
    result = CliRunner().invoke(program, ["check", "--format", "concise"], env=ENVIRON, catch_exceptions=False)
    assert result.exit_code == 1
    assert f"{file}:" in result.stdout


def test_its_exchanges_are_what_the_connector_sends_and_understands(
    connector: CompiledConnector, exchanges: list[Exchange]
) -> None:
    limits = {limit.name: limit for limit in connector.limits}
    for exchange in exchanges:
        compiled = connector.operations[exchange["operation"]]
        call = Call(compiled.fit(compiled.operation.sample.params), {"account": "acme"}, KEY, SINCE)
        if "request" in exchange:
            assert sent(builder(compiled, exchange)(call), exchange["request"]) == exchange["request"]
        answer = answered(exchange["answer"])
        classify = compiled.classify_probe if exchange.get("probe") else compiled.classify
        verdict = classify(call, answer, now_ms=NOW_MS)
        found: dict[str, Any] = {"outcome": str(verdict.outcome), "code": verdict.code, "message": verdict.message}
        if exchange.get("probe"):
            assert compiled.probe is not None
            look = compiled.probe.read(call, verdict.body)
            found |= {"found": look.found, "id": look.id}
        elif verdict.succeeded:
            found["id"] = verdict.id
        assert {name: found[name] for name in found if name in exchange} == {
            name: exchange[name] for name in found if name in exchange
        }
        assert exchange.get("advice", "") in verdict.advice
        if "wait" in exchange:
            assert verdict.retry_after_ms == parse_duration(exchange["wait"])
        if "limits" in exchange:
            assert [name for name, limit in limits.items() if limit.refuses(answer)] == exchange["limits"]
        for name, told in exchange.get("reads", {}).items():
            reading = limits[name].reading(answer, NOW_MS)
            assert (reading.limit, reading.remaining) == (told["limit"], told["remaining"])
            assert reading.resets_in_ms == parse_duration(told["resets"])


def test_its_exchanges_leave_nothing_of_the_connector_out(
    connector: CompiledConnector, exchanges: list[Exchange]
) -> None:
    recorded = {exchange["operation"] for exchange in exchanges if "request" in exchange and not exchange.get("probe")}
    assert recorded == connector.operations.keys()
    looked = {(each["operation"], each["found"]) for each in exchanges if each.get("probe")}
    assert looked == {
        (name, found)
        for name, each in connector.operations.items()
        if each.probe is not None
        for found in (True, False)
    }
    statuses = {exchange["answer"]["status"] for exchange in exchanges}
    assert {int(str(row.status)) for row in connector.connector.errors if not isinstance(row.status, tuple)} <= statuses


def builder(compiled: CompiledOperation, exchange: Exchange) -> Callable[[Call], OutboundRequest]:
    if not exchange.get("probe"):
        return compiled.request.build
    assert compiled.probe is not None
    return compiled.probe.request.build


def sent(request: OutboundRequest, expected: Exchange) -> dict[str, Any]:
    """The request in the form of the page, with those of its headers that the page speaks of."""
    opened = open_request(request)
    shown = {"method": opened.method, "path": opened.path, "query": dict(opened.query), "json": opened.body}
    headers = {name: opened.headers.get(name) for name in expected.get("headers", {})}
    return {name: value for name, value in {**shown, "headers": headers}.items() if value}


def answered(answer: Exchange) -> Answer:
    headers = {name.lower(): value for name, value in answer.get("headers", {}).items()}
    return Answer(answer["status"], {"content-type": "application/json", **headers}, orjson.dumps(answer["json"]))

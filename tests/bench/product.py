"""The bridge under test: `crm-bridge run` as an operator starts it, in its own process, over a folder of its own."""

import base64
import http
import http.client
import time
from collections.abc import Mapping
from pathlib import Path

import orjson

from tests.bench.processes import Child, ChildFailed
from tests.bench.workload import FIELDS, SECRET, SIGNATURE
from tests.ports import free_ports

CONFIGURATION = """\
version: 1
server: {{listen: "127.0.0.1:0", drain_delay: 0s, drain_timeout: 100ms, source_rate: 1000000}}
admin: {{listen: "127.0.0.1:0"}}
store: {{url: sqlite:///var/bridge.db}}
sources:
  shop:
    verify: {{type: hmac, algorithm: sha256, secrets: ["${{BENCH_SECRET}}"],
             signature: {{from: "header:{header}", encoding: hex}}}}
    event: {{type: "{{{{ body.kind }}}}", id: "{{{{ body.id }}}}"}}
{sources}
destinations:
{destinations}
rules:
{rules}
"""

PRESETS = """\
  aisoule: {preset: aisoule, secret: "${BENCH_SECRET}"}
  whatsapp-cloud: {preset: whatsapp-cloud, secret: "${BENCH_SECRET}", verify_token: "${BENCH_SECRET}"}
  standard-webhooks: {preset: standard-webhooks, secret: "${BENCH_KEY}"}"""
"""Sources of presets, for the rows about these; all other rows are measured with one source."""

DESTINATION = """\
  {name}: {{connector: {connector}, base_url: "{sink}/{how}", allow_private_addresses: true, concurrency: {concurrency},
    timeout: {timeout}}}"""

RULE = """\
  - name: {kind}
    on: shop/{kind}
    if: body.status == "paid"
    key: "{{{{ body.customer.id }}}}"
    steps: [{{id: send, use: {destination}.{operation}, with: {with_}}}]"""

CONNECTOR = """\
name: bulk
title: An API with a batch endpoint
doc: The benchmark's own.
settings: {}
auth: [{mode: none}]
operations:
  records.upsert:
    doc: Create or update a record.
    repeat: upsert
    params: {record: {type: mapping, required: true, doc: "The record"}}
    request: {method: POST, path: /record, json: "{{ params.record }}"}
    success: {status: [200], id: body.id}
    sample: {params: {record: {order: a}}, status: 200, json: {id: 1}}
    batch:
      max: 100
      request: {method: POST, path: /batch}
      items: inputs
      item: {key: "{{ key }}", record: "{{ params.record }}"}
      match: {key: "{{ key }}"}
      results: [{list: body.results, key: {key: item.key}, answer: {status: 200, json: {id: "{{ item.id }}"}}}]
"""

START_S = 60.0
POLL_S = 0.005

ENVIRONMENT = {"BENCH_SECRET": SECRET, "BENCH_KEY": f"whsec_{base64.b64encode(SECRET.encode()).decode()}"}

ORDER, SLOW, HUNG, BULK, IGNORED = "order", "slow", "hung", "bulk", "ignored"
"""The kinds of events, which are the names of their rules and destinations too; no rule wants `ignored`."""


def _destination(kind: str, sink: str) -> str:
    connector = "bulk" if kind == BULK else "http"
    how = {SLOW: "50ms", HUNG: "hang", BULK: "bulk"}.get(kind, "now")
    concurrency = 256 if kind == SLOW else 16
    timeout = "600s" if kind == HUNG else "15s"
    return DESTINATION.format(
        name=kind, connector=connector, sink=sink, how=how, concurrency=concurrency, timeout=timeout
    )


def _rule(kind: str) -> str:
    fields = orjson.dumps(FIELDS).decode()
    bulk = kind == BULK
    with_ = f"{{record: {fields}}}" if bulk else f"{{path: /orders, json: {fields}}}"
    operation = "records.upsert" if bulk else "post"
    return RULE.format(kind=kind, destination=kind, operation=operation, with_=with_)


def write_configuration(folder: Path, sink: str, kinds: tuple[str, ...], *, sources: str = "") -> Path:
    """A configuration with a rule and a destination for each kind; the rest is as shipped."""
    path = folder / "config.yaml"
    if BULK in kinds:
        connectors = folder / "config" / "connectors"
        connectors.mkdir(parents=True, exist_ok=True)
        (connectors / "bulk.yaml").write_text(CONNECTOR)
    path.write_text(
        CONFIGURATION.format(
            header=SIGNATURE,
            sources=sources,
            destinations="\n".join(_destination(kind, sink) for kind in kinds),
            rules="\n".join(_rule(kind) for kind in kinds),
        )
    )
    return path


class Product(Child):
    """A running daemon; `started_s` is how long it took from the start to the open door.

    Events go to `hook`; those of a preset's source to `hooks`/NAME.
    """

    def __init__(self, config: Path, environment: Mapping[str, str] | None = None) -> None:
        [port] = free_ports(1)
        listen = {"BRIDGE_SERVER__LISTEN": f"127.0.0.1:{port}"}
        begun = time.monotonic()
        super().__init__(
            "bridge",
            "run",
            "-c",
            str(config),
            environment={**listen, **ENVIRONMENT, **(environment or {})},
            stderr=config.parent / "daemon.log",
        )
        try:
            self._wait_until_ready(port, begun + START_S)
        except BaseException:
            self.stop()
            raise
        self.started_s = time.monotonic() - begun
        self.hooks = f"http://127.0.0.1:{port}/hooks"
        self.hook = f"{self.hooks}/shop"

    def _wait_until_ready(self, port: int, end_s: float) -> None:
        while time.monotonic() < end_s:
            if self.process.poll() is not None:
                raise ChildFailed(f"the daemon ended with {self.process.returncode}; see {self.log}")
            if _is_ready(port):
                return
            time.sleep(POLL_S)
        raise ChildFailed(f"the daemon did not start within {START_S} s; see {self.log}")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()

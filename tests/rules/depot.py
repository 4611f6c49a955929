"""A small API of our own with every way to be repeated and to be batched, and the depot behind it, in memory."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bridge.connectors.answer import Answer
from bridge.connectors.library import CompiledConnector, load_connector
from bridge.connectors.request import OutboundRequest
from bridge.rules.actions import Send
from bridge.rules.compile import compile_rule
from bridge.rules.rule import Rule
from tests.rules.builders import answer, destinations, shape

DEPOT = """
    name: depot
    title: Depot
    doc: Boxes, put, changed and ordered
    auth: [{mode: none}]
    errors:
      - {status: 409, outcome: conflict}
      - {status: [404, 410], outcome: gone}
      - {status: 429, outcome: rate_limited}
      - {status: 401, outcome: unauthorized}
      - {status: 4xx, outcome: rejected}
    operations:
      put:
        doc: Put a box under its name
        repeat: upsert
        params: {name: {type: text, doc: Name, required: true}}
        request: {method: PUT, path: "/boxes/{{ params.name }}", json: {key: "{{ key }}"}}
        success: {id: body.id}
        batch:
          max: 10
          at_least: 1
          request: {method: POST, path: /boxes/put_many}
          items: boxes
          item: {name: "{{ params.name }}", key: "{{ key }}"}
          match: {key: "{{ key }}"}
          results: RESULTS
          job: JOB
        sample: {params: {name: a}, status: 200, json: {id: 1}}
      order:
        doc: Order a box
        repeat: key
        idempotency: {header: Idempotency-Key, lasts: 2h}
        probe:
          request: {method: GET, path: /orders, query: {ref: "{{ key }}"}}
          items: body.orders
          match: item.ref == key
          id: item.id
        params: {name: {type: text, doc: Name, required: true}}
        request: {method: POST, path: /orders, json: {ref: "{{ key }}", name: "{{ params.name }}"}}
        success: {id: body.id}
        batch:
          max: 10
          at_least: 1
          request: {method: POST, path: /orders/create_many}
          items: orders
          item: {ref: "{{ key }}", key: "{{ key }}", name: "{{ params.name }}"}
          match: {key: "{{ key }}"}
          results: RESULTS
          job: JOB
        sample: {params: {name: a}, status: 200, json: {id: 1}}
      change:
        doc: Change a box
        repeat: upsert
        params: {id: {type: id, doc: Id, required: true}, name: {type: text, doc: Name}}
        request: {method: PATCH, path: "/box/{{ params.id }}", json: {name: "{{ params.name | default(omit) }}"}}
        success: {id: body.id}
        batch:
          max: 10
          at_least: 1
          request: {method: POST, path: /boxes/change_many}
          items: boxes
          item: {id: "{{ params.id }}", key: "{{ key }}"}
          match: {key: "{{ key }}"}
          results: RESULTS
          job: JOB
        sample: {params: {id: 1}, status: 200, json: {id: 1}}
      add:
        doc: Add a box
        repeat: probe
        probe:
          request: {method: GET, path: /orders, query: {ref: "{{ key }}"}}
          items: body.orders
          match: item.ref == key
          id: item.id
        params: {name: {type: text, doc: Name, required: true}}
        request: {method: POST, path: /boxes, json: {name: "{{ params.name }}", key: "{{ key }}"}}
        success: {id: body.id}
        batch:
          max: 10
          at_least: 1
          request: {method: POST, path: /boxes/add_many}
          items: boxes
          item: {name: "{{ params.name }}", key: "{{ key }}"}
          match: {key: "{{ key }}"}
          results: RESULTS
        sample: {params: {name: a}, status: 200, json: {id: 1}}
      enroll:
        doc: Add a box whose name no other has
        repeat: probe
        conflict: {id: body.existing, use: change}
        probe:
          request: {method: GET, path: /orders, query: {ref: "{{ key }}"}}
          items: body.orders
          match: item.ref == key
          id: item.id
        params: {name: {type: text, doc: Name, required: true}}
        request: {method: POST, path: /unique, json: {name: "{{ params.name }}", key: "{{ key }}"}}
        success: {id: body.id}
        batch:
          max: 10
          at_least: 1
          request: {method: POST, path: /boxes/enroll_many}
          items: boxes
          item: {name: "{{ params.name }}", key: "{{ key }}"}
          match: {key: "{{ key }}"}
          results: RESULTS
        sample: {params: {name: a}, status: 200, json: {id: 1}}
"""

RESULTS = """[{list: body.results, key: {key: item.key},
    answer: {status: "{{ item.status }}", json: "{{ item.body }}"}}]"""
JOB = """{id: body.job, poll: {method: GET, path: "/progress/{{ job }}"}, done: body.state == "done",
    failed: body.state == "failed", failure: {status: 503, json: {error: failed}}}"""


@cache
def depot() -> CompiledConnector:
    """The connector, through the library as an operator's own one."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "depot.yaml"
        text = dedent(DEPOT).replace("RESULTS", " ".join(RESULTS.split())).replace("JOB", " ".join(JOB.split()))
        path.write_text(text, encoding="utf-8")
        loaded = load_connector(path)
    assert loaded.connector is not None, loaded.findings
    return loaded.connector


def depot_rule(text: str) -> Rule:
    """A rule that may use `depot` too."""
    compiled, found = compile_rule(shape(text), destinations() | {"depot": depot()})
    assert compiled is not None, found
    return compiled


KEY_LASTS_MS = 2 * 3_600_000
EXISTING = 500


class Fate(StrEnum):
    """What the depot does with a request that reaches it."""

    SERVED = "served"
    LIMITED = "the call is refused with 429"
    CONFLICT = "the record is there already"
    FORGOTTEN = "accepted and done, and then forgotten"
    DROPPED = "accepted, then forgotten and never done"


@dataclass
class Depot:
    """Counts what was really made: an order or an added box twice is what must never happen."""

    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(operation, name) -> how many records were created."""
    kept: set[tuple[str, str]] = field(default_factory=set)
    """(operation, name) of what may happen any number of times."""
    by_ref: dict[str, int] = field(default_factory=dict)
    """Idempotency key, and name -> the id of the record made."""
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Idempotency key -> (forgotten from when on, the record's id)."""
    work: dict[str, dict[str, Any]] = field(default_factory=dict)
    works: int = 0

    def serve(self, send: Send, fate: Fate, now_ms: int, *, batched: bool) -> Answer:
        """The answer to one request, single or as the only one of its batch."""
        if send.request.method == "GET":
            return self._look(send.request)
        if not batched:
            status, body = self._do(send, fate, now_ms, honours_key=True)
            return answer(status, body)
        assert send.batch is not None
        assert send.call is not None
        send.batch.build([send.call])
        dropped = fate is Fate.DROPPED
        status, body = (200, {}) if dropped else self._do(send, fate, now_ms, honours_key=False)
        results = [{"key": send.call.key, "status": status, "body": body}]
        if not send.batch.is_job:
            return answer(200, {"results": results})
        self.works += 1
        if fate not in {Fate.FORGOTTEN, Fate.DROPPED}:
            self.work[str(self.works)] = {"state": "done", "results": results}
        return answer(200, {"job": str(self.works)})

    def _look(self, request: OutboundRequest) -> Answer:
        parts = urlsplit(request.url)
        if parts.path.startswith("/progress/"):
            found = self.work.get(parts.path.removeprefix("/progress/"))
            return answer(404, {}) if found is None else answer(200, found)
        (ref,) = parse_qs(parts.query)["ref"]
        return answer(200, {"orders": [{"ref": ref, "id": self.by_ref[ref]}] if ref in self.by_ref else []})

    def _do(self, send: Send, fate: Fate, now_ms: int, *, honours_key: bool) -> tuple[int, dict[str, Any]]:
        assert send.call is not None
        name, operation, key = str(send.call.params.get("name")), send.operation.name, send.call.key
        if fate is Fate.LIMITED:
            return 429, {}
        if operation in {"put", "change"}:
            self.kept.add((operation, name))
            return 200, {"id": EXISTING}
        if operation == "enroll" and (fate is Fate.CONFLICT or self.made[operation, name]):
            return 409, {"existing": self.by_ref.get(name, EXISTING)}
        until_ms, first = self.keys.get(key, (0, 0))
        if honours_key and operation == "order" and now_ms < until_ms:
            return 200, {"id": first}
        self.made[operation, name] += 1
        made = self.by_ref[key] = self.by_ref[name] = 1000 + self.made.total()
        if honours_key and operation == "order":
            self.keys[key] = (now_ms + KEY_LASTS_MS, made)
        return 200, {"id": made}

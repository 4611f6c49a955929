"""An API with batches, limits and moods, as a client of the bridge sees it: in memory, or behind real HTTP.

Everything takes time on the test's own clock only, so that thousands of calls need no waiting.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.connectors.library import load_connector
from bridge.connectors.limits import CompiledLimit
from bridge.connectors.request import OutboundRequest
from bridge.outbound.outlet import Outlet
from bridge.outbound.passenger import Accepted, Passenger

if TYPE_CHECKING:
    from tests.outbound.limits import Vendor

CONNECTOR = """\
name: testing
title: An API for tests
doc: It has a batch form, a promise and a plain call.
settings: {mood: {type: text, default: fine, doc: nothing}}
base_url: https://api.example
auth: [{mode: none}]
limits:
  burst: {doc: all, calls: 1000, per: 10s, headers: {limit: X-Limit, remaining: X-Remaining, resets: X-Resets}}
  search: {doc: some, calls: 2, per: 1s, operations: [things.search]}
  one_note: {doc: keyed, calls: 2, per: 10m, operations: [notes.put], key: "{{ params.id }}"}
operations:
  contacts.upsert:
    doc: batched
    repeat: upsert
    params: {id: {type: text, required: true, doc: id}, kind: {type: text, doc: group}, note: {doc: any}}
    request: {method: POST, path: /contacts, json: {id: "{{ params.id }}"}}
    success: {status: [200], id: body.id}
    batch:
      max: 100
      together: "{{ params.kind | default('') }}"
      unique: "{{ params.id }}"
      request: {method: POST, path: /contacts/batch}
      items: inputs
      item: {id: "{{ params.id }}", trace: "{{ key }}", note: "{{ params.note | default(omit) }}"}
      match: {trace: "{{ key }}"}
      results:
        - {list: body.results, key: {trace: item.trace}, answer: {status: 200, json: {id: "{{ item.id }}"}}}
        - {list: body.errors, key: {trace: item.trace}, answer: {status: 400, json: {message: "{{ item.message }}"}}}
    sample: {params: {id: a}, status: 200, json: {id: a}}
  tickets.update:
    doc: promised
    repeat: upsert
    params: {id: {type: text, required: true, doc: id}}
    request: {method: PUT, path: "/tickets/{{ params.id }}", json: {}}
    success: {status: [200], id: body.id}
    batch:
      max: 100
      at_least: 3
      unique: "{{ params.id }}"
      request: {method: PUT, path: /tickets/many}
      items: tickets
      item: {id: "{{ params.id }}"}
      match: {id: "{{ params.id }}"}
      results:
        - {list: body.results, key: {id: item.id}, answer: {status: 200, json: {id: "{{ item.id }}"}}}
      job:
        id: body.job
        poll: {method: GET, path: "/jobs/{{ job }}"}
        done: body.status == 'completed'
        failed: body.status == 'failed'
        failure: {status: 503}
    sample: {params: {id: a}, status: 200, json: {id: a}}
  notes.put:
    doc: keyed
    repeat: upsert
    params: {id: {type: text, required: true, doc: id}}
    request: {method: PUT, path: "/notes/{{ params.id }}", json: {}}
    success: {status: [200], id: body.id}
    sample: {params: {id: a}, status: 200, json: {id: a}}
  things.search:
    doc: limited by itself
    repeat: upsert
    params: {id: {type: text, required: true, doc: id}}
    request: {method: GET, path: "/things/{{ params.id }}"}
    success: {status: [200], id: body.id}
    sample: {params: {id: a}, status: 200, json: {id: a}}
"""

Mood = Callable[[OutboundRequest], Answer | None]


def example(folder: Path, **settings: Any) -> Destination:
    """A destination of the connector above."""
    path = folder / "testing.yaml"
    path.write_text(CONNECTOR)
    loaded = load_connector(path)
    assert loaded.connector is not None, loaded.findings
    shape = DestinationShape.model_validate({"connector": "testing", "allow_private_addresses": True, **settings})
    compiled, problems = compile_destination("testing", shape, loaded.connector)
    assert compiled is not None, problems
    return compiled


class Api:
    """The other side. It is a `Client`, and `served` puts the same answers behind a socket."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.journal: list[OutboundRequest] = []
        self.bad: set[str] = set()
        """Records that are refused."""
        self.refuses_whole = False
        """Whether one bad record has the whole request refused."""
        self.mood: Mood = lambda _request: None
        self.latency_ms: Callable[[], int] = lambda: 0
        self.vendor: Vendor | None = None
        self.open = asyncio.Event()
        """Answers leave only while it is set."""
        self.open.set()
        self.in_flight = 0
        self.most_in_flight = 0

    @property
    def sizes(self) -> list[int]:
        """How many records each request carried; 0 for the single form."""
        return [len(orjson.loads(each.body or b"{}").get("inputs", ())) for each in self.journal]

    async def send(
        self, request: OutboundRequest, _credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        del timeout_ms
        self.journal.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._takes(self.latency_ms())
            answer = self.answer(request)
            await self._takes(self.latency_ms())
            await self.open.wait()
            return answer
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        """Nothing is open."""

    async def _takes(self, milliseconds: int) -> None:
        if milliseconds:
            await self._clock.wait(asyncio.Event(), self._clock.now_ms() + milliseconds)

    def answer(self, request: OutboundRequest) -> Answer:
        if self.vendor is not None and not self.vendor.arrives(self._clock.now_ms()):
            return Answer(429)
        moody = self.mood(request)
        if moody is not None:
            return moody
        body = orjson.loads(request.body) if request.body else {}
        if request.url == "/contacts/batch":
            return self._batch(body["inputs"])
        if request.url == "/tickets/many":
            return said(200, {"job": "j1"})
        record = body.get("id") or request.url.rpartition("/")[2]
        return said(400, {"message": "bad"}) if record in self.bad else said(200, {"id": record})

    def _batch(self, inputs: list[dict[str, str]]) -> Answer:
        bad = [each for each in inputs if each["id"] in self.bad]
        if bad and self.refuses_whole:
            return said(400, {"message": "bad"})
        good = [each for each in inputs if each["id"] not in self.bad]
        errors = [{"trace": each["trace"], "message": "bad"} for each in bad]
        return said(207 if bad else 200, {"results": good[::-1], "errors": errors})

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The base address of the same API over HTTP."""

        async def respond(request: web.Request) -> web.Response:
            asked = OutboundRequest(request.method, request.path_qs, {}, await request.read())
            self.journal.append(asked)
            await self.open.wait()
            answer = self.answer(asked)
            return web.Response(status=answer.status or 500, body=answer.body, headers=dict(answer.headers))

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", respond)
        async with TestServer(application) as server:
            yield str(server.make_url("")).rstrip("/")


def said(status: int, body: object, **headers: str) -> Answer:
    return Answer(status, headers, orjson.dumps(body))


class Rig:
    """An outlet of the testing connector, and whoever wants to leave through it."""

    def __init__(
        self, folder: Path, clock: ManualClock, *limits: CompiledLimit, api: Api | None = None, **settings: Any
    ) -> None:
        self.clock = clock
        self.api = api or Api(clock)
        made = example(folder, **settings)
        self.destination = dataclasses.replace(made, limits=limits) if limits else made
        self.outlet = Outlet(self.destination, clock, client=self.api)
        self.departures = self.outlet.departures
        self._number = 0

    def passenger(self, operation: str, id_: str, *, replay: bool = False, **params: object) -> Passenger:
        self._number += 1
        compiled = self.destination.connector.operations[operation]
        call = Call({"id": id_, **params}, self.destination.settings, f"key-{self._number}", "2026-06-02T03:01:38.000Z")
        return Passenger(
            operation=compiled,
            call=call,
            request=compiled.request.build(call),
            delivery=f"dlv_{self._number}",
            replay=replay,
            batchable=self.destination.batch_on(operation),
        )

    async def travel(self, passenger: Passenger) -> Answer | Accepted:
        """Join, go, report: what the engine does with each request."""
        with await self.departures.join(passenger) as place:
            reply = await place.go()
            if isinstance(reply, Answer) and passenger.call is not None:
                verdict = passenger.operation.classify(passenger.call, reply, now_ms=self.clock.now_ms())
                place.report(verdict, reply)
            return reply

    def start(self, operation: str, id_: str, **more: Any) -> "asyncio.Task[Answer | Accepted]":
        return asyncio.create_task(self.travel(self.passenger(operation, id_, **more)))

    async def upserts(self, *ids: str, **more: Any) -> list[Answer | Accepted]:
        return await asyncio.gather(*(self.start("contacts.upsert", id_, **more) for id_ in ids))

    async def step(self, milliseconds: int) -> None:
        """Let time pass, and everything happen that it brings about."""
        self.clock.advance(milliseconds)
        await turns()

    async def run(self, until: Callable[[], bool], *, step_ms: int = 10, most: int = 100_000) -> None:
        """Let time pass in small steps until something is so."""
        for _ in range(most):
            await turns()
            if until():
                return
            self.clock.advance(step_ms)
        raise AssertionError("it never came about")


async def turns(number: int = 30) -> None:
    """Give everybody who can go on the chance to, without any time passing."""
    loop = asyncio.get_running_loop()
    for _ in range(number):
        turn: asyncio.Future[None] = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


def status_of(reply: Answer | Accepted) -> int | None:
    assert isinstance(reply, Answer), reply
    return reply.status

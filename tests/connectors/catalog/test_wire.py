"""Every shipped connector over the real HTTP client and a real socket: what it sends arrives, and is judged as it is.

The other side answers from a script, the operation's own sample or something worse. Connectors that have a stand-in in
the sandbox meet it in their own tests; this one asks of each file, also of the next one, that it works at all.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer
from bridge.connectors.destination import Destination, DestinationShape, compile_destination
from bridge.connectors.library import shipped, shipped_names
from bridge.connectors.operation import CompiledOperation
from bridge.connectors.request import OutboundRequest
from bridge.connectors.schema import Auth
from bridge.model import Outcome
from bridge.outbound.client import HttpClient
from bridge.outbound.outlet import Outlet
from tests.connectors.builders import NOW_MS, SETTINGS, call_of

each_connector = pytest.mark.parametrize("name", shipped_names())
FIXED = {"bearer", "basic", "header", "none"}
"""Ways to authenticate that ask nobody for a token."""
SECRET = "tok-1f0a"
PAGE = Answer(200, {"content-type": "text/html"}, b"<!doctype html><html><body>Sign in</body></html>")
TROUBLES = (
    (PAGE, {Outcome.UNKNOWN}),
    (Answer(503), {Outcome.RETRY_LATER, Outcome.RATE_LIMITED}),
    (None, {Outcome.RETRY_LATER, Outcome.UNKNOWN}),
)
"""What the other side does, and what that may mean."""


@dataclass
class Script:
    """The other side: it notes what arrives and gives the answer that was set, or hangs up for None."""

    answer: Answer | None = None
    seen: list[OutboundRequest] = field(default_factory=list)

    async def respond(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(OutboundRequest(request.method, request.raw_path, headers, await request.read()))
        if self.answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=self.answer.status or 500, headers=self.answer.headers, body=self.answer.body)


def on_the_wire(name: str) -> list[tuple[str, CompiledOperation]]:
    """The operations whose body is their own; tests/engine/test_files.py drives those that fetch a file first."""
    operations = shipped(name).operations.items()
    return [(each, compiled) for each, compiled in operations if compiled.operation.request.fetch is None]


@asynccontextmanager
async def scripted() -> AsyncIterator[tuple[Script, str]]:
    script = Script()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", script.respond)
    server = TestServer(application)
    await server.start_server(access_log=None)
    try:
        yield script, str(server.make_url("/api"))
    finally:
        await server.close()


def destination(name: str, auth: Auth, address: str) -> Destination:
    """A destination at an address that can authenticate in one way only."""
    settings = shipped(name).connector.settings
    given: dict[str, Any] = dict(SETTINGS.get(name, {}))
    needed = [*auth.needs, *(key for key, setting in settings.items() if setting.required)]
    given |= {key: SECRET for key in needed if key not in given}
    shape = DestinationShape.model_validate(
        {"connector": name, "base_url": address, "allow_private_addresses": True, **given}
    )
    compiled, problems = compile_destination(name, shape, shipped(name))
    assert compiled is not None, problems
    return compiled


@each_connector
async def test_every_operation_arrives_as_it_was_built_and_its_sample_is_a_success(name: str) -> None:
    async with scripted() as (script, address):
        client = HttpClient(address, timeout_ms=10_000, allow_private_addresses=True)
        for operation, compiled in on_the_wire(name):
            call, sample = call_of(compiled), compiled.sample_answer()
            request = compiled.request.build(call)
            script.answer = sample
            verdict = compiled.classify(call, await client.send(request, {}), now_ms=NOW_MS)
            assert verdict == compiled.classify(call, sample, now_ms=NOW_MS), operation
            assert verdict.succeeded, operation
            arrived = script.seen[-1]
            slash = "" if request.url.startswith(("/", "?")) or not request.url else "/"
            assert (arrived.method, arrived.url) == (request.method, f"/api{slash}{request.url}")
            assert arrived.body == request.body
            assert {key.lower(): value for key, value in request.headers.items()}.items() <= arrived.headers.items()
        await client.close()


@each_connector
async def test_a_web_page_a_failure_and_a_lost_answer_are_no_success_and_nothing_goes_out_twice(name: str) -> None:
    async with scripted() as (script, address):
        client = HttpClient(address, timeout_ms=10_000, allow_private_addresses=True)
        for operation, compiled in on_the_wire(name):
            call = call_of(compiled)
            for answer, outcomes in TROUBLES:
                script.answer = answer
                before = len(script.seen)
                got = await client.send(compiled.request.build(call), {})
                verdict = compiled.classify(call, got, now_ms=NOW_MS)
                assert verdict.outcome in outcomes, operation
                assert verdict.may_have_applied or answer is not None, operation
                assert len(script.seen) == before + 1, operation
        await client.close()


@pytest.mark.parametrize(
    ("name", "auth"),
    [
        pytest.param(name, auth, id=f"{name}-{auth.mode}")
        for name in shipped_names()
        for auth in shipped(name).connector.auth
        if auth.mode in FIXED
    ],
)
async def test_credentials_that_are_given_arrive_in_their_header(name: str, auth: Auth) -> None:
    async with scripted() as (script, address):
        outlet = Outlet(destination(name, auth, address), ManualClock())
        compiled = next(iter(shipped(name).operations.values()))
        script.answer = compiled.sample_answer()
        headers = await outlet.credentials.headers()
        await outlet.client.send(compiled.request.build(call_of(compiled)), headers)
        arrived = script.seen[-1].headers
        await outlet.close()
    assert (auth.mode == "none") == (headers == {})
    for key, value in headers.items():
        assert arrived[key.lower()] == value
        assert auth.mode == "basic" or SECRET in value

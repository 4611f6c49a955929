"""One request from the wire to the wire: read, enter in the journal, meet a fault or not, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from bridge.clock import Clock
from bridge.errors import UsageError
from bridge.sandbox.answers import Answer, Api, Call, Respond, Route, answer_call
from bridge.sandbox.breakage import Trouble, plain_response, send_trouble
from bridge.sandbox.fault_header import fault_of
from bridge.sandbox.faults import FaultKind, Faults, FaultSpec
from bridge.sandbox.journal import Journal, JournalEntry

MAX_BODY_BYTES = 16 * 1024 * 1024
# These never give the client a status.
_SILENT = frozenset({FaultKind.TIMEOUT, FaultKind.RESET})


class Exchange:
    """Serves one API over aiohttp."""

    def __init__(self, api: Api, *, journal: Journal, faults: Faults, clock: Clock, closing: asyncio.Event) -> None:
        self._api = api
        self._journal = journal
        self._faults = faults
        self._clock = clock
        self._closing = closing

    def application(self) -> web.Application:
        """An application to mount under a prefix."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        for route in (*self._api.routes(), Route("*", "/{unknown:.*}", self._api.unknown)):
            application.router.add_route(route.method, route.path, self._endpoint(route.respond))
        return application

    def _endpoint(self, respond: Respond) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, respond)

        return serve

    async def _serve(self, request: web.Request, respond: Respond) -> web.StreamResponse:
        call = await _read_call(request)
        entry = self._journal.arrived(self._api.name, call)
        try:
            spec = fault_of(call) or self._faults.strike(self._api.name, call)
        except UsageError as error:
            self._journal.answered(entry, HTTPStatus.BAD_REQUEST)
            return plain_response(Answer(HTTPStatus.BAD_REQUEST, {"error": str(error)}))
        if spec is not None:
            return await self._serve_fault(request, respond, call, entry, spec)
        answer = answer_call(self._api, call, respond)
        self._journal.answered(entry, answer.status)
        return plain_response(answer)

    async def _serve_fault(
        self, request: web.Request, respond: Respond, call: Call, entry: JournalEntry, spec: FaultSpec
    ) -> web.StreamResponse:
        answer = answer_call(self._api, call, respond) if spec.does_the_work else None
        if spec.fault in _SILENT:
            self._journal.answered(entry, None, spec.fault)
        trouble = Trouble(request, spec, answer, self._api, self._clock, self._closing)
        response = await send_trouble(trouble)
        if spec.fault not in _SILENT:
            self._journal.answered(entry, response.status, spec.fault)
        return response


async def _read_call(request: web.Request) -> Call:
    prefix = "/" + request.path.lstrip("/").partition("/")[0]
    query: dict[str, list[str]] = {}
    for name, value in request.query.items():
        query.setdefault(name, []).append(value)
    return Call(
        method=request.method,
        path=request.path.removeprefix(prefix) or "/",
        root=f"{request.scheme}://{request.host}{prefix}",
        params=dict(request.match_info),
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        content=await request.read(),
    )

"""`POST /hooks/{source}`: bytes in, 200 out, and between them a synced commit.

The order of the guards is the order of their cost: path, method, declared size, the body within its deadline, the
signature over the raw bytes, and only then what is inside.
"""

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum
from hashlib import blake2b
from typing import NoReturn

from aiohttp import web

from bridge.clock import Clock
from bridge.engine.accept import Acceptor
from bridge.engine.captures import Capture
from bridge.engine.present import Present
from bridge.errors import Replayed, StoreError, StoreFailed
from bridge.model import Accepted
from bridge.settings import ServerSettings
from bridge.sources import AnswerText, Called, Learn, Received, Refused, Reply, Source, meet
from bridge.store.protocol import ReplayId
from bridge.web.answers import SECURITY_HEADERS, Denial, answer, refusal
from bridge.web.bodies import Arrivals, raw_body
from bridge.web.captures import Witness
from bridge.web.handshakes import Greeter, reply_response
from bridge.web.rate import Limits, SourceLimits
from bridge.web.reports import Reports

RETRY_AFTER = {"Retry-After": "5"}
REPLAYED = Refused(
    401,
    "replayed",
    "A request with this id was taken before, with another body.",
    "Give each request an id of its own. A repeat of the same bytes is answered with 200.",
    "its signature holds, and its id was used for another body: somebody may be using what they overheard",
)
NOT_FOUND_HELP = "Check the address in the sender's webhook settings: POST /hooks/NAME, or the source's own `path`."


class Phase(Enum):
    """Whether the door is open."""

    STARTING = "starting"
    OPEN = "open"
    STOPPING = "stopping"


class Ingest:
    """Answers the public listener.

    Args:
        present: the sources in use.
        acceptor: stores what was verified.
        clock: the time.
        settings: limits and deadlines.
        greeter: does what handshakes ask for.
        failed: told when the store must not be trusted any more.
    """

    def __init__(
        self,
        present: Present,
        acceptor: Acceptor,
        clock: Clock,
        settings: ServerSettings,
        greeter: Greeter,
        *,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.phase = Phase.STARTING
        self._present = present
        self._acceptor = acceptor
        self._clock = clock
        self._settings = settings
        self._greeter = greeter
        self._failed = failed
        self._limits = Limits(settings.source_rate, clock)
        self._reports = Reports(present, clock)
        self._arrivals = Arrivals(settings.max_connections)
        self._paths: tuple[Mapping[str, Source], dict[str, Source]] = ({}, {})
        self._accepting: set[asyncio.Task[list[Accepted]]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.rel_url.raw_path  # undecoded: `%2e%2e` and `%2F` are not folded (fact S17)
        source = self._sources().get(path)
        capture = self._present.captures.at(path)
        if capture is not None and not capture.is_over(self._clock.now_ms()):
            return await self._watched(request, source, capture)
        if source is not None:
            return await self._counted(request, source)
        if path in {"/healthz", "/readyz"}:
            return self._health(request, path)
        self._reports.astray()
        return _unknown_path()

    def _sources(self) -> Mapping[str, Source]:
        """The source at each path, and the limits of each, made once for each configuration."""
        sources = self._present.configuration.sources
        if self._paths[0] is not sources:
            self._paths = (sources, {source.path: source for source in sources.values()})
            self._limits.follow(sources)
            self._reports.follow(sources)
        return self._paths[1]

    def _health(self, request: web.BaseRequest, path: str) -> web.Response:
        if request.method not in {"GET", "HEAD"}:
            return _wrong_method("GET, HEAD")
        if path == "/readyz" and self.phase is not Phase.OPEN:
            return refusal(503, "not_ready", f"The bridge is {self.phase.value}.", "Wait.", headers=RETRY_AFTER)
        return answer({"ok": True})

    async def _watched(self, request: web.BaseRequest, source: Source | None, capture: Capture) -> web.Response:
        """Answer as always, and write the request down first."""
        witness = Witness()
        if source is not None:
            response = await self._counted(request, source, witness)
        else:
            response = await witness.welcome(request, self._settings, self._arrivals)
        now_ms = self._clock.now_ms()
        is_written = await capture.write(*witness.testimony(request, response, now_ms))
        self._present.captures.sweep(now_ms)
        return response if is_written or source is not None else _unknown_path()

    async def _counted(self, request: web.BaseRequest, source: Source, witness: Witness | None = None) -> web.Response:
        response = await self._hook(request, source, witness)
        if isinstance(response, Denial):
            self._acceptor.refusals.note(source.name, response.code)
        return response

    async def _hook(self, request: web.BaseRequest, source: Source, witness: Witness | None = None) -> web.Response:
        if request.method not in source.methods:
            return _wrong_method(", ".join(source.methods))
        if self.phase is not Phase.OPEN:
            return refusal(503, "stopping", "The bridge is not taking events now.", "Try again.", headers=RETRY_AFTER)
        limits = self._limits.of(source)
        stranger_waits_s = limits.unproven.wait_s()
        if stranger_waits_s is not None and not source.may_be_proven(request.headers, request.rel_url.query):
            return _closing(self._limited(source, "too_many_unproven", stranger_waits_s))
        return await self._take(request, source, limits, witness)

    async def _take(
        self, request: web.BaseRequest, source: Source, limits: SourceLimits, witness: Witness | None
    ) -> web.Response:
        """Read, judge and store."""
        limit = source.max_body or self._settings.max_body_bytes
        body = await raw_body(
            request,
            limit=limit,
            timeout_ms=self._settings.receive_timeout_ms,
            arrivals=self._arrivals,
            source=source.name,
            alone=len(self._sources()) == 1,
        )
        if isinstance(body, Refused):
            return _closing(self._refused(source, body))
        received = await self._greeter.judged(
            source,
            lambda complete, certificates: meet(
                complete,
                headers=request.headers.items(),
                query=request.rel_url.query.items() if request.rel_url.raw_query_string else (),
                body=body,
                now_ms=self._clock.wall_ms(),
                method=request.method,
                raw_query=request.rel_url.raw_query_string,
                certificates=certificates,
            ),
        )
        if witness is not None:
            witness.note(body, received)
        is_proven = isinstance(received, Received) or received.is_proven
        wait_s = (limits.proven if is_proven else limits.unproven).take()
        if wait_s is not None and (is_proven or not isinstance(received, Refused)):
            return self._limited(source, "too_many" if is_proven else "too_many_unproven", wait_s)
        if isinstance(received, Refused):
            return self._refused(source, received)
        if isinstance(received, Received):
            once = None if received.replay_id is None else self._once(source, received, body)
            return await self._store(source, received, once)
        return await self._act(source, received)

    async def _act(self, source: Source, received: Reply | Learn | Called) -> web.Response:
        """Do what a handshake asks for."""
        done = await self._greeter.greet(source, received)
        if isinstance(done, Refused):
            return self._refused(source, done)
        self._reports.answered(source, received if isinstance(received, Reply) else received.reply)
        return done

    def _refused(self, source: Source, refused: Refused) -> web.Response:
        self._reports.refused(source, refused)
        later = {"Retry-After": str(refused.retry_after_s)} if refused.retry_after_s is not None else None
        denial = refusal(refused.status, refused.code, refused.message, refused.help, headers=later)
        if source.answer_body == "empty":
            denial.body = None
            denial.headers.popall("Content-Type", None)
        return denial

    def _once(self, source: Source, received: Received, body: bytes) -> ReplayId | None:
        if received.replay_id is None or not received.replay_keep_s:
            return None
        digest = blake2b(body, digest_size=16).digest()
        keep_ms = received.replay_keep_s * 1000
        return ReplayId(source.name, received.replay_id, keep_ms, digest, self._clock.now_ms())

    def _limited(self, source: Source, code: str, wait_s: int) -> web.Response:
        self._reports.limited(source, code)
        return refusal(429, code, "This source sends too fast.", "Wait.", headers={"Retry-After": str(wait_s)})

    async def _store(self, source: Source, received: Received, once: ReplayId | None) -> web.Response:
        """Store, and answer when the commit is synced.

        The work goes on when the sender hangs up or the answer is late: the sender's repeat is then a duplicate.
        """
        task = asyncio.create_task(self._acceptor.accept(received.events, once))
        self._accepting.add(task)
        task.add_done_callback(self._accepted)
        await asyncio.wait((task,), timeout=self._settings.answer_timeout_ms / 1000)
        try:
            accepted = task.result() if task.done() else _late()
        except Replayed:
            return self._refused(source, REPLAYED)
        except (StoreError, TimeoutError) as error:
            self._reports.unavailable(source, type(error).__name__)
            return refusal(
                503, "unavailable", "The event could not be stored now.", "Send it again.", headers=RETRY_AFTER
            )
        self._reports.taken(source, received)
        return _stored(source, accepted) if received.reply is None else reply_response(received.reply)

    def _accepted(self, task: asyncio.Task[list[Accepted]]) -> None:
        self._accepting.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, StoreFailed):
            self._failed(error)

    async def finish(self) -> None:
        """Wait until everything that is being stored is stored."""
        while self._accepting:
            await asyncio.wait(set(self._accepting))
        self._reports.close()


def _late() -> NoReturn:
    raise TimeoutError


def _stored(source: Source, accepted: list[Accepted]) -> web.Response:
    duplicate = bool(accepted) and all(each.duplicate for each in accepted)
    headers = {"Webhook-Duplicate": "1"} if duplicate else {}
    if source.answer_status == 204 or source.answer_body == "empty":  # noqa: PLR2004 - for the few that ask for it
        return web.Response(status=source.answer_status, headers={**SECURITY_HEADERS, **headers})
    if isinstance(source.answer_body, AnswerText):
        headers["Content-Type"] = source.answer_body.type
        return answer(source.answer_body.text.encode("ascii"), headers=headers)
    if len(accepted) == 1:
        return answer({"ok": True, "id": accepted[0].id, "duplicate": duplicate}, headers=headers)
    return answer(
        {
            "ok": True,
            "ids": [each.id for each in accepted],
            "duplicates": [each.duplicate for each in accepted],
            "duplicate": duplicate,
        },
        headers=headers,
    )


def _unknown_path() -> web.Response:
    return refusal(404, "unknown_path", "There is no source at this address.", NOT_FOUND_HELP)


def _wrong_method(allowed: str) -> web.Response:
    return refusal(405, "wrong_method", f"This address takes {allowed}.", f"Use {allowed}.", headers={"Allow": allowed})


def _closing(response: web.Response) -> web.Response:
    """The rest of the body was not read, so the connection cannot go on."""
    response.force_close()
    return response

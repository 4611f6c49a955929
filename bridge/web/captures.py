"""Capturing at the door: what a person asked to see of the requests to one path, whatever becomes of them."""

import orjson
from aiohttp import web

from bridge.clock import Clock
from bridge.engine.capture_files import Answered, RawRequest
from bridge.engine.captures import Capture
from bridge.settings import ServerSettings
from bridge.sources import Reaction, Received, Refused, Reply, Source, meet
from bridge.web.answers import answer, refusal
from bridge.web.bodies import Arrivals, raw_body
from bridge.web.handshakes import reply_response


class Witness:
    """What is seen of one request while it is answered: its body once it was read, and why it was refused."""

    def __init__(self) -> None:
        self.body = b""
        self.refused: Refused | None = None

    def note(self, body: bytes, received: Received | Reaction) -> None:
        """Note what was read, and what it is."""
        self.body = body
        self.refused = received if isinstance(received, Refused) else None

    async def welcome(self, request: web.BaseRequest, settings: ServerSettings, arrivals: Arrivals) -> web.Response:
        """Answer a request to a path that no source has, so that its sender is content."""
        body = await raw_body(
            request,
            limit=settings.max_body_bytes,
            timeout_ms=settings.receive_timeout_ms,
            arrivals=arrivals,
            source=request.rel_url.raw_path,
            alone=False,
        )
        if isinstance(body, Refused):
            self.refused = body
            response = refusal(body.status, body.code, body.message, body.help)
            response.force_close()
            return response
        self.body = body
        return answer({"ok": True})

    def testimony(self, request: web.BaseRequest, response: web.Response, now_ms: int) -> tuple[RawRequest, Answered]:
        """The request as it came, and what its sender is told."""
        url = request.rel_url
        headers = [(name, value) for name, value in request.headers.items()]
        seen = RawRequest(now_ms, request.method, url.raw_path, url.raw_query_string, headers, self.body)
        refused = self.refused
        if refused is not None:
            return seen, Answered(response.status, refused.code, refused.reason, refused.scheme or None)
        error = _error(response)
        return seen, Answered(response.status, error.get("code"), error.get("message"))


def _error(response: web.Response) -> dict[str, str]:
    body = response.body
    if response.status < 400 or response.content_type != "application/json" or not isinstance(body, bytes):  # noqa: PLR2004 - an error
        return {}
    error: dict[str, str] = orjson.loads(body)["error"]
    return error


class Catcher:
    """Serves one path, stores no event, and writes down every request to it.

    Args:
        capture: what is being captured.
        source: the source as it is configured, for its verdict; None when no configuration knows it.
        clock: the time.
        settings: limits and deadlines.
    """

    def __init__(self, capture: Capture, source: Source | None, clock: Clock, settings: ServerSettings) -> None:
        self._capture = capture
        self._source = source
        self._clock = clock
        self._settings = settings
        self._arrivals = Arrivals(settings.max_connections)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request: 200 once it is on the disk, whatever its signature is worth."""
        if request.rel_url.raw_path != self._capture.path:
            return refusal(404, "unknown_path", "Only one path is served here.", "See what `crm-bridge capture` says.")
        witness, now_ms = Witness(), self._clock.now_ms()
        response = await witness.welcome(request, self._settings, self._arrivals)
        if self._source is not None and witness.refused is None:
            response = self._met(self._source, request, witness, self._clock.wall_ms()) or response
        if await self._capture.write(*witness.testimony(request, response, now_ms)):
            return response
        unwritten = refusal(503, "not_written", "The request was not written down.", "The capture is over.")
        unwritten.force_close()
        return unwritten

    @staticmethod
    def _met(source: Source, request: web.BaseRequest, witness: Witness, now_ms: int) -> web.Response | None:
        """Note the verdict of a source; its answer where the sender waits for a certain one.

        A secret that a sender brings is not learned here, and nobody is called, so such a handshake is not completed.
        """
        met = meet(
            source,
            headers=list(request.headers.items()),
            query=list(request.rel_url.query.items()),
            body=witness.body,
            now_ms=now_ms,
            method=request.method,
            raw_query=request.rel_url.raw_query_string,
        )
        witness.note(witness.body, met)
        reply = met if isinstance(met, Reply) else met.reply if isinstance(met, Received) else None
        return None if reply is None else reply_response(reply)

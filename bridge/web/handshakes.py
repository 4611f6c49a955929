"""Handshakes at the public listener: what a sender asked for is done first, durably, and only then it is answered."""

from collections.abc import Callable, Mapping

import structlog
from aiohttp import web
from multidict import CIMultiDict

from bridge.engine.handshakes import Handshaking
from bridge.errors import StoreError, StoreFailed
from bridge.sources import Called, Learn, Reaction, Received, Refused, Reply, Source
from bridge.store.secrets import Learning
from bridge.web.answers import SECURITY_HEADERS

log = structlog.get_logger(__name__)

ECHO_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""What comes back is a stranger's text: even if it were taken for a page, nothing in it may run."""
_AGAIN = "The sender tries again, or begin the set-up there again."
_LATER = {
    "unavailable": "This cannot be done now.",
    "not_confirmed": "The address could not be called now.",
    "certificate_unavailable": "The sender's certificate could not be had.",
}
SOON_S = 5


class Greeter:
    """Does what handshakes ask for.

    Args:
        handshaking: the parts that do it.
        failed: told when the store must not be trusted any more.
    """

    def __init__(self, handshaking: Handshaking, *, failed: Callable[[BaseException], None]) -> None:
        self._parts = handshaking
        self._failed = failed

    async def judged(
        self, source: Source, judge: Callable[[Source, Mapping[str, bytes]], Received | Reaction]
    ) -> Received | Reaction:
        """What a request is, once the certificate that it names is here, if it names one.

        Args:
            source: as configured.
            judge: says what the request is, by the source with what it has learned and the certificates by address.
        """
        complete = self._parts.secrets.complete(source)
        certificates = self._parts.certificates
        found = judge(complete, certificates.kept)
        if not isinstance(found, Refused) or found.certificate_url is None:
            return found
        address = found.certificate_url
        wait_s = await certificates.fetch(source.name, address)
        if wait_s is not None:
            return _later("certificate_unavailable", "the certificate that it names is not to be had", wait_s)
        found = judge(complete, certificates.with_fresh(address))
        if isinstance(found, Received) or found.is_proven:
            await certificates.keep(address)
        return found

    async def greet(self, source: Source, reaction: Reply | Learn | Called) -> web.Response | Refused:
        """Do what has to be done before the answer, and give it; neither is logged here.

        Args:
            source: as configured, without what it has learned.
            reaction: what `meet` said.
        """
        refused: Refused | None = None
        try:
            if isinstance(reaction, Learn):
                refused = await self._learn(source, reaction)
            elif isinstance(reaction, Called):
                refused = await self._call(source, reaction)
        except StoreError as error:
            if isinstance(error, StoreFailed):
                self._failed(error)
            return _later("unavailable", type(error).__name__)
        if refused is not None:
            return refused
        return reply_response(reaction if isinstance(reaction, Reply) else reaction.reply)

    async def _learn(self, source: Source, reaction: Learn) -> Refused | None:
        if not source.takes_secret(reaction.secret):
            return Refused(
                400,
                "secret_unfit",
                "This cannot be a secret.",
                _AGAIN,
                "the secret is too short, or not of the right form",
            )
        result = await self._parts.secrets.learn(source, reaction.secret)
        match result:
            case Learning.LEARNED:
                log.warning("handshake.learned", source=source.name)
                return None
            case Learning.KNOWN:
                return None
            case Learning.CLOSED:
                return Refused(
                    403,
                    "window_closed",
                    "This source takes no secret now.",
                    f"Run `crm-bridge open-window {source.name}` first, then set the webhook up at the sender again.",
                    "no window is open for a secret",
                )
            case Learning.FULL:
                return Refused(
                    403,
                    "secrets_full",
                    "This source has as many secrets as it may.",
                    f"Run `crm-bridge secrets retire {source.name}` first.",
                    "it has as many secrets as it may",
                )

    async def _call(self, source: Source, reaction: Called) -> Refused | None:
        confirmed = await self._parts.confirmations.confirm(source.name, reaction.url, reaction.topic)
        return None if confirmed else _later("not_confirmed", "the call to confirm failed")


def reply_response(reply: Reply) -> web.Response:
    """The answer; a stranger's text comes back as text that no browser runs."""
    headers = CIMultiDict({**SECURITY_HEADERS, "Content-Security-Policy": ECHO_POLICY})
    headers.update(reply.headers)
    response = web.Response(status=reply.status, headers=headers, body=reply.body or None)
    if not reply.body:
        response.headers.popall("Content-Type", None)
    return response


def _later(code: str, why: str, wait_s: int = SOON_S) -> Refused:
    return Refused(503, code, _LATER[code], "Send it again.", why, retry_after_s=wait_s)

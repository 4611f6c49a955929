"""What the door says of the requests that came: to the log, within a bound, and to `status`.

A flood must not fill the disk: of lines about the same source for the same reason a few a minute are written, and the
rest is counted. No line holds text of a request, a signature that was given, or one that was expected.
"""

from collections.abc import Mapping

import structlog

from bridge.clock import Clock
from bridge.engine.lines import LineBound
from bridge.engine.present import Present
from bridge.engine.visits import SentAway
from bridge.sources import Received, Refused, Reply, Source

log = structlog.get_logger(__name__)

TOO_SOON: Mapping[str, str] = {
    "too_many": "more proven requests than the source's limit",
    "too_many_unproven": "it carries no proof, and too many such requests came just now",
}
"""Why a request was limited, by the code of its answer."""
LEFT_OUT = "they are like those before them; `status` counts what was refused"
REMIND_MS = 3_600_000
"""An older secret is mentioned once in this time."""


class Reports:
    """Writes down who came: `status` tells it, and the log.

    Args:
        present: the sources in use, and the visits to them.
        clock: the time.
    """

    def __init__(self, present: Present, clock: Clock) -> None:
        self._visitors = present.visitors
        self._clock = clock
        self._bound = LineBound(clock)
        self._reminded_ms: dict[str, int] = {}

    def follow(self, sources: Mapping[str, Source]) -> None:
        """These are the sources from now on; the visits to others are forgotten."""
        self._visitors.follow(sources)
        self._reminded_ms = {name: at_ms for name, at_ms in self._reminded_ms.items() if name in sources}

    def taken(self, source: Source, received: Received) -> None:
        """A request was taken."""
        self._visitors.of(source.name).take(self._clock.now_ms(), received.secret_index)
        for note in received.notes:
            self._say_left_out(at_once=False)
            if self._bound.passes(source.name, "noted"):
                log.warning("hook.noted", source=source.name, why=note)
        if received.secret_index and self._is_time_to_remind(source.name):
            log.info(
                "hook.older_secret",
                source=source.name,
                number=received.secret_index + 1,
                help="the sender does not sign with the first secret yet: leave this one where it is",
            )

    def astray(self) -> None:
        """A request came to an address that no source has; the log has no line for it, since anybody can send one."""
        astray = self._visitors.astray
        astray.requests += 1
        astray.last_at_ms = self._clock.now_ms()

    def answered(self, source: Source, reply: Reply) -> None:
        """A handshake was answered; anybody can ask for most of them."""
        self._say_left_out(at_once=False)
        if self._bound.passes(source.name, reply.kind):
            log.info("handshake.answered", source=source.name, kind=reply.kind)

    def refused(self, source: Source, refused: Refused) -> None:
        """A request was not believed, or could not be read."""
        if self._sent_away(source, refused.status, refused.code, refused.reason, refused.scheme):
            scheme = {"scheme": refused.scheme} if refused.scheme else {}
            log.warning(
                "hook.refused",
                source=source.name,
                status=refused.status,
                code=refused.code,
                why=refused.reason,
                **scheme,
            )

    def limited(self, source: Source, code: str) -> None:
        """A request came too soon."""
        if self._sent_away(source, 429, code, TOO_SOON[code]):
            log.warning("hook.limited", source=source.name, code=code, why=TOO_SOON[code])

    def unavailable(self, source: Source, problem: str) -> None:
        """A request could not be stored now."""
        if self._sent_away(source, 503, "unavailable", f"it could not be stored: {problem}"):
            log.warning("hook.unavailable", source=source.name, problem=problem)

    def close(self) -> None:
        """Say what was left out."""
        self._say_left_out(at_once=True)

    def _sent_away(self, source: Source, status: int, code: str, why: str, scheme: str = "") -> bool:
        """Note it for `status`; returns whether the log may have a line about it, too."""
        self._visitors.of(source.name).send_away(SentAway(self._clock.now_ms(), status, code, why, scheme))
        self._say_left_out(at_once=False)
        return self._bound.passes(source.name, code)

    def _say_left_out(self, *, at_once: bool) -> None:
        for source, code, lines in self._bound.left_out(at_once=at_once):
            log.warning("hook.left_out", source=source, code=code, lines=lines, help=LEFT_OUT)

    def _is_time_to_remind(self, source: str) -> bool:
        now_ms = self._clock.now_ms()
        due = source not in self._reminded_ms or now_ms - self._reminded_ms[source] >= REMIND_MS
        if due:
            self._reminded_ms[source] = now_ms
        return due

"""AISoule's limits for one key: rolling windows, told in X-RateLimit headers; a 429 says the wait in its body."""

from dataclasses import dataclass

from bridge.clock import Clock
from bridge.sandbox.answers import Answer, Refused
from bridge.sandbox.limits import RateWindow

TOO_MANY = 429
WAIT_S = 15
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class AISouleLimits:
    """Calls in a minute, those of `burst` in a second. They only bite when `enforced`."""

    enforced: bool = False
    general: int = 120
    messages: int = 300
    burst: int = 5
    media: int = 30


class Traffic:
    """The windows of one key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.apply(AISouleLimits())

    def apply(self, limits: AISouleLimits) -> None:
        """Use other limits; what was counted is forgotten."""
        self.limits = limits
        self._general = RateWindow(self._clock, limits.general, _MINUTE_MS)
        self._messages = RateWindow(self._clock, limits.messages, _MINUTE_MS)
        self._burst = RateWindow(self._clock, limits.burst, 1_000)
        self._media = RateWindow(self._clock, limits.media, _MINUTE_MS)

    def count(self, *, is_message: bool, has_media: bool) -> None:
        """Count one call.

        Raises:
            Refused: a window is full and limits are enforced.
        """
        windows = [self._messages, self._burst] if is_message else [self._general]
        windows += [self._media] if has_media else []
        full = [window for window in windows if not window.remaining]
        if full and self.limits.enforced:
            raise Refused(limited(max(1, *(window.resets_in_s for window in full))))
        for window in windows:
            window.take()

    def headers(self, *, is_message: bool) -> dict[str, str]:
        """What every answer tells about the window of its path, not about bursts and media."""
        window = self._messages if is_message else self._general
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.remaining),
            "X-RateLimit-Reset": str(-(-(self._clock.now_ms() + window.resets_in_ms) // 1000)),
        }


def limited(wait_s: int) -> Answer:
    """The 429 of both APIs."""
    message = "Too many requests. Please wait before retrying."
    error = {"code": "rate_limit_exceeded", "message": message, "retry_after_seconds": wait_s}
    return Answer(TOO_MANY, {"success": False, "error": error})


def outage_wait(retry_after: str | None) -> int:
    """The seconds that a fault asks for, or AISoule's own example."""
    return int(retry_after) if retry_after and retry_after.isdecimal() else WAIT_S

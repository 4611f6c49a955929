"""Signed times: read as one spelling only, and compared with our clock."""

import re
from datetime import datetime

from bridge.model import rfc3339
from bridge.sources.places import TimestampPlace
from bridge.sources.verdict import Reason, Unbelieved

_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


def age_of(place: TimestampPlace, text: str, now_ms: int) -> int:
    """How many milliseconds a signed time is behind our clock; negative when it is ahead.

    Raises:
        Unbelieved: it is not written as the scheme says, or outside the limits.
    """
    moment_ms = _milliseconds(text, place.unit)
    if moment_ms is None:
        raise Unbelieved(Reason.TIMESTAMP_MALFORMED, f"the time in {place.place.shown} is not written as {place.unit}")
    age_ms = now_ms - moment_ms
    if place.past_s is not None and not age_ms <= place.past_s * 1000:
        limit = place.past_s
    elif place.future_s is not None and not -age_ms <= place.future_s * 1000:
        limit = place.future_s
    else:
        return age_ms
    raise Unbelieved(
        Reason.TIMESTAMP_OUTSIDE,
        f"the time in {place.place.shown} is {difference(age_ms)}, more than the {limit} s allowed; is a clock wrong?",
    )


def difference(age_ms: int) -> str:
    """The distance to our clock in words."""
    return f"{abs(age_ms) // 1000} s {'behind' if age_ms >= 0 else 'ahead of'} our clock"


def written(place: TimestampPlace, now_ms: int) -> str:
    """How a sender writes a time."""
    if place.unit == "iso8601":
        return rfc3339(now_ms)
    return str(now_ms if place.unit == "ms" else now_ms // 1000)


def _milliseconds(text: str, unit: str) -> int | None:
    if unit == "iso8601":
        if not _ISO.fullmatch(text):
            return None
        try:
            return round(datetime.fromisoformat(text).timestamp() * 1000)
        except (ValueError, OverflowError):  # the thirty-first of February, the year 0
            return None
    if not _DIGITS.fullmatch(text):
        return None
    return int(text) * (1000 if unit == "s" else 1)

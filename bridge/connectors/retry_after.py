"""How long an API asks us to wait: `Retry-After` in all its spellings, and the same in a body."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_MS = 24 * 3_600_000
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


def retry_after_ms(headers: Mapping[str, str], *, now_ms: int) -> int | None:
    """`Retry-After`; `headers` have lower-case names. None when absent, unreadable or negative; at most a day."""
    return wait_of(headers.get("retry-after"), now_ms=now_ms)


def wait_of(value: object, *, now_ms: int) -> int | None:
    """Milliseconds to wait, rounded up: `value` is seconds (a number or its text, a fraction counts) or an HTTP date.

    None when it is something else, or lies in the past; at most a day.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _limited(value * 1000) if 0 <= value < math.inf else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    return _limited(float(text) * 1000) if _SECONDS.fullmatch(text) else _until(text, now_ms)


def _until(text: str, now_ms: int) -> int | None:
    try:
        moment = parsedate_to_datetime(text)
        # `-0000` gives a time without a zone; HTTP dates are UTC, and this machine's own zone has no say
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000 - now_ms
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return _limited(wait) if wait >= 0 else None


def _limited(milliseconds: float) -> int:
    return math.ceil(min(milliseconds, MAX_RETRY_AFTER_MS))

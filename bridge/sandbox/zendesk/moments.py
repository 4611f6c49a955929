"""Zendesk's notation of time: ISO-8601, UTC, whole seconds."""

from datetime import UTC, datetime
from typing import Any

from bridge.sandbox.zendesk.refusals import invalid_record


def moment(milliseconds: int) -> str:
    """`2026-06-02T03:01:38Z`."""
    return datetime.fromtimestamp(milliseconds // 1000, tz=UTC).isoformat().replace("+00:00", "Z")


def read_moment(text: Any, name: str) -> int | None:
    """Milliseconds of a moment that a caller gives, None when it gives none.

    Raises:
        Refused: 422, it is none.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise invalid_record(name, f"{name}: is not a valid time", "InvalidValue") from None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)

"""Zendesk's notation of time: ISO-8601, UTC, whole seconds."""

from datetime import UTC, datetime


def moment(milliseconds: int) -> str:
    """`2026-06-02T03:01:38Z`."""
    return datetime.fromtimestamp(milliseconds // 1000, tz=UTC).isoformat().replace("+00:00", "Z")

"""Zendesk's asynchronous bulk writes. The work is done at once, its status can be polled for a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bridge.clock import Clock
from bridge.sandbox.zendesk.refusals import not_found

KEPT_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class _Bulk:
    id: str
    done_at_ms: int
    results: Sequence[dict[str, Any]]


class BulkWrites:
    """Everything behind `/job_statuses`. It shows as queued until `lag_ms` after the request."""

    def __init__(self, clock: Clock, lag_ms: int) -> None:
        self._clock = clock
        self._lag_ms = lag_ms
        self._bulks: dict[str, _Bulk] = {}

    def add(self, results: Sequence[dict[str, Any]], root: str) -> dict[str, Any]:
        """Keep the results of a bulk write; gives its first status."""
        bulk = _Bulk(uuid4().hex, self._clock.now_ms() + self._lag_ms, results)
        self._bulks[bulk.id] = bulk
        return _shown(bulk, root, done=False)

    def status(self, bulk_id: str, root: str) -> dict[str, Any]:
        """The status now.

        Raises:
            Refused: 404, unknown or older than a day.
        """
        bulk = self._bulks.get(bulk_id)
        now_ms = self._clock.now_ms()
        if bulk is None or now_ms >= bulk.done_at_ms + KEPT_MS:
            raise not_found()
        return _shown(bulk, root, done=now_ms >= bulk.done_at_ms)


def _shown(bulk: _Bulk, root: str, *, done: bool) -> dict[str, Any]:
    total = len(bulk.results)
    return {
        "id": bulk.id,
        "url": f"{root}/api/v2/job_statuses/{bulk.id}.json",
        "total": total,
        "progress": total if done else None,
        "status": "completed" if done else "queued",
        "message": "Completed" if done else None,
        "results": list(bulk.results) if done else None,
    }

"""Limits for tests, and a vendor who keeps his own log of them."""

from collections import deque
from typing import Any

from bridge.connectors.answer import Answer
from bridge.connectors.call import Call
from bridge.connectors.limits import CompiledLimit
from bridge.connectors.traffic import Limit

OK = Answer(200, {}, b"{}")
TOO_MANY = Answer(429)


def limit(name: str = "burst", calls: int = 10, per: str = "10s", *, fixed: bool = False, **more: Any) -> CompiledLimit:
    shape = Limit.model_validate({"doc": "a limit", "calls": calls, "per": per, **more})
    return CompiledLimit.of(name, shape, ("contacts.upsert", "search", "tickets.update"), fixed=fixed)


def call(key: str = "k", **params: object) -> Call:
    return Call(params, {}, key, "2026-06-02T03:01:38.000Z")


def told(
    limit: int | None = None, remaining: int | None = None, resets: int | None = None, status: int = 200
) -> Answer:
    """An answer whose headers speak of a limit with `HEADERS`."""
    numbers = {"x-limit": limit, "x-remaining": remaining, "x-resets": resets}
    return Answer(status, {name: str(number) for name, number in numbers.items() if number is not None}, b"{}")


HEADERS = {"limit": "X-Limit", "remaining": "X-Remaining", "resets": "X-Resets"}


class Vendor:
    """The other side's sliding window: it counts calls when they arrive and refuses what is too much."""

    def __init__(self, calls: int, per_ms: int) -> None:
        self.calls = calls
        self.per_ms = per_ms
        self.accepted = 0
        self.refused = 0
        self._log: deque[int] = deque()

    @property
    def remaining(self) -> int:
        return self.calls - len(self._log)

    def arrives(self, now_ms: int) -> bool:
        while self._log and self._log[0] <= now_ms - self.per_ms:
            self._log.popleft()
        if len(self._log) >= self.calls:
            self.refused += 1
            return False
        self._log.append(now_ms)
        self.accepted += 1
        return True

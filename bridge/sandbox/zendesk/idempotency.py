"""Zendesk's Idempotency-Key: two hours, ticket creation only."""

from dataclasses import dataclass
from typing import Any

from bridge.clock import Clock
from bridge.sandbox.answers import Answer
from bridge.sandbox.zendesk.refusals import named_error

LIFE_MS = 2 * 3_600_000
MAX_KEY_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class _First:
    until_ms: int
    body: Any
    answer: Answer


class IdempotencyKeys:
    """The first answer given for each key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._firsts: dict[str, _First] = {}

    def lookup(self, key: str, body: Any) -> Answer | None:
        """The first answer for a key that is still remembered, marked as a hit.

        Raises:
            Refused: 400, the key is too long or came with another body before.
        """
        if len(key) > MAX_KEY_CHARACTERS:
            raise named_error(400, "IdempotentRequestError", "The idempotency key is too long")
        first = self._firsts.get(key)
        if first is None or first.until_ms <= self._clock.now_ms():
            return None
        if first.body != body:
            raise named_error(400, "IdempotentRequestError", "The parameters are not those of the first request")
        return Answer(first.answer.status, first.answer.body, {**first.answer.headers, "x-idempotency-lookup": "hit"})

    def remember(self, key: str, body: Any, answer: Answer) -> Answer:
        """Keep an answer for repeats; the one that comes back is marked as a miss."""
        self._firsts[key] = _First(self._clock.now_ms() + LIFE_MS, body, answer)
        return answer.with_headers({"x-idempotency-lookup": "miss"})

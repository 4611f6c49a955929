"""The door of the waiting room: who may wait in memory, and how many more deliveries are worth claiming.

Memory is for those who will leave soon. A limit that covers only some operations lets no more than a few wait beyond
what it admits, and sends the others into its queue in the store, so that they take no room from deliveries that could
leave at once. For limits that cover everything everybody may wait: nobody else could leave either.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from bridge.clock import Clock
from bridge.outbound.breaker import Breaker, BreakerState
from bridge.outbound.budgets import Budgets, SlotKey
from bridge.outbound.gate import Gate
from bridge.outbound.passenger import NotNow, Passenger
from bridge.outbound.waiting import Waiter

LONGEST_WAIT_MS: Final = 60_000
"""Who would have to wait longer for a limit waits in the store."""
LONGEST_KEY_WAIT_MS: Final = 1_000
"""Likewise for a window of its own key: it is one record's matter, and the place in memory is for others."""
SPARE: Final = 2
"""How many requests beyond what a limit admits wait in memory where it covers only some operations."""
CROWD: Final = 300
"""How many deliveries of a destination are worth having in memory: two whole batches in flight, one that gathers."""
LATELY: Final = 32
"""By so many passengers of a limit it is judged how many requests the next ones need."""


class Door:
    """The door of one destination's waiting room."""

    def __init__(self, budgets: Budgets, breaker: Breaker, gate: Gate, clock: Clock) -> None:
        self._budgets = budgets
        self._breaker = breaker
        self._gate = gate
        self._clock = clock
        queued = budgets.partial()
        self._standing = {name: Counter[int]() for name in queued}  # by how many such passengers one request carries
        self._need: dict[str, float] = {}
        """How many requests a passenger of each limit needs, on the average of those who came lately."""
        self._told = dict.fromkeys(queued, 0)
        self._left = False
        """Whether somebody who waited for such a limit does not any more."""
        self.moving = False
        """The destination was configured anew: everybody goes there."""

    # --- for those who come ------------------------------------------------------------------------------------

    def closed(self) -> NotNow | None:
        """Why nobody at all may leave for a while."""
        now_ms = self._clock.now_ms()
        if self.moving:
            return NotNow(now_ms, "", "reconfigured")
        if self._gate.pause is not None:
            return NotNow(None, "", "paused")
        if self._breaker.state is BreakerState.OPEN and not self._breaker.admits():
            return NotNow(self._breaker.retry_at_ms, "", "breaker")
        held_ms = self._budgets.free_at_ms(()) or now_ms
        return NotNow(held_ms, "", "held") if held_ms > now_ms + LONGEST_WAIT_MS else None

    def far(self, shared: Sequence[SlotKey]) -> NotNow | None:
        """The limit that lets nobody leave for longer than one waits here."""
        now_ms = self._clock.now_ms()
        for slot in shared:
            free_at_ms = self._budgets.free_at_ms((slot,))
            if free_at_ms is not None and free_at_ms > now_ms + LONGEST_WAIT_MS:
                return NotNow(free_at_ms, slot[0] if slot[0] in self._standing else "", slot[0])
        return None

    def refusal(self, waiter: Waiter) -> NotNow | None:
        """Why this passenger, who has come just now, may not wait here."""
        self._came(waiter)
        return self.closed() or self.far(waiter.shared) or self._key_is_far(waiter) or self._is_crowded(waiter)

    def count(self, waiter: Waiter, by: int) -> None:
        """One more waits, or one less."""
        if waiter.inner:
            return
        size = _size(waiter.passenger)
        for name, _ in waiter.shared:
            if name in self._standing:
                self._standing[name][size] += by
                self._left |= by < 0

    # --- for whoever claims deliveries ---------------------------------------------------------------------------

    def queues(self) -> dict[str, int]:
        """For each limit with a queue of its own: how many deliveries to claim from that now."""
        if self.closed() is not None:
            return dict.fromkeys(self._standing, 0)
        return {name: self._claimable(name) for name in self._standing}

    def opened(self) -> bool:
        """Whether there may be more to claim from some queue than there was when this was asked last."""
        now, before, left = self.queues(), self._told, self._left
        self._told, self._left = now, False
        return any(number > (0 if left else before[name]) for name, number in now.items())

    def most(self) -> int:
        """How many deliveries it makes sense to have in memory now."""
        if self.closed() is not None:
            return 0
        return CROWD if self._breaker.state is BreakerState.CLOSED else SPARE

    def look_again_ms(self) -> int | None:
        """When that may be more without anything else happening."""
        closed = self.closed()
        if closed is not None:
            return None if self.moving else closed.until_ms  # here it never is more again: who moves us wakes all
        now_ms = self._clock.now_ms()
        at = [self._budgets.free_at_ms(((name, None),)) for name, count in self.queues().items() if count == 0]
        return min((each for each in at if each is not None and each > now_ms), default=None)

    # --- inside ------------------------------------------------------------------------------------------------

    def _came(self, waiter: Waiter) -> None:
        needs = 1 / _size(waiter.passenger)
        for name, _ in waiter.shared:
            if name in self._standing:
                known = self._need.get(name, needs)
                self._need[name] = known + (needs - known) / LATELY

    def _key_is_far(self, waiter: Waiter) -> NotNow | None:
        now_ms = self._clock.now_ms()
        for slot in waiter.keyed:
            free_at_ms = self._budgets.free_at_ms((slot,))
            if free_at_ms is not None and free_at_ms > now_ms + LONGEST_KEY_WAIT_MS:
                return NotNow(free_at_ms, "", slot[0])
        return None

    def _is_crowded(self, waiter: Waiter) -> NotNow | None:
        size = _size(waiter.passenger)
        for name, _ in waiter.shared:
            if name in self._standing and self._requests(name, size) > self._budgets.room(name) + SPARE:
                now_ms = self._clock.now_ms()
                free_at_ms = self._budgets.free_at_ms(((name, None),))
                later = free_at_ms is not None and free_at_ms > now_ms
                return NotNow(free_at_ms if later else None, name, name)
        return None

    def _requests(self, name: str, one_more: int | None = None) -> int:
        """How many requests those who wait for a limit need, with one more of the size `one_more`."""
        standing = self._standing[name]
        extra = 0 if one_more is None else int(standing[one_more] % one_more == 0)
        return extra + sum(-(-number // size) for size, number in standing.items())

    def _claimable(self, name: str) -> int:
        if self.far(((name, None),)) is not None:
            return 0
        free = self._budgets.room(name) + SPARE - self._requests(name)
        return round(max(0, free) / self._need.get(name, 1))


def _size(passenger: Passenger) -> int:
    """How many such passengers one request carries."""
    batch = passenger.operation.batch
    return batch.max if passenger.batchable and batch is not None else 1

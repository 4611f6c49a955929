"""The waiting room: lines of passengers that wait for the same limits, first come first served.

Nobody looks at more than the heads of the lines, of which there are few, so that ten thousand who wait cost a
departure no more than ten do. Whoever is kept back by something of its own (the window of a key, a record that is in
flight) is taken out of its line and parked under that, and goes back to its old place when it may have ended.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from bridge.connectors.request import OutboundRequest
from bridge.outbound.budgets import SlotKey
from bridge.outbound.passenger import NotNow, Passenger

if TYPE_CHECKING:
    import asyncio

Group = tuple[str, str]
"""An operation and the text that calls in one request must share."""
Lock = tuple[str, ...] | SlotKey
"""What keeps single passengers back: a keyed window, or a record that another one in flight writes."""
Likeness = tuple[str, str, str, bytes]
"""What makes two readings one: operation, method, address, body."""
STAYS_KEPT: Final = 64


@dataclass(eq=False, slots=True)
class Waiter:
    """A passenger that waits. `arrived` is its number in the order of arrival.

    It waits since `since_ms`. `seat` hears of the departure: it is resolved with a `Place`, or for `inner` ones (a
    further request of passengers who left already) with a `Trip`.
    """

    passenger: Passenger
    arrived: int
    since_ms: int
    shared: tuple[SlotKey, ...]
    keyed: tuple[SlotKey, ...]
    seat: "asyncio.Future[object]"
    group: Group | None = None
    unique: Lock | None = None
    likeness: Likeness | None = None
    inner: bool = False
    waiting: bool = field(default=True)

    @property
    def stands(self) -> bool:
        """Whether it still waits; a cancelled one may not have heard of it yet."""
        return self.waiting and not self.seat.done()

    def __lt__(self, other: "Waiter") -> bool:
        return self.arrived < other.arrived

    def refuse(self, why: NotNow) -> None:
        """Send it away."""
        if not self.seat.done():
            self.seat.set_exception(why.again())


@dataclass(frozen=True, slots=True)
class LineKey:
    """Who stands in one line: the same class, the same limits, the same request if they can share one."""

    replay: bool
    shared: tuple[SlotKey, ...]
    group: Group | None


class WaitingRoom:
    """All who wait at one destination."""

    def __init__(self) -> None:
        self._lines: dict[LineKey, list[Waiter]] = {}
        self._parked: dict[Lock, list[Waiter]] = {}
        self._unpark_at: list[tuple[int, Lock]] = []
        self._alike: dict[Likeness, dict[Waiter, None]] = {}
        self._stays: list[tuple[int, int, Waiter]] = []
        """By how long they wait; those who left are dropped when they come first, or are too many."""
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def enter(self, waiter: Waiter) -> None:
        """Begin to wait."""
        self._number += 1
        self._line_up(waiter)
        if len(self._stays) > STAYS_KEPT + 2 * self._number:
            self._stays = sorted(stay for stay in self._stays if stay[2].waiting)
        heapq.heappush(self._stays, (waiter.since_ms, waiter.arrived, waiter))
        if waiter.likeness is not None:
            self._alike.setdefault(waiter.likeness, {})[waiter] = None

    def leave(self, waiter: Waiter) -> None:
        """Wait no more, wherever it stands; its entry in the line is dropped when it comes to the head."""
        if not waiter.waiting:
            return
        waiter.waiting = False
        self._number -= 1
        if waiter.likeness is not None:
            alike = self._alike[waiter.likeness]
            del alike[waiter]
            if not alike:
                del self._alike[waiter.likeness]

    def lines(self) -> Iterator[LineKey]:
        """The lines in which somebody stands."""
        for key in list(self._lines):
            if self.head(key) is not None:
                yield key

    def head(self, key: LineKey) -> Waiter | None:
        """Who is first in the line."""
        line = self._lines.get(key)
        while line and not line[0].stands:
            heapq.heappop(line)
        if not line:
            self._lines.pop(key, None)
            return None
        return line[0]

    def is_long(self, key: LineKey, number: int) -> bool:
        """Whether at least so many stand in the line."""
        standing = (waiter for waiter in self._lines.get(key, ()) if waiter.stands)
        return sum(1 for _ in islice(standing, number)) >= number

    def pop(self, key: LineKey) -> Waiter:
        """Take the first one out of the line; it still counts as waiting."""
        return heapq.heappop(self._lines[key])

    def put_back(self, waiters: Sequence[Waiter]) -> None:
        """Let those who were taken out of their line go on waiting, each in its old place."""
        for waiter in waiters:
            self._line_up(waiter)

    def alike(self, likeness: Likeness) -> list[Waiter]:
        """Everybody who waits for the same reading."""
        return [waiter for waiter in self._alike.get(likeness, ()) if waiter.stands]

    def everybody(self) -> list[Waiter]:
        """All who wait, parked ones too."""
        standing = (*self._lines.values(), *self._parked.values())
        return [waiter for line in standing for waiter in line if waiter.stands]

    def longest(self) -> Waiter | None:
        """Who waits longest, parked ones too."""
        while self._stays and not self._stays[0][2].stands:
            heapq.heappop(self._stays)
        return self._stays[0][2] if self._stays else None

    def park(self, waiter: Waiter, lock: Lock, until_ms: int | None) -> None:
        """Keep back one that was taken out of its line, until `unpark` or (if known) `until_ms`."""
        self._parked.setdefault(lock, []).append(waiter)
        if until_ms is not None:
            heapq.heappush(self._unpark_at, (until_ms, lock))

    def unpark(self, lock: Lock) -> None:
        """What kept them back may have ended: they look again."""
        self.put_back([waiter for waiter in self._parked.pop(lock, ()) if waiter.stands])

    def unpark_due(self, now_ms: int) -> None:
        """As `unpark`, for all whose time has come."""
        while self._unpark_at and self._unpark_at[0][0] <= now_ms:
            self.unpark(heapq.heappop(self._unpark_at)[1])

    @property
    def next_unpark_ms(self) -> int | None:
        """When the next one's time comes."""
        return self._unpark_at[0][0] if self._unpark_at else None

    def _line_up(self, waiter: Waiter) -> None:
        key = LineKey(waiter.passenger.replay, waiter.shared, waiter.group)
        heapq.heappush(self._lines.setdefault(key, []), waiter)


def likeness_of(operation: str, request: OutboundRequest) -> Likeness | None:
    """What other requests must have in common to be answered by the same reading; None for one that writes."""
    if request.method != "GET":
        return None
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(request.headers.items()))
    return operation, request.url, headers, request.body

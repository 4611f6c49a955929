"""The way out of a destination: who may leave now, who waits, and who is sent away until later.

First come, first served within a class (live, replay) and a set of limits; a passenger whose limit is full does not
stand in the way of one whose limits are free. Passengers whose calls can share a request leave together.
Nothing polls: arrivals, landings, the gate and one timer for the next free place make it look again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from bridge.clock import Clock
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.outbound.breaker import Breaker
from bridge.outbound.budgets import Budgets, SlotKey
from bridge.outbound.client import Client
from bridge.outbound.credentials import Credentials
from bridge.outbound.door import LONGEST_KEY_WAIT_MS, Door
from bridge.outbound.flight import Flight, Place, Trip, Way
from bridge.outbound.gate import Gate
from bridge.outbound.pace import Pace
from bridge.outbound.passenger import LONGEST_STAY_MS, NotNow, Passenger
from bridge.outbound.waiting import Group, LineKey, Lock, Waiter, WaitingRoom, likeness_of

GATHERING: Final = 2
"""So many requests of one batch form may be in flight; the passengers of the next one gather meanwhile."""


class Departures:
    """The waiting room of a destination, and its departures.

    Args:
        linger_ms: how long a passenger whose call can share a request waits for company; a full request waits no
            longer.
    """

    def __init__(
        self,
        client: Client,
        credentials: Credentials,
        budgets: Budgets,
        breaker: Breaker,
        pace: Pace,
        gate: Gate,
        clock: Clock,
        *,
        linger_ms: int = 0,
    ) -> None:
        self._linger_ms = linger_ms
        self._budgets = budgets
        self._breaker = breaker
        self._pace = pace
        self._clock = clock
        self._way = Way(client, credentials, budgets, breaker, pace, clock)
        self._room = WaitingRoom()
        self._arrivals = 0
        self._flights: dict[Flight, tuple[Group | None, tuple[Lock, ...]]] = {}
        self._in_the_air: Counter[Group] = Counter()
        self._locked: set[Lock] = set()
        self._door = Door(budgets, breaker, gate, clock)
        self._scheduled = False
        self._look_at_ms: int | None = None
        self._retimed = asyncio.Event()
        self._timer: asyncio.Task[None] | None = None
        self._heir: Departures | None = None
        self._watchers: list[Callable[[], None]] = []
        gate.watch(self.look)

    def succeed(self, before: "Departures") -> None:
        """Take the place of the departures of the same destination's former outlet; they let nobody go any more.

        Their windows are ours, so that the end of what they have in the air makes places free here, and a record that
        is in the air there must not leave here.
        """
        before._heir = self  # noqa: SLF001 - its own class
        self._locked |= before._locked  # noqa: SLF001 - as above

    # --- passengers --------------------------------------------------------------------------------------------

    async def join(self, passenger: Passenger) -> Place:
        """Wait for a place; it has to be used (`go`) or given back (`leave`), others may be waiting for that.

        Raises:
            NotNow: it would take too long to wait here.
        """
        waiter = self._waiter(passenger)
        refusal = self._door.refusal(waiter)
        if refusal is not None:
            raise refusal
        place = await self._wait(waiter)
        if not isinstance(place, Place):
            raise TypeError("a passenger gets a place")
        return place

    def look(self) -> None:
        """Something changed: see who may leave, after everybody who arrives in this turn of the loop is here."""
        if not self._scheduled and (len(self._room) or self._watchers):
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pump)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher`, at most once in a turn, when `queues` says more than before.

        That is when one who waited in memory for such a limit does not any more, or when its window has room again.
        """
        self._watchers.append(watcher)

    @property
    def waiting(self) -> int:
        """How many wait in memory."""
        return len(self._room)

    def queues(self) -> dict[str, int]:
        """For each limit with a queue of its own: how many deliveries to claim from that now."""
        return self._door.queues()

    def most(self) -> int:
        """How many deliveries it makes sense to have in memory now: none while nothing leaves, few for a probe."""
        return self._door.most()

    def look_again_ms(self) -> int | None:
        """When `queues` or `most` may say more without anything else happening, None when time does not help."""
        return self._door.look_again_ms()

    def move_out(self) -> None:
        """Send away all who wait, now and from now on: the destination was configured anew, they go there."""
        self._door.moving = True
        self._watchers.clear()
        self.look()

    async def close(self) -> None:
        """Stop the timer and whatever is still in the air for nobody."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            await asyncio.gather(timer, return_exceptions=True)
        for flight in list(self._flights):
            await flight.abandon()

    # --- waiting -----------------------------------------------------------------------------------------------

    def _waiter(self, passenger: Passenger) -> Waiter:
        operation, call, method = passenger.operation, passenger.call, passenger.request.method
        slots = self._budgets.slots(operation.name, call, method)
        group = _group_of(passenger)
        unique = operation.batch.unique(call) if group and operation.batch and call is not None else None
        self._arrivals += 1
        return Waiter(
            passenger=passenger,
            arrived=self._arrivals,
            since_ms=self._clock.now_ms(),
            shared=tuple(slot for slot in slots if slot[1] is None),
            keyed=tuple(slot for slot in slots if slot[1] is not None),
            seat=asyncio.get_running_loop().create_future(),
            group=group,
            unique=None if unique is None else ("unique", operation.name, unique),
            likeness=likeness_of(operation.name, passenger.request),
        )

    async def _wait(self, waiter: Waiter) -> object:
        self._room.enter(waiter)
        self._door.count(waiter, 1)
        self.look()
        try:
            return await waiter.seat
        except asyncio.CancelledError:
            self._gone(waiter)
            raise

    def _gone(self, waiter: Waiter) -> None:
        """Its delivery was cancelled, perhaps in the very moment in which it got its place."""
        seat = waiter.seat
        if waiter.waiting:
            self._stop_waiting(waiter)
            self.look()
        if not seat.done() or seat.cancelled() or seat.exception() is not None:
            return
        place = seat.result()
        if isinstance(place, Place):
            place.leave()
        elif isinstance(place, Trip):
            place.unused()
            self.look()

    def _stop_waiting(self, waiter: Waiter) -> None:
        self._room.leave(waiter)
        self._door.count(waiter, -1)

    async def _permit(self, places: Sequence[Place], since_ms: int) -> Trip:
        """Wait until one more request of passengers who left already may go; they come before all others."""
        passenger = places[0].passenger
        self._arrivals += 1
        waiter = Waiter(
            passenger=passenger,
            arrived=-self._arrivals,
            since_ms=since_ms,
            shared=self._budgets.slots(passenger.operation.name, None, passenger.request.method),
            keyed=tuple(slot for place in places for slot in place.keyed),
            seat=asyncio.get_running_loop().create_future(),
            inner=True,
        )
        trip = await self._wait(waiter)
        if not isinstance(trip, Trip):
            raise TypeError("a further request gets its permits")
        return trip

    # --- departing ---------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Let go who may go, send away who would wait too long, and set the timer for the others."""
        self._scheduled = False
        now_ms = self._clock.now_ms()
        self._room.unpark_due(now_ms)
        self._send_away(now_ms)
        while self._pace.has_room and self._breaker.admits():
            line = self._next_line(now_ms)
            if line is None:
                break
            self._depart(line, now_ms)
        self._set_timer(now_ms)
        if self._door.opened():
            for watcher in self._watchers:
                watcher()

    def _send_away(self, now_ms: int) -> None:
        while (waiter := self._room.longest()) is not None and waiter.since_ms + LONGEST_STAY_MS <= now_ms:
            self._refuse(waiter, NotNow(now_ms, "", "waited"))
        closed = self._door.closed()
        if closed is not None:
            for waiter in self._room.everybody():
                self._refuse(waiter, closed)
            return
        for line in list(self._room.lines()):
            far = self._door.far(line.shared)
            while far is not None and self._room.head(line) is not None:
                self._refuse(self._room.pop(line), far)

    def _refuse(self, waiter: Waiter, why: NotNow) -> None:
        self._stop_waiting(waiter)
        waiter.refuse(why)

    def _next_line(self, now_ms: int) -> LineKey | None:
        """Of the lines whose limits are free, that of the first comer; between live and replay the shares decide."""
        first: dict[bool, tuple[Waiter, LineKey]] = {}
        for line in list(self._room.lines()):
            if not self._is_free(line, now_ms):
                continue
            head = self._ready_head(line, now_ms)
            best = first.get(line.replay)
            if head is not None and (best is None or head < best[0]):
                first[line.replay] = head, line
        if not first:
            return None
        replay = self._pace.turn_of_replay() if len(first) > 1 else True in first
        return first[replay][1]

    def _is_free(self, line: LineKey, now_ms: int) -> bool:
        if line.group is not None and self._in_the_air[line.group] >= GATHERING:
            return False
        lingers_until_ms = self._lingers_until_ms(line)
        if lingers_until_ms is not None and lingers_until_ms > now_ms:
            return False
        free_at_ms = self._budgets.free_at_ms(line.shared)
        return free_at_ms is not None and free_at_ms <= now_ms

    def _lingers_until_ms(self, line: LineKey) -> int | None:
        """Until when the first in the line waits for company, None when it does not."""
        head = self._room.head(line) if self._linger_ms and line.group is not None else None
        batch = head.passenger.operation.batch if head is not None else None
        if head is None or batch is None or self._room.is_long(line, batch.max):
            return None
        return head.since_ms + self._linger_ms

    def _ready_head(self, line: LineKey, now_ms: int) -> Waiter | None:
        """The first in the line that nothing of its own keeps back; those before it are parked."""
        while (head := self._room.head(line)) is not None:
            kept = self._kept_by(head, now_ms)
            if kept is None:
                return head
            self._keep_back(self._room.pop(line), *kept, now_ms)
        return None

    def _kept_by(self, waiter: Waiter, now_ms: int) -> tuple[Lock, int | None] | None:
        """What keeps this one back, and until when if that is known."""
        if waiter.unique in self._locked and waiter.unique is not None:
            return waiter.unique, None
        for slot in waiter.keyed:
            free_at_ms = self._budgets.free_at_ms((slot,))
            if free_at_ms is None or free_at_ms > now_ms:
                return slot, free_at_ms
        return None

    def _keep_back(self, waiter: Waiter, lock: Lock, until_ms: int | None, now_ms: int) -> None:
        if until_ms is not None and until_ms > now_ms + LONGEST_KEY_WAIT_MS:
            self._refuse(waiter, NotNow(until_ms, "", str(lock[0])))
        else:
            self._room.park(waiter, lock, until_ms)

    def _depart(self, line: LineKey, now_ms: int) -> None:
        first = self._room.pop(line)
        self._stop_waiting(first)
        trip = Trip(self._way, first.shared)
        trip.add(first.keyed)
        if first.inner:
            first.seat.set_result(trip)
            return
        batch = first.passenger.operation.batch if line.group is not None else None
        self._lock(first)
        crew = [first, *self._companions(first, line, trip, now_ms)]
        flight = Flight(self._way, trip, batch, self._permit, self._landed)
        self._flights[flight] = line.group, tuple(each.unique for each in crew if each.unique is not None)
        if line.group is not None:
            self._in_the_air[line.group] += 1
        for waiter, place in zip(crew, flight.seat([(each.passenger, each.keyed) for each in crew]), strict=True):
            waiter.seat.set_result(place)

    def _companions(self, first: Waiter, line: LineKey, trip: Trip, now_ms: int) -> list[Waiter]:
        """Who travels with the first one: those with the same reading, or those who fit into its batch."""
        if first.likeness is not None:
            alike = self._room.alike(first.likeness)
            for waiter in alike:
                self._stop_waiting(waiter)
            return alike
        batch = first.passenger.operation.batch
        if line.group is None or batch is None:
            return []
        chosen: list[Waiter] = []
        for each in (line, LineKey(not line.replay, line.shared, line.group)):
            while len(chosen) < batch.max - 1 and (companion := self._ready_head(each, now_ms)) is not None:
                self._room.pop(each)
                chosen.append(companion)
                self._lock(companion)
                trip.add(companion.keyed)  # now: the next one may need a place in the same window
        if len(chosen) + 1 < max(2, batch.at_least):
            self._leave_behind(chosen, first, trip)
            return []
        for waiter in chosen:
            self._stop_waiting(waiter)
        return chosen

    def _leave_behind(self, chosen: Sequence[Waiter], first: Waiter, trip: Trip) -> None:
        """The first one travels alone; whoever was kept back by those who were to come along looks again."""
        trip.only(first.keyed)
        self._room.put_back(chosen)
        for waiter in chosen:
            self._unlock(waiter.unique)
            for slot in waiter.keyed:
                self._room.unpark(slot)

    def _lock(self, waiter: Waiter) -> None:
        if waiter.unique is not None:
            self._locked.add(waiter.unique)

    def _unlock(self, lock: Lock | None) -> None:
        if lock is not None:
            self._locked.discard(lock)
            self._room.unpark(lock)

    def _landed(self, flight: Flight) -> None:
        group, locks = self._flights.pop(flight)
        if group is not None:
            self._in_the_air[group] -= 1
            self._in_the_air += Counter()  # forgets groups that have nothing in the air
        self._over(locks, [slot for place in flight.places for slot in place.keyed])

    def _over(self, locks: Sequence[Lock], keyed: Sequence[SlotKey]) -> None:
        """A departure is over, here or at a former outlet: what it kept back looks again."""
        for lock in locks:
            self._unlock(lock)
        for slot in keyed:
            self._room.unpark(slot)
        self.look()
        if self._heir is not None:
            self._heir._over(locks, keyed)  # noqa: SLF001 - its own class

    # --- the timer ---------------------------------------------------------------------------------------------

    def _set_timer(self, now_ms: int) -> None:
        look_at_ms = self._next_look_ms(now_ms)
        if look_at_ms == self._look_at_ms:
            return
        self._look_at_ms = look_at_ms
        self._retimed.set()
        if self._look_at_ms is not None and (self._timer is None or self._timer.done()):
            self._timer = asyncio.get_running_loop().create_task(self._keep_time(), name="departures timer")

    def _next_look_ms(self, now_ms: int) -> int | None:
        """When somebody who waits may leave without anything else happening."""
        times = [self._door.look_again_ms() if self._watchers else None]
        longest = self._room.longest()
        if longest is None:
            return times[0]
        times += [self._room.next_unpark_ms, longest.since_ms + LONGEST_STAY_MS]
        if self._pace.in_flight:
            times.append(self._pace.more_at_ms())
        if not self._breaker.admits():
            times.append(self._breaker.retry_at_ms)
        for line in self._room.lines():
            times += [self._budgets.free_at_ms(line.shared), self._lingers_until_ms(line)]
        return min((at for at in times if at is not None and at > now_ms), default=None)

    async def _keep_time(self) -> None:
        while (until_ms := self._look_at_ms) is not None:
            self._retimed.clear()
            await self._clock.wait(self._retimed, until_ms)
            if self._clock.now_ms() >= until_ms:
                self._pump()


def _group_of(passenger: Passenger) -> Group | None:
    """With whom it may share a request; None: with nobody."""
    batch, call = passenger.operation.batch, passenger.call
    if not passenger.batchable or batch is None or call is None:
        return None
    try:
        return passenger.operation.name, batch.group(call)
    except (RenderError, ParameterRefused):
        return None  # the batch form cannot carry this call; the single form can

"""A departure: the passengers who travel together, their one request, and what each of them is told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from bridge.clock import Clock
from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.narrowing import Narrowing
from bridge.connectors.request import OutboundRequest
from bridge.connectors.verdict import Verdict
from bridge.connectors.wire import ParameterRefused
from bridge.expressions import RenderError
from bridge.model import Outcome
from bridge.outbound.breaker import Breaker, failed
from bridge.outbound.budgets import EVERYTHING, Budgets, SlotKey, Spending
from bridge.outbound.client import Client
from bridge.outbound.credentials import Credentials, TokenRefused
from bridge.outbound.pace import Pace
from bridge.outbound.passenger import Accepted, NotNow, Passenger
from bridge.outbound.window import LONGEST_HOLD_MS

if TYPE_CHECKING:
    from bridge.connectors.batching import CompiledBatch, Split

_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_FOR_EVERYBODY: Final = frozenset({401, 408, 429})
"""Refusals that the other records of a request would meet as well."""


@dataclass(frozen=True, slots=True)
class Way:
    """What every call of a destination goes through."""

    client: Client
    credentials: Credentials
    budgets: Budgets
    breaker: Breaker
    pace: Pace
    clock: Clock


class Trip:
    """One HTTP call: it occupies its places from its making, and tells budgets, breaker and pace once how it ended."""

    def __init__(self, way: Way, shared: Sequence[SlotKey]) -> None:
        self._way = way
        self.slots: list[SlotKey] = list(shared)
        self._shared = len(self.slots)
        self._spending = way.budgets.take(shared)
        self._keyed: list[Spending] = []
        self._probe = way.breaker.departed()
        self._held_until_ms: int | None = None
        self._reported = False
        self._ended = False
        way.pace.departed()

    def add(self, keyed: Sequence[SlotKey]) -> None:
        """Occupy the places of one more passenger's own windows."""
        self.slots.extend(keyed)
        if keyed:
            self._keyed.append(self._way.budgets.take(keyed))

    def only(self, keyed: Sequence[SlotKey]) -> None:
        """Give back the places of all who were added, and occupy those of this one passenger."""
        for spending in self._keyed:
            spending.unused()
        self._keyed.clear()
        del self.slots[self._shared :]
        self.add(keyed)

    async def send(
        self,
        request: OutboundRequest,
        headers: Mapping[str, str],
        deliveries: Iterable[str],
        *,
        timeout_ms: int | None = None,
    ) -> Answer:
        """Send the request and report how it ended, whatever happens."""
        answer: Answer | None = None
        try:
            answer = await self._way.client.send(request, headers, timeout_ms=timeout_ms)
        finally:
            self._end(answer, deliveries)
        return answer

    def unused(self) -> None:
        """Nothing was sent; without effect on a trip that was made."""
        if self._ended:
            return
        self._ended = True
        for spending in (self._spending, *self._keyed):
            spending.unused()
        self._way.pace.ended(None)
        self._way.breaker.ended(failed=None, deliveries=(), probe=self._probe)

    def judged(self, verdict: Verdict, answer: Answer) -> int | None:
        """Hold what the verdict says must be held, once for all who travelled together; until when.

        `Retry-After` of a server that is not well is meant for all; with any other answer it speaks of one record.
        """
        if self._reported:
            return self._held_until_ms
        asked = [wait for wait in (verdict.retry_after_ms, verdict.wait_ms) if wait is not None]
        if verdict.outcome is Outcome.RATE_LIMITED:
            self._reported = True
            self._way.pace.slow_down()
            self._held_until_ms = self._way.budgets.refused(self.slots, answer, max(asked, default=None))
        elif verdict.outcome is Outcome.RETRY_LATER and verdict.retry_after_ms is not None and failed(answer):
            self._reported = True
            self._held_until_ms = self._way.clock.now_ms() + min(verdict.retry_after_ms, LONGEST_HOLD_MS)
            self._way.budgets.hold(*EVERYTHING, self._held_until_ms)
        return self._held_until_ms

    def _end(self, answer: Answer | None, deliveries: Iterable[str]) -> None:
        self._ended = True
        self._spending.end(answer)
        keyed = set(self.slots[self._shared :])
        is_one_each = len({name for name, _ in keyed}) == len(keyed)  # of several keys nobody knows which one is meant
        for spending in self._keyed:
            spending.end(answer, reads=is_one_each)
        self._way.pace.ended(answer)
        if self._way.breaker.ended(failed=failed(answer), deliveries=deliveries, probe=self._probe):
            self._way.pace.recover()


class Place:
    """A passenger's place in a departure. As a context manager it leaves by itself when it was not used."""

    def __init__(self, flight: "Flight", passenger: Passenger, keyed: tuple[SlotKey, ...], *, batched: bool) -> None:
        self._flight = flight
        self.passenger = passenger
        self.keyed = keyed
        self.batched = batched
        """Whether the request may go out as part of a batch."""
        self.version = 0
        """The version of the credentials that the request carried, once it was answered."""
        self.going = False
        self.trip: Trip | None = None
        self._decided = False
        self._answered: asyncio.Future[Answer | Accepted] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()

    async def go(self) -> Answer | Accepted:
        """Go; the request leaves when everybody who has a place in it has said to go or to leave.

        Raises:
            TokenRefused: there are no credentials now; nothing was sent.
            NotNow: what was sent was definitely not applied, and nothing more may leave now.
        """
        self.going = True
        self._decide()
        try:
            return await self._answered
        except asyncio.CancelledError:
            self.going = False  # if it has not left yet, it leaves without this passenger
            raise

    def leave(self) -> None:
        """Give the place back; without effect after `go`."""
        self._decide()

    def report(self, verdict: Verdict, answer: Answer) -> int | None:
        """Tell what the answer meant: a refusal holds its limit, once for each HTTP call.

        Returns:
            Until when that holds, None when nothing is held.
        """
        return None if self.trip is None else self.trip.judged(verdict, answer)

    @property
    def is_open(self) -> bool:
        """Whether its passenger still waits for an answer."""
        return self.going and not self._answered.done()

    def tell(self, reply: Answer | Accepted, trip: Trip) -> None:
        """The passenger's own answer."""
        if not self._answered.done():
            self.trip = trip
            self._answered.set_result(reply)

    def fail(self, error: BaseException) -> None:
        """There is none, for one who waits for it."""
        if self.is_open:
            self._answered.set_exception(error)
            self._answered.exception()  # heard of, should it be cancelled now: asyncio would log it with its texts

    def _decide(self) -> None:
        if not self._decided:
            self._decided = True
            self._flight.decided()


Permit = Callable[[Sequence[Place], int], Awaitable[Trip]]
"""Waits until one more request of these passengers may leave; they wait since the time given, and not for ever."""


class Flight:
    """Those who depart together.

    Args:
        way: what the call goes through.
        trip: the permits that were taken for its request.
        batch: how to put several calls into one request; None: one passenger, or many with the same reading.
        permit: gives the permits of each further request.
        landed: told when everything is over.
    """

    def __init__(
        self, way: Way, trip: Trip, batch: "CompiledBatch | None", permit: Permit, landed: Callable[["Flight"], None]
    ) -> None:
        self._way = way
        self._trip: Trip | None = trip
        self._flown = trip
        self._since_ms = way.clock.now_ms()
        self._batch = batch
        self._permit = permit
        self._landed = landed
        self._undecided = 0
        self._running: asyncio.Task[None] | None = None
        self.places: list[Place] = []

    def seat(self, passengers: Sequence[tuple[Passenger, tuple[SlotKey, ...]]]) -> list[Place]:
        """Places for all who depart; to be called once."""
        batched = self._batch is not None and len(passengers) > 1
        self.places = [Place(self, passenger, keyed, batched=batched) for passenger, keyed in passengers]
        self._undecided = len(self.places)
        return self.places

    def decided(self) -> None:
        """One more has said to go or to leave; the last one starts it."""
        self._undecided -= 1
        if self._undecided:
            return
        if any(place.is_open for place in self.places):
            self._running = asyncio.create_task(self._fly(), name="outbound request")
        else:
            self._land()

    async def abandon(self) -> None:
        """Stop it; nobody waits for it any more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    # --- one request for all -----------------------------------------------------------------------------------

    async def _fly(self) -> None:
        try:
            await self._carry()
        except (TokenRefused, NotNow) as refused:
            for place in self.places:
                place.fail(refused.again())
        except BaseException as error:
            for place in self.places:
                place.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._land()

    def _land(self) -> None:
        if self._trip is not None:
            self._trip.unused()
        self._landed(self)

    async def _carry(self) -> None:
        going = self._open(self.places)
        if self._batch is None:
            await self._read_for_all(going)
        elif len(going) < max(2, self._batch.at_least):
            for place in going:
                await self._alone(place)
        else:
            refused, _ = await self._together(going)
            if refused:
                await self._narrow(going)

    async def _read_for_all(self, going: Sequence[Place]) -> None:
        if going:
            answer, trip = await self._send(going[0].passenger.request, going)
            for place in going:
                place.tell(answer, trip)

    async def _alone(self, place: Place) -> Answer | None:
        if not place.is_open:
            return None
        answer, trip = await self._send(place.passenger.request, [place])
        place.tell(answer, trip)
        return answer

    async def _together(self, going: Sequence[Place]) -> tuple[bool, Answer | None]:
        """Send one request with all of them; whether it was refused as a whole, so that they must be told apart."""
        batch = self._batch
        calls = [place.passenger.call for place in going]
        known = [call for call in calls if call is not None]
        if batch is None or len(known) != len(calls):
            raise TypeError("a batch is built from calls")
        try:
            request = batch.build(known)
        except (RenderError, ParameterRefused):
            return True, None  # one of them cannot be built: it must not stand in the way of the others
        answer, trip = await self._send(request, going)
        split = batch.split(known, answer)
        if split.refused and len(going) > 1:
            return True, answer
        _hand_out(going, split, answer, trip)
        return False, answer

    # --- a request that was refused as a whole -----------------------------------------------------------------

    async def _narrow(self, refused: Sequence[Place]) -> None:
        """Find out whose fault it was: further requests, one after another, until each has its own answer."""
        narrowing: Narrowing[Place] = Narrowing(refused)
        while some := narrowing.next():
            going = self._open(some)
            if len(going) == 1:
                answer = await self._alone(going[0])
                again = answer is not None and _CLIENT_ERROR <= (answer.status or 0) < _SERVER_ERROR
            elif going:
                again, answer = await self._together(going)
            else:
                again, answer = False, None
            if answer is not None and _is_for_everybody(answer):
                self._share(answer)
                return
            if again:
                narrowing.refused()
            else:
                narrowing.passed()

    def _share(self, answer: Answer) -> None:
        """Nothing more will leave for now, and what has not left would hear the same."""
        for place in self._open(self.places):
            place.tell(answer, self._flown)

    # --- inside ------------------------------------------------------------------------------------------------

    async def _send(self, request: OutboundRequest, going: Sequence[Place]) -> tuple[Answer, Trip]:
        trip, self._trip = self._trip or await self._permit(going, self._since_ms), None
        self._flown = trip
        try:
            headers = await self._way.credentials.headers()
            version = self._way.credentials.version
            for place in going:
                place.version = version
            deliveries = [place.passenger.delivery for place in going]
            return await trip.send(request, headers, deliveries, timeout_ms=_patience(going)), trip
        finally:
            trip.unused()

    @staticmethod
    def _open(places: Sequence[Place]) -> list[Place]:
        return [place for place in places if place.is_open]


def _patience(going: Sequence[Place]) -> int | None:
    """How long the answer may take: the longest that somebody asks for, None when one leaves it to the destination."""
    given = [place.passenger.timeout_ms for place in going]
    known = [timeout_ms for timeout_ms in given if timeout_ms is not None]
    return max(known) if len(known) == len(given) else None


def _is_for_everybody(answer: Answer) -> bool:
    status = answer.status
    return answer.trouble is None and status is not None and (status in _FOR_EVERYBODY or status >= _SERVER_ERROR)


def _hand_out(going: Sequence[Place], split: "Split", answer: Answer, trip: Trip) -> None:
    """Tell each passenger what the one answer says about it."""
    if split.handles is not None:
        for place, handle in zip(going, split.handles, strict=True):
            place.tell(Accepted(handle), trip)
        return
    for place, own in zip(going, split.answers, strict=True):
        place.tell(own if own is not None else _unnamed(answer), trip)


def _unnamed(answer: Answer) -> Answer:
    return Answer(answer.status, trouble=Trouble.CUT, detail="the answer does not name this record")

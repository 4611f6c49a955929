"""Departures: who leaves when, who is sent away, and that nobody stands in the way of anybody else."""

import asyncio
import contextlib
import itertools
from pathlib import Path

import pytest

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer, Trouble
from bridge.outbound.breaker import BreakerState
from bridge.outbound.door import CROWD
from bridge.outbound.gate import PauseReason
from bridge.outbound.outlet import Outlet
from bridge.outbound.passenger import LONGEST_STAY_MS, NotNow
from tests.outbound.api import Rig, said, status_of, turns
from tests.outbound.limits import Vendor, limit

REFUSED = Answer(None, trouble=Trouble.CONNECT)


@pytest.fixture
def rig(tmp_path: Path, clock: ManualClock) -> Rig:
    return Rig(tmp_path, clock)


async def refused_at(rig: Rig, operation: str, id_: str = "z") -> NotNow:
    with pytest.raises(NotNow) as caught:
        await rig.travel(rig.passenger(operation, id_))
    return caught.value


async def test_a_request_leaves_at_once_when_nothing_is_in_the_way(rig: Rig) -> None:
    assert status_of(await rig.travel(rig.passenger("notes.put", "a"))) == 200
    assert rig.departures.waiting == 0


async def test_no_more_than_the_concurrency_is_in_flight(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, concurrency=4)
    rig.api.open.clear()
    going = [rig.start("notes.put", f"n{number}") for number in range(10)]
    await turns()
    assert (len(rig.api.journal), rig.departures.waiting) == (4, 6)
    rig.api.open.set()
    await asyncio.gather(*going)
    assert rig.api.most_in_flight == 4


async def test_first_come_first_served(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, concurrency=1)
    await asyncio.gather(*(rig.start("notes.put", f"n{number}") for number in range(20)))
    assert [each.url for each in rig.api.journal] == [f"/notes/n{number}" for number in range(20)]


async def test_who_waits_for_a_full_limit_leaves_when_it_has_room(rig: Rig) -> None:
    going = [rig.start("things.search", f"s{number}") for number in range(4)]
    await turns()
    assert len(rig.api.journal) == 2
    assert status_of(await rig.travel(rig.passenger("notes.put", "a"))) == 200
    await rig.step(1_000)
    assert len(rig.api.journal) == 3
    await rig.step(1)
    await asyncio.gather(*going)


async def test_a_limit_of_some_operations_lets_few_wait_and_says_how_many_to_claim(rig: Rig) -> None:
    assert rig.departures.queues() == {"search": 4}
    going = [rig.start("things.search", f"s{number}") for number in range(4)]
    await turns()
    assert rig.departures.queues() == {"search": 0}
    refusal = await refused_at(rig, "things.search")
    assert (refusal.until_ms, refusal.queue) == (rig.clock.now_ms() + 1_001, "search")
    assert rig.departures.look_again_ms() == rig.clock.now_ms() + 1_001
    await rig.step(1_001)
    assert rig.departures.queues() == {"search": 2}
    assert len(await asyncio.gather(*going)) == 4


async def test_a_full_window_of_a_key_sends_its_passenger_away(rig: Rig) -> None:
    for _ in range(2):
        await rig.travel(rig.passenger("notes.put", "a"))
    refusal = await refused_at(rig, "notes.put", "a")
    assert (refusal.until_ms, refusal.queue) == (rig.clock.now_ms() + 600_001, "")
    assert status_of(await rig.travel(rig.passenger("notes.put", "b"))) == 200


async def test_who_waits_for_a_key_in_flight_stands_in_nobodys_way(rig: Rig) -> None:
    rig.api.open.clear()
    going = [rig.start("notes.put", "a") for _ in range(3)] + [rig.start("notes.put", "b")]
    await turns()
    assert [each.url for each in rig.api.journal] == ["/notes/a", "/notes/a", "/notes/b"]
    rig.api.open.set()
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert isinstance(replies[2], NotNow)  # only now is it known that the window is full for ten minutes
    assert rig.departures.waiting == 0


async def test_a_pause_sends_everybody_away_and_a_resume_lets_them_in(rig: Rig) -> None:
    rig.api.open.clear()
    going = [rig.start("things.search", f"s{number}") for number in range(4)]
    await turns()
    rig.outlet.pause("maintenance")
    assert (rig.departures.most(), rig.departures.queues(), rig.departures.look_again_ms()) == (0, {"search": 0}, None)
    await turns()
    assert rig.departures.waiting == 0
    assert (await refused_at(rig, "notes.put")).until_ms is None
    rig.outlet.resume()
    rig.api.open.set()
    assert status_of(await rig.travel(rig.passenger("notes.put", "a"))) == 200
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert [type(reply) for reply in replies] == [Answer, Answer, NotNow, NotNow]


async def test_a_hold_beyond_a_minute_sends_away_those_who_wait_for_it(rig: Rig) -> None:
    rig.outlet.budgets.hold("burst", None, rig.clock.now_ms() + 30_000)
    going = rig.start("notes.put", "a")
    await turns()
    assert rig.departures.waiting == 1
    rig.outlet.budgets.hold("burst", None, rig.clock.now_ms() + 3_600_000)
    await rig.step(30_000)
    with pytest.raises(NotNow) as caught:
        await going
    assert caught.value.until_ms == rig.clock.now_ms() - 30_000 + 3_600_000
    rig.outlet.budgets.hold("", None, rig.clock.now_ms() + 90_000)
    assert (await refused_at(rig, "things.search")).reason == "held"


async def test_a_429_holds_its_limit_once_for_all_who_travelled_together(rig: Rig) -> None:
    rig.api.mood = lambda _request: said(429, {}, **{"retry-after": "5"})
    replies = await rig.upserts(*(f"c{number}" for number in range(50)))
    assert {status_of(reply) for reply in replies} == {429}
    assert rig.outlet.budgets.holds() == [("burst", None, rig.clock.now_ms() + 5_000)]
    assert (rig.outlet.pace.limit, len(rig.api.journal)) == (8, 1)


async def test_retry_after_of_a_server_in_trouble_holds_the_whole_destination(rig: Rig) -> None:
    rig.api.mood = lambda _request: said(503, {}, **{"retry-after": "7"})
    await rig.travel(rig.passenger("things.search", "a"))
    assert rig.outlet.budgets.holds() == [("", None, rig.clock.now_ms() + 7_000)]


async def test_retry_after_of_one_record_holds_nobody(rig: Rig) -> None:
    rig.api.mood = lambda _request: said(423, {}, **{"retry-after": "86400"})
    await rig.travel(rig.passenger("things.search", "a"))
    assert rig.outlet.budgets.holds() == []


async def test_a_resume_ends_the_hold_of_the_whole_destination_and_no_other(rig: Rig) -> None:
    for name in ("", "search"):
        rig.outlet.budgets.hold(name, None, rig.clock.now_ms() + 3_600_000)
    rig.outlet.resume()
    assert status_of(await rig.travel(rig.passenger("notes.put", "a"))) == 200
    assert [name for name, _, _ in rig.outlet.budgets.holds()] == ["search"]


# --- how long one waits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["notes.put", "things.search"])
async def test_nobody_waits_longer_than_a_lease_allows(tmp_path: Path, clock: ManualClock, operation: str) -> None:
    rig = Rig(tmp_path, clock, limit("one", 1, "30s", key="{{ params.id }}"), concurrency=1)
    rig.api.open.clear()
    going = [rig.start("notes.put", "a"), rig.start(operation, "a")]  # it waits in the line, or for the key in flight
    await turns()
    await rig.step(LONGEST_STAY_MS - 1)
    assert not going[1].done()
    await rig.step(1)
    with pytest.raises(NotNow) as caught:
        await going[1]
    assert (caught.value.until_ms, caught.value.queue) == (clock.now_ms(), "")
    rig.api.open.set()
    assert status_of(await going[0]) == 200
    await rig.outlet.close()


async def test_who_waited_and_left_is_forgotten(rig: Rig) -> None:
    rig.outlet.budgets.hold("burst", None, rig.clock.now_ms() + 30_000)
    first = rig.start("notes.put", "first")
    await turns()
    for number in range(500):
        other = rig.start("notes.put", f"n{number}")
        await turns(2)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
    assert len(rig.departures._room._stays) < 100
    await rig.step(30_000)
    assert status_of(await first) == 200


# --- whoever claims deliveries -------------------------------------------------------------------------------------


class Told:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1

    @property
    def anew(self) -> bool:
        times, self.times = self.times, 0
        assert times <= 1
        return times == 1


async def test_who_claims_hears_when_a_place_for_a_limit_of_some_operations_gets_free(rig: Rig) -> None:
    told = Told()
    rig.departures.watch(told)
    rig.api.open.clear()
    going = [rig.start("things.search", f"s{number}") for number in range(3)]
    await turns()
    assert (told.anew, rig.departures.queues()) == (True, {"search": 1})  # two have left, and claimed was none of them
    rig.api.open.set()
    await turns()
    assert not told.anew
    await rig.step(1_000)
    assert not told.anew
    await rig.step(1)
    assert (told.anew, going[2].done(), rig.departures.queues()) == (True, True, {"search": 3})
    going.append(rig.start("notes.put", "a"))
    await asyncio.gather(*going)
    assert not told.anew
    await rig.step(1_000)
    assert not told.anew  # it heard of as many places already
    rig.departures.move_out()
    await turns()
    assert not told.anew
    await rig.outlet.close()


async def test_who_claims_hears_of_each_departure_although_there_are_fewer_places_then(rig: Rig) -> None:
    told = Told()
    rig.departures.watch(told)
    rig.departures.look()
    await turns()
    assert (told.anew, rig.departures.queues()) == (True, {"search": 4})
    rig.api.open.clear()
    going = rig.start("things.search", "a")
    await turns()
    assert (told.anew, rig.departures.queues()) == (True, {"search": 3})
    rig.api.open.set()
    await going
    await rig.outlet.close()


async def test_who_claims_hears_when_a_hold_ends_and_when_one_gave_up(rig: Rig) -> None:
    told = Told()
    rig.departures.watch(told)
    rig.outlet.budgets.hold("search", None, rig.clock.now_ms() + 90_000)
    rig.departures.look()
    await turns()
    assert (told.anew, rig.departures.queues()) == (False, {"search": 0})
    await rig.step(90_000)
    assert (told.anew, rig.departures.queues()) == (True, {"search": 4})
    rig.outlet.budgets.hold("search", None, rig.clock.now_ms() + 30_000)
    going = [rig.start("things.search", f"s{number}") for number in range(2)]
    await turns()
    assert (told.anew, rig.departures.queues()) == (False, {"search": 0})
    going[0].cancel()
    await turns()
    assert (told.anew, rig.departures.queues()) == (True, {"search": 1})
    going[1].cancel()
    await asyncio.gather(*going, return_exceptions=True)
    await rig.outlet.close()


async def test_as_many_are_claimed_as_those_who_came_lately_let_expect(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, limit("writes", 1_000, "1h", operations=["contacts.*", "notes.*"]))
    await rig.upserts(*(f"c{number}" for number in range(100)))
    assert rig.departures.queues() == {"writes": 100_100}
    for number in range(200):
        await rig.travel(rig.passenger("notes.put", f"n{number}"))
    assert 801 <= rig.departures.queues()["writes"] <= 810


# --- outages -------------------------------------------------------------------------------------------------------


async def fail_until_open(rig: Rig) -> None:
    rig.api.mood = lambda _request: REFUSED
    for number in range(5):
        await rig.travel(rig.passenger("notes.put", f"f{number}"))
    assert rig.outlet.breaker.state is BreakerState.OPEN


async def test_in_an_outage_one_probe_goes_at_a_time_and_nobody_else(rig: Rig) -> None:
    await fail_until_open(rig)
    before = len(rig.api.journal)
    refusal = await refused_at(rig, "notes.put")
    assert refusal.until_ms == rig.outlet.breaker.retry_at_ms == rig.departures.look_again_ms()
    assert rig.departures.most() == 0
    for turn in range(10):  # a probe each time that the breaker lets one go
        rig.clock.advance(60_000)
        assert 0 < rig.departures.most() < 5
        going = [rig.start("notes.put", f"p{turn}-{number}") for number in range(5)]
        replies = await asyncio.gather(*going, return_exceptions=True)
        assert [type(reply) for reply in replies] == [Answer] + [NotNow] * 4
    assert len(rig.api.journal) == before + 10


async def test_after_an_outage_the_requests_in_flight_grow_slowly(rig: Rig) -> None:
    await fail_until_open(rig)
    rig.clock.advance(60_000)
    rig.api.mood = lambda _request: None
    rig.api.open.clear()
    going = [rig.start("notes.put", f"n{number}") for number in range(40)]
    await turns()
    assert rig.api.in_flight == 1
    rig.api.latency_ms = lambda: 500
    rig.api.open.set()
    await turns()
    seen = []
    for _ in range(60):
        seen.append(rig.api.in_flight)
        await rig.step(1_000)
    await asyncio.gather(*going)
    assert seen[0] == 1
    assert max(seen[:10]) <= 4
    assert rig.departures.most() == CROWD


async def test_a_hung_probe_leaves_the_others_waiting_and_a_lost_one_is_followed_by_the_next(rig: Rig) -> None:
    await fail_until_open(rig)
    rig.clock.advance(60_000)
    rig.api.mood = lambda _request: None
    first = await rig.departures.join(rig.passenger("notes.put", "a"))
    second = rig.start("notes.put", "b")
    await turns()
    assert not second.done()
    first.leave()
    assert status_of(await second) == 200
    assert rig.outlet.breaker.state is BreakerState.CLOSED


# --- replays -------------------------------------------------------------------------------------------------------


async def test_replays_have_a_fifth_of_the_departures_while_others_wait(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, concurrency=1)
    old = [rig.start("notes.put", f"old{number}", replay=True) for number in range(50)]
    new = [rig.start("notes.put", f"new{number}") for number in range(40)]
    await asyncio.gather(*old, *new)
    urls = [each.url for each in rig.api.journal]
    assert sum("old" in url for url in urls[:50]) == 10
    assert all("old" in url for url in urls[50:])


# --- a full rate ---------------------------------------------------------------------------------------------------


async def test_a_saturated_destination_keeps_to_the_limit_and_uses_it(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, limit(calls=50))
    rig.api.vendor = Vendor(50, 10_000)
    latencies = itertools.cycle([20, 110, 40, 5, 70])
    rig.api.latency_ms = lambda: next(latencies)
    started = clock.now_ms()
    going = [rig.start("notes.put", f"n{number}") for number in range(500)]
    await rig.run(lambda: all(each.done() for each in going))
    assert rig.api.vendor.refused == 0
    rate = 450 / ((clock.now_ms() - started) / 10_000)  # the first fifty are free
    assert rate >= 0.95 * 50
    await rig.outlet.close()


async def test_a_limit_halved_silently_costs_few_refusals_and_no_passenger(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, limit(calls=40))
    rig.api.vendor = Vendor(40, 10_000)
    latencies = itertools.cycle([20, 110, 40, 5, 70])
    rig.api.latency_ms = lambda: next(latencies)

    async def until_it_went(number: int) -> None:
        reply = None
        while reply is None or status_of(reply) == 429:
            with contextlib.suppress(NotNow):  # it waited for long
                reply = await rig.travel(rig.passenger("notes.put", f"n{number}"))

    going = [asyncio.create_task(until_it_went(number)) for number in range(900)]
    await rig.run(lambda: len(rig.api.journal) >= 200, step_ms=50)
    rig.api.vendor.calls = 20
    await rig.run(lambda: all(each.done() for each in going), step_ms=50)
    assert rig.api.vendor.accepted == 900
    assert rig.api.vendor.refused <= 0.02 * len(rig.api.journal)


async def test_ten_thousand_who_wait_cost_a_departure_no_more_than_a_few(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, concurrency=1)
    compared: list[int] = []
    for crowd in (10, 10_000):
        looked = 0
        going = [rig.start("notes.put", f"{crowd}-{number}") for number in range(crowd)]
        head = rig.departures._room.head

        def counted(key: object) -> object:
            nonlocal looked
            looked += 1
            return head(key)  # type: ignore[arg-type,unused-ignore] # noqa: B023 - called within this turn

        rig.departures._room.head = counted  # type: ignore[method-assign,assignment]
        await asyncio.gather(*going[:5])
        rig.departures._room.head = head  # type: ignore[method-assign]
        compared.append(looked)
        for each in going:
            each.cancel()
        await asyncio.gather(*going, return_exceptions=True)
    assert compared[1] <= 2 * compared[0]
    assert rig.departures.waiting == 0


# --- a reload ------------------------------------------------------------------------------------------------------


async def test_who_waits_at_a_retired_outlet_is_sent_to_the_new_one(rig: Rig) -> None:
    going = [rig.start("things.search", f"s{number}") for number in range(4)]
    await turns()
    rig.departures.move_out()
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert [type(reply) for reply in replies] == [Answer, Answer, NotNow, NotNow]
    assert (await refused_at(rig, "notes.put")).until_ms == rig.clock.now_ms()
    await rig.outlet.close()


@pytest.mark.parametrize("key", [None, "{{ params.id }}"])
async def test_the_end_of_what_is_in_the_air_there_lets_those_here_go(
    tmp_path: Path, clock: ManualClock, key: str | None
) -> None:
    rig = Rig(tmp_path, clock, limit("one", 1, "500ms", key=key))
    rig.api.open.clear()
    first = rig.start("notes.put", "a")
    await turns()
    outlets = [rig.outlet]
    for _ in range(2):  # reloaded twice
        outlets.append(Outlet(rig.destination, clock, client=rig.api))
        outlets[-1].succeed(outlets[-2])
        outlets[-2].departures.move_out()
    rig.departures = outlets[-1].departures
    second = rig.start("notes.put", "a")
    await turns()
    rig.api.open.set()
    assert status_of(await first) == 200
    await turns()
    assert len(rig.api.journal) == 1
    await rig.step(501)
    assert status_of(await second) == 200
    for outlet in outlets:
        await outlet.close()


async def test_a_record_in_the_air_at_the_former_outlet_does_not_leave_at_the_new_one(rig: Rig) -> None:
    rig.api.open.clear()
    first = rig.start("contacts.upsert", "a")
    await turns()
    new = Outlet(rig.destination, rig.clock, client=rig.api)
    new.succeed(rig.outlet)
    rig.departures.move_out()
    rig.departures = new.departures
    second = rig.start("contacts.upsert", "a")
    await turns()
    assert len(rig.api.journal) == 1
    rig.api.open.set()
    assert [status_of(reply) for reply in await asyncio.gather(first, second)] == [200, 200]
    assert not new.departures._locked
    for outlet in (rig.outlet, new):
        await outlet.close()


async def test_a_pause_for_credentials_sends_away_as_well(rig: Rig) -> None:
    rig.outlet.gate.close(PauseReason.UNAUTHORIZED, "401")
    assert (await refused_at(rig, "notes.put")).reason == "paused"


async def test_without_a_linger_nobody_waits_for_company(rig: Rig) -> None:
    assert status_of(await rig.travel(rig.passenger("contacts.upsert", "a"))) == 200
    assert rig.api.sizes == [0]


async def test_with_a_linger_a_call_waits_so_long_for_company_and_no_longer(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, linger="200ms")
    going = [rig.start("contacts.upsert", "a")]
    await turns()
    await rig.step(150)
    going += [rig.start("contacts.upsert", "b"), rig.start("contacts.upsert", "c")]
    await turns()
    assert rig.api.journal == []
    await rig.step(50)
    assert {status_of(reply) for reply in await asyncio.gather(*going)} == {200}
    assert rig.api.sizes == [3]


async def test_a_full_request_lingers_no_longer_and_a_call_that_shares_none_not_at_all(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, linger="10s")
    assert status_of(await rig.travel(rig.passenger("notes.put", "n"))) == 200
    await asyncio.gather(*(rig.start("contacts.upsert", f"c{number}") for number in range(100)))
    assert rig.api.sizes == [0, 100]


async def test_a_call_that_found_no_company_leaves_alone_when_its_linger_is_over(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, linger="1s")
    going = rig.start("contacts.upsert", "a")
    await turns()
    await rig.step(1_000)
    assert (status_of(await going), rig.api.sizes) == (200, [0])

"""Those who travel together: one request, each its own answer, and nobody's fault is another one's."""

import asyncio
import dataclasses
import gc
import random
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer, Trouble
from bridge.connectors.limits import CompiledLimit
from bridge.model import Outcome
from bridge.outbound.credentials import TokenRefused
from bridge.outbound.flight import Place
from bridge.outbound.outlet import Outlet
from bridge.outbound.passenger import LONGEST_STAY_MS, Accepted, NotNow
from tests.canaries import PHONE
from tests.outbound.api import Api, Rig, said, status_of, turns
from tests.outbound.limits import HEADERS, limit

NAMES = [f"c{number}" for number in range(100)]


@pytest.fixture
def rig(tmp_path: Path, clock: ManualClock) -> Rig:
    return Rig(tmp_path, clock)


def nothing_is_left(rig: Rig) -> None:
    """Everything that was occupied has been given back, and nobody waits."""
    assert (rig.outlet.pace.in_flight, rig.departures.waiting, len(rig.departures._flights)) == (0, 0, 0)
    assert not rig.departures._locked
    assert all(window.in_flight == 0 for _, window in rig.outlet.budgets._all_windows())


async def test_all_who_come_in_the_same_turn_share_one_request(rig: Rig) -> None:
    replies = await rig.upserts(*NAMES)
    assert [len(rig.api.journal), rig.api.sizes] == [1, [100]]
    assert all(
        isinstance(reply, Answer) and reply.json == {"id": name} for reply, name in zip(replies, NAMES, strict=True)
    )
    assert rig.outlet.budgets.describe()[0]["used"] == 1
    nothing_is_left(rig)


async def test_one_alone_goes_in_the_single_form(rig: Rig) -> None:
    place = await rig.departures.join(rig.passenger("contacts.upsert", "a"))
    assert not place.batched
    assert status_of(await place.go()) == 200
    assert rig.api.journal[0].url == "/contacts"
    nothing_is_left(rig)


async def test_a_switched_off_batch_is_none(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, batch="off")
    await rig.upserts("a", "b")
    assert rig.api.sizes == [0, 0]


async def test_5000_need_no_more_than_60_calls(rig: Rig) -> None:
    rig.api.latency_ms = lambda: 50
    going = [rig.start("contacts.upsert", f"c{number}") for number in range(5_000)]
    await rig.run(lambda: all(each.done() for each in going))
    assert len(rig.api.journal) <= 60
    assert {status_of(each.result()) for each in going} == {200}
    nothing_is_left(rig)


async def test_while_two_are_in_the_air_the_others_gather(rig: Rig) -> None:
    rig.api.open.clear()
    going = []
    for number in range(10):
        going.append(rig.start("contacts.upsert", f"c{number}"))
        await turns()
    assert len(rig.api.journal) == 2
    rig.api.open.set()
    await asyncio.gather(*going)
    assert rig.api.sizes == [0, 0, 8]


async def test_calls_that_must_differ_never_share_a_request(rig: Rig) -> None:
    await asyncio.gather(rig.upserts("a", "b", kind="x"), rig.upserts("c", "d", kind="y"))
    assert rig.api.sizes == [2, 2]


async def test_equal_records_never_fly_at_the_same_time_and_keep_their_order(rig: Rig) -> None:
    rig.api.open.clear()
    going = [rig.start("contacts.upsert", name) for name in ("a", "b", "a", "a")]
    await turns()
    assert rig.api.sizes == [2]
    rig.api.open.set()
    await asyncio.gather(*going)
    assert rig.api.sizes == [2, 0, 0]
    assert going[2].result() == going[3].result()
    nothing_is_left(rig)


async def test_replays_fill_a_batch_of_live_ones(rig: Rig) -> None:
    await asyncio.gather(rig.upserts("a", "b"), rig.upserts("c", replay=True))
    assert rig.api.sizes == [3]


# --- one bad record ------------------------------------------------------------------------------------------------


async def test_a_bad_record_that_the_answer_names_fails_alone(rig: Rig) -> None:
    rig.api.bad = {"c42"}
    replies = await rig.upserts(*NAMES)
    assert [status_of(reply) for reply in replies] == [400 if name == "c42" else 200 for name in NAMES]
    assert len(rig.api.journal) == 1


@pytest.mark.parametrize("bad", [{"c0"}, {"c42"}, {"c99"}, {"c3", "c4"}, {"c1", "c50", "c98"}])
async def test_a_bad_record_that_has_all_refused_is_found_and_fails_alone(rig: Rig, bad: set[str]) -> None:
    rig.api.bad, rig.api.refuses_whole = bad, True
    replies = await rig.upserts(*NAMES)
    assert [status_of(reply) for reply in replies] == [400 if name in bad else 200 for name in NAMES]
    assert len(rig.api.journal) <= 12 * len(bad)
    nothing_is_left(rig)


async def test_further_requests_keep_to_the_limit_as_well(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, limit(calls=2, per="1s"))
    rig.api.bad, rig.api.refuses_whole = {"c1"}, True
    going = [rig.start("contacts.upsert", f"c{number}") for number in range(8)]
    await turns()
    assert len(rig.api.journal) == 2
    await rig.run(lambda: all(each.done() for each in going), step_ms=100)
    assert [status_of(each.result()) for each in going] == [200, 400] + [200] * 6


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_what_everybody_would_hear_ends_the_search(rig: Rig, status: int) -> None:
    rig.api.bad, rig.api.refuses_whole = {"c1"}, True
    rig.api.mood = lambda _request: said(status, {}) if len(rig.api.journal) > 1 else None
    replies = await rig.upserts("c0", "c1", "c2", "c3")
    assert {status_of(reply) for reply in replies} == {status}
    assert len(rig.api.journal) == 2


async def test_a_pause_in_the_middle_of_the_search_is_heard(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, limit(calls=1, per="10s"))
    rig.api.bad, rig.api.refuses_whole = {"c1"}, True
    going = [rig.start("contacts.upsert", f"c{number}") for number in range(4)]
    await turns()
    rig.outlet.pause("enough")
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert [type(reply) for reply in replies] == [NotNow] * 4
    nothing_is_left(rig)


async def test_a_record_that_the_answer_does_not_name_has_no_answer(rig: Rig) -> None:
    rig.api.mood = lambda request: said(200, {"results": orjson.loads(request.body)["inputs"][1:]})
    lost, *named = await rig.upserts("a", "b", "c")
    assert isinstance(lost, Answer)
    assert (lost.status, lost.trouble) == (200, Trouble.CUT)
    assert [status_of(reply) for reply in named] == [200, 200]


async def test_trouble_on_the_way_is_everybodys_and_one_failure(rig: Rig) -> None:
    rig.api.mood = lambda _request: Answer(None, trouble=Trouble.NO_ANSWER)
    for _ in range(4):
        replies = await rig.upserts(*NAMES)
        assert {type(reply) for reply in replies} == {Answer}
    assert rig.outlet.breaker.admits()
    await rig.upserts(*NAMES)
    assert not rig.outlet.breaker.admits()


@pytest.mark.parametrize("bad", [{"note": 10**30}, {"id": None}])
async def test_a_record_that_cannot_be_put_into_a_batch_keeps_nobody_else_from_it(
    rig: Rig, bad: dict[str, object]
) -> None:
    passengers = [rig.passenger("contacts.upsert", name) for name in NAMES]
    call = passengers[42].call
    assert call is not None
    passengers[42] = dataclasses.replace(
        passengers[42], call=dataclasses.replace(call, params={**call.params, **bad}), batchable=True
    )
    replies = await asyncio.gather(*(rig.travel(each) for each in passengers))
    assert [status_of(reply) for reply in replies] == [200] * 100
    assert len(rig.api.journal) <= 12
    nothing_is_left(rig)


async def test_what_ended_the_search_is_reported_once_for_the_request_that_met_it(rig: Rig) -> None:
    rig.api.bad, rig.api.refuses_whole = {"c0"}, True
    # all, c0 and c1 with the others, c0, and then 429
    rig.api.mood = lambda _request: said(429, {}) if len(rig.api.journal) > 3 else None
    places = await asyncio.gather(*(rig.departures.join(rig.passenger("contacts.upsert", f"c{n}")) for n in range(8)))
    replies = await asyncio.gather(*(place.go() for place in places))
    statuses = [status_of(reply) for reply in replies]
    assert 429 in statuses
    told = {place.trip for place, status in zip(places, statuses, strict=True) if status == 429}
    others = {place.trip for place, status in zip(places, statuses, strict=True) if status != 429}
    assert len(told) == 1
    assert not told & others


async def test_a_batch_that_cannot_carry_on_for_minutes_lets_its_passengers_go(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = Rig(tmp_path, clock, limit(calls=1, per="50s"))
    rig.api.bad, rig.api.refuses_whole = {f"c{number}" for number in range(32)}, True
    going = [rig.start("contacts.upsert", f"c{number}") for number in range(32)]
    await turns()
    for _ in range(LONGEST_STAY_MS // 10_000):
        await rig.step(10_000)
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert sum(isinstance(reply, NotNow) for reply in replies) > 20
    nothing_is_left(rig)
    await rig.outlet.close()


# --- windows of single records -------------------------------------------------------------------------------------


def of_kind(calls: int, operation: str = "contacts.upsert") -> CompiledLimit:
    return limit("per_kind", calls, "600s", operations=[operation], key="{{ params.kind }}")


async def test_a_batch_takes_no_more_of_one_key_than_its_window_admits(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, of_kind(2))
    going = [rig.start("contacts.upsert", f"c{number}", kind="k") for number in range(50)]
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert [type(reply) for reply in replies] == [Answer] * 2 + [NotNow] * 48
    assert rig.api.sizes == [2]
    nothing_is_left(rig)


async def test_those_left_behind_by_too_small_a_batch_occupy_nothing(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, of_kind(2, "tickets.update"))
    going = [rig.start("tickets.update", f"t{number}", kind="k") for number in range(4)]
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert [type(reply) for reply in replies] == [Answer] * 2 + [NotNow] * 2
    assert [each.url for each in rig.api.journal] == ["/tickets/t0", "/tickets/t1"]
    nothing_is_left(rig)


async def test_further_requests_respect_the_windows_of_their_records(tmp_path: Path, clock: ManualClock) -> None:
    rig = Rig(tmp_path, clock, limit("one", 2, "600s", operations=["contacts.upsert"], key="{{ params.id }}"))
    rig.api.bad, rig.api.refuses_whole = {"c1"}, True
    going = [rig.start("contacts.upsert", f"c{number}") for number in range(8)]
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert NotNow in {type(reply) for reply in replies}
    for number in range(8):
        assert sum(b'"c%d"' % number in each.body for each in rig.api.journal) <= 2
    nothing_is_left(rig)


async def test_what_an_answer_says_of_several_keys_is_said_of_none(tmp_path: Path, clock: ManualClock) -> None:
    one = limit("one", 20, "600s", operations=["contacts.upsert"], key="{{ params.id }}", headers=HEADERS)
    rig = Rig(tmp_path, clock, one)
    left = {"x-remaining": "0", "x-resets": "600"}
    rig.api.mood = lambda request: said(400, {}, **left) if b"inputs" in request.body else None
    replies = await rig.upserts(*NAMES[:8])
    assert {status_of(reply) for reply in replies} == {200}
    assert rig.outlet.budgets.holds() == []


# --- promises and readings -----------------------------------------------------------------------------------------


async def test_a_promise_gives_each_its_handle_and_one_poll_serves_all(rig: Rig) -> None:
    going = [rig.start("tickets.update", f"t{number}") for number in range(5)]
    handles = [reply.handle for reply in await asyncio.gather(*going) if isinstance(reply, Accepted)]
    assert len(handles) == 5
    batch = rig.destination.connector.operations["tickets.update"].batch
    assert batch is not None
    polls = [
        dataclasses.replace(
            rig.passenger("tickets.update", "t"), call=None, request=batch.poll(handle), batchable=False
        )
        for handle in handles
    ]
    rig.api.mood = lambda _request: said(200, {"status": "working"})
    replies = await asyncio.gather(*(rig.travel(poll) for poll in polls))
    assert len({id(reply) for reply in replies}) == 1
    assert [each.url for each in rig.api.journal] == ["/tickets/many", "/jobs/j1"]
    nothing_is_left(rig)


async def test_fewer_than_at_least_go_each_alone(rig: Rig) -> None:
    await asyncio.gather(*(rig.start("tickets.update", f"t{number}") for number in range(2)))
    assert sorted(each.url for each in rig.api.journal) == ["/tickets/t0", "/tickets/t1"]


async def test_writes_that_look_alike_are_all_sent(rig: Rig) -> None:
    await asyncio.gather(*(rig.start("notes.put", "a") for _ in range(2)))
    assert len(rig.api.journal) == 2


# --- credentials ---------------------------------------------------------------------------------------------------


async def test_without_a_token_all_hear_of_it_and_nothing_is_spent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse() -> None:
        raise TokenRefused(Outcome.RETRY_LATER, "token_http_503", retry_after_ms=None, failures=1)

    monkeypatch.setattr(rig.outlet.credentials, "headers", refuse)
    places = await asyncio.gather(*(rig.departures.join(rig.passenger("contacts.upsert", name)) for name in "abc"))
    replies = await asyncio.gather(*(place.go() for place in places), return_exceptions=True)
    assert [type(reply) for reply in replies] == [TokenRefused] * 3
    assert rig.outlet.budgets.describe()[0]["used"] == 0
    nothing_is_left(rig)


async def test_a_fault_is_told_to_those_who_wait_and_to_nobody_else(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise RuntimeError(PHONE)

    logged: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: logged.append(context))
    monkeypatch.setattr(rig.outlet.credentials, "headers", fail)
    places = await asyncio.gather(*(rig.departures.join(rig.passenger("contacts.upsert", name)) for name in "abc"))
    places[0].leave()
    going = [asyncio.create_task(place.go()) for place in places[1:]]
    replies = await asyncio.gather(*going, return_exceptions=True)
    assert [type(reply) for reply in replies] == [RuntimeError] * 2
    del places, going, replies
    await turns()  # the loop lets go of them as well
    gc.collect()
    assert logged == []
    nothing_is_left(rig)


# --- cancellation --------------------------------------------------------------------------------------------------


async def test_the_request_leaves_when_the_last_one_has_said_go_or_leave(rig: Rig) -> None:
    places = await asyncio.gather(*(rig.departures.join(rig.passenger("contacts.upsert", name)) for name in "abc"))
    going = [asyncio.create_task(place.go()) for place in places[:2]]
    await turns()
    assert rig.api.journal == []
    places[2].leave()
    await asyncio.gather(*going)
    assert rig.api.sizes == [2]
    nothing_is_left(rig)


async def test_if_all_but_one_leave_it_goes_in_the_single_form(rig: Rig) -> None:
    places = await asyncio.gather(*(rig.departures.join(rig.passenger("contacts.upsert", name)) for name in "abc"))
    for place in places[1:]:
        place.leave()
    assert status_of(await places[0].go()) == 200
    assert rig.api.journal[0].url == "/contacts"


async def test_if_all_leave_nothing_is_sent_and_nothing_spent(rig: Rig) -> None:
    places = await asyncio.gather(*(rig.departures.join(rig.passenger("contacts.upsert", name)) for name in "abc"))
    for place in places:
        with place:
            pass
    assert rig.api.journal == []
    assert rig.outlet.budgets.describe()[0]["used"] == 0
    nothing_is_left(rig)


async def test_who_is_cancelled_while_the_request_is_under_way_disturbs_nobody(rig: Rig) -> None:
    rig.api.open.clear()
    going = [rig.start("contacts.upsert", name) for name in "abcd"]
    await turns()
    for each in going[:3]:
        each.cancel()
    await turns()
    rig.api.open.set()
    assert status_of(await going[3]) == 200
    nothing_is_left(rig)


async def test_who_is_cancelled_in_the_moment_of_boarding_gives_the_place_back(rig: Rig) -> None:
    joining = [asyncio.create_task(rig.departures.join(rig.passenger("contacts.upsert", name))) for name in "ab"]
    await asyncio.wait(joining, return_when=asyncio.FIRST_COMPLETED)
    joining[1].cancel()
    joined = await asyncio.gather(*joining, return_exceptions=True)
    places = [each for each in joined if isinstance(each, Place)]
    await asyncio.gather(*(place.go() for place in places))
    nothing_is_left(rig)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), whole=st.booleans())
async def test_a_storm_of_cancellations_neither_hangs_nor_leaks(tmp_path: Path, seed: int, *, whole: bool) -> None:
    chance = random.Random(seed)  # noqa: S311 - a storm that can be repeated
    clock = ManualClock()
    rig = Rig(tmp_path, clock, limit(calls=20, per="1s"), limit("one", 3, "1s", key="{{ params.id }}"), concurrency=4)
    rig.api.bad, rig.api.refuses_whole = {"c3"}, whole
    rig.api.latency_ms = lambda: chance.choice([0, 10, 200])
    names = [f"c{chance.randrange(8)}" for _ in range(60)]
    going = []
    for name in names:
        going.append(rig.start(chance.choice(["contacts.upsert", "notes.put", "things.search"]), name))
        if chance.random() < 0.3:
            await rig.step(chance.choice([0, 0, 50]))
        if chance.random() < 0.4:
            chance.choice(going).cancel()
    await rig.run(lambda: all(each.done() for each in going), step_ms=100, most=1_000)
    await rig.run(lambda: not rig.departures._flights, step_ms=100, most=1_000)
    for each in going:
        assert each.cancelled() or each.exception() is None or isinstance(each.exception(), NotNow)
        if not each.cancelled() and each.exception() is None:
            assert status_of(each.result()) in {200, 400}
    nothing_is_left(rig)
    await rig.outlet.close()


# --- over a real connection ----------------------------------------------------------------------------------------


async def test_over_http_a_hundred_share_a_request_and_closing_ends_what_is_under_way(
    tmp_path: Path, clock: ManualClock
) -> None:
    api = Api(clock)
    api.bad = {"c7"}
    async with api.served() as base:
        rig = Rig(tmp_path, clock, api=api, base_url=base, timeout="10s")
        outlet = Outlet(rig.destination, clock)
        rig.departures = outlet.departures
        with outlet.in_use():
            replies = await rig.upserts(*NAMES)
        assert [status_of(reply) for reply in replies] == [400 if name == "c7" else 200 for name in NAMES]
        assert len(api.journal) == 1
        api.open.clear()
        going = rig.start("notes.put", "a")
        while len(api.journal) < 2:
            await turns()
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        await outlet.close()
        api.open.set()
        assert outlet.pace.in_flight == 0

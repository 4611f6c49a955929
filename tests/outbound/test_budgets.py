"""Budgets: which limits a call needs, what a refusal holds, and what outlives a restart or a reload."""

import json

import pytest
from pydantic import ValidationError

from bridge.clock import ManualClock
from bridge.connectors.answer import Answer
from bridge.connectors.limits import CompiledLimit
from bridge.outbound.budgets import DEFAULT_HOLD_MS, EVERYTHING, MOST_KEYS_SAVED, Budgets
from tests.canaries import PHONE
from tests.outbound.limits import HEADERS, OK, TOO_MANY, call, limit, told

BURST = limit("burst", 10, "10s", headers=HEADERS, refused="body.policyName == 'BURST'")
DAILY = limit("daily", 1000, "1d", hold="15m", refused="body.policyName == 'DAILY'")
SEARCH = limit("search", 2, "1s", operations=["search"])
TICKET = limit("one_ticket", 2, "10m", operations=["tickets.update"], key="{{ params.id }}")
SHARED = (("burst", None), ("daily", None))


def budgets(clock: ManualClock, *limits: CompiledLimit) -> Budgets:
    return Budgets(limits or (BURST, DAILY, SEARCH, TICKET), clock)


def spend(some: Budgets, slots: tuple[tuple[str, str | None], ...], number: int = 1, answer: Answer = OK) -> None:
    for spending in [some.take(slots) for _ in range(number)]:
        spending.end(answer)


def refusal(policy: str) -> Answer:
    return Answer(429, {}, json.dumps({"policyName": policy}).encode())


def test_a_call_needs_a_place_in_every_limit_that_covers_it(clock: ManualClock) -> None:
    some = budgets(clock)
    assert some.slots("contacts.upsert", call()) == SHARED
    assert some.slots("search", None) == (*SHARED, ("search", None))
    one, other = (some.slots("tickets.update", call(id=number)) for number in (1, 2))
    assert one[:2] == other[:2] == SHARED
    assert one[2] != other[2]
    assert some.slots("tickets.update", None) == SHARED
    assert some.slots("tickets.update", call()) == SHARED  # this call has no key to be counted under


def test_a_limit_of_some_methods_counts_no_others(clock: ManualClock) -> None:
    some = budgets(clock, limit("writes", methods=["PUT"]))
    assert some.slots("search", call(), "GET") == ()
    assert some.slots("search", call(), "PUT") == (("writes", None),)


def test_a_full_limit_leaves_what_it_does_not_cover_free(clock: ManualClock) -> None:
    some = budgets(clock)
    searching = some.slots("search", call())
    spend(some, searching, 2)
    assert some.free_at_ms(searching) == clock.now_ms() + 1_001
    assert some.free_at_ms(SHARED) == clock.now_ms()
    assert (some.room("search"), some.room("burst")) == (0, 8)


def test_in_flight_nobody_knows_when_a_place_gets_free(clock: ManualClock) -> None:
    some = budgets(clock, limit(calls=1))
    spending = some.take((("burst", None),))
    assert some.free_at_ms((("burst", None),)) is None
    spending.unused()
    spending.end(OK)
    assert some.free_at_ms((("burst", None),)) == clock.now_ms()


@pytest.mark.parametrize(("policy", "held"), [("BURST", "burst"), ("DAILY", "daily"), ("OTHER", "burst")])
def test_a_refusal_holds_the_limit_that_it_is_about(policy: str, held: str, clock: ManualClock) -> None:
    some = budgets(clock)
    until_ms = some.refused(SHARED, refusal(policy), None)
    assert some.holds() == [(held, None, until_ms)]
    assert until_ms - clock.now_ms() == {"burst": 10_000, "daily": 900_000}[held]


def test_a_limit_without_calls_left_is_the_one_that_refused(clock: ManualClock) -> None:
    some = budgets(clock, limit("minute", 10, "1m", headers=HEADERS), limit("second", 2, "1s"))
    some.refused((("minute", None), ("second", None)), told(remaining=0, status=429), None)
    assert [name for name, _, _ in some.holds()] == ["minute"]


def test_a_429_in_one_bucket_leaves_the_others(clock: ManualClock) -> None:
    some = budgets(clock, SEARCH, limit("writes", operations=["contacts.*"]))
    some.refused((("search", None),), TOO_MANY, 30_000)
    assert some.free_at_ms((("search", None),)) == clock.now_ms() + 30_000
    assert some.free_at_ms((("writes", None),)) == clock.now_ms()


def test_a_refusal_that_is_nobodys_holds_the_whole_destination(clock: ManualClock) -> None:
    some = budgets(clock)
    assert some.refused((), TOO_MANY, None) == clock.now_ms() + DEFAULT_HOLD_MS
    assert some.free_at_ms(SHARED) == clock.now_ms() + DEFAULT_HOLD_MS
    assert some.holds()[0][:2] == EVERYTHING


@pytest.mark.parametrize(("asked", "held"), [(0, 1_000), (2_500, 2_500), (10**12, 86_400_000)])
def test_a_hold_is_as_long_as_asked_for_within_reason(asked: int, held: int, clock: ManualClock) -> None:
    assert budgets(clock).refused(SHARED, TOO_MANY, asked) == clock.now_ms() + held


def test_one_key_full_or_refused_leaves_the_others(clock: ManualClock) -> None:
    some = budgets(clock, TICKET)
    one, other = (some.slots("tickets.update", call(id=number)) for number in (1, 2))
    spend(some, one, 2)
    assert some.free_at_ms(one) == clock.now_ms() + 600_001
    assert some.free_at_ms(other) == clock.now_ms()
    some.refused(other, TOO_MANY, 5_000)
    assert some.free_at_ms(some.slots("tickets.update", call(id=3))) == clock.now_ms()


def test_windows_of_keys_that_are_empty_are_forgotten(clock: ManualClock) -> None:
    some = budgets(clock, TICKET)
    for number in range(2_000):
        spend(some, some.slots("tickets.update", call(id=number)))
        clock.advance(10_000)
    assert len(some._keyed) < 200


def test_an_answer_raises_and_lowers_the_limit_at_once(clock: ManualClock) -> None:
    some = budgets(clock, BURST)
    spend(some, (("burst", None),), answer=told(limit=190, remaining=189))
    assert some.room("burst") == 189
    spend(some, (("burst", None),), answer=told(limit=5, remaining=3))
    assert some.room("burst") == 3


def test_a_refusal_that_the_vendors_own_numbers_explain_lowers_no_limit(clock: ManualClock) -> None:
    some = budgets(clock, BURST)
    answer = told(limit=10, remaining=0, status=429)
    spend(some, (("burst", None),), answer=answer)
    some.refused((("burst", None),), answer, 1_000)
    assert some.room("burst") == 0
    clock.advance(10_001)
    assert some.room("burst") == 10


def test_a_refusal_without_numbers_teaches_the_real_limit_whatever_its_status(clock: ManualClock) -> None:
    for answer in (TOO_MANY, Answer(403)):
        some = budgets(clock, limit(calls=10))
        spend(some, (("burst", None),), 4)
        spend(some, (("burst", None),), answer=answer)
        some.refused((("burst", None),), answer, None)
        assert some.describe()[0]["limit"] == 4


def test_a_restart_forgets_nothing_and_needs_no_key_in_clear(clock: ManualClock) -> None:
    some = budgets(clock)
    ticket = some.slots("tickets.update", call(id=PHONE))
    spend(some, ticket, 2)
    in_flight = some.take(ticket)
    spend(some, (("burst", None),), answer=told(limit=7))
    some.hold("daily", None, clock.now_ms() + 70_000)
    some.hold(*EVERYTHING, clock.now_ms() + 2_000)
    text = json.dumps(some.snapshot())
    assert PHONE not in text
    assert PHONE not in repr(ticket)
    clock.advance(1_000)
    other = budgets(clock)
    other.restore(json.loads(text), clock.now_ms())
    assert other.holds() == some.holds()
    in_flight.end(OK)
    assert {row["name"]: row["used"] for row in other.describe()} == {
        row["name"]: row["used"] for row in some.describe()
    }
    assert other.free_at_ms((ticket[2],)) is not None
    assert other.describe()[0]["limit"] == 7


def test_two_windows_of_keys_made_for_one_call_are_both_kept(clock: ManualClock) -> None:
    some = budgets(clock, limit("one", 1, "10m", key="{{ params.id }}"), limit("two", 5, "10m", key="{{ params.id }}"))
    slots = some.slots("search", call(id=1))
    spending = some.take(slots)
    assert some.free_at_ms(slots) is None
    spending.end(OK)
    assert some.free_at_ms(slots) == clock.now_ms() + 600_001


def test_a_snapshot_holds_only_those_windows_of_keys_that_may_refuse_somebody_soon(clock: ManualClock) -> None:
    some = budgets(clock, limit("one_ticket", 4, "10m", operations=["tickets.update"], key="{{ params.id }}"))
    one, other, held, flying = (some.slots("tickets.update", call(id=number)) for number in range(4))
    spend(some, one, 1)
    spend(some, other, 2)
    some.hold(*held[0], clock.now_ms() + 60_000)
    some.take(flying)
    some.take(flying)
    after = budgets(clock, TICKET)
    after.succeed(some)  # a reload in between
    for each in (some, after):
        again = budgets(clock, TICKET)
        again.restore(each.snapshot(), clock.now_ms())
        assert set(again._keyed) == {other[0], held[0], flying[0]}
        assert again.snapshot() == each.snapshot()
    clock.advance(600_001)
    assert "windows" not in budgets(clock, TICKET).snapshot()


def test_a_snapshot_is_bounded_however_many_keys_there_are(clock: ManualClock) -> None:
    some = budgets(clock, TICKET)
    for number in range(MOST_KEYS_SAVED + 100):
        spend(some, some.slots("tickets.update", call(id=number)))
    saved = some.snapshot()["windows"]
    assert isinstance(saved, list)
    assert len(saved) == MOST_KEYS_SAVED
    newest = some.slots("tickets.update", call(id=MOST_KEYS_SAVED + 99))[0]
    assert newest[1] in {window["key"] for window in saved}
    clock.advance(600_001)
    assert "windows" not in some.snapshot()
    assert not some._telling


def test_limits_that_are_gone_or_changed_are_left_out_of_a_restart(clock: ManualClock) -> None:
    some = budgets(clock)
    spend(some, some.slots("tickets.update", call(id=1)), 2)
    other = budgets(clock, limit("one_ticket", 5, "1m"), BURST)
    other.restore(some.snapshot(), clock.now_ms())
    assert (other.room("one_ticket"), other.room("burst")) == (5, 8)


@pytest.mark.parametrize("snapshot", [None, [], {"at_ms": "soon"}, {"at_ms": 1, "windows": [{"log": [1]}]}])
def test_what_is_no_snapshot_is_refused(snapshot: object, clock: ManualClock) -> None:
    with pytest.raises(ValidationError):
        budgets(clock).restore(snapshot, clock.now_ms())


def test_a_reload_keeps_what_was_counted_and_what_is_in_flight(clock: ManualClock) -> None:
    before = budgets(clock, limit(calls=3, per="10s"), TICKET)
    slots = before.slots("tickets.update", call(id=1))
    spend(before, slots)
    in_flight = before.take(slots)
    after = budgets(clock, limit(calls=5, per="20s"), TICKET, SEARCH)
    after.succeed(before)
    assert after.room("burst") == 3
    clock.advance(500)
    in_flight.end(OK)
    assert after.free_at_ms((slots[1],)) == clock.now_ms() - 500 + 600_001
    clock.advance(10_001)
    assert after.room("burst") == 3  # the window is longer now
    clock.advance(10_000)
    assert after.room("burst") == 5


def test_the_status_page_sees_no_keys(clock: ManualClock) -> None:
    some = budgets(clock)
    for number in (1, 2):
        spend(some, some.slots("tickets.update", call(id=PHONE + str(number))), number)
    shown = {str(row["name"]): row for row in some.describe()}
    expected = {"name": "one_ticket", "keys": 2, "used": 2, "limit": 2, "per_ms": 600_000, "held_until_ms": None}
    assert shown["one_ticket"] == expected
    assert (shown["burst"]["keys"], shown["burst"]["used"]) == (None, 3)
    assert PHONE not in repr(shown)

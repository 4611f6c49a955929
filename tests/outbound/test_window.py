"""One window: what a vendor counts is never more than the limit, and what we leave unused is little."""

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.connectors.limits import Reading as reading  # noqa: N813 - reads as a verb here
from bridge.outbound.window import LONGEST_HOLD_MS, Terms, Window
from tests.outbound.limits import Vendor, limit

NOW = 1_780_369_300_000


def window(calls: int = 10, per: str = "10s") -> Window:
    return Window(Terms(limit(calls=calls, per=per)))


def use(one: Window, number: int, now_ms: int, *, accepted: bool = True) -> None:
    for _ in range(number):
        one.start()
    for _ in range(number):
        one.finish(now_ms, accepted=accepted)


class Rush:
    """A client that always wants to call, and a vendor; time goes from one happening to the next."""

    def __init__(self, calls: int, per_ms: int, *, concurrency: int = 16, vendor_calls: int | None = None) -> None:
        self.window = Window(Terms(limit(calls=calls, per=f"{per_ms}ms")))
        self.vendor = Vendor(vendor_calls or calls, per_ms)
        self.now_ms = NOW
        self.sent = 0
        self._concurrency = concurrency
        self._ahead: list[tuple[int, int, int | None, bool]] = []  # (when, number, way back, accepted)
        self._number = 0

    def run(self, until_ms: int, latency: st.DataObject | None = None, *, way: int = 20, back: int = 20) -> None:
        while self.now_ms < until_ms:
            self._leave(latency, way, back)
            free_at = self.window.free_at_ms(self.now_ms)
            times = [self._ahead[0][0]] if self._ahead else []
            if free_at is not None and free_at > self.now_ms:
                times.append(free_at)
            self.now_ms = max(min(times), self.now_ms)
            while self._ahead and self._ahead[0][0] <= self.now_ms:
                self._happens(*heapq.heappop(self._ahead))

    def _leave(self, latency: st.DataObject | None, way: int, back: int) -> None:
        while self.window.in_flight < self._concurrency and self.window.free_at_ms(self.now_ms) == self.now_ms:
            there = way if latency is None else latency.draw(st.integers(0, 300))
            home = back if latency is None else latency.draw(st.integers(0, 300))
            self.window.start()
            self.sent += 1
            self._push(self.now_ms + there, home, accepted=True)

    def _push(self, at_ms: int, back_ms: int | None, *, accepted: bool) -> None:
        self._number += 1
        heapq.heappush(self._ahead, (at_ms, self._number, back_ms, accepted))

    def _happens(self, at_ms: int, _number: int, back_ms: int | None, accepted: bool) -> None:  # noqa: FBT001 - an entry
        if back_ms is not None:
            self._push(at_ms + back_ms, None, accepted=self.vendor.arrives(at_ms))
            return
        self.window.finish(at_ms, accepted=accepted)
        if not accepted:
            self.window.refuse(at_ms, self.window.terms.limit.hold_ms, learns=True)


@given(st.integers(1, 12), st.integers(400, 3_000), st.integers(1, 6), st.data())
def test_a_vendors_window_never_sees_more_than_the_limit(
    calls: int, per_ms: int, concurrency: int, data: st.DataObject
) -> None:
    rush = Rush(calls, per_ms, concurrency=concurrency)
    rush.run(NOW + 2 * per_ms, data)
    assert rush.vendor.refused == 0


@pytest.mark.parametrize(("calls", "per_ms"), [(100, 10_000), (190, 10_000), (400, 60_000), (5_000, 60_000)])
def test_a_saturated_client_reaches_95_percent_of_the_rate(calls: int, per_ms: int) -> None:
    rush = Rush(calls, per_ms, concurrency=64)
    rush.run(NOW + 10 * per_ms)
    assert rush.vendor.refused == 0
    assert rush.vendor.accepted >= 0.95 * 10 * calls


def test_a_limit_that_is_halved_silently_costs_few_refusals() -> None:
    rush = Rush(100, 10_000)
    rush.run(NOW + 100_000)
    before = rush.sent
    rush.vendor.calls = 50
    rush.run(NOW + 1_000_000)
    assert rush.vendor.refused <= 0.02 * rush.sent
    assert rush.sent - before >= 0.8 * 50 * 90  # and most of what is left is used


def test_a_limit_that_was_lowered_by_a_refusal_grows_back() -> None:
    rush = Rush(100, 10_000, vendor_calls=50)
    rush.run(NOW + 100_000)
    rush.vendor.calls = 100
    rush.run(NOW + 1_500_000)
    assert rush.window.capacity(rush.now_ms) == 100


def test_a_place_is_free_one_window_after_the_end_of_its_call() -> None:
    one = window(calls=1)
    one.start()
    assert one.free_at_ms(NOW) is None
    one.finish(NOW + 500, accepted=True)
    free_at = one.free_at_ms(NOW + 500)
    assert free_at == NOW + 500 + 10_000 + 1
    assert one.room(free_at - 1) == 0
    assert one.room(free_at) == 1
    assert one.is_blank(free_at)


def test_a_large_limit_is_counted_in_few_parts_and_never_frees_a_place_too_early() -> None:
    one = window(calls=250_000, per="1d")
    for second in range(0, 80_000, 10):
        use(one, 3, NOW + second * 1000)
    assert len(one._own) <= 130
    assert one.used(NOW + 80_000_000) == 24_000
    first_free = next(at for at in range(NOW + 86_400_000, NOW + 88_000_000, 1_000) if one.used(at) < 24_000)
    assert 0 < first_free - NOW - 86_400_000 <= 0.01 * 86_400_000


def test_what_others_use_of_the_account_is_not_free() -> None:
    one = Window(Terms(limit(calls=10)))
    use(one, 2, NOW)
    one.read(reading(limit=10, remaining=5), NOW)
    assert one.room(NOW) == 5
    assert one.room(NOW + 10_001) == 10


def test_an_answer_that_comes_out_of_order_frees_nothing() -> None:
    one = Window(Terms(limit(calls=10)))
    use(one, 5, NOW)
    one.read(reading(limit=10, remaining=1), NOW)
    assert one.room(NOW) == 1
    one.read(reading(limit=10, remaining=9), NOW)
    assert one.room(NOW) == 1


def test_calls_in_flight_are_not_taken_for_those_of_others() -> None:
    one = Window(Terms(limit(calls=10)))
    for _ in range(6):
        one.start()
    one.finish(NOW, accepted=True)
    one.read(reading(limit=10, remaining=4), NOW)  # the vendor has counted all six
    assert one.room(NOW) == 4


def test_nothing_remaining_holds_the_window_until_it_resets() -> None:
    one = Window(Terms(limit(calls=10)))
    one.read(reading(limit=10, remaining=0, resets_in_ms=4_000), NOW)
    assert one.held_until_ms(NOW) == NOW + 4_000
    assert one.free_at_ms(NOW) == NOW + 4_000
    assert one.room(NOW + 4_000) == 10


@pytest.mark.parametrize(("fixed", "reported", "calls"), [(False, 190, 190), (False, 50, 50), (True, 190, 100)])
def test_what_the_vendor_reports_wins_but_does_not_raise_the_operators_number(
    *, fixed: bool, reported: int, calls: int
) -> None:
    one = Window(Terms(limit(calls=100, fixed=fixed)))
    one.read(reading(limit=reported), NOW)
    assert one.capacity(NOW) == calls


def test_refusals_of_calls_that_were_in_flight_together_teach_one_lesson() -> None:
    one = window(calls=10)
    use(one, 4, NOW)
    for _ in range(4):
        one.start()
    for _ in range(3):
        one.finish(NOW + 100, accepted=False)
        one.refuse(NOW + 100, 10_000, learns=True)
    assert one.capacity(NOW + 100) == 4
    one.finish(NOW + 200, accepted=True)
    assert one.capacity(NOW + 200) == 5


def test_a_daily_refusal_with_a_hold_of_its_own_lowers_nothing() -> None:
    one = Window(Terms(limit(calls=100, per="1d", hold="15m")))
    use(one, 1, NOW, accepted=False)
    assert one.refuse(NOW, 900_000, learns=True) == NOW + 900_000
    assert one.capacity(NOW + 900_000) == 100


def test_a_day_that_is_used_up_is_asked_now_and_then_whether_it_is_over() -> None:
    one = Window(Terms(limit(calls=100, per="1d", hold="15m")))
    use(one, 100, NOW)
    assert one.free_at_ms(NOW) == NOW + 900_000
    assert [one.room(NOW + 899_999), one.room(NOW + 900_000)] == [0, 1]
    one.start()
    assert [one.room(NOW + 900_000), one.free_at_ms(NOW + 900_000)] == [0, NOW + 86_400_001]
    one.finish(NOW + 900_100, accepted=False)
    assert one.refuse(NOW + 900_100, 900_000, learns=True) == NOW + 1_800_100
    assert one.free_at_ms(NOW + 900_100) == NOW + 1_800_100
    one.start()
    one.finish(NOW + 1_800_200, accepted=True)
    one.read(reading(limit=100, remaining=99), NOW + 1_800_200)  # midnight has passed
    assert one.room(NOW + 1_800_200) == 99


def test_a_restart_keeps_counts_holds_and_lessons() -> None:
    one = window(calls=10)
    use(one, 4, NOW)
    one.start()
    one.read(reading(limit=10, remaining=3), NOW)
    one.refuse(NOW, 2_000, learns=True)
    saved = one.save(NOW)
    other = window(calls=10)
    other.restore(type(saved).model_validate(saved.model_dump(mode="json")), NOW + 500, 500)
    assert other.held_until_ms(NOW + 500) == NOW + 2_000
    assert other.used(NOW + 500) == 4 + 1 + 2
    assert other.capacity(NOW + 500) == one.capacity(NOW + 500)
    assert other.is_blank(NOW + 5_000_000)


def test_after_a_clock_that_went_backwards_nothing_waits_longer_than_a_window() -> None:
    one = window(calls=1)
    use(one, 1, NOW)
    one.hold(NOW + 3_000)
    other = window(calls=1)
    other.restore(one.save(NOW), NOW - 10**9, 0)
    free_at = other.free_at_ms(NOW - 10**9)
    assert free_at == NOW - 10**9 + 10_001
    assert other.room(NOW - 10**9 + 10_200) == 1
    forged = one.save(NOW).model_copy(update={"held_ms": 10**15, "log": ((10**15, 1, 1),)})
    third = window(calls=1)
    third.restore(forged, NOW, 0)
    assert third.held_until_ms(NOW) == NOW + LONGEST_HOLD_MS


@given(
    steps=st.lists(st.tuples(st.sampled_from(["start", "finish", "refuse", "foreign", "wait"]), st.integers(0, 4_000))),
    calendar=st.booleans(),
)
def test_the_counts_agree_with_the_log_whatever_happens(steps: list[tuple[str, int]], *, calendar: bool) -> None:
    one, now_ms = Window(Terms(limit(calls=5, hold="3s" if calendar else None))), NOW
    for what, number in steps:
        match what:
            case "start":
                one.start()
            case "finish" if one.in_flight:
                one.finish(now_ms, accepted=bool(number % 2))
            case "refuse":
                one.refuse(now_ms, number, learns=bool(number % 2))
            case "foreign":
                one.read(reading(limit=5, remaining=number % 6, resets_in_ms=number), now_ms)
            case _:
                now_ms += number
        used = one.used(now_ms)
        assert used == one.in_flight + sum(e[1] for e in one._own) + sum(e[1] for e in one._foreign)
        assert 1 <= one.capacity(now_ms) <= 5
        free_at = one.free_at_ms(now_ms)
        assert (one.room(now_ms) > 0) == (free_at == now_ms)
        if free_at is not None:
            assert one.room(free_at) > 0 or (one.in_flight and one.held_until_ms(now_ms))

"""Random histories: whatever is called in whatever order, the books balance and lanes keep their order."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from bridge.errors import LeaseLost, UsageError
from bridge.model import Claim, DeliveryState, NewDelivery
from bridge.store.protocol import DeliveryFilter, Store
from tests.store.conftest import STORES
from tests.store.examples import DEATH, LEASE, NOTHING, NOW, new_event, plan

DESTINATIONS = ("hubspot", "zendesk")
FIRST_STATES = (DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.SKIPPED, DeliveryState.DEAD)
LAST_STATES = (DeliveryState.DONE, DeliveryState.SKIPPED, DeliveryState.SUPERSEDED, DeliveryState.DEAD)


@st.composite
def plans(draw: st.DrawFn, name: str) -> NewDelivery:
    state = draw(st.sampled_from(FIRST_STATES))
    if state is not DeliveryState.PENDING:
        death = DEATH if state is DeliveryState.DEAD else None
        return NewDelivery(name, "r1", state=state, death=death, destination=draw(st.sampled_from(DESTINATIONS)))
    return plan(
        name,
        key=draw(st.sampled_from(["a", "b", None])),
        lanes=draw(st.lists(st.sampled_from(DESTINATIONS), unique=True)),
        destination=draw(st.sampled_from(DESTINATIONS)),
        window=draw(st.none() | st.tuples(st.just("g"), st.sampled_from([0, 1000]))),
        forward=draw(st.none() | st.tuples(st.just("wamid"), st.integers(0, 2))),
    )


class Histories(RuleBasedStateMachine):
    leases = Bundle("leases")
    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.now_ms = NOW
        self.events = 0
        self.store: Store = self.runner.run(STORES[self.kind](Path(self.folder.name)))

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(milliseconds=st.integers(0, 1500))
    def time_goes_on(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    @rule(chosen=st.tuples(plans("one"), plans("two")), count=st.integers(0, 2))
    def an_event_comes(self, chosen: tuple[NewDelivery, ...], count: int) -> None:
        self.events += 1
        [answer] = self.runner.run(self.store.accept([new_event(f"m{self.events}", at_ms=self.now_ms)]))
        assert answer.event is not None
        self.runner.run(self.store.route(answer.event.seq, chosen[:count], now_ms=self.now_ms))

    @rule(target=leases, destination=st.sampled_from(DESTINATIONS), limit=st.integers(1, 3))
    def somebody_claims(self, destination: str, limit: int) -> object:
        claims = self.runner.run(
            self.store.claim(destination, worker="w", now_ms=self.now_ms, lease_ms=1000, limit=limit)
        )
        return multiple(*claims)

    @rule(claimed=leases, state=st.sampled_from(LAST_STATES))
    def somebody_settles(self, claimed: Claim, state: DeliveryState) -> None:
        death = DEATH if state is DeliveryState.DEAD else None
        try:
            self.runner.run(self.store.settle(claimed.lease, state, NOTHING, now_ms=self.now_ms, death=death))
        except LeaseLost:
            return  # an earlier rule has settled it, or the lease ran out and was taken over

    @rule(claimed=leases, failed=st.booleans(), aside=st.booleans(), wait=st.integers(0, 500))
    def somebody_postpones(self, claimed: Claim, *, failed: bool, aside: bool, wait: int) -> None:
        try:
            self.runner.run(
                self.store.postpone(
                    claimed.lease,
                    NOTHING,
                    now_ms=self.now_ms,
                    due_at_ms=self.now_ms + wait,
                    destination=claimed.delivery.destination,
                    failed=failed,
                    step_aside=aside,
                )
            )
        except LeaseLost:
            return  # as above

    @rule(claimed=leases, again=plans("again"), choice=st.sampled_from(["retry", "skip", "replay"]))
    def a_person_decides(self, claimed: Claim, again: NewDelivery, choice: str) -> None:
        delivery_id = claimed.delivery.id
        try:
            if choice == "retry":
                self.runner.run(self.store.retry(delivery_id, now_ms=self.now_ms))
            elif choice == "skip":
                self.runner.run(self.store.skip(delivery_id, now_ms=self.now_ms, reason="by hand"))
            else:
                self.runner.run(self.store.replay(delivery_id, again, {}, now_ms=self.now_ms))
        except UsageError:
            return  # not possible in its present state

    @rule()
    def the_daemon_restarts(self) -> None:
        self.runner.run(self.store.close())
        self.store = self.runner.run(STORES[self.kind](Path(self.folder.name)))
        self.runner.run(self.store.recover(now_ms=self.now_ms, max_step_ms=LEASE))

    @invariant()
    def the_books_say_what_the_rows_say(self) -> None:
        books = self.runner.run(self.store.books())
        assert books.accepted == self.events == books.routed + books.unrouted + books.unmatched
        found = self.runner.run(self.store.deliveries(DeliveryFilter(limit=10_000)))
        rows = Counter((one.rule, one.state) for one in found)
        counted = {(name, state): n for name, by_state in books.rules.items() for state, n in by_state.items() if n}
        assert counted == rows
        assert (books.oldest_open_ms is None) == (not any(one.state.is_open for one in found))

    @invariant()
    def nothing_open_is_stuck(self) -> None:
        found = self.runner.run(self.store.deliveries(DeliveryFilter(limit=10_000)))
        if any(one.state.is_open for one in found):
            assert self.runner.run(self.store.next_due())

    @invariant()
    def at_most_one_of_a_lane_runs(self) -> None:
        where = DeliveryFilter(states=[DeliveryState.RUNNING], limit=10_000)
        running = self.runner.run(self.store.deliveries(where))
        lanes = Counter((name, one.key) for one in running if not one.stepped_aside and one.key for name in one.lanes)
        assert all(count == 1 for count in lanes.values())


@pytest.mark.parametrize("kind", sorted(STORES))
def test_whatever_happens_the_books_balance_and_nothing_is_stuck(kind: str) -> None:
    case = type("Case", (Histories,), {"kind": kind})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(case, settings=chosen)

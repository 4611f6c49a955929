"""Random histories: whatever is called in whatever order, the books balance and lanes keep their order."""

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from bridge.errors import LeaseLost, UsageError
from bridge.model import Claim, Delivery, DeliveryState, NewDelivery, Newer, StoredEvent
from bridge.store.protocol import DeliveryFilter, Lost, Progress, Store
from tests.store.conftest import STORES
from tests.store.examples import DEATH, LEASE, NOTHING, NOW, begun, new_event, plan

DESTINATIONS = ("hubspot", "zendesk")
QUEUES = ("daily", "burst")
STRAIGHT = "two"
"""The rule whose deliveries never wait in a window."""
FIRST_STATES = (DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.SKIPPED, DeliveryState.DEAD)
LAST_STATES = (DeliveryState.DONE, DeliveryState.SKIPPED, DeliveryState.SUPERSEDED, DeliveryState.DEAD)


@st.composite
def plans(draw: st.DrawFn, name: str) -> NewDelivery:
    state = draw(st.sampled_from(FIRST_STATES))
    if state is not DeliveryState.PENDING:
        death = DEATH if state is DeliveryState.DEAD else None
        return NewDelivery(name, "r1", state=state, death=death, destination=draw(st.sampled_from(DESTINATIONS)))
    made = plan(
        name,
        key=draw(st.sampled_from(["a", "b", None])),
        lanes=draw(st.lists(st.sampled_from(DESTINATIONS), unique=True)),
        destination=draw(st.sampled_from(DESTINATIONS)),
        window=None if name == STRAIGHT else draw(st.none() | st.tuples(st.just("g"), st.sampled_from([0, 1000]))),
        forward=draw(st.none() | st.tuples(st.just("wamid"), st.integers(0, 2))),
    )
    return replace(made, newer=draw(st.none() | st.builds(Newer, st.just("contact"), st.integers(0, 2))))


class Histories(RuleBasedStateMachine):
    leases = Bundle("leases")
    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.now_ms = NOW
        self.events = 0
        self.senders = 0
        """How many different events the sender has; the others are repeats."""
        self.latest: dict[str, str] = {}
        """The sender's id -> our id of the last that was taken in."""
        self.passes: dict[str, int] = {}
        self.counted: Counter[str] = Counter()
        self.held: dict[int, tuple[int, int]] = {}
        self.opened(self.runner.run(STORES[self.kind](Path(self.folder.name))))

    def opened(self, store: Store) -> None:
        self.store = store

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(milliseconds=st.integers(0, 1500))
    def time_goes_on(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    @rule(chosen=st.lists(st.tuples(plans("one"), plans(STRAIGHT), st.integers(0, 2)), min_size=1, max_size=3))
    def events_come(self, chosen: list[tuple[NewDelivery, NewDelivery, int]]) -> None:
        new = [new_event(f"m{self.senders + number}", at_ms=self.now_ms) for number in range(len(chosen))]
        self.senders += len(chosen)
        self.events += len(chosen)
        answers = self.runner.run(self.store.accept(new))
        self.latest.update({one.event_id: answer.id for one, answer in zip(new, answers, strict=True)})
        seqs = [answer.event.seq for answer in answers if answer.event is not None]
        routed = [(seq, some[: some[2]]) for seq, some in zip(seqs, chosen, strict=True)]
        self.runner.run(self.store.route(routed, now_ms=self.now_ms))  # type: ignore[arg-type]  # cut above

    def _known(self, number: int) -> str | None:
        return f"m{number % self.senders}" if self.senders else None

    @rule(number=st.integers(0, 20), differs=st.booleans())
    def the_sender_repeats_an_event(self, number: int, *, differs: bool) -> None:
        if (event_id := self._known(number)) is None:
            return
        new = new_event(event_id, at_ms=self.now_ms, content=b"other" if differs else None)
        [answer] = self.runner.run(self.store.accept([new]))
        if self.now_ms < self.passes.pop(event_id, 0):
            self._took_again(event_id, answer.repeats, answer.event)
        else:
            assert (answer.duplicate, answer.id) == (True, self.latest[event_id])
            self.counted.update({"duplicates": 1, "differing": int(answer.differs)})

    @rule(number=st.integers(0, 20), milliseconds=st.integers(1, 2000))
    def a_person_lets_the_next_repeat_in(self, number: int, milliseconds: int) -> None:
        if (event_id := self._known(number)) is not None:
            until_ms = self.now_ms + milliseconds
            [given] = self.runner.run(self.store.let_through([self.latest[event_id]], until_ms=until_ms))
            assert (given.event_id, given.needed) == (event_id, True)
            self.passes[event_id] = until_ms

    @rule(number=st.integers(0, 20))
    def a_person_takes_an_event_in_again(self, number: int) -> None:
        if (event_id := self._known(number)) is not None:
            [again] = self.runner.run(self.store.redeliver([self.latest[event_id]], now_ms=self.now_ms))
            if again.lost is None:
                self.passes.pop(event_id, None)
                self._took_again(event_id, again.repeats, again.event)
            else:
                assert again.lost is Lost.PRUNED

    def _took_again(self, event_id: str, repeats: str | None, event: StoredEvent | None) -> None:
        assert repeats == self.latest[event_id]
        assert event is not None
        self.latest[event_id] = event.id
        self.events += 1
        self.counted["redelivered"] += 1
        self.runner.run(self.store.route([(event.seq, [])], now_ms=self.now_ms))

    @rule(
        target=leases,
        destination=st.sampled_from(DESTINATIONS),
        limit=st.integers(1, 3),
        replays=st.none() | st.integers(0, 2),
        queues=st.dictionaries(st.sampled_from(QUEUES), st.integers(0, 2)),
    )
    def somebody_claims(
        self, destination: str, limit: int, replays: int | None, queues: dict[str, int]
    ) -> MultipleResults[Claim]:
        claims = self.runner.run(
            self.store.claim(
                destination,
                worker="w",
                now_ms=self.now_ms,
                lease_ms=1000,
                limit=limit,
                replays=replays,
                queues=queues,
            )
        )
        assert len(claims) <= limit
        assert replays is None or sum(one.delivery.replay for one in claims) <= replays
        waited = Counter(one.delivery.queue for one in claims if one.delivery.queue)
        assert all(count <= queues[queue] for queue, count in waited.items())
        for one in claims:
            fence, until_ms = self.held.get(one.delivery.seq, (0, 0))
            assert until_ms <= self.now_ms, "claimed twice at a time"
            assert one.lease.fence > fence
            self.held[one.delivery.seq] = (one.lease.fence, self.now_ms + 1000)
        return multiple(*claims)

    @rule(claimed=leases, begins=st.booleans())
    def somebody_advances(self, claimed: Claim, *, begins: bool) -> None:
        start = begun(1, at_ms=self.now_ms) if begins else None
        write = self.store.advance(
            claimed.lease, Progress(state={"at": 1}, start=start), now_ms=self.now_ms, lease_ms=1000
        )
        if not isinstance(self._try([write])[0], LeaseLost):
            self.held[claimed.delivery.seq] = (claimed.lease.fence, self.now_ms + 1000)

    @rule(chosen=st.lists(st.tuples(leases, st.sampled_from(LAST_STATES)), min_size=1, max_size=4))
    def some_are_settled_at_once(self, chosen: list[tuple[Claim, DeliveryState]]) -> None:
        writes = [
            self.store.settle(
                claimed.lease,
                state,
                NOTHING,
                now_ms=self.now_ms,
                death=DEATH if state is DeliveryState.DEAD else None,
            )
            for claimed, state in chosen
        ]
        self._let_go([claimed for claimed, _ in chosen], self._try(writes))

    @rule(
        chosen=st.lists(leases, min_size=1, max_size=3),
        failed=st.booleans(),
        aside=st.booleans(),
        wait=st.integers(0, 500),
        queue=st.sampled_from(["", *QUEUES]),
    )
    def some_are_postponed_at_once(
        self, chosen: list[Claim], *, failed: bool, aside: bool, wait: int, queue: str
    ) -> None:
        writes = [
            self.store.postpone(
                claimed.lease,
                NOTHING,
                now_ms=self.now_ms,
                due_at_ms=self.now_ms + wait,
                destination=claimed.delivery.destination,
                failed=failed,
                step_aside=aside,
                queue=queue,
            )
            for claimed in chosen
        ]
        self._let_go(chosen, self._try(writes))

    def _try(self, writes: Sequence[Coroutine[Any, Any, object]]) -> list[object]:
        """The results; a lease that ran out, was taken over or was used up by an earlier step is lost."""

        async def together() -> list[object]:
            return await asyncio.gather(*writes, return_exceptions=True)

        results = self.runner.run(together())
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, LeaseLost):
                raise result
        return results

    def _let_go(self, chosen: Sequence[Claim], results: Sequence[object]) -> None:
        for claimed, result in zip(chosen, results, strict=True):
            if not isinstance(result, LeaseLost):
                self.held[claimed.delivery.seq] = (claimed.lease.fence, 0)

    @rule(claimed=leases, again=plans("again"), choice=st.sampled_from(["retry", "skip", "replay", "force"]))
    def a_person_decides(self, claimed: Claim, again: NewDelivery, choice: str) -> None:
        delivery_id, now_ms = claimed.delivery.id, self.now_ms
        try:
            if choice == "retry":
                self.runner.run(self.store.retry(delivery_id, now_ms=now_ms))
            elif choice == "skip":
                self.runner.run(self.store.skip(delivery_id, now_ms=now_ms, reason="by hand"))
            else:
                again = replace(again, rule=claimed.delivery.rule)
                force = choice == "force"
                self.runner.run(self.store.replay(delivery_id, again, {}, now_ms=now_ms, force=force))
        except UsageError:
            return  # not possible in its present state

    @rule()
    def the_daemon_restarts(self) -> None:
        self.runner.run(self.store.close())
        self.opened(self.runner.run(STORES[self.kind](Path(self.folder.name))))
        self.runner.run(self.store.recover(now_ms=self.now_ms, max_step_ms=LEASE))
        self.held = {seq: (fence, 0) for seq, (fence, _) in self.held.items()}

    @rule(limit=st.integers(1, 3))
    def retention_comes(self, limit: int) -> None:
        now_ms = self.now_ms
        self.runner.run(
            self.store.prune(done_before_ms=now_ms, dead_before_ms=now_ms, seen_before_ms=now_ms, limit=limit)
        )

    def _all(self) -> list[Delivery]:
        return self.runner.run(self.store.deliveries(DeliveryFilter(limit=10_000)))

    @invariant()
    def the_books_say_what_the_rows_say(self) -> None:
        assert self.runner.run(self.store.check_books()) == []
        books = self.runner.run(self.store.books())
        assert books.accepted == self.events == books.routed + books.unrouted + books.unmatched
        by_source = {"accepted": self.events, **self.counted}
        assert {name: count for name, count in books.sources.get("aisoule", {}).items() if count} == {
            name: count for name, count in by_source.items() if count
        }
        found = self._all()
        rows = Counter((one.rule, one.state) for one in found)
        for name, by_state in books.rules.items():
            assert books.created[name] == sum(by_state.values())
            gone = books.pruned.get(name, {})
            assert all(count - gone.get(state, 0) == rows[name, state] for state, count in by_state.items())
        assert (books.oldest_open_ms is None) == (not any(one.state.is_open for one in found))

    @invariant()
    def nothing_open_is_stuck(self) -> None:
        if any(one.state.is_open for one in self._all()):
            waiting = [self.runner.run(self.store.queues(name)) for name in DESTINATIONS]
            assert self.runner.run(self.store.next_due()) or any(waiting)

    @invariant()
    def at_most_one_of_a_lane_runs_and_none_before_its_turn(self) -> None:
        lines: defaultdict[tuple[str, str], list[Delivery]] = defaultdict(list)
        for one in self._all():
            if one.state.is_open and not one.stepped_aside and one.key:
                for name in one.lanes:
                    lines[name, one.key].append(one)
        for line in lines.values():
            running = [one for one in line if one.state is DeliveryState.RUNNING]
            assert len(running) <= 1
            # those that neither waited in a window nor were started again stand in the order of their numbers
            if running and _came_straight(running[0]):
                assert running[0].seq == min(one.seq for one in line if _came_straight(one))


def _came_straight(one: Delivery) -> bool:
    return one.rule == STRAIGHT and one.generation == 0


def run_histories(machine: type[Histories], kind: str) -> None:
    """Run a dozen histories on a kind of store."""
    case = type("Case", (machine,), {"kind": kind})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(case, settings=chosen)


@pytest.mark.parametrize("kind", sorted(STORES))
def test_whatever_happens_the_books_balance_and_nothing_is_stuck(kind: str) -> None:
    run_histories(Histories, kind)

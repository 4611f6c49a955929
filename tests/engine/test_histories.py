"""Random histories of the whole engine: whatever an API answers and whatever a person does, in whatever order."""

import asyncio
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bridge.engine.query import Query
from bridge.errors import UsageError
from bridge.model import TRANSITIONS, DeliveryState
from bridge.sandbox import FaultKind, FaultSpec, Match
from bridge.store.protocol import DeliveryFilter
from tests.e2e.mortal import MortalWorld
from tests.e2e.virtual import DAY_MS, HOUR_MS, PREAMBLE
from tests.store.sqlite.test_histories import SEEN

TEXT = (
    PREAMBLE
    + """\
rules:
  - name: order
    on: orders/*
    key: "{{ body.customer }}"
    order: strict
    steps:
      - id: post
        use: erp.post
        with: {path: /orders, json: {order: "{{ body.id }}", customer: "{{ body.customer }}"}}
  - name: contact
    on: orders/*
    key: "{{ body.customer }}"
    steps:
      - id: contact
        use: hubspot.contacts.upsert
        with: {id_property: whatsapp_id, id: "{{ body.id }}", properties: {firstname: "{{ body.id }}"}}
"""
)
NAMES = ("erp", "hubspot")
APIS = ("generic", "hubspot")
STATUSES = (400, 401, 404, 409, 423, 429, 500)
NOTHING_SAID = {"status": "COMPLETE", "results": [], "errors": []}
KINDS = (FaultKind.HTML_200, FaultKind.HALF_BODY, FaultKind.TIMEOUT, FaultKind.REDIRECT, FaultKind.RESET)
OUTCOMES = st.one_of(
    st.sampled_from([{"fault": FaultKind.STATUS, "status": status} for status in STATUSES]),
    # it was done, and the answer does not say so: an API that lies about that could not be found out
    st.sampled_from(
        [{"fault": FaultKind.STATUS, "status": status, "body": NOTHING_SAID, "applied": True} for status in (200, 207)]
    ),
    st.builds(lambda kind, applied: {"fault": kind, "applied": applied}, st.sampled_from(KINDS), st.booleans()),
)
ENDED = {DeliveryState.DONE, DeliveryState.SKIPPED, DeliveryState.SUPERSEDED, DeliveryState.DEAD}


class SeenWorld(MortalWorld):
    """A world that remembers every change of a delivery's state."""

    async def _start(self) -> None:
        await super()._start()
        await self.quiet()  # between two commits, when the writer's thread does nothing with it
        self.mortal.real._writer._connection.executescript(SEEN)

    def changes(self) -> set[tuple[str, str]]:
        return set(self.mortal.real._writer._connection.execute("SELECT before, after FROM changes"))


class EngineHistories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.world = SeenWorld(TEXT, Path(self.folder.name))
        self.runner.run(self.world.__aenter__())
        self.sent = 0
        self.again: set[str] = set()

    def go(self, doing: Any) -> Any:
        async def do() -> Any:
            result = await doing
            await self.world.quiet()
            return result

        return self.runner.run(do())

    # --- what happens ----------------------------------------------------------------------------------------------

    @rule(customers=st.lists(st.integers(1, 3), min_size=1, max_size=5))
    def events_come(self, customers: list[int]) -> None:
        numbers = range(self.sent, self.sent + len(customers))
        self.sent += len(customers)
        bodies = [
            {"kind": "placed", "id": f"o{number:04}", "customer": f"c{customer}"}
            for number, customer in zip(numbers, customers, strict=True)
        ]
        self.go(self.world.accept(*bodies))

    @rule(outcome=OUTCOMES, api=st.sampled_from(APIS), times=st.integers(1, 3), after=st.integers(0, 2))
    def an_api_will_misbehave(self, outcome: dict[str, Any], api: str, times: int, after: int) -> None:
        self.world.sandbox.faults.add(FaultSpec(match=Match(api=api), times=times, after=after, **outcome))

    @rule(milliseconds=st.sampled_from([1, 2_000, 60_000, HOUR_MS]))
    def time_goes_on(self, milliseconds: int) -> None:
        self.go(self.world.run_for(milliseconds))

    @rule(decision=st.sampled_from(["retry", "skip"]), which=st.integers(0, 50))
    def a_person_decides_about_one(self, decision: str, which: int) -> None:
        found = self.deliveries()
        if not found:
            return
        chosen = found[which % len(found)]
        console = self.world.console
        try:
            self.go(console.retry(chosen.id) if decision == "retry" else console.skip(chosen.id, "by hand"))
        except UsageError:
            assert decision == "retry" or chosen.state not in {DeliveryState.RETRYING, DeliveryState.DEAD}

    @rule()
    def a_person_replays_all(self) -> None:
        self.again |= {one.id for one in self.deliveries() if one.state is DeliveryState.DEAD}
        self.go(self.world.console.replay(Query(), dry_run=False))

    @rule(name=st.sampled_from(NAMES), pauses=st.booleans())
    def a_person_pauses_or_resumes(self, name: str, *, pauses: bool) -> None:
        self.go(self.world.console.pause(name, "by hand") if pauses else self.world.console.resume(name))

    @rule()
    def a_person_reloads(self) -> None:
        self.go(self.world.reload())

    @rule(gently=st.booleans())
    def the_process_ends(self, *, gently: bool) -> None:
        async def end() -> None:
            if gently:
                await self.world.restart()
            else:
                await self.world.kill()
                await self.world.reborn()

        self.go(end())

    # --- what always holds -----------------------------------------------------------------------------------------

    def deliveries(self) -> list[Any]:
        found: list[Any] = self.go(self.world.store.deliveries(DeliveryFilter(limit=10_000)))
        return found[::-1]

    @invariant()
    def states_change_as_the_table_says(self) -> None:
        for before, after in self.world.changes():
            assert DeliveryState(after) in TRANSITIONS[DeliveryState(before)]

    @invariant()
    def the_books_balance(self) -> None:
        assert self.go(self.world.store.check_books()) == []
        assert self.world.failures == []

    @invariant()
    def lanes_keep_their_order_and_nothing_is_there_twice(self) -> None:
        again = self.ids_of_replays()
        lanes = defaultdict(list)
        for record in self.world.sandbox.generic.records:
            if record.body["order"] not in again:
                lanes[record.body["customer"]].append(record.body["order"])
        for lane in lanes.values():
            assert lane == sorted(set(lane))
        contacts = Counter(one.properties["whatsapp_id"] for one in self.world.sandbox.hubspot.records_of("contacts"))
        assert set(contacts.values()) <= {1}

    def ids_of_replays(self) -> set[str]:
        """What a person started again may come later, and what was never confirmed may come again."""
        seqs = {one.event_seq for one in self.deliveries() if one.id in self.again}
        return {f"o{seq - 1:04}" for seq in seqs}

    def teardown(self) -> None:
        try:
            self.go(self.all_is_well_again())
        finally:
            self.runner.run(self.world.__aexit__(None, None, None))
            self.runner.close()
            self.folder.cleanup()

    async def all_is_well_again(self) -> None:
        """Then everything ends, and what is dead can be replayed to its end."""
        world = self.world
        world.sandbox.faults.clear()
        await world.reload()
        for name in NAMES:
            await world.console.resume(name)
        await world.until(world.settled, at_most_ms=4 * DAY_MS)
        await world.console.replay(Query(), dry_run=False)
        await world.until(world.settled)
        found = await world.store.deliveries(DeliveryFilter(limit=10_000))
        assert len(found) == 2 * self.sent
        assert {one.state for one in found} <= {DeliveryState.DONE, DeliveryState.SKIPPED}
        assert await world.store.check_books() == []
        arrived = {record.body["order"] for record in world.sandbox.generic.records}
        done = {f"o{one.event_seq - 1:04}" for one in found if one.rule == "order" and one.state is DeliveryState.DONE}
        assert done <= arrived


def test_no_history_loses_doubles_or_overtakes_anything() -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    chosen = settings(
        max_examples=25,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=checks,
        phases=(Phase.generate,),  # each try is a world of its own: to shrink would take minutes
    )
    run_state_machine_as_test(EngineHistories, settings=chosen)

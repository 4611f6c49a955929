"""An API that is down for hours with thousands waiting: nobody's attempt is burned, and it comes back gently."""

import contextlib
import socket
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.connectors.answer import Answer
from bridge.connectors.request import OutboundRequest
from bridge.model import DeliveryState
from bridge.outbound.breaker import FAILURES, FIRST_WAIT_MS, LONGEST_WAIT_MS, BreakerState
from bridge.outbound.client import HttpClient
from bridge.outbound.pace import RAMP_MS
from bridge.sandbox import FaultKind, FaultSpec
from bridge.store.protocol import DeliveryFilter
from tests.canaries import ERP_TOKEN
from tests.e2e.stepping import CountedClient
from tests.e2e.virtual import HOUR_MS, MINUTE_MS, PREAMBLE, SECOND_MS, VirtualWorld

EVENTS, CUSTOMERS = 10_000, 1_000
CONCURRENCY = 32
TIMEOUT_MS = 5_000
ANSWERS_IN_MS = 1_000
"""How long the recovered API takes for a call, so that the number of requests in flight shows as a rate."""
OUTAGE_MS = 6 * HOUR_MS
OPENED_BY = FAILURES - 1
"""The failures that nobody could tell from trouble of single records: the one after them opens the breaker."""


def configuration(erp: str) -> str:
    return (
        PREAMBLE
        + f"""\
  far: {{connector: http, base_url: "{erp}", auth: {{type: bearer, token: {ERP_TOKEN}}}, timeout: 5s,
        allow_private_addresses: true, concurrency: {CONCURRENCY}}}
rules:
  - name: order
    on: orders/*
    key: "{{{{ body.customer }}}}"
    steps:
      - {{id: post, use: far.post, with: {{path: /orders, json: {{order: "{{{{ body.id }}}}"}}}}}}
"""
    )


def orders(count: int) -> list[dict[str, Any]]:
    return [
        {"kind": "placed", "id": f"{number % CUSTOMERS}/{number // CUSTOMERS:02}", "customer": f"c{number % CUSTOMERS}"}
        for number in range(count)
    ]


class Seen(CountedClient):
    """The real client; every request is seen from where it leaves, also one that nobody takes."""

    requests: list[tuple[int, str]]
    in_flight: Counter[str]
    at_once: int

    async def send(
        self, request: OutboundRequest, credentials: Mapping[str, str], *, timeout_ms: int | None = None
    ) -> Answer:
        self.requests.append((self._clock.now_ms(), request.url))
        self.in_flight["now"] += 1
        self.in_flight["most"] = max(self.in_flight["most"], self.in_flight["now"])
        try:
            return await super().send(request, credentials, timeout_ms=timeout_ms)
        finally:
            self.in_flight["now"] -= 1


class WatchedWorld(VirtualWorld):
    """A world whose requests are counted where they leave."""

    def __init__(self, text: str, folder: Path) -> None:
        super().__init__(text, folder)
        self.requests: list[tuple[int, str]] = []
        self.in_flight: Counter[str] = Counter()

    def _client(self, base_url: str, **named: Any) -> HttpClient:
        client = Seen(self.clock, self.activity, base_url, **named)
        client.requests, client.in_flight = self.requests, self.in_flight
        return client

    @property
    def times(self) -> list[int]:
        """When each request left."""
        return [at_ms for at_ms, _ in self.requests]

    def watch_anew(self) -> None:
        self.requests.clear()
        self.in_flight["most"] = self.in_flight["now"]


Restore = Callable[[], Any]


@asynccontextmanager
async def down(kind: str, folder: Path) -> AsyncIterator[tuple[WatchedWorld, Restore]]:
    """A world whose API is down in the way named, and what brings it back."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens: whoever connects is refused
        port = taken.getsockname()[1]
        address = f"http://127.0.0.1:{port}/generic" if kind == "refused" else "${SANDBOX_GENERIC}"
        async with contextlib.AsyncExitStack() as later, WatchedWorld(configuration(address), folder) as world:
            faults = world.sandbox.faults
            if kind == "failing":
                faults.add(FaultSpec(fault=FaultKind.STATUS, status=503, times=None))
            if kind == "hung":
                faults.add(FaultSpec(fault=FaultKind.TIMEOUT, times=None))

            async def restore() -> None:
                faults.clear()
                faults.add(FaultSpec(fault=FaultKind.SLOW, delay_ms=ANSWERS_IN_MS, times=None))
                if kind == "refused":
                    taken.close()
                    await later.enter_async_context(world.sandbox.running(port=port))

            yield world, restore


def assert_probes_are_spaced(opened_ms: int, times: list[int], *, lasting_ms: int) -> None:
    """The first waits grow, then there is one a minute or two, as the breaker says."""
    ended_ms = [opened_ms, *(at_ms + lasting_ms for at_ms in times)]
    for number, wait in enumerate(at_ms - end_ms for end_ms, at_ms in zip(ended_ms, times, strict=False)):
        longest = min(FIRST_WAIT_MS * 2**number, LONGEST_WAIT_MS)
        assert longest // 2 <= wait <= longest, (number, wait)


def assert_gentle(times: list[int], from_ms: int) -> list[int]:
    """The requests of each ten seconds after the recovery grow, from few to what the concurrency allows."""
    tens = Counter((at_ms - from_ms) // (10 * SECOND_MS) for at_ms in times)
    counts = [tens[number] for number in range(7)]
    for number, count in enumerate(counts[:6]):  # the line from one at a time to all, and one for the rounding
        in_flight = 1 + (CONCURRENCY - 1) * (number + 1) * 10 * SECOND_MS // RAMP_MS
        assert 0 < count <= in_flight * 10, (number, count)
    assert all(earlier < later for earlier, later in pairwise(counts[:6])), counts
    assert counts[6] == CONCURRENCY * 10
    return counts


def arrived(world: VirtualWorld) -> dict[str, list[str]]:
    """What each customer's orders look like at the API, in the order of their arrival."""
    by_customer = defaultdict(list)
    for record in world.sandbox.generic.records:
        customer, number = record.body["order"].split("/")
        by_customer[customer].append(number)
    return dict(by_customer)


async def attempts_of(world: VirtualWorld) -> Counter[int]:
    found = await world.store.deliveries(DeliveryFilter(limit=100_000))
    assert all(delivery.state in {DeliveryState.PENDING, DeliveryState.RETRYING} for delivery in found)
    return Counter(delivery.attempts for delivery in found)


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("kind", "events"),
    [
        ("refused", 2_000),
        pytest.param("failing", 2_000, marks=pytest.mark.full_size),
        ("hung", 2_000),
        pytest.param("refused", EVENTS, marks=pytest.mark.full_size),
    ],
)
async def test_six_hours_of_outage_burn_no_attempt_and_the_recovery_is_gentle(
    kind: str, events: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.perf_counter()
    async with down(kind, tmp_path) as (world, restore):
        begun_ms = world.clock.now_ms()
        await world.accept(*orders(events))
        await world.until(lambda: world.engine.outlets["far"].breaker.state is BreakerState.OPEN)
        breaker = world.engine.outlets["far"].breaker
        before_it_opened = len(world.requests)
        assert FAILURES <= before_it_opened <= CONCURRENCY
        opened_ms = world.clock.now_ms()
        world.watch_anew()

        await world.run_for(begun_ms + OUTAGE_MS - opened_ms)
        await world.until(lambda: breaker.state is BreakerState.OPEN, at_most_ms=MINUTE_MS)  # the end of a probe

        probes = world.times
        assert world.in_flight["most"] == 1
        assert_probes_are_spaced(opened_ms, probes, lasting_ms=TIMEOUT_MS if kind == "hung" else 0)
        burned = await attempts_of(world)
        assert burned.total() == events
        assert burned[0] >= events - OPENED_BY  # none at all when the first requests fail together
        assert max(burned) <= 1

        await restore()
        world.watch_anew()
        await world.until(lambda: breaker.state is BreakerState.CLOSED, at_most_ms=2 * MINUTE_MS)
        closed_ms = world.clock.now_ms()
        await world.until(world.settled)

        gentle = assert_gentle([at_ms for at_ms in world.times if at_ms >= closed_ms], closed_ms)
        assert world.in_flight["most"] == CONCURRENCY
        assert await world.counts("order") == {"done": events}
        assert len(world.requests) == events  # each once, nobody's twice
        in_order = [f"{number:02}" for number in range(events // CUSTOMERS)]
        assert arrived(world) == {str(customer): in_order for customer in range(CUSTOMERS)}
        assert await world.store.check_books() == []
    with capsys.disabled():
        print(  # noqa: T201 - said, not asserted
            f"\n{kind}: {events} pending over 6 h, {len(probes)} probes, {dict(burned)} attempts, requests in each "
            f"10 s after it: {gentle}; {time.perf_counter() - begun:.1f} s of real time"
        )


async def test_a_stop_while_the_probe_hangs_ends_and_loses_nothing(tmp_path: Path) -> None:
    async with down("hung", tmp_path) as (world, restore):
        await world.accept(*orders(300))
        breaker = world.engine.outlets["far"].breaker
        await world.until(lambda: breaker.state is BreakerState.OPEN)
        await world.until(lambda: breaker.state is BreakerState.HALF_OPEN)

        await world.restart()

        again = world.engine.outlets["far"].breaker
        assert again.state is not BreakerState.CLOSED  # the outage is known to the next process
        await restore()
        await world.until(world.settled)
        assert await world.counts("order") == {"done": 300}
        assert await world.store.check_books() == []

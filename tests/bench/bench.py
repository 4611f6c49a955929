"""What all rows share: the sink, the hop, the bridge under test, and how something is sent and measured."""

import http.client
import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from tests.bench.load import Plan
from tests.bench.processes import Child
from tests.bench.product import IGNORED, ORDER, SLOW, Product, write_configuration

NS = 1_000_000_000
WAIT_S = 120
Kinds = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: a number of events for each measurement, of rounds, of seconds."""

    accepted: int
    delivered: int
    rounds: int
    seconds: float
    backlog: int
    big_backlog: int
    fill_s: float
    renders: int
    batch: int = 1_000
    many_rules: tuple[int, int] = (100, 1_000)
    connections: tuple[int, int] = (32, 256)


FULL = Size(
    accepted=6_000,
    delivered=2_500,
    rounds=3,
    seconds=3.0,
    backlog=200_000,
    big_backlog=1_000_000,
    fill_s=60,
    renders=2_000,
)
QUICK = Size(
    accepted=2_000,
    delivered=800,
    rounds=2,
    seconds=1.0,
    backlog=20_000,
    big_backlog=50_000,
    fill_s=10,
    renders=500,
)
TINY = Size(
    accepted=40,
    delivered=20,
    rounds=1,
    seconds=0.05,
    backlog=60,
    big_backlog=120,
    fill_s=5,
    renders=5,
    batch=20,
    many_rules=(2, 5),
    connections=(4, 8),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio` is measured to yardstick; `met` None: there is nothing to meet."""

    aim: str
    measured: str
    ratio: str = ""
    aim_for: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: events a second, latencies in ms, CPU in µs an event."""

    rate: float
    accept_ms: Sequence[float]
    end_to_end_ms: Sequence[float] = ()
    cpu_us: float = 0.0
    requests: int = 0
    refused: int = 0


def percentile(ordered: Sequence[float], share: float) -> float:
    """A value of an ordered list, 0 for none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def best(measured: Sequence[Measured]) -> float:
    """The best rate of several rounds."""
    return max(one.rate for one in measured)


def median(measured: Sequence[Measured]) -> float:
    """The median rate of several rounds."""
    return statistics.median(one.rate for one in measured)


def rates(measured: Sequence[Measured]) -> str:
    """Best and median, as the table shows them."""
    return f"{best(measured):,.0f}/s ({median(measured):,.0f})"


def latencies(ordered: Sequence[float]) -> str:
    """p50 / p99, as the table shows them."""
    return f"{percentile(ordered, 0.5):,.1f} / {percentile(ordered, 0.99):,.1f} ms"


def interleaved(rounds: int, *measures: Callable[[], Measured]) -> list[list[Measured]]:
    """A B A B …: the machine's moods meet all of them."""
    found: list[list[Measured]] = [[] for _ in measures]
    for _ in range(rounds):
        for results, measure in zip(found, measures, strict=True):
            results.append(measure())
    return found


@dataclass
class Bench:
    """One run of the benchmark, from `with` to the end of the block."""

    folder: Path
    size: Size
    _undo: ExitStack = field(default_factory=ExitStack)
    _runs: Iterator[int] = field(default_factory=itertools.count)
    _hop: Child | None = None
    _product: Product | None = None

    def __enter__(self) -> Self:
        self._sink = self._undo.enter_context(Child("tests.bench.sink"))
        self._sink_port = int(self._sink.line())
        self.sink_url = f"http://127.0.0.1:{self._sink_port}"
        return self

    def __exit__(self, *_error: object) -> None:
        self._undo.close()

    # --- what is measured ------------------------------------------------------------------------------------

    @property
    def hop(self) -> Child:
        """The yardstick, started when it is first asked for."""
        if self._hop is None:
            self._hop = self._undo.enter_context(Child("tests.bench.hop", f"{self.sink_url}/hop/orders"))
            self._hop_url = f"http://127.0.0.1:{int(self._hop.line())}/hooks"
        return self._hop

    @property
    def product(self) -> Product:
        """The bridge that most rows share, started when it is first asked for."""
        if self._product is None:
            self._product = self._undo.enter_context(Product(self.configuration("shared", (ORDER, SLOW))))
        return self._product

    def configuration(self, name: str, kinds: Kinds, *, sources: str = "") -> Path:
        """A new folder with a configuration."""
        folder = self.folder / f"{name}-{next(self._runs)}"
        folder.mkdir()
        return write_configuration(folder, self.sink_url, kinds, sources=sources)

    # --- sending ---------------------------------------------------------------------------------------------

    def load(self, url: str, kind: str, connections: int, **limits: Any) -> Child:
        """Begin to send; `limits` are `count` or `seconds`. Every event is a new one."""
        plan = Plan(url=url, run=f"r{next(self._runs)}", kind=kind, connections=connections, **limits)
        return Child("tests.bench.load", orjson.dumps(plan).decode())

    def ask(self, path: str) -> dict[str, Any]:
        """Ask the sink."""
        connection = http.client.HTTPConnection("127.0.0.1", self._sink_port, timeout=WAIT_S + 10)
        try:
            connection.request("GET", path)
            found: dict[str, Any] = orjson.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()

    def arrived(self, how: str, count: int) -> dict[str, Any]:
        """Wait until so many events are at the sink."""
        found = self.ask(f"/wait/{how}/{count}/{WAIT_S}")
        if found["events"] < count:
            raise TimeoutError(f"only {found['events']} of {count} events came to the sink in {WAIT_S} s")
        return found

    def accept(self, child: Child, url: str, connections: int, kind: str = IGNORED) -> Measured:
        """How fast events are taken that go nowhere."""
        before = child.usage
        with self.load(url, kind, connections, count=self.size.accepted) as load:
            sent = orjson.loads(load.output())
        return _accepted(sent, cpu_s=child.usage.cpu_s - before.cpu_s)

    def deliver(self, product: Product, kind: str, how: str, connections: int = 32) -> Measured:
        """How fast events come out at the other end."""
        return self._end_to_end(product, product.hook, kind, how, connections)

    def bare_accept(self, connections: int) -> Measured:
        """The yardstick of accepting."""
        return self.accept(self.hop, f"{self._hop_url}/accept", connections)

    def bare_hop(self, connections: int = 32) -> Measured:
        """The yardstick of everything else."""
        return self._end_to_end(self.hop, f"{self._hop_url}/hop", ORDER, "hop", connections)

    def _end_to_end(self, child: Child, url: str, kind: str, how: str, connections: int) -> Measured:
        count = self.size.delivered
        self.ask("/reset")
        before = child.usage
        with self.load(url, kind, connections, count=count) as load:
            sent = orjson.loads(load.output())
        came = self.arrived(how, count)
        cpu_s = child.usage.cpu_s - before.cpu_s
        return Measured(
            rate=count / ((came["last_ns"] - sent["begun_ns"]) / NS),
            accept_ms=_ms(sent["latencies_ns"]),
            end_to_end_ms=_ms(came["latencies_ns"]),
            cpu_us=cpu_s / count * 1e6,
            requests=came["requests"],
            refused=sent["refused"],
        )


def accepted_of(load: Child) -> Measured:
    """What a load that was begun earlier measured."""
    return _accepted(orjson.loads(load.output()))


def _accepted(sent: dict[str, Any], *, cpu_s: float = 0.0) -> Measured:
    count = max(1, sent["accepted"])
    seconds = (sent["ended_ns"] - sent["begun_ns"]) / NS
    return Measured(
        rate=sent["accepted"] / seconds,
        accept_ms=_ms(sent["latencies_ns"]),
        cpu_us=cpu_s / count * 1e6,
        refused=sent["refused"],
    )


def _ms(nanoseconds: Sequence[int]) -> list[float]:
    return [each / 1e6 for each in nanoseconds]

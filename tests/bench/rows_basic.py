"""Rows against the bare hop: accepting, delivering, latency, CPU, memory; and what an idle bridge costs."""

import http.client
import time
from urllib.parse import urlsplit

from tests.bench.bench import Bench, Row, interleaved, latencies, median, percentile, rates
from tests.bench.processes import ChildFailed
from tests.bench.product import BULK, HUNG, IGNORED, ORDER, SLOW, Product
from tests.bench.workload import SIGNATURE, event, signature

SINGLE_CPU, BATCHED_CPU = 1.2, 0.6
IN_FLIGHT, DELAY_S = 256, 0.05
SETTLE_S = 1.0


def at_least(value: float, wanted: float) -> tuple[str, str, bool]:
    """Ratio, aim and verdict of a row whose number should be high."""
    return f"{value:.2f}", f">= {wanted}", value >= wanted


def at_most(value: float, wanted: float) -> tuple[str, str, bool]:
    """Ratio, aim and verdict of a row whose number should be low."""
    return f"{value:.2f}", f"<= {wanted}", value <= wanted


def accept(bench: Bench) -> list[Row]:
    """Durable accept vs bare aiohttp 200 with HMAC."""
    return [row for connections in bench.size.connections for row in _accept(bench, connections)]


def _accept(bench: Bench, connections: int) -> list[Row]:
    product = bench.product
    bare, durable = interleaved(
        bench.size.rounds,
        lambda: bench.bare_accept(connections),
        lambda: bench.accept(product, product.hook, connections),
    )
    return [
        Row(
            f"durable accept vs bare aiohttp 200 with HMAC, c={connections}",
            f"{rates(durable)} vs {rates(bare)}",
            *at_least(median(durable) / median(bare), 0.85),
        ),
        Row(
            f"accept p50 / p99, c={connections}",
            f"{latencies(durable[-1].accept_ms)} vs {latencies(bare[-1].accept_ms)}",
            f"{percentile(durable[-1].accept_ms, 0.5) / percentile(bare[-1].accept_ms, 0.5):.2f}",
        ),
    ]


def end_to_end(bench: Bench) -> list[Row]:
    """Delivered events a second, single calls: 8 template fields, one condition, one step."""
    product = bench.product
    bare, real = interleaved(bench.size.rounds, bench.bare_hop, lambda: bench.deliver(product, ORDER, "now"))
    cpu = min(one.cpu_us for one in real), min(one.cpu_us for one in bare)
    after, hop = product.usage, bench.hop.usage
    return [
        Row(
            "end to end vs the hop, one process, single calls",
            f"{rates(real)} vs {rates(bare)}",
            *at_least(median(real) / median(bare), 0.8),
        ),
        Row(
            "end-to-end p50 / p99, c=32 at full speed",
            f"{latencies(real[-1].end_to_end_ms)} vs {latencies(bare[-1].end_to_end_ms)}",
            f"{percentile(real[-1].end_to_end_ms, 0.5) / percentile(bare[-1].end_to_end_ms, 0.5):.2f}",
        ),
        Row(
            "CPU per 1,000 events vs the hop, single calls",
            f"{cpu[0]:,.0f} vs {cpu[1]:,.0f} ms",
            *at_most(cpu[0] / cpu[1], SINGLE_CPU),
        ),
        Row(
            "memory (RSS) after that",
            f"{after.rss_mib:.0f} vs {hop.rss_mib:.0f} MiB",
            f"{after.rss_mib / hop.rss_mib:.2f}",
        ),
    ]


def batched(bench: Bench) -> list[Row]:
    """The same through a batch endpoint; skipped while the bridge does not batch."""
    name = "end to end vs the hop through a batch endpoint"
    config = bench.configuration("bulk", (BULK,))
    try:
        product = Product(config)
    except ChildFailed:
        log = (config.parent / "daemon.log").read_text()
        reasons = "; ".join(line for line in log.splitlines() if line.startswith("error["))
        return [Row(name, f"left out: the batch form was refused: {reasons or 'no reason given'}")]
    with product:
        bare, real = interleaved(bench.size.rounds, bench.bare_hop, lambda: bench.deliver(product, BULK, "bulk"))
    if real[-1].requests >= bench.size.delivered:
        return [Row(name, "left out: nothing was batched")]
    cpu = min(one.cpu_us for one in real), min(one.cpu_us for one in bare)
    each = bench.size.delivered / real[-1].requests
    return [
        Row(name, f"{rates(real)} vs {rates(bare)}, {each:.1f} a call", *at_least(median(real) / median(bare), 2.0)),
        Row(
            "CPU per 1,000 events vs the hop, batched",
            f"{cpu[0]:,.0f} vs {cpu[1]:,.0f} ms",
            *at_most(cpu[0] / cpu[1], BATCHED_CPU),
        ),
    ]


def slow_sink(bench: Bench) -> list[Row]:
    """A sink that takes 50 ms, 256 requests in flight."""
    ideal = IN_FLIGHT / DELAY_S
    found = bench.deliver(bench.product, SLOW, "50ms", IN_FLIGHT)
    return [
        Row(
            "sink at 50 ms, 256 in flight: end to end vs the ideal (5,120/s)",
            f"{found.rate:,.0f}/s vs {ideal:,.0f}/s",
            *at_least(found.rate / ideal, 0.9),
        )
    ]


def hung(bench: Bench) -> list[Row]:
    """One destination hangs, another one is healthy."""
    alone = bench.product
    with Product(bench.configuration("hung", (ORDER, HUNG))) as beside:
        with bench.load(beside.hook, HUNG, 8, count=min(300, bench.size.delivered)) as load:
            load.output()
        without, with_ = interleaved(
            bench.size.rounds,
            lambda: bench.deliver(alone, ORDER, "now"),
            lambda: bench.deliver(beside, ORDER, "now"),
        )
    return [
        Row(
            "one destination hung, another healthy: its end to end vs alone",
            f"{rates(with_)} vs {rates(without)}",
            *at_least(median(with_) / median(without), 0.95),
        )
    ]


def idle(bench: Bench) -> list[Row]:
    """Start-up to the first accepted event, and what the bridge costs when nothing comes."""
    starts, memory_mib, share = [], 0.0, 0.0
    for _ in range(bench.size.rounds):
        begun = time.monotonic()
        with Product(bench.configuration("start", (ORDER,))) as product:
            _post(product.hook)
            starts.append(time.monotonic() - begun)
            memory_mib, share = _idle(product, bench.size.seconds)
    return [
        Row("start-up to the first accepted event", f"{min(starts):.2f} s", *at_most(min(starts), 0.7)),
        Row("idle memory (RSS), MiB", f"{memory_mib:.0f} MiB", *at_most(memory_mib, 80)),
        Row("idle CPU, % of a core", f"{share:.2f} %", *at_most(share, 0.2)),
    ]


def _idle(product: Product, seconds: float) -> tuple[float, float]:
    """MiB, and the share of a core in percent, of a bridge to which nothing comes."""
    time.sleep(min(SETTLE_S, seconds))
    begun, before = time.monotonic(), product.usage
    time.sleep(seconds)
    after = product.usage
    return after.rss_mib, (after.cpu_s - before.cpu_s) / (time.monotonic() - begun) * 100


def _post(hook: str) -> None:
    body, address = event("first", 1, IGNORED, 0), urlsplit(hook)
    connection = http.client.HTTPConnection(address.netloc)
    connection.request("POST", address.path, body, {SIGNATURE: signature(body), "Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    if status != http.HTTPStatus.OK:
        raise ChildFailed(f"the first event was answered {status}")

"""Rows about the store: many deliveries waiting, and a disk that takes its time."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench import Bench, Measured, Row, accepted_of, interleaved, median, rates
from tests.bench.processes import Child
from tests.bench.product import IGNORED, ORDER, Product
from tests.bench.rows_basic import at_least, at_most

SLOW_SYNC = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void pause_ms(void) { struct timespec t = {0, 10 * 1000 * 1000}; nanosleep(&t, 0); }
int fsync(int fd) { pause_ms(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { pause_ms(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""
SMALL, MIDDLE = 2_000, 10_000


@dataclass(frozen=True, slots=True)
class Drained:
    """How a backlog was drained: µs of CPU for each delivery, MiB, and how long the start took."""

    waiting: int
    cpu_us: float
    rss_mib: float
    started_s: float


def filled(bench: Bench, count: int) -> tuple[Path, int]:
    """A configuration whose store holds up to `count` waiting deliveries, and how many it holds."""
    config = bench.configuration(f"backlog-{count}", (ORDER,))
    with Child("tests.bench.backlog", str(config), str(count), str(bench.size.fill_s)) as filler:
        return config, int(filler.output())


def _drained(bench: Bench, count: int) -> Drained:
    config, waiting = filled(bench, count)
    warm, measured = min(300, waiting // 5), min(1_500, waiting // 2)
    bench.ask("/reset")
    with Product(config) as product:
        begun = bench.arrived("now", warm)["events"]
        before = product.usage
        events = bench.arrived("now", warm + measured)["events"] - begun
        after = product.usage
    return Drained(waiting, (after.cpu_s - before.cpu_s) / max(1, events) * 1e6, after.rss_mib, product.started_s)


def backlog(bench: Bench) -> list[Row]:
    """What an event costs with few, 10,000 and a million waiting."""
    small = _drained(bench, min(SMALL, bench.size.backlog))
    middle = _drained(bench, min(MIDDLE, bench.size.backlog))
    big = _drained(bench, bench.size.big_backlog)
    cut_short = big.waiting < bench.size.big_backlog
    name = f"{big.waiting:,}"
    note = f" (filling was stopped after {bench.size.fill_s:.0f} s)" if cut_short else ""
    return [
        Row(
            f"CPU per delivered event with {middle.waiting:,} pending vs {small.waiting:,}",
            f"{middle.cpu_us:,.0f} vs {small.cpu_us:,.0f} us",
            *at_most(middle.cpu_us / small.cpu_us, 1.1),
        ),
        Row(
            f"CPU per delivered event with {name} pending vs {small.waiting:,}{note}",
            f"{big.cpu_us:,.0f} vs {small.cpu_us:,.0f} us",
            *at_most(big.cpu_us / small.cpu_us, 1.1),
        ),
        Row(
            f"memory growth with {name} pending, MiB",
            f"{big.rss_mib:.0f} vs {small.rss_mib:.0f} MiB",
            *at_most(big.rss_mib - small.rss_mib, 24),
        ),
        Row(
            f"start-up with {name} pending vs {small.waiting:,}",
            f"{big.started_s:.2f} vs {small.started_s:.2f} s",
            *at_most(big.started_s / small.started_s, 1.2),
        ),
    ]


def accept_while_draining(bench: Bench) -> list[Row]:
    """Accepting while many deliveries drain, and while none do."""
    config, waiting = filled(bench, bench.size.backlog)
    free = _accepted_for_a_while(bench, bench.product)
    with Product(config) as draining:  # not side by side: it would take the other one's CPU
        busy = _accepted_for_a_while(bench, draining)
    return [
        Row(
            f"accept/s while {waiting:,} pending drain vs none, one process",
            f"{rates(busy)} vs {rates(free)}",
            *at_least(median(busy) / median(free), 0.7),
        )
    ]


def _accepted_for_a_while(bench: Bench, product: Product) -> list[Measured]:
    found = []
    for _ in range(bench.size.rounds):
        with bench.load(product.hook, IGNORED, 16, seconds=bench.size.seconds) as load:
            found.append(accepted_of(load))
    return found


def slow_disk(bench: Bench) -> list[Row]:
    """Every sync takes 10 ms longer: a library put before libc's, so that it is SQLite's own fsync that waits."""
    connections = bench.size.connections[-1]
    name = f"fsync + 10 ms: accept/s vs no delay, c={connections}"
    library = _slow_sync_library(bench.folder)
    if library is None:
        return [Row(name, "left out: it needs a C compiler and Linux")]
    fast = bench.product
    with Product(bench.configuration("slow-disk", (ORDER,)), {"LD_PRELOAD": str(library)}) as slow:
        without, with_ = interleaved(
            bench.size.rounds,
            lambda: bench.accept(fast, fast.hook, connections),
            lambda: bench.accept(slow, slow.hook, connections),
        )
    return [Row(name, f"{rates(with_)} vs {rates(without)}", *at_least(median(with_) / median(without), 0.6))]


def _slow_sync_library(folder: Path) -> Path | None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    source, library = folder / "slow_sync.c", folder / "slow_sync.so"
    source.write_text(SLOW_SYNC)
    subprocess.run(
        (compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"), check=True, capture_output=True
    )
    return library

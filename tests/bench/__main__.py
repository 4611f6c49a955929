"""`make bench`: the aims of the project, measured side by side in one run, each as a ratio to its yardstick."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from tests.bench import report, rows_basic, rows_pure, rows_sources, rows_store
from tests.bench.bench import FULL, QUICK, Bench, Row, Size
from tests.bench.processes import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
MEASURES: Mapping[str, Callable[[Bench], list[Row]]] = {
    "accept": rows_basic.accept,
    "end-to-end": rows_basic.end_to_end,
    "batched": rows_basic.batched,
    "slow-sink": rows_basic.slow_sink,
    "hung": rows_basic.hung,
    "idle": rows_basic.idle,
    "rules": rows_pure.rules,
    "mapping": rows_pure.mapping,
    "attacks": rows_pure.attacks,
    "verification": rows_sources.verification,
    "candidates": rows_sources.candidates,
    "batches": rows_sources.batches,
    "slow-disk": rows_store.slow_disk,
    "draining": rows_store.accept_while_draining,
    "backlog": rows_store.backlog,
}


def measure(size: Size, names: Sequence[str], console: Console) -> list[Row]:
    """Measure the named groups of rows; says how long each took."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="crm-bridge-bench-") as folder, Bench(Path(folder), size) as bench:
        for name in names:
            begun = time.monotonic()
            rows += MEASURES[name](bench)
            console.print(f"{name}: {time.monotonic() - begun:.1f} s", style="dim")
    return rows


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute; rougher")
    parser.add_argument("--write", action="store_true", help=f"update the table in {DOCUMENT.name}")
    parser.add_argument("--only", metavar="NAME", action="append", choices=MEASURES, help=", ".join(MEASURES))
    chosen = parser.parse_args(given)
    if chosen.write and chosen.only:
        parser.error("--write needs all rows: leave out --only")
    return chosen


def main(given: Sequence[str]) -> int:
    """Measure, print, perhaps write."""
    chosen = arguments(given)
    console = Console(width=None if sys.stdout.isatty() else 160)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process of ours is left behind
    console.print(f"{report.machine()}; best (median) of the rounds, alternating with the yardstick")
    rows = measure(QUICK if chosen.quick else FULL, chosen.only or list(MEASURES), console)
    report.show(console, rows)
    console.print(*report.LEFT_OUT)
    if chosen.write:
        command = " ".join(("python -m tests.bench", *given))
        report.update(DOCUMENT, report.markdown(rows, "make bench" if list(given) == ["--write"] else command))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

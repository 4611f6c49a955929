"""Child processes of the benchmark: started, asked what they used, and ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 30.0
NS = 1_000_000_000


class ChildFailed(Exception):  # noqa: N818 - reads as what happened
    """A process of the benchmark ended before it was told to."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far, all threads: CPU seconds, resident MiB."""

    cpu_s: float
    rss_mib: float


def usage_of(pid: int) -> Usage:
    """Ask the kernel (Linux): `schedstat` counts nanoseconds where `stat` counts hundredths of a second."""
    cpu_ns = sum(_thread_ns(thread) for thread in Path(f"/proc/{pid}/task").iterdir())
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Usage(cpu_ns / NS, int(resident.split()[1]) / 1024)


def _thread_ns(thread: Path) -> int:
    try:
        return int((thread / "schedstat").read_text().split()[0])
    except FileNotFoundError:
        return 0  # it ended between the listing and the look


class Child:
    """A Python module of ours in its own process, from `with` to the end of the block."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        stderr: Path | None = None,
    ) -> None:
        self.log = stderr
        self._stderr: IO[bytes] | None = stderr.open("wb") if stderr else None
        self.process = subprocess.Popen(
            (sys.executable, "-m", module, *arguments),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def usage(self) -> Usage:
        """What it has used so far."""
        return usage_of(self.process.pid)

    def line(self) -> str:
        """Its next line on stdout.

        Raises:
            ChildFailed: there is none; it ended.
        """
        assert self.process.stdout is not None
        text = self.process.stdout.readline().decode().strip()
        if not text:
            raise ChildFailed(f"{self.process.args!r} ended with {self.process.wait()}")
        return text

    def output(self) -> bytes:
        """Everything it prints until it ends by itself.

        Raises:
            ChildFailed: it did not end well.
        """
        out, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise ChildFailed(f"{self.process.args!r} ended with {self.process.returncode}")
        return out

    def stop(self) -> None:
        """SIGTERM; SIGKILL when that does not help."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._stderr):
            if stream is not None:
                stream.close()

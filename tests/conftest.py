"""What all tests share: the canary check on every log line, and hypothesis without a wall clock."""

import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from bridge.cli.logs import configure_logging
from bridge.clock import ManualClock
from bridge.sandbox import Credentials, Sandbox
from bridge.settings import LogSettings
from tests.canaries import CANARIES, ERP_TOKEN, HUBSPOT_TOKEN, ZENDESK_SECRET

settings.register_profile("bridge", deadline=None)
settings.load_profile("bridge")

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, not a file of a known name
ROOM_BYTES = 2 << 30
"""Far more than all that the tests keep at one time."""


def _work_in_memory() -> None:
    """Put the tests' folders into memory where there is plenty: thousands of stores sync each commit to a disk.

    No test takes the power away, so none can tell the difference. Whoever names a folder in TMPDIR gets that one.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    runs_scripts = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if runs_scripts and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # pytest has looked already


def _keep_bytecode() -> None:
    """Let the daemons and commands that tests start, about two hundred, not compile the whole program each anew."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


_work_in_memory()
_keep_bytecode()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what says that it takes long, so that nobody waits for it at the end."""
    marks = {id(item): item.get_closest_marker("timeout") for item in items}
    items.sort(key=lambda item: 0 if (mark := marks[id(item)]) is None else -mark.args[0])


def pytest_collection(session: pytest.Session) -> None:  # noqa: ARG001 - a hook of pytest
    """What is collected is kept, so there is nothing to look for while it is made."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:  # noqa: ARG001 - as above
    """And nothing to look through in every test's garbage: thousands of tests and all modules. The rest is little."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    gc.enable()


class CanaryWatch:
    """Sees every log line of the suite exactly as it would be printed, and remembers those that hold a canary."""

    def __init__(self) -> None:
        self.lines = 0
        self.leaks: list[str] = []
        self.printed: list[str] = []
        """The lines of the test that is running."""

    def see(self, lines: bytes) -> None:
        """Take lines instead of a terminal or a file."""
        for line in lines.decode(errors="surrogateescape").removesuffix("\n").split("\n"):
            self.lines += 1
            self.printed.append(line)
            if any(canary in line for canary in CANARIES):
                self.leaks.append(line[:120])


WATCH = CanaryWatch()


def watch_logs() -> None:
    """Log as the daemon does, at the finest level, and watch."""
    configure_logging(LogSettings(level="debug", format="json"), WATCH.see)


def log_text() -> str:
    """What the running test has logged so far, as printed."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    return "\n".join(WATCH.printed)


@pytest.fixture(autouse=True)
def _no_command_changes_the_mode_of_later_files() -> Iterator[None]:
    """`run` and `demo` make the process careful with new files; a test that calls one in place leaves it as it was."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _every_log_line_is_watched() -> Iterator[None]:
    watch_logs()
    leaks_before = len(WATCH.leaks)
    WATCH.printed.clear()
    yield
    log_text()
    assert WATCH.leaks[leaks_before:] == [], "a secret or a customer's data reached the log"
    structlog.reset_defaults()


@pytest.fixture
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def clock() -> ManualClock:
    """Time that only the test moves."""
    return ManualClock()


@pytest.fixture
async def sandbox(clock: ManualClock) -> Sandbox:
    """The fake CRMs, with the canaries for credentials."""
    return Sandbox(
        clock,
        Credentials(
            hubspot_tokens=frozenset({HUBSPOT_TOKEN}), zendesk_client_secret=ZENDESK_SECRET, generic_token=ERP_TOKEN
        ),
    )

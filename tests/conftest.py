"""What all tests share: the canary check on every log line, and hypothesis without a wall clock."""

import logging
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


class CanaryWatch(logging.Handler):
    """Sees every log line of the suite as it would be printed, and remembers those that hold a canary."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines = 0
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self.lines += 1
        if any(canary in text for canary in CANARIES):
            self.leaks.append(f"{record.name}: {text[:80]}")


WATCH = CanaryWatch()


def watch_logs() -> None:
    """Log as the daemon does, at the finest level, and watch."""
    configure_logging(LogSettings(level="debug", format="json"))
    root = logging.getLogger()
    WATCH.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [WATCH]


@pytest.fixture(autouse=True)
def _every_log_line_is_watched() -> Iterator[None]:
    watch_logs()
    leaks_before = len(WATCH.leaks)
    yield
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

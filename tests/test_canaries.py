"""The check on the log must itself be able to fail."""

import logging

import structlog

from tests.canaries import CANARIES, PHONE
from tests.conftest import WATCH


def test_a_canary_in_any_log_line_is_noticed() -> None:
    leaks = len(WATCH.leaks)
    structlog.get_logger("probe").info("careless", key=f"+{PHONE}")
    logging.getLogger("a.library").warning("request for %s failed", PHONE)
    assert len(WATCH.leaks) == leaks + 2
    del WATCH.leaks[leaks:]


def test_the_log_is_really_watched() -> None:
    lines = WATCH.lines
    structlog.get_logger("probe").info("harmless", id="evt_1")
    assert WATCH.lines == lines + 1


def test_canaries_are_long_enough_to_mean_something() -> None:
    assert min(map(len, CANARIES)) >= 10

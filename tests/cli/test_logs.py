import asyncio
import logging
from datetime import UTC, datetime

import orjson
import pytest
import structlog

from bridge.cli.logs import configure_logging
from bridge.settings import LogSettings
from tests.canaries import TEXT


def _log(capsys: pytest.CaptureFixture[str], format_: str) -> str:
    configure_logging(LogSettings.model_validate({"level": "info", "format": format_}))
    structlog.get_logger("bridge.app").info("bridge.started", public="http://127.0.0.1:1")
    logging.getLogger("library").debug("too fine")
    try:
        int(f"quotes {TEXT}")
    except ValueError:
        logging.getLogger("library").exception("it broke")
    return capsys.readouterr().err


def test_json_lines_hold_event_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = (orjson.loads(line) for line in _log(capsys, "json").splitlines())

    assert (ours["event"], ours["level"], ours["public"]) == ("bridge.started", "info", "http://127.0.0.1:1")
    assert ours["timestamp"].endswith("Z")
    assert datetime.fromisoformat(ours["timestamp"]).tzinfo == UTC
    assert theirs["problem"] == "ValueError"


@pytest.mark.parametrize("format_", ["json", "console", "auto"])
def test_a_librarys_traceback_never_reaches_the_log(capsys: pytest.CaptureFixture[str], format_: str) -> None:
    text = _log(capsys, format_)

    assert "it broke" in text
    assert TEXT not in text
    assert "Traceback" not in text


class Sink:
    """What the log is printed to; it can be full."""

    def __init__(self) -> None:
        self.prints: list[list[bytes]] = []
        self.full = False

    def __call__(self, lines: bytes) -> None:
        if self.full:
            raise OSError
        self.prints.append(lines.splitlines())


def _logged_to(sink: Sink, level: str = "info") -> structlog.typing.FilteringBoundLogger:
    configure_logging(LogSettings.model_validate({"level": level, "format": "json"}), sink)
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger("bridge")
    return log


async def test_lines_of_one_turn_of_the_event_loop_are_printed_together() -> None:
    log = _logged_to(sink := Sink())
    log.info("one")
    logging.getLogger("library").info("two")
    assert sink.prints == []

    turn_is_over = asyncio.Event()
    asyncio.get_running_loop().call_soon(turn_is_over.set)
    await turn_is_over.wait()

    [lines] = sink.prints
    assert [orjson.loads(line)["event"] for line in lines] == ["one", "two"]


async def test_a_warning_is_printed_at_once_after_what_came_before_it() -> None:
    log = _logged_to(sink := Sink())
    log.info("one")
    log.warning("two")
    [lines] = sink.prints
    assert [orjson.loads(line)["level"] for line in lines] == ["info", "warning"]


def test_without_an_event_loop_every_line_is_printed_at_once() -> None:
    log = _logged_to(sink := Sink())
    log.info("one")
    log.info("two")
    assert len(sink.prints) == 2


async def test_what_still_waits_is_printed_at_the_end_of_the_process() -> None:
    log = _logged_to(sink := Sink())
    log.info("one")
    for handler in logging.getLogger().handlers:
        handler.flush()
    assert len(sink.prints) == 1


def test_a_log_that_takes_nothing_stops_nobody_and_the_number_of_lost_lines_is_told_later() -> None:
    log = _logged_to(sink := Sink())
    sink.full = True
    log.info("lost")
    log.error("lost, too")
    sink.full = False
    log.info("kept")
    log.info("kept, too")

    lines = [orjson.loads(line) for lines in sink.prints for line in lines]
    assert [line["event"] for line in lines] == ["log.lost", "kept", "kept, too"]
    assert lines[0]["lines"] == 2


def test_lines_below_the_level_are_left_out() -> None:
    log = _logged_to(sink := Sink(), "warning")
    log.info("fine")
    logging.getLogger("library").info("fine")
    assert sink.prints == []


@pytest.mark.parametrize("value", [2**70, "\ud800", frozenset({1}), ValueError("x"), {"a": {1: b"x"}}])
def test_any_value_can_be_logged(value: object) -> None:
    log = _logged_to(sink := Sink())
    log.info("odd", value=value)
    assert orjson.loads(sink.prints[0][0])["event"] == "odd"


def test_our_own_exceptions_give_their_type_only() -> None:
    log = _logged_to(sink := Sink())
    try:
        int(f"quotes {TEXT}")
    except ValueError:
        log.exception("it broke")
    [line] = sink.prints[0]
    assert (orjson.loads(line)["problem"], orjson.loads(line)["level"]) == ("ValueError", "error")
    assert TEXT.encode() not in line

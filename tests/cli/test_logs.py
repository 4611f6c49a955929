import logging

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
    assert theirs["problem"] == "ValueError"


@pytest.mark.parametrize("format_", ["json", "console", "auto"])
def test_a_librarys_traceback_never_reaches_the_log(capsys: pytest.CaptureFixture[str], format_: str) -> None:
    text = _log(capsys, format_)

    assert "it broke" in text
    assert TEXT not in text
    assert "Traceback" not in text

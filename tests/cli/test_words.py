"""What people are told while the bridge runs, word for word; the words are in tests/golden."""

import re

import orjson
import pytest

from bridge.configuration.load import load_configuration
from bridge.sources import Refused
from tests.cli.conftest import Place, Story, message
from tests.golden.words import HERE, check_words


def test_a_refused_start(place: Place) -> None:
    (place.folder / "taken").write_text("a file where a folder is needed")
    config = place.config.read_text().replace("sqlite:///var/bridge.db", "sqlite:///taken/bridge.db")
    place.config.write_text(config)
    result = place.process("run", "-c", "config.yaml")

    assert result.returncode == 1
    check_words(HERE / "start.txt", result.stderr.replace(str(place.folder), "FOLDER"))


def test_a_sender_whose_signature_is_wrong(place: Place) -> None:
    configuration = load_configuration(place.config, place.environ).configuration
    assert configuration is not None
    headers = [("Content-Type", "application/json"), ("X-Webhook-Signature", "00" * 32)]
    refused = configuration.sources["aisoule"].receive(headers=headers, query=[], body=message(), now_ms=0)

    assert isinstance(refused, Refused)
    error = {"code": refused.code, "message": refused.message, "help": refused.help}
    check_words(HERE / "sender.txt", f"{refused.status}\n{orjson.dumps(error, option=orjson.OPT_INDENT_2).decode()}\n")


@pytest.mark.parametrize("story", ["on the store alone"], indirect=True)
async def test_a_delivery_that_died(story: Story) -> None:
    [letter] = await story.json("dead-letters", "list")
    shown = (await story.run("dead-letters", "show", letter["delivery"])).stdout
    for pattern, name in (
        (r"dlv_\w+", "dlv_ID"),
        (r"evt_\w+", "evt_ID"),
        (r"https?://[\w.:]+", "http://SANDBOX"),
        (r"[0-9a-f]{8}-[0-9a-f-]{27}", "KEY"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    ):
        shown = re.sub(pattern, name, shown)
    check_words(HERE / "dead.txt", shown)

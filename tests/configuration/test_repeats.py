"""A source that forgets an event sooner than its sender repeats it is warned about, and no shipped one does."""

from pathlib import Path

import pytest

from bridge.model import DEDUPE_MS
from bridge.sources import load_preset, preset_names
from bridge.sources.extract import BODY_DEDUPE_MS
from tests.configuration.builders import CONFIG, lines, load, swap

SOURCE = 'aisoule: {preset: aisoule, secret: "${AISOULE_WEBHOOK_SECRET}"}'
OWN = """\
name: own
title: Own
doc: A sender of ours.
setup: None.
{more}
event: {{type: "{{{{ body.type }}}}", id: "{{{{ body.id }}}}"}}
verify: {{type: hmac, signature: {{from: "header:X-Signature"}}}}
event_types: {{message.received: a message}}
sender: {{waits: 3 s, retries: often, gives_up: never, success: any 2xx{repeats}}}
facts: []
samples: []
"""


def configured(folder: Path, words: str, *, repeats: str = ", repeats_for: 3d", more: str = "") -> list[str]:
    """The findings about a source of our own preset, with these words of the operator's."""
    source = f'aisoule: {{preset: own, secret: "${{AISOULE_WEBHOOK_SECRET}}"{words}}}'
    files = {
        "config.yaml": swap(CONFIG, SOURCE, source),
        "config/sources/own.yaml": OWN.format(repeats=repeats, more=more),
    }
    rules = "rules:\n  - {name: log, on: aisoule/message.received, steps: [{id: a, use: erp.get, with: {path: /}}]}\n"
    return lines(load(folder, {**files, "rules.yaml": rules}))


@pytest.mark.parametrize("name", preset_names())
def test_no_shipped_sender_repeats_for_longer_than_its_events_are_remembered(name: str) -> None:
    preset = load_preset(name).preset
    assert preset is not None
    window_ms = DEDUPE_MS if preset.dedupe is None else preset.dedupe
    assert (preset.sender.repeats_for or 0) <= window_ms


def test_eight_days_are_remembered_unless_somebody_says_otherwise() -> None:
    assert DEDUPE_MS == 8 * 24 * 3_600_000
    assert BODY_DEDUPE_MS == 600_000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (", dedupe: 2d", "forgets an event after 2d, and Own may repeat it for 3d; make it `3d` or longer"),
        (", dedupe: 0s", "forgets an event after 0s"),
        (", event: {id: body}", "forgets an event after 10m, and Own may repeat it for 3d; name what tells"),
        (", event: {id: body}, dedupe: 1m", "forgets an event after 1m"),
    ],
)
def test_a_window_that_ends_before_the_repeats_is_warned_about(tmp_path: Path, words: str, says: str) -> None:
    [finding] = configured(tmp_path, words)
    assert "BR405" in finding
    assert says in finding


@pytest.mark.parametrize("words", ["", ", dedupe: 3d", ", dedupe: 30d", ', event: {id: ["{{ body.id }}", body]}'])
def test_a_window_that_is_long_enough_is_not(tmp_path: Path, words: str) -> None:
    assert configured(tmp_path, words) == []


@pytest.mark.parametrize("repeats", ["", ", repeats_for: null"])
def test_nothing_is_said_where_nobody_knows_how_long_the_sender_repeats(tmp_path: Path, repeats: str) -> None:
    assert configured(tmp_path, ", dedupe: 1s", repeats=repeats) == []


def test_a_presets_own_window_is_mended_in_the_configuration(tmp_path: Path) -> None:
    [finding] = configured(tmp_path, "", more="dedupe: 1d")
    assert "add `dedupe: 3d`, or longer" in finding
    assert configured(tmp_path, ", dedupe: 4d", more="dedupe: 1d") == []


def test_bytes_as_the_only_identity_that_a_preset_knows_are_no_mistake_of_the_operators(tmp_path: Path) -> None:
    preset = OWN.format(repeats=", repeats_for: 3d", more="").replace('id: "{{ body.id }}"', "id: body")
    source = swap(CONFIG, SOURCE, SOURCE.replace("preset: aisoule", "preset: own"))
    rules = "rules:\n  - {name: log, on: aisoule/message.received, steps: [{id: a, use: erp.get, with: {path: /}}]}\n"
    assert lines(load(tmp_path, {"config.yaml": source, "config/sources/own.yaml": preset, "rules.yaml": rules})) == []

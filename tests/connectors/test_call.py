import re
from importlib.resources import files

import pytest

from bridge.connectors.call import since_first_try
from bridge.connectors.library import shipped_names


def test_what_may_be_ours_begins_a_minute_before_the_first_try() -> None:
    assert since_first_try(1_780_369_300_000) == "2026-06-02T03:00:40.000Z"
    assert since_first_try(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("connector", shipped_names())
def test_no_connector_gives_room_of_its_own(connector: str) -> None:
    """A search that compares dates by the day asks a day wider; its `match` then compares as all others do."""
    text = (files("bridge.connectors") / f"catalog/{connector}.yaml").read_text(encoding="utf-8")
    uses = [line.strip() for line in text.splitlines() if re.search(r"\bsince\b.*[^-]-\s*[0-9]", line)]
    allowed = '- {field: created_at, operator: ">", value: "{{ (since | epoch_ms) // 1000 - 86400 }}"}'
    assert [line for line in uses if line != allowed and not line.startswith("- {says:")] == []

"""The page about HubSpot: it names every operation, setting and limit, and its rule does what it says."""

import re
from pathlib import Path

import pytest

from bridge.connectors.library import shipped
from tests.docs.test_reference import first_cells
from tests.e2e.load import messages, recipe
from tests.e2e.virtual import VirtualWorld

RULES = re.compile(r"^```yaml\n(?P<rules>rules:\n.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/connectors/hubspot.md").read_text()


def test_every_operation_has_its_place_in_the_table_and_no_other(page: str) -> None:
    section = page.split("## Operations\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([^`]+)`", " ".join(cells))) == sorted(shipped("hubspot").operations)


def test_every_setting_and_limit_is_named(page: str) -> None:
    connector = shipped("hubspot").connector
    assert [name for name in connector.settings if name not in page] == []
    assert first_cells(page, "Limits") == set(connector.limits)


async def test_a_stage_is_looked_up_by_its_name_once(page: str, tmp_path: Path) -> None:
    found = RULES.search(page)
    assert found is not None
    moving = found["rules"].removeprefix("rules:\n")
    async with VirtualWorld(recipe("aisoule-to-hubspot") + moving, tmp_path) as world:
        for first in range(0, 9, 3):
            await world.accept(*messages(3, 3, first=first), source="aisoule")
            await world.until(world.settled)

        assert await world.counts("customer-waits-for-us") == {"done": 9}
        stages = [ticket.properties["hs_pipeline_stage"] for ticket in world.sandbox.hubspot.records_of("tickets")]
        assert stages == ["3"] * 3
        asked = world.sandbox.journal.of("hubspot", "GET")
        assert {entry.path for entry in asked} == {"/crm/pipelines/2026-03/tickets"}
        assert len(asked) <= 3  # the customers who came at the same time; nobody after them

"""The reference pages say what the code does: every key, filter, state, outcome, kind and log line, both ways."""

import re
from pathlib import Path

from bridge.connectors.destination import DestinationShape
from bridge.expressions import FILTERS
from bridge.model import DeadKind, DeliveryState, Order, Outcome
from bridge.rules.schema import RuleShape, StepShape
from bridge.settings import Settings


def keys_of(model: type[RuleShape | StepShape | DestinationShape]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def first_cells(page: str, heading: str) -> set[str]:
    """The code words in the first column of the table below a heading."""
    section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_every_key_of_a_rule_and_a_step_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/rules.md").read_text()
    assert first_cells(page, "A rule") == keys_of(RuleShape)
    assert first_cells(page, "A step") == keys_of(StepShape)
    assert all(f"`{order}" in page for order in Order)


def test_every_filter_is_documented_as_it_is(repository: Path) -> None:
    page = (repository / "docs/rules.md").read_text()
    usable = {name: doc for name, doc in FILTERS.items() if not doc.tables}
    assert first_cells(page, "Filters") == {doc.usage for doc in usable.values()}
    assert [name for name, doc in usable.items() if doc.summary not in page] == []


def test_states_outcomes_and_kinds_are_documented(repository: Path) -> None:
    page = (repository / "docs/operations.md").read_text()
    assert first_cells(page, "States of a delivery") == {str(state) for state in DeliveryState}
    assert first_cells(page, "Kinds of dead letters") == {str(kind) for kind in DeadKind}
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in page] == []


def test_every_setting_of_the_process_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/operations.md").read_text()
    keys = {
        f"{section}.{field.alias or name}"
        for section, settings in Settings.model_fields.items()
        for name, field in type(settings.default).model_fields.items()
    }
    assert first_cells(page, "Settings of the process") == keys


def test_every_key_of_a_destination_is_documented(repository: Path) -> None:
    page = (repository / "docs/operations.md").read_text() + (repository / "README.md").read_text()
    assert [key for key in keys_of(DestinationShape) if key not in page] == []


def test_the_files_that_the_architecture_page_names_exist(repository: Path) -> None:
    page = (repository / "docs/architecture.md").read_text()
    named = set(re.findall(r"`((?:bridge|tests|config)/[\w./]+)`", page))
    optional = {"config/connectors/", "config/sources/"}
    assert [name for name in named - optional if not (repository / name).exists()] == []

"""All shipped recipes: in one configuration without a finding, each with tests that run every step, and a page."""

import re
from functools import cache
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bridge.cli.rule_tests import Configurations, Tried, try_file
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.rule_tests import read_tests
from tests.connectors.catalog.requests import of_opened
from tests.connectors.catalog.requests import zendesk as requests_to_zendesk

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "config"
ALL = REPOSITORY / "tests" / "config" / "all-recipes.yaml"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.endswith(".test"))
LEFT_OUT = re.compile(r"^  # (?=- config/|\w+:|  \w+:)", re.MULTILINE)
"""A source, destination or rules file of the example that is there to be taken out of its comment."""


@cache
def environ() -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(REPOSITORY / ".env.example").items()}


@cache
def loaded() -> LoadedConfiguration:
    return load_configuration(ALL, environ())


@cache
def tried() -> tuple[Tried, ...]:
    configurations = Configurations(ALL, environ())
    return tuple(try_file(read_tests(path, environ()), configurations) for path in sorted(FOLDER.glob("*.test.yaml")))


def test_all_recipes_stand_in_the_one_configuration_and_check_finds_nothing() -> None:
    assert [f"{each.place}: {each.message}" for each in loaded().findings] == []
    files = {placed.document.path.name for placed in loaded().rules.values() if placed.document.path is not None}
    assert sorted(name.removesuffix(".yaml") for name in files) == NAMES


def test_the_tests_of_all_recipes_pass() -> None:
    findings = [f"{each.place}: {each.message}" for file in tried() for each in file.file.findings]
    assert findings == []
    failed = [result.case.name for file in tried() for result in file.results if not result.passed]
    assert failed == []


def test_every_request_of_every_recipe_to_hubspot_is_as_documented() -> None:
    calls = [call for file in tried() for result in file.results for turn in result.turns for call in turn.calls]
    opened = [call.request for call in calls if call.label.startswith("hubspot.")]
    problems = {problem for each in opened for problem in of_opened(each)}
    assert problems == set()
    assert {call.rule for call in calls if call.label.startswith("hubspot.")} >= {"whatsapp-message-to-hubspot"}


def test_every_step_of_every_recipe_runs_in_some_test() -> None:
    steps = {(rule, step.id) for rule, placed in loaded().rules.items() for step in placed.shape.steps}
    run = {called for file in tried() for result in file.results for called in result.seen.called}
    assert steps - run == set()


def test_every_condition_of_every_recipe_is_true_in_one_test_and_false_in_another() -> None:
    places: set[tuple[str, str | None]] = {
        (rule, None) for rule, placed in loaded().rules.items() if placed.shape.if_ is not None
    }
    places |= {
        (rule, step.id)
        for rule, placed in loaded().rules.items()
        for step in placed.shape.steps
        if step.if_ is not None
    }
    wanted = {(rule, step, value) for rule, step in places for value in (True, False)}
    seen = {each for file in tried() for result in file.results for each in result.seen.conditions}
    assert wanted - seen == set()


@pytest.mark.parametrize("name", NAMES)
def test_each_recipe_says_what_to_prepare_and_has_tests_and_a_page_that_the_index_names(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    page = (REPOSITORY / "docs" / "recipes" / f"{name}.md").read_text()
    index = (REPOSITORY / "docs" / "recipes" / "README.md").read_text()
    assert text.startswith("# ")
    assert (FOLDER / f"{name}.test.yaml").is_file()
    assert f"]({name}.md)" in index
    assert f"config/{name}.yaml" in page


@pytest.mark.parametrize("name", NAMES)
def test_each_page_names_the_rules_properties_and_variables_of_its_recipe(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    page = (REPOSITORY / "docs" / "recipes" / f"{name}.md").read_text()
    rules = re.findall(r"^  - name: (\S+)", text, re.MULTILINE)
    needed = {*rules, *re.findall(r"id_property: (\w+)", text), *re.findall(r"\$\{(\w+)", text)} - {"email"}
    assert [each for each in sorted(needed) if not re.search(rf"\b{each}\b", page)] == []


def test_what_the_example_leaves_out_can_be_taken_in(tmp_path: Path) -> None:
    whole, count = LEFT_OUT.subn("  ", (REPOSITORY / "config.example.yaml").read_text())
    assert count > len(NAMES)
    (tmp_path / "config.yaml").write_text(whole)
    (tmp_path / "config").symlink_to(FOLDER)
    found = load_configuration(tmp_path / "config.yaml", environ())
    assert [f"{each.place}: {each.message}" for each in found.findings] == []
    assert found.rules.keys() == loaded().rules.keys()


def test_every_request_of_every_recipe_to_zendesk_is_as_documented() -> None:
    calls = [call for file in tried() for result in file.results for turn in result.turns for call in turn.calls]
    made = [call for call in calls if call.label.startswith("zendesk.")]
    assert {problem for call in made for problem in requests_to_zendesk.of_opened(call.request)} == set()
    assert {call.request.path for call in made} >= {"/api/v2/uploads", "/api/v2/tickets", "/api/v2/tickets/77"}

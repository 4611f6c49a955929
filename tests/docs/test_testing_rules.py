"""The page about rule tests: every key is there, and its examples are run."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import BaseModel

from bridge.cli.rule_tests import Configurations, try_file
from bridge.configuration.rule_tests import parse_tests
from bridge.rules.testing.matchers import MATCHERS
from bridge.rules.testing.schema import (
    OUTCOMES,
    AnswerShape,
    EventShape,
    ExchangeShape,
    ExpectShape,
    RuleTestsFileShape,
    RuleTestShape,
    TurnShape,
)
from tests.docs.test_reference import YAML_BLOCK, first_cells, keys_of


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("A file of tests", RuleTestsFileShape),
        ("A test", RuleTestShape),
        ("An event in a row", TurnShape),
        ("An event", EventShape),
        ("An exchange", ExchangeShape),
        ("An answer", AnswerShape),
        ("What is expected", ExpectShape),
    ],
)
def test_every_key_of_a_test_is_documented_and_no_other(repository: Path, heading: str, model: type[BaseModel]) -> None:
    cells = first_cells((repository / "docs/testing-rules.md").read_text(), heading)
    assert {cell for cell in cells if not cell.startswith("{$")} == keys_of(model)


def test_every_outcome_and_matcher_is_documented_and_no_other(repository: Path) -> None:
    page = (repository / "docs/testing-rules.md").read_text()
    words = {word if not word.startswith("dead:") else "dead:KIND" for word in OUTCOMES}
    assert first_cells(page, "Outcomes") == words
    assert set(re.findall(r"^\| `\{(\$\w+):", page, re.MULTILINE)) == set(MATCHERS)


def test_the_examples_of_the_page_pass(repository: Path) -> None:
    blocks = YAML_BLOCK.findall((repository / "docs/testing-rules.md").read_text())
    assert len(blocks) == 3
    environ = {name: value or "" for name, value in dotenv_values(repository / ".env.example").items()}
    configurations = Configurations(repository / "config.example.yaml", environ)
    for text in blocks:
        tried = try_file(parse_tests(text, repository / "docs/example.test.yaml", environ), configurations)
        assert tried.file.findings == []
        assert tried.results
        assert [result.failures for result in tried.results] == [()] * len(tried.results)

import orjson
import pytest
from typer.testing import CliRunner, Result

from bridge.cli.program import program
from bridge.expressions import FILTERS


def run(*words: str) -> Result:
    return CliRunner().invoke(program, ["filters", *words], catch_exceptions=False)


def test_all_filters_are_listed_with_what_they_do() -> None:
    shown = run().stdout
    assert [doc.usage for doc in FILTERS.values() if doc.usage not in shown] == []
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_shown_with_its_example_carried_out(name: str) -> None:
    doc = FILTERS[name]
    shown = run(name)

    assert shown.exit_code == 0
    joined = "".join(shown.stdout.split())
    for part in (doc.usage, doc.template, orjson.dumps(doc.result).decode(), *doc.tables):
        assert "".join(part.split()) in joined


def test_json_gives_every_filter_with_its_executed_example() -> None:
    shown = orjson.loads(run("--json").stdout)

    assert {each["name"]: each["example"]["result"] for each in shown} == {
        name: doc.result for name, doc in FILTERS.items()
    }
    assert orjson.loads(run("lookup", "--json").stdout) == next(each for each in shown if each["name"] == "lookup")


def test_a_misspelled_filter_is_told_with_the_one_that_was_meant() -> None:
    refused = run("lokup")

    assert refused.exit_code == 2
    assert refused.stderr == "error: there is no filter `lokup`\n  = help: did you mean `lookup`?\n"

import os
import re
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from bridge.cli.program import program
from bridge.configuration.json_schema import FILES
from bridge.diagnostics import parse_yaml
from tests.cli.conftest import Place

COMMENT = re.compile(r"\A# yaml-language-server: \$schema=(\S+)\n")


def printed(*words: str) -> str:
    """What the command prints without a configuration."""
    result = CliRunner().invoke(program, ["schema", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_schema_of_a_configuration_is_printed() -> None:
    shown = orjson.loads(printed())

    assert shown["title"] == "The configuration of crm-bridge"
    assert "sources" in shown["properties"]
    assert orjson.loads(printed("rules"))["title"] == "Rules of crm-bridge"


@pytest.mark.parametrize("kind", FILES)
def test_the_schemas_in_the_repository_are_current(repository: Path, kind: str) -> None:
    assert (repository / f"docs/schema/{kind}.json").read_text() == printed(kind), "run `make schema`"


def test_the_schemas_know_the_destinations_of_a_configuration(place: Place) -> None:
    written = place.run("schema", "--output", str(place.folder / "schema"))
    assert written.exit_code == 0
    assert sorted(path.name for path in (place.folder / "schema").iterdir()) == sorted(f"{kind}.json" for kind in FILES)
    validator = Draft202012Validator(orjson.loads((place.folder / "schema" / "rules.json").read_bytes()))
    rules = parse_yaml((place.folder / "rules.yaml").read_text(), "rules.yaml").document
    assert rules is not None
    assert list(validator.iter_errors(rules.data)) == []

    (place.folder / "rules.yaml").write_text((place.folder / "rules.yaml").read_text().replace("crm.post", "crm.pots"))
    rules = parse_yaml((place.folder / "rules.yaml").read_text(), "rules.yaml").document
    assert rules is not None
    assert [list(error.absolute_path) for error in validator.iter_errors(rules.data)] == [
        ["rules", 0, "steps", 1, "use"],
        ["rules", 1, "steps", 0, "use"],
    ]


def test_a_file_of_variables_says_which_connector_a_destination_has(place: Place) -> None:
    place.config.write_text(place.config.read_text().replace("connector: http", 'connector: "${CRM_CONNECTOR}"'))
    variables = place.folder / "own.env"
    variables.write_text("CRM_CONNECTOR=http\n")

    def uses(*words: str) -> str:
        shown = orjson.loads(place.run("schema", "rules", *words).stdout)
        return orjson.dumps(shown).decode()

    assert '"crm.post"' in uses("--env-file", str(variables))
    assert '"crm.post"' not in uses()


def test_a_file_of_variables_that_is_not_there_is_wrong_use(place: Place) -> None:
    refused = place.run("schema", "--env-file", str(place.folder / "none.env"))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "cannot read the file of variables" in refused.stderr


def test_a_configuration_that_cannot_be_read_is_told(place: Place) -> None:
    place.config.write_text("version: 1\n\tsources: {}\n")
    refused = place.run("schema", "rules")

    assert refused.exit_code == 1
    assert "BR001" in refused.stderr
    assert refused.stdout == ""


def test_every_shipped_file_names_its_schema_for_editors(repository: Path) -> None:
    shipped = [repository / "config.example.yaml", *sorted((repository / "config").rglob("*.yaml"))]
    wrong = []
    for path in shipped:
        found = COMMENT.match(path.read_text())
        meant = "config" if path.parent == repository else "tests" if path.name.endswith(".test.yaml") else "rules"
        schema = os.path.relpath(repository / f"docs/schema/{meant}.json", path.parent)
        if meant in FILES and (found is None or found[1] != schema):
            wrong.append(f"{path.name}: begin it with `# yaml-language-server: $schema={schema}`")
    assert wrong == []

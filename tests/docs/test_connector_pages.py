"""The pages about single vendors: each operation is named, and their destinations and steps are ones that work."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.connectors.destination import DestinationShape, compile_destination
from bridge.connectors.library import shipped, shipped_names
from bridge.diagnostics import parse_yaml
from tests.docs.test_reference import YAML_BLOCK

PAGES = sorted(path.stem for path in (Path(__file__).parents[2] / "docs/connectors").glob("*.md"))
NAMED = re.compile(r"`([a-z_]+\.[a-z_]+)`")
each_page = pytest.mark.parametrize("name", [page for page in PAGES if page in shipped_names()])


def blocks(repository: Path, name: str) -> Iterator[object]:
    for text in YAML_BLOCK.findall((repository / f"docs/connectors/{name}.md").read_text()):
        parsed = parse_yaml(text, name)
        assert parsed.findings == ()
        assert parsed.document is not None
        yield parsed.document.data


@each_page
def test_every_operation_is_on_the_page(repository: Path, name: str) -> None:
    named = set(NAMED.findall((repository / f"docs/connectors/{name}.md").read_text()))
    assert shipped(name).operations.keys() - named == set()


@each_page
def test_its_destinations_are_complete(repository: Path, name: str) -> None:
    shapes = [
        DestinationShape.model_validate(shape)
        for data in blocks(repository, name)
        if isinstance(data, dict) and isinstance(data.get("destinations"), dict)
        for shape in data["destinations"].values()
    ]
    assert shapes
    for shape in shapes:
        assert shape.connector == name
        destination, problems = compile_destination("d", shape, shipped(name))
        assert destination is not None, problems
        assert [problem.message for problem in problems if not problem.warning] == []


@each_page
def test_its_steps_give_parameters_that_there_are(repository: Path, name: str) -> None:
    steps = [step for data in blocks(repository, name) if isinstance(data, list) for step in data]
    for step in steps:
        operation = shipped(name).operations[step["use"].split(".", 1)[1]].operation
        assert step["with"].keys() <= operation.params.keys()
        required = {key for key, parameter in operation.params.items() if parameter.required}
        assert required <= step["with"].keys()

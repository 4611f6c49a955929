import tomllib
from pathlib import Path

from bridge.cli.recipes import known_dummies, recipes_folder, shipped_recipes


def test_an_installed_package_has_the_recipes_and_their_dummies(repository: Path) -> None:
    build = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]

    assert build["wheel"]["force-include"] == {"config": "bridge/recipes", ".env.example": "bridge/recipes/env.example"}
    assert {"config", ".env.example"} <= set(build["sdist"]["include"])


def test_every_recipe_knows_which_sources_and_destinations_it_uses() -> None:
    recipe = shipped_recipes()["aisoule-to-zendesk"]

    assert (recipe.sources, recipe.destinations) == (("aisoule",), ("zendesk",))
    assert recipe.text == (recipes_folder() / "aisoule-to-zendesk.yaml").read_text()
    assert shipped_recipes().keys() == {
        path.stem for path in recipes_folder().glob("*.yaml") if ".test." not in path.name
    }


def test_the_recipes_are_read_once() -> None:
    assert shipped_recipes() is shipped_recipes()


def test_the_dummies_are_those_of_the_shipped_example(repository: Path) -> None:
    lines = (repository / ".env.example").read_text().splitlines()
    assert {f"{name}={value}" for name, value in known_dummies().items()} == {
        line for line in lines if line and not line.startswith("#")
    }

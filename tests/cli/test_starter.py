from pathlib import Path

import pytest

from bridge.cli import recipes, starter
from bridge.cli.starter import choose, further
from bridge.errors import UsageError

OTHER = """\
rules:
  - name: other
    on: [aisoule/contact.created, aisoule/contact.updated]
    steps: [{id: a, use: hubspot.contacts.upsert, with: {id: x, id_property: email, properties: {email: x}}}]
"""


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recipes beside the shipped ones."""
    for path in recipes.recipes_folder().glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(recipes, "recipes_folder", lambda: tmp_path)
    return tmp_path


def test_further_recipes_are_those_that_need_no_other_source_or_destination(shipped: Path) -> None:
    (shipped / "contact.yaml").write_text(OTHER)
    (shipped / "contact-to-erp.yaml").write_text(OTHER.replace("hubspot.contacts.upsert", "erp.post"))
    for crm in ("hubspot", "both"):
        names = [recipe.name for recipe in further(choose("aisoule", crm))]
        assert "contact" in names
        assert "contact-to-erp" not in names
    assert further(choose("aisoule", "http")) == []


def test_a_recipe_for_the_sender_itself_comes_before_one_for_any_messaging_source(shipped: Path) -> None:
    (shipped / "hmac-to-hubspot.yaml").write_text(OTHER.replace("aisoule/", "sender/"))

    (recipe,) = choose("hmac", "hubspot")
    assert (recipe.text.partition("name: ")[2].partition("\n")[0], recipe.sources) == ("other", ("sender",))


def test_a_recipe_for_another_messaging_source_listens_to_that_one() -> None:
    (recipe,) = choose("hmac", "zendesk")

    assert recipe.name == "hmac-to-zendesk"
    assert recipe.sources == ("sender",)
    assert "aisoule/" not in recipe.text
    assert "on: sender/message.received" in recipe.text


def test_one_recipe_for_both_comes_before_one_for_each(shipped: Path) -> None:
    assert [recipe.name for recipe in choose("aisoule", "both") if recipe.name != "aisoule-to-both"] in (
        ["aisoule-to-hubspot", "aisoule-to-zendesk"],
        [],
    )
    (shipped / "aisoule-to-both.yaml").write_text(OTHER)
    recipes._recipes_in.cache_clear()

    assert [recipe.name for recipe in choose("aisoule", "both")] == ["aisoule-to-both"]
    assert [recipe.name for recipe in choose("hmac", "both")] == ["hmac-to-both"]


def test_a_sender_without_any_recipe_is_refused() -> None:
    with pytest.raises(UsageError, match="no shipped recipe leads from `nobody` to `hubspot`"):
        choose("nobody", "hubspot")


def test_every_variable_of_a_configuration_has_a_dummy() -> None:
    made = starter.starter(choose("aisoule", "both"))

    assert made.environ["ZENDESK_SUBDOMAIN"] == "acme"
    assert all(f"{name}={value}" in made.files[".env.example"] for name, value in made.environ.items())

from importlib import resources

import pytest

from bridge.sources import load_preset, preset_names
from tests.cli.conftest import Place


def own(place: Place, change: tuple[str, str] = ("title: AISoule", "title: My sender")) -> None:
    shipped = (resources.files("bridge.sources") / "presets" / "aisoule.yaml").read_text()
    path = place.folder / "config" / "sources" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(shipped.replace("name: aisoule", "name: mine").replace(*change))


def test_shipped_presets_and_the_operators_own_are_listed(place: Place) -> None:
    own(place)
    listed = {each["name"]: each for each in place.json("sources")}

    assert listed.keys() == {"mine", *preset_names()}
    assert (listed["mine"]["origin"], listed["aisoule"]["origin"]) == ("config/sources/mine.yaml", "shipped")
    assert "My sender" in place.run("sources").stdout


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_shown_with_its_setup_its_events_and_a_sample(place: Place, name: str) -> None:
    preset = load_preset(name).preset
    assert preset is not None
    shown = place.run("sources", name).stdout

    assert [line for line in preset.setup.splitlines() if line.strip() not in shown] == []
    assert [each for each in (*preset.event_types, *preset.fields, preset.title) if each not in shown] == []
    as_json = place.json("sources", name)
    assert as_json["event_types"] == preset.event_types
    assert len(as_json["samples"]) == len(preset.samples)


def test_a_misspelled_preset_is_told_with_the_one_that_was_meant(place: Place) -> None:
    refused = place.run("sources", "aisole")

    assert refused.exit_code == 2
    assert "did you mean `aisoule`?" in refused.stderr


def test_an_own_preset_with_a_mistake_is_told_with_its_place(place: Place) -> None:
    own(place, ("title: AISoule", "titel: AISoule"))
    refused = place.run("sources", "mine")

    assert refused.exit_code == 1
    assert "BR102" in refused.stderr
    assert "mine.yaml:5:1" in refused.stderr

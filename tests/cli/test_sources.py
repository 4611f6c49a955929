from importlib import resources

import pytest

from bridge.sources import library, load_preset, preset_names
from bridge.sources.describe import signed_by
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


SHORT = """\
verify: {type: hmac, signature: {from: "header:X-Acme-Signature"}}
event: {type: "{{ body.kind }}", id: "{{ body.id }}"}
samples: [{name: order, doc: an order, body: {kind: order.placed, id: o1}}]
"""


def test_an_own_preset_without_words_for_people_is_shown_without_gaps(place: Place) -> None:
    path = place.folder / "config" / "sources" / "acme.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(SHORT)
    sheet = place.run("sources", "acme").stdout
    assert sheet.startswith("acme  (config/sources/acme.yaml)\n\nto try it without the sender\n")
    assert "crm-bridge send acme --sample order  # an order" in sheet
    for heading in ("how to connect it", "how the sender behaves", "where this comes from", "what becomes of it"):
        assert heading not in sheet
    assert [each["title"] for each in place.json("sources", "--find", "acme")] == ["acme"]


def test_a_sender_that_brings_its_secret_can_be_tried_with_one_of_ones_own(place: Place) -> None:
    lines = place.run("sources", "asana").stdout.splitlines()
    first = lines.index("to try it without the sender") + 1
    assert lines[first].strip().startswith("with a `secret` of your own at the source")
    assert lines[first + 1].strip().startswith("crm-bridge send asana --sample task-changed")
    assert "with a `secret` of your own" not in place.run("sources", "stripe").stdout


def test_the_list_stands_in_groups_and_reads_no_more_than_it_needs(place: Place) -> None:
    library._shipped.cache_clear()
    shown = place.run("sources").stdout

    assert (
        shown.index("Chat and messaging")
        < shown.index("aisoule")
        < shown.index("Code, projects")
        < shown.index("github")
    )
    assert library._shipped.cache_info().misses == 0


@pytest.mark.parametrize(("word", "name"), [("whatsapp", "aisoule"), ("GitHub", "github"), ("charge.failed", "stripe")])
def test_a_word_finds_the_presets_that_speak_of_it(place: Place, word: str, name: str) -> None:
    found = [each["name"] for each in place.json("sources", "--find", word)]

    assert name in found
    assert "form" not in found


def test_a_word_that_no_preset_speaks_of_finds_none(place: Place) -> None:
    assert place.json("sources", "--find", "carrier pigeon") == []
    assert "leave --find out" in place.run("sources", "--find", "carrier pigeon").stdout


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_shown_with_all_that_a_person_needs(place: Place, name: str) -> None:
    preset = load_preset(name).preset
    assert preset is not None
    shown = place.run("sources", name).stdout
    words = " ".join(shown.split())

    assert [line for line in preset.setup.splitlines() if line.strip() not in shown] == []
    habits = preset.sender
    told = [*preset.event_types, *preset.fields, preset.title, habits.waits, habits.retries, habits.gives_up]
    assert [each for each in told if " ".join(each.split()) not in words] == []
    assert [fact.says for fact in preset.facts if " ".join(fact.says.split()) not in words] == []
    assert "how it proves itself" in shown
    assert (
        "vendor" in signed_by(load_preset(name).written)
    ) or f"send {name} --sample {preset.samples[0].name}" in words
    assert "in the configuration" in shown


def test_a_command_to_copy_is_never_cut(place: Place) -> None:
    lines = place.run("sources", "discord-interactions").stdout.splitlines()
    command = "  crm-bridge send discord-interactions --sample command --private-key KEY.pem  # "
    assert len([line for line in lines if line.startswith(command)]) == 1


def test_a_sender_that_wants_another_body_in_the_answer_is_shown_as_such(place: Place) -> None:
    assert "200 once it is stored, `<Response/>` as text/xml" in place.run("sources", "twilio").stdout
    assert "200 once it is stored, without a body" in place.run("sources", "gupshup").stdout
    assert "without a body" not in place.run("sources", "wati").stdout


def test_a_preset_is_given_as_json_with_its_proof_and_its_entry_in_the_configuration(place: Place) -> None:
    preset = load_preset("hubspot").preset
    assert preset is not None
    as_json = place.json("sources", "hubspot")

    assert as_json["event_types"] == preset.event_types
    assert len(as_json["samples"]) == len(preset.samples)
    assert as_json["proof"] == "HMAC-SHA256 of method, address, body and time, at most 5m old"
    assert as_json["configuration"]["sources"]["hubspot"] == {
        "preset": "hubspot",
        "secret": "${HUBSPOT_CLIENT_SECRET}",
        "public_url": "https://bridge.example.com/hooks/hubspot",
    }


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

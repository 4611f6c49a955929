import pytest
import yaml

from bridge.cli.recipes import shipped_recipes
from bridge.cli.senders import messaging_senders
from bridge.cli.starter_sources import (
    is_signed_by_key_pair,
    source_dummies,
    source_entry,
    source_examples,
    source_files,
)
from bridge.sources import load_preset
from bridge.sources.describe import entry
from bridge.sources.proofs.keys import kind_of, read_public_key

OF_RECIPES = sorted({name for recipe in shipped_recipes().values() for name in recipe.sources})


@pytest.mark.parametrize("name", dict.fromkeys([*messaging_senders(), *OF_RECIPES]))
def test_a_source_is_written_as_its_presets_set_up_steps_write_it(name: str) -> None:
    assert yaml.safe_load(source_entry(name)) == entry(load_preset(name).written)


def test_what_the_operator_has_to_enter_at_the_sender_is_remarked_on() -> None:
    assert "hooks/plivo  # yours, exactly as entered at the sender" in source_entry("plivo").replace('"', "")
    assert "# a word of your choice, entered at the sender too" in source_entry("instagram")


def test_every_variable_has_a_dummy() -> None:
    assert source_dummies("instagram").keys() == {"INSTAGRAM_APP_SECRET", "INSTAGRAM_VERIFY_TOKEN"}
    assert len(set(source_dummies("instagram").values())) == 2
    assert all(value.startswith("dummy-") for value in source_dummies("instagram").values())


def test_a_dummy_of_a_public_key_is_a_real_key_of_the_right_kind() -> None:
    assert kind_of(read_public_key(source_dummies("telnyx")["TELNYX_PUBLIC_KEY"], "base64")) == "ed25519"
    (text,) = source_files("freshchat").values()
    assert kind_of(read_public_key(text, "pem")) == "rsa"
    assert is_signed_by_key_pair("telnyx")
    assert not is_signed_by_key_pair("line")


def test_a_form_is_an_object_of_its_fields() -> None:
    body = source_examples("plivo")["message-received"].body

    assert isinstance(body, dict)
    assert (body["Text"], body["PowerpackUUID"], body["Units"]) == ("Where is my order?", "", "1")

"""Every sender that `init` offers, with every CRM that it offers for it."""

from functools import cache
from pathlib import Path

import pytest

from bridge.cli.recipes import shipped_recipes
from bridge.cli.senders import messaging_senders, shipped_preset
from bridge.cli.starter import CRMS, Starter, choose, offered_crms, offered_sources, starter
from bridge.cli.starter_tests import recorded_tests
from bridge.configuration.load import LoadedConfiguration, load_configuration
from bridge.configuration.rule_tests import bench_of, parse_tests
from bridge.rules.testing.stage import carry_out
from tests.configuration.json_schema.builders import told


def text_of(source: str, crm: str) -> str:
    (recipe,) = choose(source, crm)
    return recipe.text


def everything(source: str) -> Starter:
    """One configuration with the recipes for all CRMs: they are as right together as apart, and are read once."""
    recipes = {recipe.name: recipe for crm in offered_crms(source) for recipe in choose(source, crm)}
    return starter(list(recipes.values()))


def loaded(made: Starter, folder: Path) -> LoadedConfiguration:
    for name, text in {**made.files, **made.keys}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return load_configuration(folder / "config.yaml", made.environ)


@pytest.mark.parametrize("source", offered_sources())
def test_what_is_offered_for_a_sender_is_right_and_its_samples_come_to_a_good_end(tmp_path: Path, source: str) -> None:
    made = everything(source)
    configuration = loaded(made, tmp_path)
    bench = bench_of(configuration)

    assert configuration.findings == ()
    assert bench is not None
    assert len(made.recipes) == len(offered_crms(source)) >= 2
    for recipe in made.recipes:
        file = tmp_path / "rules" / f"{recipe.name}.yaml"
        tests = parse_tests(recorded_tests(configuration, file, made.examples), tmp_path / "x.test.yaml", made.environ)
        results = [carry_out(case, bench) for case in tests.cases]
        words = [ended.word for result in results for turn in result.turns for ended in turn.ended]
        assert tests.findings == []
        assert [failure for result in results for failure in result.failures] == []
        assert words[0] == "done"  # a message is first among the samples, and its rule first in the recipe
        assert set(words) <= {"done", "skipped"}


@pytest.mark.parametrize("source", ["whatsapp-cloud", "line", "twilio"])
def test_what_is_offered_has_the_shape_that_editors_are_told(source: str) -> None:
    made = everything(source)

    assert told("config", made.files["config.yaml"]) == []
    for recipe in made.recipes:
        assert told("rules", recipe.text) == []


@pytest.mark.parametrize("source", [name for name in messaging_senders() if name != "aisoule"])
def test_a_rule_listens_to_nothing_that_its_sender_never_sends(source: str) -> None:
    sent = shipped_preset(source).event_types
    for crm in offered_crms(source):
        text = text_of(source, crm)
        listening = [line for line in text.splitlines() if line.startswith("    on: ")]
        types = {word.strip("[], ").partition("/")[2] for line in listening for word in line[8:].split(",")}
        assert types
        assert types <= sent.keys()
        assert "AISoule" not in text


def test_a_rule_of_which_nothing_is_left_is_left_out_and_a_comment_says_so() -> None:
    text = text_of("line", "http")

    assert text.count("- name: ") == 1
    assert (
        "# Left out is the rule for message.sent, message.delivered, message.read, message.failed: "
        "LINE sends none of these." in text
    )


def test_an_order_has_only_what_is_sent() -> None:
    text = text_of("instagram", "http")

    assert "on: [instagram/message.sent, instagram/message.delivered, instagram/message.read]" in text
    assert "order: [message.sent, message.delivered, message.read]" in text


def test_people_without_a_phone_number_are_known_by_their_sender_and_its_id() -> None:
    for crm in ("zendesk", "http"):
        text = text_of("telegram", crm)
        assert 'key: "telegram:{{ fields.customer }}"' in text
        assert "person" not in text.replace("one person", "")
        assert "e164" not in text
        assert "phone:" not in text
    assert 'external_id: "telegram:{{ fields.customer }}"' in text_of("telegram", "zendesk")


def test_whatsapp_is_spoken_of_only_where_the_messages_are_of_whatsapp() -> None:
    assert 'subject: "WhatsApp from' in text_of("wati", "zendesk")
    for source in ("telnyx", "line"):
        text = text_of(source, "zendesk")
        assert f"tags: [{source}]" in text
        assert 'subject: "Message from' in text
        assert "WhatsApp" not in text
        assert "WHATSAPP" not in text


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("wati", "WHATS_APP"),
        ("ringcentral", '"SMS"'),
        ("twilio", "\"{{ 'WHATS_APP' if fields.channel == 'whatsapp' else 'SMS' }}\""),
    ],
)
def test_hubspots_timeline_is_told_the_channel(source: str, kind: str) -> None:
    assert f"hs_communication_channel_type: {kind}\n" in text_of(source, "hubspot")


def test_receipts_that_name_no_customer_run_in_a_lane_of_their_message() -> None:
    receipts = text_of("wati", "http").partition("# Receipts")[2]

    assert 'key: "{{ fields.customer | person if fields.customer is defined else fields.message_id }}"' in receipts
    assert "if fields.customer is defined else" not in text_of("interakt", "http")


def test_a_condition_of_the_recipe_stays_beside_the_senders_own() -> None:
    text = text_of("sinch", "zendesk")

    assert (
        "if: vars.status_field and fields.channel | default('') in ['WHATSAPP', 'SMS', 'MMS'] "
        "and fields.message_id is defined  " in text
    )
    assert "# on other channels a customer is no phone number\n    if: fields.channel" in text


@cache
def model_text(crm: str) -> str:
    return shipped_recipes()[f"aisoule-to-{crm}"].text


@pytest.mark.parametrize("crm", CRMS)
def test_the_sender_of_the_recipes_gets_them_as_they_are(crm: str) -> None:
    assert text_of("aisoule", crm) == model_text(crm)

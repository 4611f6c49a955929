from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.configuration.load import load_configuration
from tests.configuration.builders import CONFIG, ENVIRON, RULES, full, lines, load, swap

THREE_MISTAKES = """\
rules:
  - name: log
    onn: aisoule/message.received
    steps:
      - id: post
        use: erb.post
        with: {path: /messages, json: {text: "{{ fields.text | uper }}"}}
"""


def test_a_right_configuration_has_no_findings(tmp_path: Path) -> None:
    loaded = load(tmp_path, {})

    assert lines(loaded) == []
    assert loaded.configuration is not None
    assert [rule.name for rule in loaded.configuration.rules.rules] == ["log"]
    assert set(loaded.configuration.sources) == {"aisoule"}
    assert set(loaded.configuration.destinations) == {"hubspot", "erp"}


def test_three_mistakes_of_different_kinds_in_one_rule_give_three_messages_at_once(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": THREE_MISTAKES})

    assert loaded.configuration is None
    assert lines(loaded) == [
        "rules.yaml:3:5: BR102 unknown key `onn` in `rules[0]`; a key with a similar name exists: `on`",
        "rules.yaml:6:14: BR201 step `post` uses destination `erb`, which the configuration does not define",
        "rules.yaml:7:64: BR123 there is no filter `uper`; did you mean `upper`?",
    ]


def test_a_message_shows_place_excerpt_reason_and_mend(tmp_path: Path) -> None:
    text = full(load(tmp_path, {"rules.yaml": THREE_MISTAKES}))

    assert text.endswith("2 files · 3 errors · `crm-bridge check --explain CODE` tells more\n")
    assert (
        """\
error[BR123]: there is no filter `uper`
 --> rules.yaml:7:64
  |
6 |         use: erb.post
7 |         with: {path: /messages, json: {text: "{{ fields.text | uper }}"}}
  |                                                                ^^^^
  |
  = note: rule `log`
  = help: did you mean `upper`?
"""
        in text
    )


def test_every_missing_variable_is_told_once(tmp_path: Path) -> None:
    twice = swap(CONFIG, "preset: aisoule,", 'preset: aisoule, path: "/${HUBSPOT_TOKEN}",')

    assert lines(load(tmp_path, {"config.yaml": twice}, {})) == [
        (
            "config.yaml:3:38: BR301 environment variable `HUBSPOT_TOKEN` is not set; export HUBSPOT_TOKEN=…, or put "
            "it in a file and pass `--env-file FILE`"
        ),
        (
            "config.yaml:3:66: BR301 environment variable `AISOULE_WEBHOOK_SECRET` is not set; export "
            "AISOULE_WEBHOOK_SECRET=…, or put it in a file and pass `--env-file FILE`"
        ),
        (
            "config.yaml:6:92: BR301 environment variable `ERP_TOKEN` is not set; export ERP_TOKEN=…, or put it in a "
            "file and pass `--env-file FILE`"
        ),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            (CONFIG, CONFIG + "destinatons: {}\n"),
            ("config.yaml:8:1: BR102 unknown key `destinatons` in the top level; a key with a similar name exists: "
            "`destinations`"),
        ),
        (
            ("destinations:", "destinatons:"),
            ("config.yaml:4:1: BR102 unknown key `destinatons` in the top level; a key with a similar name exists: "
            "`destinations`"),
        ),
        (
            (CONFIG, CONFIG + "server: {lisen: 127.0.0.1:1}\n"),
            "config.yaml:8:10: BR102 unknown key `lisen` in `server`; a key with a similar name exists: `listen`",
        ),
        (("version: 1\n", ""), ("config.yaml:1:1: BR101 key `version` is missing in the top level; begin the file with "
         "`version: 1`")),
        (("version: 1\n", "version: 2\n"), "config.yaml:1:10: BR104 `version` must be 1; write `version: 1`"),
    ],
)  # fmt: skip
def test_a_mistake_at_the_top_level_is_one_message(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    assert lines(load(tmp_path, {"config.yaml": swap(CONFIG, *change)})) == [expected]


def test_a_wrong_version_does_not_hide_other_mistakes(tmp_path: Path) -> None:
    wrong = swap(swap(CONFIG, "version: 1", "version: 2"), "preset: aisoule", "preset: aisole")

    assert [line.split()[1] for line in lines(load(tmp_path, {"config.yaml": wrong}))] == ["BR104", "BR211"]


def test_a_rules_file_given_as_configuration_is_recognised(tmp_path: Path) -> None:
    text = full(load(tmp_path, {"config.yaml": RULES}))

    assert "this looks like a file of rules, not like a configuration" in text
    assert "check the configuration that names it" in text


def test_sections_with_nothing_below_them_are_empty(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": "version: 1\nsources:\ndestinations:\nrules:\nlog:\nserver:\n"})

    assert lines(loaded) == []
    assert loaded.configuration is not None
    assert loaded.configuration.rules.rules == ()


@pytest.mark.parametrize("text", ["", "- a\n", "3\n", "null\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert lines(load(tmp_path, {"config.yaml": text})) == ["config.yaml:1:1: BR104 this file must be a mapping"]


def test_a_missing_configuration_file_is_a_finding(tmp_path: Path) -> None:
    loaded = load_configuration(tmp_path / "none.yaml", {})

    [line] = lines(loaded)
    assert line.startswith("none.yaml: BR208 cannot read `none.yaml`: there is no such file")
    assert "config.example.yaml" in line


def test_variables_of_the_process_override_the_file_and_say_where_they_come_from(tmp_path: Path) -> None:
    environ = {**ENVIRON, "BRIDGE_SERVER__LISTEN": "127.0.0.1:9999"}
    loaded = load(tmp_path, {"config.yaml": CONFIG + "server: {listen: 127.0.0.1:1}\n"}, environ)

    assert loaded.configuration is not None
    assert loaded.configuration.settings.server.listen.port == 9999
    assert str(loaded.place_of("server", "listen")) == "environment variable BRIDGE_SERVER__LISTEN"
    assert str(loaded.place_of("store", "url")) == "default"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BRIDGE_SERVER__LISEN", "x", ("BR102 environment variable `BRIDGE_SERVER__LISEN` sets nothing; did you mean "
         "`BRIDGE_SERVER__LISTEN`?")),
        ("BRIDGE_SERVER__LISTEN", "nowhere", ("BR104 an address to listen on needs a host and a port; write for "
         "example `127.0.0.1:8080` or `[::1]:8080`")),
        ("BRIDGE_SERVER__DRAIN_TIMEOUT", "20", "BR110"),
        ("BRIDGE_STORE__URL", "sqlite://x", "BR104 this is not the URL of a store"),
    ],
)  # fmt: skip
def test_a_wrong_variable_of_the_process_is_named(tmp_path: Path, name: str, value: str, expected: str) -> None:
    loaded = load(tmp_path, {}, {**ENVIRON, name: value})

    assert loaded.configuration is None
    [line] = lines(loaded)
    assert line.startswith(f"environment variable {name}: {expected}")


def test_findings_come_in_the_same_order_every_time(tmp_path: Path) -> None:
    files = {"config.yaml": swap(CONFIG, "rules.yaml", "[{}]")}

    assert [line.split("`")[1] for line in lines(load(tmp_path, files))] == ["name", "on", "steps"]


_yaml_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "aisoule", "*", "${X}", "{{ fields.text }}", "a/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "on", "steps", "use", "with", "key", "rules", "preset", "connector", "auth", "if"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(section=st.sampled_from(["sources", "destinations", "rules", "server"]), value=_yaml_values)
def test_nothing_that_yaml_can_say_makes_loading_fail(tmp_path: Path, section: str, value: object) -> None:
    import json  # noqa: PLC0415 - JSON is YAML

    loaded = load(tmp_path, {"config.yaml": json.dumps({"version": 1, section: value, "log": None})})

    assert (loaded.configuration is None) == any(finding.is_error for finding in loaded.findings)


def test_the_shipped_configuration_with_its_dummies_is_clean(repository: Path) -> None:
    pairs = (line.split("=", 1) for line in (repository / ".env.example").read_text().splitlines() if "=" in line)
    environ = {name: value for name, value in pairs if not name.startswith("#")}
    loaded = load_configuration(repository / "config.example.yaml", environ)

    assert lines(loaded) == []
    assert loaded.configuration is not None
    assert len(loaded.configuration.rules.rules) == 5


def test_the_places_of_what_rules_say_are_there_by_rule_also_of_a_rule_that_is_switched_off(tmp_path: Path) -> None:
    off = RULES.replace("name: log", "name: off\n    enabled: false").removeprefix("rules:\n")
    loaded = load(tmp_path, {"rules.yaml": RULES + off})

    assert {name: str(placed.place(("steps", 0, "with", "json", "text"))) for name, placed in loaded.rules.items()} == {
        "log": "rules.yaml:8:46",
        "off": "rules.yaml:16:46",
    }
    assert loaded.configuration is not None
    assert [rule.name for rule in loaded.configuration.rules.rules] == ["log"]

"""`crm-bridge test` as a person calls it."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bridge.cli import rule_tests
from bridge.configuration.load import LoadedConfiguration, load_configuration
from tests.canaries import PHONE
from tests.cli.conftest import Place, Story

EVENT = "{event: message.received, data: {message_id: m1, sender: '15550100000', type: text, body: Hello}}"
GOOD = f"""
tests:
  - name: a text is logged
    rule: log
    event: {{source: aisoule, body: {EVENT}}}
    exchanges: [{{expect: {{method: POST, path: /messages, json: {{text: Hello}}}}, answer: {{json: {{id: 1}}}}}}]
    outcome: done
"""
BAD = GOOD.replace("{text: Hello}", "{text: Hallo}").replace("a text", "another text")


def test_the_tests_beside_the_rules_are_run(place: Place) -> None:
    (place.folder / "rules.test.yaml").write_text(GOOD)
    result = place.run("test")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 passed in ")


def test_a_failure_names_the_test_and_the_line_of_yaml_to_change(place: Place) -> None:
    path = place.folder / "rules.test.yaml"
    path.write_text(BAD)
    result = place.run("test", str(path))
    assert result.exit_code == 1
    lines = result.stdout.replace(f"{place.folder}/", "").splitlines()
    assert lines[0] == "FAIL  rules.test.yaml:3  another text is logged"
    assert lines[3] == '    json.text  expected  "Hallo"'
    assert lines[4] == '               got       "Hello"'
    assert lines[5] == "               from      rules.yaml:14:46  {{ fields.text }}"
    assert lines[-1].startswith("1 failed, 0 passed in ")


def test_json_says_all_of_it(place: Place) -> None:
    (place.folder / "rules.test.yaml").write_text(BAD)
    shown = place.json("test", code=1)
    assert (shown["passed"], shown["failed"]) == (0, 1)
    [test] = shown["tests"]
    assert test["name"] == "another text is logged"
    [difference] = test["failures"][0]["differences"]
    assert (difference["path"], difference["expected"], difference["got"]) == ("json.text", '"Hallo"', '"Hello"')
    assert difference["from"][0].endswith("rules.yaml:14:46")


def test_only_the_tests_of_one_rule_are_run(place: Place) -> None:
    (place.folder / "rules.test.yaml").write_text(GOOD)
    assert place.run("test", "--rule", "log").exit_code == 0
    assert place.run("test", "--rule", "receipts").exit_code == 2


def test_mistakes_in_a_test_file_are_findings(place: Place) -> None:
    (place.folder / "rules.test.yaml").write_text(GOOD.replace("rule: log", "rule: logg"))
    result = place.run("test")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "there is no rule `logg`" in result.stderr
    assert "did you mean `log`?" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"), [(("nowhere.test.yaml",), "there is no file `nowhere.test.yaml`"), ((), "there are no tests")]
)
def test_without_tests_there_is_nothing_to_pass(place: Place, words: tuple[str, ...], message: str) -> None:
    result = place.run("test", *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_coverage_names_what_no_test_runs_and_may_be_demanded(place: Place) -> None:
    (place.folder / "rules.test.yaml").write_text(GOOD)
    result = place.run("test", "--coverage")
    assert result.exit_code == 0
    lines = result.stdout.replace(f"{place.folder}/", "").splitlines()[1:]
    assert lines == [
        "not covered by any test:",
        "  rules.yaml:4:9  rule `log`: its `if` is never false",
        "  rules.yaml:8:13  rule `log`, step `look`: never called",
        "  rules.yaml:16:11  rule `receipts`: no event reaches it",
        "",
        "coverage: 1 of 3 steps (33%)",
    ]
    assert place.run("test", "--fail-under", "34").exit_code == 1
    assert place.run("test", "--fail-under", "33").exit_code == 0
    shown = place.json("test", "--coverage")
    assert (shown["coverage"]["steps"], shown["coverage"]["called"]) == (3, 1)
    assert [gap["kind"] for gap in shown["coverage"]["gaps"]] == ["condition", "step", "rule"]


def test_junit_is_xml_with_what_a_person_would_read(place: Place) -> None:
    bad = BAD.removeprefix("\ntests:\n").replace("another text is logged", 'a <b> & "c"')
    (place.folder / "rules.test.yaml").write_text(GOOD + bad)
    path = place.folder / "junit.xml"
    assert place.run("test", "--junit", str(path)).exit_code == 1
    suite = ET.parse(path).getroot()[0]  # noqa: S314 - we wrote it
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    good, failed = suite
    assert (good.get("name"), len(good)) == ("a text is logged", 0)
    assert failed.get("name") == 'a <b> & "c"'
    assert 'expected  "Hallo"' in (failed[0].text or "")
    assert place.run("test", "--junit", str(place.folder / "no" / "junit.xml")).exit_code == 2


COMMENTED = f"""\
# the tests of the log
tests:
  - name: first   # a comment that stays
    rule: log
    event: {{source: aisoule, body: {EVENT}}}
    exchanges:
      # what is sent
      - expect: {{method: POST, path: /messages, json: {{text: Hallo}}}}   # was it Hello?
        answer: {{json: {{id: 1}}}}
    outcome: dead
    links_after: {{entry: {{"+15550100000": 2}}}}

  - name: second
    rule: log
    links: {{entry: {{"+15550100000": 7}}}}
    event: {{source: aisoule, body: {EVENT}}}
    exchanges:
      - expect: {{path: {{$regex: x}}}}
      - expect: {{method: POST, path: /messages, json: {{text: {{$any: text}}}}}}
        # its answer
        answer: {{json: {{id: 8}}}}
  - {{name: third, rule: log, event: {{source: aisoule, body: {EVENT}}}}}
"""


def test_update_changes_what_differs_and_keeps_everything_else(place: Place) -> None:
    path = place.folder / "rules.test.yaml"
    text = COMMENTED.replace("path: {$regex: x}", "method: DELETE, path: /a/b/c")
    path.write_text(text)
    assert place.run("test").exit_code == 1
    result = place.run("test", "--update", "--yes")
    assert result.exit_code == 0, result.output
    assert "-    outcome: dead\n" in result.stdout
    assert "+    outcome: done\n" in result.stdout
    assert place.run("test").exit_code == 0
    updated = path.read_text()
    first = updated.split("  - name: second")[0]
    assert first == text.split("  - name: second")[0].replace("Hallo", "Hello").replace("dead", "done").replace(
        '"+15550100000": 2', '"+15550100000": 1'
    )
    assert "      - expect: {method: GET, path: /messages/7}\n        answer: {status: 200" in updated
    assert "json: {text: {$any: text}}}\n        # its answer\n        answer: {json: {id: 8}}\n" in updated
    assert "exchanges: [{expect: {method: POST, path: /messages, json: {text: Hello}}, answer: {status: 201" in updated


def test_update_asks_and_away_from_a_terminal_refuses(place: Place) -> None:
    path = place.folder / "rules.test.yaml"
    path.write_text(BAD)
    result = place.run("test", "--update")
    assert result.exit_code == 2
    assert "there is nobody to ask" in result.stderr
    assert path.read_text() == BAD


def test_update_says_what_only_a_person_can_change(place: Place) -> None:
    path = place.folder / "rules.test.yaml"
    path.write_text(BAD.replace("    rule: log", "    rule: log\n    cases: [{a: 1}]"))
    result = place.run("test", "--update", "--yes")
    assert result.exit_code == 1
    assert "not updated: another text is logged [case 1]: it has `cases`" in result.stderr


def test_a_configuration_is_loaded_once_however_many_tests_there_are(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Path] = []

    def counting(path: Path, environ: Mapping[str, str]) -> LoadedConfiguration:
        loads.append(path)
        return load_configuration(path, environ)

    monkeypatch.setattr(rule_tests, "load_configuration", counting)
    one = GOOD.removeprefix("\ntests:\n")
    for name in ("a", "b"):
        many = "".join(one.replace("a text is logged", f"test {number}") for number in range(100))
        (place.folder / f"{name}.test.yaml").write_text(f"tests:\n{many}")
    result = place.run("test")
    assert result.stdout.startswith("200 passed in ")
    assert len(loads) == 1
    (place.folder / "c.test.yaml").write_text(f"environment: {{CRM_TOKEN: another-0123456789}}\n{GOOD}")
    assert place.run("test").stdout.startswith("201 passed in ")
    assert len(loads) == 3


async def test_a_stored_delivery_becomes_a_test_that_passes_with_its_personal_data_masked(story: Story) -> None:
    path = story.place.folder / "recorded.test.yaml"
    [done] = [each for each in await story.json("deliveries", "list", "--rule", "log") if each["state"] == "done"]
    result = await story.run("test", "--from", done["id"], "--output", str(path))
    assert result.exit_code == 0, result.output
    text = path.read_text()
    for personal in (PHONE, "Hello", PHONE[-7:]):
        assert personal not in text
    assert "method: POST" in text
    assert "outcome: done" in text
    again = await story.run("test", str(path))
    assert again.exit_code == 0, again.output
    assert (await story.run("test", "--from", done["id"], "--output", str(path))).exit_code == 2


@pytest.mark.parametrize(
    ("which", "outcome"), [("dead", "dead:rejected"), ("waiting", "retrying"), ("skipped", "skipped")]
)
async def test_a_stored_event_becomes_a_test_of_what_became_of_it(story: Story, which: str, outcome: str) -> None:
    result = await story.run("test", "--from", getattr(story, which))
    assert result.exit_code == 0, result.output
    assert f"outcome: {outcome}" in result.stdout or f'outcome: "{outcome}"' in result.stdout
    path = story.place.folder / "recorded.test.yaml"
    path.write_text(result.stdout)
    again = await story.run("test", str(path))
    assert again.exit_code == 0, again.output


def test_what_is_no_id_is_refused(place: Place) -> None:
    result = place.run("test", "--from", "m1")
    assert result.exit_code == 2
    assert "no id of an event or a delivery" in result.stderr

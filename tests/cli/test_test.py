"""`crm-bridge test` as a person calls it."""

import pytest

from tests.cli.conftest import Place

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


@pytest.mark.parametrize("words", [("nowhere.test.yaml",), ()])
def test_without_tests_there_is_nothing_to_pass(place: Place, words: tuple[str, ...]) -> None:
    result = place.run("test", *words)
    assert result.exit_code == (1 if words else 2)
    assert "nowhere" in result.stderr or "there are no tests" in result.stderr

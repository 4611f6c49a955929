"""What is wrong with a file of rule tests, each mistake in its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.cli.rule_tests import Configurations, try_file
from bridge.configuration.rule_tests import check_beside, files_beside, parse_tests, read_tests
from bridge.diagnostics import parse_yaml
from tests.configuration.builders import ENVIRON, load
from tests.rules.testing.builders import CONFIG, MESSAGE, POSTED, RULES, lines, trial

GOOD = """\
tests:
  - name: one
    rule: log
    links: {entry: {"+918856879188": 5}}
    event: {source: aisoule, body: MESSAGE}
    exchanges:
      - expect: {method: GET, path: /entries/5}
        answer: {status: 200}
      - expect: POSTED
    outcome: done
"""


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("rule: log", "rule: logg", "3:11: BR209 there is no rule `logg`; did you mean `log`?"),
        ("rule: log", "rules: [log, logg]", "3:18: BR209 there is no rule `logg`; did you mean `log`?"),
        ("source: aisoule", "source: aisole", "5:21: BR209 there is no source `aisole`; did you mean `aisoule`?"),
        ("entry:", "enrty:", "4:13: BR209 there is no link `enrty`; did you mean `entry`?"),
        ("outcome: done", "outcome: don", "10:14: BR209 there is no such outcome; did you mean `done`?"),
        ("outcome: done", "outcome: {lo: done}", "10:15: BR209 there is no rule `lo`; did you mean `log`?"),
        ("method:", "methd:", "7:18: BR102 unknown key `methd` in `tests[0].exchanges[0].expect`; "),
        ("status: 200", "status: 2000", "8:26: BR104 "),
        ("answer: {status: 200}", "answer: losst", "8:17: BR104 "),
        ("outcome: done", "exchanged: []", "10:5: BR102 unknown key `exchanged` in `tests[0]`; "),
        ("path: /entries/5", "path: '/entries?a=1'", "7:17: BR104 `path` is without the query; "),
        ("method: GET", "method: {$any: txt}", "7:26: BR104 "),
        ("POSTED", "{json: {a: {$any: txt}}}", "9:35: BR209 `$any` does not know this kind of value; "),
        ("POSTED", "{json: {a: {$an: text}}}", "9:29: BR209 there is no matcher `$an`; did you mean `$any`?"),
        ("POSTED", "{json: {}, text: x}", "9:17: BR104 a request has one body: `json`, `form`, `text` or `fetch`; "),
        ("body: MESSAGE", "file: none.json", "5:36: BR208 cannot read the event's file `none.json`; "),
        (", body: MESSAGE", "", "5:12: BR104 an event has either a `body` or a `file`; "),
        ("path: /entries/5", "path: /entries/$case.id", "7:37: BR209 there is no `$case.id`; write the value here, or"),
        ("    outcome: done\n", "    outcome: done\n    after: 10\n", "11:12: BR110 a duration needs a unit; "),
        ("event: {source: aisoule,", "at: 2026-01-01\n    event: {source: aisoule,", "5:9: BR104 the time zone"),
    ],
)
def test_a_mistake_is_told_in_its_place(old: str, new: str, finding: str) -> None:
    assert GOOD.count(old) == 1
    found = lines(trial(GOOD.replace(old, new)))
    assert len(found) == 1, found
    assert found[0].startswith(f"a.test.yaml:{finding}"), found


def test_a_file_without_mistakes_has_no_findings() -> None:
    assert lines(trial(GOOD)) == []


def test_all_mistakes_are_told_at_once_and_nothing_is_run() -> None:
    tried = trial(GOOD.replace("rule: log", "rule: logg").replace("outcome: done", "outcome: don"))
    assert [line.split()[1] for line in lines(tried)] == ["BR209"]  # a test that is not well formed is not looked into
    assert tried.results == []


def test_two_tests_of_one_name_are_refused() -> None:
    twice = GOOD + GOOD.removeprefix("tests:\n")
    [found] = lines(trial(twice))
    assert found.startswith("a.test.yaml:11:11: BR207 two tests have the name `one`")


def test_the_body_of_an_event_may_be_a_file_beside_the_test() -> None:
    data = '{"message_id": "m1", "sender": "918856879188", "type": "text", "body": "Hi"}'
    body = f'{{"event": "message.received", "data": {data}}}'
    tried = trial(GOOD.replace("body: MESSAGE", "file: hi.json"), files={"hi.json": body})
    assert [result.passed for result in tried.results] == [True]


def test_a_file_that_is_no_yaml_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "bad.test.yaml"
    path.write_text("tests: [")
    file = read_tests(path, ENVIRON)
    assert not file.is_usable
    assert [finding.code for finding in file.findings] == ["BR001"]


def test_the_tests_beside_the_rules_are_found(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"b.test.yaml": "tests: []", "a.test.yaml": "tests: []", "c.yaml": ""})
    assert [path.name for path in files_beside(loaded, tmp_path)] == ["a.test.yaml", "b.test.yaml"]


def places(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, item in inside for path in places(item, (*at, key)))]


def put(value: Any, path: tuple[str | int, ...], other: object) -> Any:
    """A copy with the value at the path replaced."""
    if not path:
        return other
    copied = value.copy()
    copied[path[0]] = put(value[path[0]], path[1:], other)
    return copied


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "log", "lost", "$case.a", "{{ x }}", "é\u2028"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["$any", "$is", "name", "json", "event", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_a_file_of_tests_says_it_is_findings_or_results(
    configurations: Configurations, data: st.DataObject
) -> None:
    good = parse_yaml(GOOD.replace("MESSAGE", MESSAGE).replace("POSTED", POSTED), "good.yaml").document
    assert good is not None
    path = data.draw(st.sampled_from(places(good.data)))
    changed = put(good.data, path, data.draw(ODD))
    file = parse_tests(json.dumps(changed), configurations.path.parent / "a.test.yaml", ENVIRON)
    tried = try_file(file, configurations)
    assert tried.file.findings or all(result.turns for result in tried.results)


@pytest.fixture(scope="module")
def configurations(tmp_path_factory: pytest.TempPathFactory) -> Configurations:
    """A configuration that is loaded once."""
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "rules.yaml").write_text(RULES)
    return Configurations(folder / "config.yaml", ENVIRON)


# --- beside the rules, for `check` -------------------------------------------------------------------------------

BESIDE = """\
tests:
  - name: one
    rule: {rule}
    links: {{{link}: {{a: 5}}}}
    event: {{source: {source}, body: {{}}}}
    outcome: done
"""


def beside(folder: Path, *, rules: str = RULES, **names: str) -> list[str]:
    loaded = load(folder, {"rules.yaml": rules, "config.yaml": CONFIG})
    (folder / "rules.test.yaml").write_text(
        BESIDE.format(**{"rule": "log", "link": "entry", "source": "aisoule", **names})
    )
    return [finding.message for finding in check_beside(loaded, folder, ENVIRON)[0]]


def test_tests_that_are_right_are_no_finding(tmp_path: Path) -> None:
    assert beside(tmp_path) == []


def test_every_unknown_name_in_tests_is_a_finding(tmp_path: Path) -> None:
    assert sorted(beside(tmp_path, rule="lgo", link="enrty", source="aisole")) == [
        "there is no link `enrty`",
        "there is no rule `lgo`",
        "there is no source `aisole`",
    ]


def test_tests_of_rules_that_the_configuration_does_not_name_are_about_another_one(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("rules:\n  - name: other\n")
    (tmp_path / "broken.yaml").write_text("rules: [")
    assert beside(tmp_path, rule="other", link="another", source="elsewhere") == []


def test_what_a_broken_rule_leaves_out_is_not_told_again_in_its_tests(tmp_path: Path) -> None:
    broken = RULES.replace("name: log", "name: log\n    onn: x", 1).replace("recall:", "recal:", 1)
    assert beside(tmp_path, rules=broken, link="entry") == []

"""A parameter that is indented one level too little is one finding, which says where it belongs."""

from pathlib import Path

from tests.configuration.builders import RULES, lines, load, swap

WITH = '        with: {path: /messages, json: {text: "{{ fields.text }}"}}\n'


def test_a_parameter_beside_with_is_told_once_and_with_its_mend(tmp_path: Path) -> None:
    rules = swap(RULES, WITH, '        json: {text: "{{ fields.text }}"}\n        with: {path: /messages}\n')
    loaded = load(tmp_path, {"rules.yaml": rules})
    assert loaded.configuration is None
    assert lines(loaded) == [
        "rules.yaml:8:9: BR102 `json` stands beside the step's `with`, not in it; indent it below `with`"
    ]


def test_so_is_one_that_the_operation_needs_in_a_step_without_with(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": swap(RULES, WITH, "        path: /messages\n")})
    assert loaded.configuration is None
    assert lines(loaded) == [
        "rules.yaml:8:9: BR102 `path` stands beside the step's `with`, not in it; indent it below `with`"
    ]


def test_what_is_wrong_inside_of_it_is_told_in_the_same_run(tmp_path: Path) -> None:
    rules = swap(RULES, WITH, '        json: {text: "{{ feelds.text }}"}\n        with: {path: /messages}\n')
    found = lines(load(tmp_path, {"rules.yaml": rules}))
    assert [line.split()[1] for line in found] == ["BR102", "BR122"]
    assert found[1] == "rules.yaml:9:9: BR122 there is no `feelds` here; did you mean `fields`?"  # at the `with`


def test_a_key_that_is_no_parameter_either_is_an_unknown_key(tmp_path: Path) -> None:
    [line] = lines(load(tmp_path, {"rules.yaml": swap(RULES, WITH, WITH + "        colour: red\n")}))
    assert line.startswith("rules.yaml:9:9: BR102 unknown key `colour`")


def test_a_with_that_is_no_mapping_keeps_its_own_finding(tmp_path: Path) -> None:
    found = lines(load(tmp_path, {"rules.yaml": swap(RULES, WITH, "        json: {}\n        with: [path]\n")}))
    assert any(line.startswith("rules.yaml:9:") for line in found)
    assert any("unknown key `json`" in line for line in found)

from pathlib import Path

import pytest

from bridge.configuration.load import LoadedConfiguration
from tests.configuration.builders import CONFIG, RULES, lines, load, swap

STAGES = "tables:\n  stages: {new: Lead, won: Customer}\n"
RULE = swap(RULES, "{{ fields.text }}", "{{ fields.text | lookup('stages') }}")


def sent(loaded: LoadedConfiguration, text: str) -> object:
    """What the rule would post for a message with this text."""
    assert loaded.configuration is not None, lines(loaded)
    (rule,) = loaded.configuration.rules.rules_for("aisoule", "message.received")
    given = rule.steps[0].given.render({"fields": {"text": text}})
    assert isinstance(given, dict)
    return given["json"]["text"]


def revision(loaded: LoadedConfiguration) -> str:
    assert loaded.configuration is not None, lines(loaded)
    (rule,) = loaded.configuration.rules.rules_for("aisoule", "message.received")
    return rule.revision


def test_a_table_of_a_rules_file_is_for_the_rules_of_that_file(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        {
            "config.yaml": swap(CONFIG, "rules: rules.yaml", "rules: [rules.yaml, other.yaml]"),
            "rules.yaml": STAGES + RULE,
            "other.yaml": swap(RULE, "name: log", "name: other"),
        },
    )

    assert lines(loaded) == [
        "other.yaml:8:71: BR209 there is no lookup table `stages`; none is defined",
    ]
    assert sent(load(tmp_path, {"rules.yaml": STAGES + RULE}), "won") == "Customer"


def test_a_table_of_the_configuration_is_for_all_rules(tmp_path: Path) -> None:
    assert sent(load(tmp_path, {"config.yaml": CONFIG + STAGES, "rules.yaml": RULE}), "new") == "Lead"


def test_an_unknown_table_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": STAGES + swap(RULE, "'stages'", "'stagse'")})

    assert lines(loaded) == ["rules.yaml:10:71: BR209 there is no lookup table `stagse`; did you mean `stages`?"]


def test_a_name_in_the_configuration_and_in_a_rules_file_is_refused(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": CONFIG + STAGES, "rules.yaml": STAGES + RULE})

    assert [line.partition(";")[0] for line in lines(loaded)] == [
        "rules.yaml:2:3: BR207 table `stages` is defined in the configuration as well"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("stages.yaml", "new: Lead\nwon: Customer\n"),
        ("stages.csv", "stage,meaning\nnew,Lead\nwon,Customer\n"),
        ("stages.csv", '\ufeffstage,meaning\r\n\r\n"new","Lead"\r\nwon,Customer\r\n'),
    ],
)
def test_a_table_may_be_a_file_beside_the_configuration(tmp_path: Path, name: str, text: str) -> None:
    files = {f"tables/{name}": text, "rules.yaml": f"tables: {{stages: {{file: tables/{name}}}}}\n" + RULE}

    assert sent(load(tmp_path, files), "won") == "Customer"


def test_a_csv_file_of_more_columns_gives_objects(tmp_path: Path) -> None:
    files = {
        "teams.csv": "country,group,language\nIN,360001,en\nDE,360002,de\n",
        "rules.yaml": "tables: {teams: {file: teams.csv}}\n"
        + swap(RULES, "{{ fields.text }}", "{{ (fields.text | lookup('teams')).language }}"),
    }

    assert sent(load(tmp_path, files), "DE") == "de"


def test_a_table_may_have_an_entry_called_file(tmp_path: Path) -> None:
    assert sent(load(tmp_path, {"rules.yaml": "tables: {stages: {file: Document}}\n" + RULE}), "file") == "Document"


@pytest.mark.parametrize(
    ("table", "file", "expected"),
    [
        ("{file: stagse.csv}", "", "rules.yaml:1:25: BR208 the file of a table `stagse.csv` does not exist; did"),
        ('{file: "a\\0b/c.csv"}', "", "rules.yaml:1:25: BR208 the file of a table `a\\u{0}b/c.csv` does not exist"),
        (f"{{file: {'a' * 300}.csv}}", "", f"rules.yaml:1:25: BR208 the file of a table `{'a' * 300}.csv` does"),
        ("{file: stages.csv}", "a,b\nx,y,z\n", "stages.csv:2:1: BR104 this line has 3 columns, the first"),
        ("{file: stages.csv}", "a,b\nx,1\nx,2\n", "stages.csv:3:1: BR104 the key of this line was given before"),
        ("{file: stages.csv}", 'a,b\nx,"1" 2\n', "stages.csv:2:1: BR001 this line is not valid CSV"),
        ("{file: stages.csv}", "a\nx\n", "stages.csv:1:1: BR104 a table needs at least two columns"),
        ("{file: stages.yaml}", "- a\n", "stages.yaml:1:1: BR104 the file of a table must hold `key: value` li"),
        ("{file: stages.yaml}", "a: 1\na: 2\n", "stages.yaml:2:1: BR002 key `a` is given twice"),
        ("[new]", "", "rules.yaml:1:18: BR104 table `stages` must be a mapping of keys to values"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_in_its_place(tmp_path: Path, table: str, file: str, expected: str) -> None:
    name = "stages.yaml" if "yaml" in table else "stages.csv"
    loaded = load(tmp_path, {name: file or "a,b\n", "rules.yaml": f"tables: {{stages: {table}}}\n" + RULE})

    (line,) = lines(loaded)
    assert line.startswith(expected), line


def test_the_revision_of_a_rule_changes_with_the_tables_that_it_uses_and_no_others(tmp_path: Path) -> None:
    first = revision(load(tmp_path, {"rules.yaml": STAGES + RULE}))

    assert revision(load(tmp_path, {"rules.yaml": STAGES + "  other: {a: 1}\n" + RULE})) == first
    assert revision(load(tmp_path, {"rules.yaml": swap(STAGES, "Lead", "Prospect") + RULE})) != first


@pytest.mark.parametrize("name", ["stages.csv", "stages.yaml"])
def test_the_file_of_a_table_is_watched_and_part_of_the_configurations_revision(tmp_path: Path, name: str) -> None:
    texts = {"stages.csv": "stage,meaning\nwon,{}\n", "stages.yaml": "won: {}\n"}
    rules = f"tables: {{stages: {{file: {name}}}}}\n" + RULE
    first = load(tmp_path, {"rules.yaml": rules, name: texts[name].format("Customer")})

    assert tmp_path / name in first.inputs.files
    assert not first.inputs.changed()
    second = load(tmp_path, {"rules.yaml": rules, name: texts[name].format("Buyer of us")})
    assert first.inputs.changed()
    assert first.configuration is not None
    assert second.configuration is not None
    assert second.configuration.revision != first.configuration.revision


def test_a_file_of_a_table_that_is_not_there_yet_is_watched_for(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"rules.yaml": "tables: {stages: {file: later.csv}}\n" + RULE})
    assert tmp_path / "later.csv" in loaded.inputs.files

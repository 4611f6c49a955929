from pathlib import Path

import pytest

from bridge.rules.plan import plan
from tests.canaries import ORDERS_SECRET, PHONE
from tests.configuration.builders import CONFIG, ENVIRON, RULES, lines, load, swap


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "use: erp",
            "uses: erp",
            "rules.yaml:7:9: BR102 unknown key `uses` in `rules[0].steps[0]`; a key with a similar name exists: `use`",
        ),
        (
            "with:",
            "wiht:",
            "rules.yaml:8:9: BR102 unknown key `wiht` in `rules[0].steps[0]`; a key with a similar name exists: `with`",
        ),
        (
            "    steps:",
            "    coalesce: {witin: 3s}\n    steps:",
            ("rules.yaml:5:16: BR102 unknown key `witin` in `rules[0].coalesce`; a key with a similar name exists: "
            "`within`"),
        ),
        (
            "    steps:",
            "    order: strickt\n    steps:",
            "rules.yaml:5:12: BR104 `rules[0].order` must be one of `hold`, `strict`, `none`",
        ),
        (
            "erp.post",
            "erp.pst",
            "rules.yaml:7:18: BR202 connector `http` has no operation `pst`; did you mean `post`?",
        ),
        (
            "erp.post",
            "zendesk.tickets.create",
            "rules.yaml:7:14: BR201 step `post` uses destination `zendesk`, which the configuration does not define",
        ),
        (
            "json:",
            "jason:",
            "rules.yaml:8:33: BR203 `erp.post` has no parameter `jason`; did you mean `json`?",
        ),
        (
            "{{ fields.text }}",
            "{{ field.text }}",
            "rules.yaml:8:50: BR12",
        ),
        (
            "{{ fields.text }}",
            "{{ links.contact }}",
            ("rules.yaml:8:50: BR122 `links.contact` is not recalled by this rule; add `contact` under the rule's "
            "`recall`"),
        ),
        (
            "{{ fields.text }}",
            "{{ item.text }}",
            'rules.yaml:8:50: BR122 there is no `item` here; a step with `for_each: "{{ body.items }}"` knows `item`',
        ),
        (
            "        use: erp.post",
            "        use: erp.post\n        for_each: '[fields.text, links.x]'",
            "rules.yaml:8:34: BR122 `links.x` is not recalled by this rule",
        ),
        (
            "        use: erp.post",
            "        use: erp.post\n        for_each: \"'abc'\"",
            "rules.yaml:8:19: BR104 `for_each`: the value is no list; give `for_each` a list",
        ),
        (
            "        use: erp.post",
            "        use: erp.post\n        timeout: 5",
            "rules.yaml:8:18: BR110",
        ),
        (
            '    key: "{{ fields.customer | person }}"',
            "    only_newer: true",
            "rules.yaml:4:5: BR101 `only_newer` has no `by`, and the rule has no `key`: newer than what?",
        ),
        (
            "    steps:",
            "    mode: dry\n    steps:",
            "rules.yaml:5:11: BR104 `rules[0].mode` must be one of `live`, `shadow`",
        ),
        (
            "{{ fields.text }}",
            "{{ steps.later.id }}",
            "rules.yaml:8:50: BR205 there is no step `later`",
        ),
        (
            "aisoule/message.received",
            "*/message.received",
            ('rules.yaml:3:9: BR003 an unquoted `*` starts an alias, and aliases are not used here; write it in '
            'quotes: `"*"`, `"*/..."`'),
        ),
        (
            "aisoule/message.received",
            "message.received",
            "rules.yaml:3:9: BR104 `message.received` does not say which events it means",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_one_message_at_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    loaded = load(tmp_path, {"rules.yaml": swap(RULES, old, new)})

    assert loaded.configuration is None
    [line] = lines(loaded)
    assert line.startswith(expected)


def test_a_glob_without_match_is_refused_at_the_line_that_names_it(tmp_path: Path) -> None:
    assert lines(load(tmp_path, {"config.yaml": swap(CONFIG, "rules.yaml", "rulez/*.yaml")})) == [
        "config.yaml:7:8: BR208 no file matches `rulez/*.yaml`; correct the path, or take the line out"
    ]


def test_a_file_that_is_not_there_is_refused_at_the_line_that_names_it(tmp_path: Path) -> None:
    assert lines(load(tmp_path, {"config.yaml": swap(CONFIG, "rules.yaml", "rule.yaml")})) == [
        "config.yaml:7:8: BR208 the file of rules `rule.yaml` does not exist; did you mean `rules.yaml`?"
    ]


@pytest.mark.parametrize("name", ['"a\\0b/rules.yaml"', "a" * 300 + ".yaml"])
def test_a_name_that_no_file_can_have_is_no_file(tmp_path: Path, name: str) -> None:
    (line,) = lines(load(tmp_path, {"config.yaml": swap(CONFIG, "rules.yaml", name)}))
    assert line.startswith("config.yaml:7:8: BR208 the file of rules ")


@pytest.mark.parametrize("pattern", ["'**x/*.yaml'", "'[.yaml'"])
def test_a_pattern_that_python_cannot_read_matches_nothing(tmp_path: Path, pattern: str) -> None:
    assert "BR208 no file matches" in lines(load(tmp_path, {"config.yaml": swap(CONFIG, "rules.yaml", pattern)}))[0]


def test_tests_of_rules_are_never_loaded_by_a_glob(tmp_path: Path) -> None:
    files = {
        "config.yaml": swap(CONFIG, "rules.yaml", "config/*.yaml"),
        "config/a.yaml": RULES,
        "config/a.test.yaml": "tests: [this would be refused]\n",
    }
    loaded = load(tmp_path, files)

    assert lines(loaded) == []
    assert set(loaded.documents) == {"config.yaml", "config/a.yaml"}


def test_tests_of_rules_are_refused_when_they_are_named(tmp_path: Path) -> None:
    files = {"config.yaml": swap(CONFIG, "rules.yaml", "r.test.yaml"), "r.test.yaml": RULES}

    assert lines(load(tmp_path, files)) == [
        (
            "config.yaml:7:8: BR208 `r.test.yaml` holds tests of rules, not rules; take the line out: `*.test.yaml` is "
            "never loaded"
        )
    ]


def test_a_glob_takes_files_only(tmp_path: Path) -> None:
    files = {"config.yaml": swap(CONFIG, "rules.yaml", "config/*"), "config/a": RULES, "config/sub/b": RULES}

    assert lines(load(tmp_path, files)) == []


def test_a_file_that_two_entries_mean_is_loaded_once(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, "rules.yaml", "[rules.yaml, './rules.yaml', 'r*s.yaml']")})

    assert lines(loaded) == []
    assert loaded.configuration is not None
    assert len(loaded.configuration.rules.rules) == 1


def test_rules_may_stand_in_place(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, "rules: rules.yaml\n", RULES)})

    assert lines(loaded) == []
    assert loaded.configuration is not None
    assert loaded.configuration.rules.by_name("log") is not None


def test_a_rule_that_is_switched_off_is_checked_and_not_used(tmp_path: Path) -> None:
    off = swap(RULES, "    on:", "    enabled: false\n    on:")
    loaded = load(tmp_path, {"rules.yaml": off})

    assert loaded.configuration is not None
    assert loaded.configuration.rules.rules == ()
    assert load(tmp_path, {"rules.yaml": swap(off, "erp.post", "erp.pst")}).configuration is None


def test_why_an_event_is_skipped_is_told_in_the_words_of_the_file_and_keeps_a_variable_to_itself(
    tmp_path: Path,
) -> None:
    rules = swap(RULES, "    steps:", "    if: headers['x-mark'] == \"${ORDERS_MARK}\"\n    steps:")
    loaded = load(tmp_path, {"rules.yaml": rules}, {**ENVIRON, "ORDERS_MARK": ORDERS_SECRET})
    assert loaded.configuration is not None
    [rule] = loaded.configuration.rules.rules
    assert plan(rule, {"headers": {"x-mark": ORDERS_SECRET}, "fields": {"customer": PHONE}}).reason is None
    refused = plan(rule, {"headers": {"x-mark": "other"}})
    assert refused.reason == "`if` is false: headers['x-mark'] == \"${ORDERS_MARK}\""


def test_odd_entries_are_refused_each_at_its_place(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"config.yaml": swap(CONFIG, "rules.yaml", "[3, null, '', rules.yaml, [a]]")})

    assert [line.split()[0] for line in lines(loaded)] == [
        "config.yaml:7:9:",
        "config.yaml:7:12:",
        "config.yaml:7:18:",
        "config.yaml:7:34:",
    ]


def test_a_rule_that_is_no_mapping_does_not_hide_the_next_one(tmp_path: Path) -> None:
    assert [line.split()[:2] for line in lines(load(tmp_path, {"rules.yaml": "rules: [3, {name: x}]\ny: 1\n"}))] == [
        ["rules.yaml:1:9:", "BR104"],
        ["rules.yaml:1:12:", "BR101"],
        ["rules.yaml:1:12:", "BR101"],
        ["rules.yaml:2:1:", "BR102"],
    ]

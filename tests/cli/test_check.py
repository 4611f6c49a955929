import orjson

from bridge.diagnostics import PAGES
from tests.cli.conftest import RULES, Place

MISTAKES = RULES.replace("on: aisoule/message.read\n", "onn: aisoule/message.read\n").replace(
    "fields.message_id }}", "fields.message_id | uper }}"
).replace("use: crm.get", "use: crn.get")  # fmt: skip


def test_a_clean_configuration_gives_0_and_says_so(place: Place) -> None:
    result = place.run("check")

    assert result.exit_code == 0
    assert result.stdout == "2 files · no problems found\n"


def test_all_mistakes_are_shown_at_once_with_exit_1(place: Place) -> None:
    place.write(rules=MISTAKES)
    result = place.run("check")

    assert result.exit_code == 1
    assert result.stdout.count("error[BR") == 3
    for part in ("rules.yaml:10:14", "rules.yaml:17:5", "rules.yaml:21:68", "= help: did you mean `upper`?"):
        assert part in result.stdout
    assert max(len(line) for line in result.stdout.splitlines() if "|" in line) <= 80


def test_the_concise_form_has_one_line_for_each_mistake(place: Place) -> None:
    place.write(rules=MISTAKES)
    lines = place.run("check", "--format", "concise").stdout.splitlines()

    assert [line.split()[1] for line in lines[:-1]] == ["BR201", "BR102", "BR123"]


def test_the_json_form_is_one_array(place: Place) -> None:
    place.write(rules=MISTAKES)
    result = place.run("check", "--format", "json")

    found = orjson.loads(result.stdout)
    assert result.exit_code == 1
    assert [(finding["code"], finding["line"]) for finding in found] == [("BR201", 10), ("BR102", 17), ("BR123", 21)]
    assert orjson.loads(Place(place.folder).run("check", "--format", "json", environ={}).stdout) == found


def test_warnings_alone_give_0(place: Place) -> None:
    place.write(rules=RULES.replace("aisoule/message.read\n", "aisoule/message.reed\n"))
    result = place.run("check")

    assert result.exit_code == 0
    assert "warning[BR402]" in result.stdout


def test_several_files_can_be_named(place: Place) -> None:
    other = place.folder / "other.yaml"
    other.write_text("version: 1\nserverr: {}\n")
    result = place.run("check", str(place.config), str(other))

    assert result.exit_code == 1
    assert "other.yaml:2:1" in result.stdout


def test_blocks_of_a_markdown_file_are_checked_at_their_own_lines(place: Place) -> None:
    page = place.folder / "README.md"
    page.write_text("# Read me\n\n```yaml\nversion: 1\n```\n\ntext\n\n```yaml\nversion: 1\nserverr: {}\n```\n")
    result = place.run("check", str(page))

    assert result.exit_code == 1
    assert "README.md:11:1" in result.stdout
    assert "11 | serverr: {}" in result.stdout


TEST = """\
tests:
  - name: a text is logged
    rule: log
    event: {source: aisoule, body: {event: message.received}}
    outcome: done
"""


def test_tests_beside_the_rules_are_checked_but_not_run(place: Place) -> None:
    (place.folder / "rules.test.yaml").write_text(TEST)
    result = place.run("check")

    assert (result.exit_code, result.stdout) == (0, "3 files · no problems found\n")
    assert place.run("test").exit_code == 1  # the event says too little: that shows when it is run


def test_what_is_wrong_with_a_test_is_told_with_all_the_rest(place: Place) -> None:
    place.write(rules=MISTAKES)
    other = TEST.replace("tests:\n", "").replace("a text", "another").replace("outcome:", "outcom:")
    wrong = TEST.replace("rule: log", "rule: lgo") + other
    (place.folder / "rules.test.yaml").write_text(wrong)
    result = place.run("check", "--format", "concise")

    assert result.exit_code == 1
    assert [line.split()[:2] for line in result.stdout.splitlines() if "test.yaml" in line] == [
        ["rules.test.yaml:3:11:", "BR209"],
        ["rules.test.yaml:9:5:", "BR102"],
    ]
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("rules.yaml:")] == [
        "BR201",
        "BR102",
        "BR123",
    ]


def test_a_file_that_cannot_be_read_is_a_finding(place: Place) -> None:
    (place.folder / "latin.md").write_bytes(b"caf\xe9")
    for name, expected in (("none.yaml", "BR208"), ("none.md", "BR208"), ("latin.md", "BR005"), (".", "BR208")):
        result = place.run("check", str(place.folder / name))
        assert result.exit_code == 1
        assert f"error[{expected}]" in result.stdout


def test_every_code_has_a_page(place: Place) -> None:
    for code in PAGES:
        result = place.run("check", "--explain", code.lower())
        assert result.exit_code == 0
        assert result.stdout.startswith(f"{code}: ")


def test_a_code_may_be_copied_as_it_was_printed(place: Place) -> None:
    for given in ("102", " br102 ", "error[BR102]", "warning[BR102]:", "BR102:"):
        assert place.run("check", "--explain", given).stdout.startswith("BR102: an unknown key")


def test_an_unknown_code_is_wrong_use(place: Place) -> None:
    for given, code in (("BR999", "BR999"), ("br1022", "BR1022"), ("", ""), ("\x1b[31m", "\\u{1b}[31M")):
        result = place.run("check", "--explain", given)
        assert result.exit_code == 2
        assert f"there is no code `{code}`" in result.stderr
        assert "`crm-bridge check --codes` lists all" in result.stderr


def test_all_codes_can_be_listed(place: Place) -> None:
    result = place.run("check", "--codes")
    listed = orjson.loads(place.run("check", "--codes", "--format", "json").stdout)

    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ")] == list(PAGES)
    assert [page["code"] for page in listed] == list(PAGES)
    assert orjson.loads(place.run("check", "--explain", "BR001", "--format", "json").stdout) == listed[0]


def test_the_github_form_is_one_annotation_for_each_mistake(place: Place) -> None:
    place.write(rules=MISTAKES)
    result = place.run("check", "--format", "github")

    assert result.exit_code == 1
    found = [line for line in result.stdout.splitlines() if line.startswith("::error file=")]
    assert [line.partition("title=")[2][:7] for line in found] == ["BR201::", "BR102::", "BR123::"]
    assert "rules.yaml,line=17,col=5,endLine=17,endColumn=8,title=BR102::unknown key `onn` in `rules[1]`" in found[1]


def test_a_file_that_two_paths_name_is_told_of_once(place: Place) -> None:
    place.write(rules=MISTAKES)
    result = place.run("check", str(place.config), str(place.config), "--format", "concise")

    assert result.stdout.count("BR102") == 1
    assert result.stdout.endswith("2 files · 3 errors · `crm-bridge check --explain CODE` tells more\n")


def test_no_credential_is_printed_when_the_environment_holds_it(place: Place) -> None:
    place.config.write_text(place.config.read_text().replace("version: 1", "version: 1\nextra: ${CRM_TOKEN}"))
    for form in ("full", "concise", "json", "github"):
        result = place.run("check", "--format", form)
        assert result.exit_code == 1
        assert "crm-token" not in result.output

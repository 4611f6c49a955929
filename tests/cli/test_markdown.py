from pathlib import Path

import pytest

from bridge.cli.markdown import blocks, check_markdown
from tests.canaries import ERP_TOKEN
from tests.configuration.builders import CONFIG, ENVIRON, load


def test_only_yaml_fences_are_blocks() -> None:
    text = "```yaml\na: 1\n```\n```json\n{}\n```\n```yml title\nb: 2\n```\n"

    assert list(blocks(text)) == [(1, "a: 1\n"), (7, "b: 2\n")]


def test_excerpts_that_are_no_configuration_only_have_to_be_yaml(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```yaml\n- name: x\n```\n```yaml\na: [\n```\n")

    assert [str(finding.place)[:9] for finding in check_markdown(page, {}).findings] == ["page.md:6"]


RULES = """\
rules:
  - name: page
    on: aisoule/message.received
    recall: {person: "{{ fields.customer }}"}
    steps:
      - id: post
        use: erp.post
        with: {path: "/x/${PATH_OF_PAGE:-y}", json: "{{ fields.textt }}"}
"""
LIST = RULES.partition("\n")[2]


@pytest.mark.parametrize("block", [RULES, LIST])
def test_rules_are_checked_against_the_configuration_that_is_given(tmp_path: Path, block: str) -> None:
    load(tmp_path, {"page.md": f"# Page\n\n```yaml\n{block}```\n\n```yaml\nrules: [config/*.yaml]\n```\n"})
    page, config = tmp_path / "page.md", tmp_path / "config.yaml"
    [finding] = check_markdown(page, ENVIRON, config).findings

    assert (finding.code, str(finding.place)) == ("BR122", f"page.md:{10 + (block == RULES)}:57")
    assert check_markdown(page, ENVIRON).findings == ()


def test_names_that_the_given_configuration_lacks_are_told_of_in_the_page(tmp_path: Path) -> None:
    load(tmp_path, {"page.md": f"```yaml\n{RULES.replace('erp.', 'crm.').replace('aisoule/', 'shop/')}```\n"})
    found = check_markdown(tmp_path / "page.md", ENVIRON, tmp_path / "config.yaml").findings

    assert [(each.code, str(each.place)) for each in found] == [("BR204", "page.md:4:9"), ("BR201", "page.md:8:14")]


def test_rules_of_a_page_know_the_tables_of_the_page(tmp_path: Path) -> None:
    block = "tables: {stages: {new: Lead}}\n" + RULES.replace("fields.textt", "fields.text | lookup('stages')")
    load(tmp_path, {"page.md": f"```yaml\n{block}```\n"})
    assert check_markdown(tmp_path / "page.md", ENVIRON, tmp_path / "config.yaml").findings == ()

    (tmp_path / "page.md").write_text(f"```yaml\n{block.replace('stages: {', 'stage: {')}```\n")
    [finding] = check_markdown(tmp_path / "page.md", ENVIRON, tmp_path / "config.yaml").findings
    assert (finding.code, finding.helps) == ("BR209", ("did you mean `stage`?",))


def test_rules_below_a_configuration_of_the_page_belong_to_that_one(tmp_path: Path) -> None:
    own = CONFIG.replace("erp:", "crm:").replace("rules: rules.yaml\n", "")
    load(tmp_path, {"page.md": f"```yaml\n{own}```\n```yaml\n{RULES.replace('fields.textt', 'fields.text')}```\n"})
    for config in (None, tmp_path / "config.yaml"):
        [finding] = check_markdown(tmp_path / "page.md", ENVIRON, config).findings
        assert finding.code == "BR201"
        assert "destinations defined: `crm`, `hubspot`" in finding.notes


def test_a_configuration_that_cannot_be_read_is_told_of_instead(tmp_path: Path) -> None:
    load(tmp_path, {"page.md": f"```yaml\n{RULES}```\n```yaml\n{LIST}```\n"})
    found = check_markdown(tmp_path / "page.md", ENVIRON, tmp_path / "none.yaml").findings

    assert [each.code for each in found] == ["BR208"]


def test_a_credential_in_a_page_is_not_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```yaml\nversion: 1\nserverr: 1\nadmin: {{token: {ERP_TOKEN}}}\n```\n")
    checked = check_markdown(page, {})

    assert {finding.code for finding in checked.findings} == {"BR102", "BR302", "BR303"}
    assert all(ERP_TOKEN not in source.line(4) for source in checked.documents.values())

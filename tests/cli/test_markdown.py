from pathlib import Path

from bridge.cli.markdown import blocks, check_markdown
from tests.canaries import ERP_TOKEN


def test_only_yaml_fences_are_blocks() -> None:
    text = "```yaml\na: 1\n```\n```json\n{}\n```\n```yml title\nb: 2\n```\n"

    assert list(blocks(text)) == [(1, "a: 1\n"), (7, "b: 2\n")]


def test_excerpts_that_are_no_configuration_only_have_to_be_yaml(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```yaml\n- name: x\n```\n```yaml\na: [\n```\n")

    assert [str(finding.place)[:9] for finding in check_markdown(page, {}).findings] == ["page.md:6"]


def test_a_credential_in_a_page_is_not_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```yaml\nversion: 1\nserverr: 1\nadmin: {{token: {ERP_TOKEN}}}\n```\n")
    checked = check_markdown(page, {})

    assert {finding.code for finding in checked.findings} == {"BR102", "BR302", "BR303"}
    assert all(ERP_TOKEN not in source.line(4) for source in checked.documents.values())

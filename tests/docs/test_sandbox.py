"""What docs/sandbox.md says of the sandbox is so."""

import re
from pathlib import Path

import pytest

from bridge.sandbox import FaultKind, FaultSpec, Sandbox, SandboxUrls, load_scenario
from bridge.sandbox.control import control_application
from bridge.sandbox.fault_header import HEADER
from bridge.sandbox.faults import OPTIONS
from tests.docs.test_reference import YAML_BLOCK, first_cells, rows


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/sandbox.md").read_text()


def faults_section(page: str) -> str:
    """Two tables in one section: the kinds first."""
    return "## Faults\n" + page.split("## Faults\n", 1)[1].split("**For one request", 1)[0]


def test_every_fault_and_its_options_are_documented_and_no_other(page: str) -> None:
    documented = rows(faults_section(page), "Faults")
    assert documented.keys() == {str(kind) for kind in FaultKind}
    for kind in FaultKind:
        assert set(re.findall(r"`(\w+)`", documented[kind][-1])) == set(OPTIONS.get(kind, ())), kind


def test_every_key_of_a_fault_is_documented_and_no_other(page: str) -> None:
    keys = "## Keys\n" + page.split("| key | meaning |", 1)[1].split("\n## ", 1)[0]
    assert first_cells(keys, "Keys") == set(FaultSpec.model_fields)


def test_the_scenario_of_the_page_is_one(page: str, tmp_path: Path) -> None:
    [block] = YAML_BLOCK.findall(page)
    path = tmp_path / "outage.yaml"
    path.write_text(block)
    loaded = load_scenario(path)
    assert loaded.findings == ()
    assert [spec.fault for spec in loaded.faults] == [FaultKind.STATUS, FaultKind.RESET, FaultKind.SLOW]


def test_the_fault_of_the_page_can_be_set_and_its_header_is_ours(page: str) -> None:
    [sent] = re.findall(r"-d '(\{\"fault\".*\})'", page)
    assert FaultSpec.model_validate_json(sent).times == 3
    assert f"-H '{HEADER}: status; status=503; retry_after=7'" in page


def test_every_api_is_documented_with_its_address_and_no_other(page: str) -> None:
    documented = {name: cells[0] for name, cells in rows(page, "What it imitates").items()}
    assert documented == {api.name: f"`/{api.name}`" for api in Sandbox().apis}
    urls = SandboxUrls("http://127.0.0.1:8090")
    assert f"`{urls.page}`" in page


def test_every_call_of_its_own_is_documented_and_no_other(page: str) -> None:
    served = {
        f"{route.method} {re.sub(':[^}]*', '', route.resource.canonical)}"
        for route in control_application(Sandbox()).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert first_cells(page, "Its own calls") == served

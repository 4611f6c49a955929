"""Whole conversations with Pipedrive, Intercom, Jira Service Management and Attio, run as a user's rule tests are."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.program import program

FOLDER = Path(__file__).parent / "conversations"
ENVIRON = {"TERM": "dumb", "SHOP_SECRET": "0123456789abcdef0123456789abcdef", "VENDOR_TOKEN": "vendor-0123456789"}


@pytest.mark.parametrize(
    ("words", "said"), [(["check"], "no problems found"), (["test", "people.test.yaml"], "4 passed")]
)
def test_the_conversations_go_as_they_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(program, words, env=ENVIRON, catch_exceptions=False)
    assert (result.exit_code, said in result.output) == (0, True), result.output

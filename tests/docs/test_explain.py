"""The worked example of docs/explain.md is executed: its files are written, its commands give what the page shows."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.program import program
from tests.canaries import AISOULE_SECRET

FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SESSION = re.compile(r"^```console\n\$ crm-bridge (.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENVIRON = {"ERP_TOKEN": "erp-token-0123456789", "SHOP_SECRET": AISOULE_SECRET, "TERM": "dumb"}


def test_the_example_gives_what_the_page_shows(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (repository / "docs/explain.md").read_text()
    files = dict(FILE.findall(page))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "new.yaml").write_text(files["config.yaml"].replace("rules.yaml", "new-rules.yaml"))
    monkeypatch.chdir(tmp_path)
    sessions = SESSION.findall(page)
    assert len(sessions) == 4
    for words, shown in sessions:
        result = CliRunner().invoke(program, shlex.split(words), env=ENVIRON, catch_exceptions=False)
        assert (result.stdout.rstrip(), result.stderr) == (shown.rstrip(), "")
        assert result.exit_code == (1 if "--diff" in words else 0)

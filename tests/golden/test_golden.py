"""What `crm-bridge check` prints, word for word: one folder for each code (and more for places in quoted text).

A folder holds `config.yaml` or `page.md`, what they name, and `expected.txt`. After a change of words write the
expected texts anew and read what changed: `GOLDEN=write pytest tests/golden`.
"""

import re
import shutil
from pathlib import Path

import pytest

import bridge
from bridge.cli.markdown import check_markdown
from bridge.configuration.load import load_configuration
from bridge.diagnostics import PAGES, render
from tests.configuration.builders import ENVIRON
from tests.golden.words import HERE, check_words

FOLDERS = sorted(folder.name for folder in HERE.iterdir() if folder.name.startswith("BR"))
ELSEWHERE = {
    "BR420": "needs a store: tests/cli/test_against_store.py",
    "BR421": "needs a store: tests/cli/test_against_store.py",
    **dict.fromkeys(
        ("BR450", "BR451", "BR452", "BR453", "BR454", "BR455", "BR456", "BR457", "BR459"),
        "asks an account: tests/cli/test_live.py",
    ),
    "BR501": "a page to read; the words for a sender: tests/golden/sender.txt, tests/cli/test_words.py",
    "BR601": "a page to read; the words for a dead delivery: tests/golden/dead.txt, tests/cli/test_words.py",
    "BR701": "at start: tests/golden/start.txt, tests/cli/test_words.py",
    "BR702": "at start: tests/test_app.py",
    "BR703": "at start: tests/test_app.py",
}
"""Codes that loading a configuration cannot report."""


def shown(folder: Path) -> str:
    """What `check` prints in a folder that is the working directory."""
    page = folder / "page.md"
    found = check_markdown(page, ENVIRON) if page.exists() else load_configuration(folder / "config.yaml", ENVIRON)
    return render(found.findings, found.documents, "full").replace(str(folder), "FOLDER")


def arrange(name: str, folder: Path) -> None:
    """Copy a case; its files are private, but for those that `public.txt` names."""
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("expected.txt"))
    public = folder / "public.txt"
    names = public.read_text().split() if public.exists() else []
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644 if path.name in names else 0o600)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_finding_is_shown_word_for_word(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrange(name, tmp_path)
    monkeypatch.chdir(tmp_path)
    text = shown(tmp_path)
    check_words(HERE / name / "expected.txt", text)
    assert f"[{name.partition('-')[0]}]: " in text
    assert not [value for value in ENVIRON.values() if value in text]


def test_every_code_has_a_folder_or_a_reason() -> None:
    assert {name.partition("-")[0] for name in FOLDERS} | set(ELSEWHERE) == set(PAGES)
    assert {name.partition("-")[0] for name in FOLDERS} & set(ELSEWHERE) == set()


def test_the_files_that_the_reasons_name_are_there() -> None:
    root = Path(bridge.__file__).parent
    for reason in ELSEWHERE.values():
        for file in re.findall(r"tests/[\w/]+\.(?:py|txt)", reason):
            assert (root.parent / file).exists(), file

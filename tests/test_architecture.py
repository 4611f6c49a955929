"""The shape of the code itself: import layers, file sizes, names, and that tests mirror the package."""

import ast
import re
import subprocess
import sys
from pathlib import Path

FORBIDDEN_MODULES = {"utils", "helpers", "common", "manager"}
LONGEST_FILE = 450


def modules(repository: Path) -> list[Path]:
    return sorted((repository / "bridge").rglob("*.py"))


def test_imports_point_downwards_and_the_core_is_pure(repository: Path) -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    result = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_module_has_a_name_that_says_nothing(repository: Path) -> None:
    assert [path for path in modules(repository) if path.stem in FORBIDDEN_MODULES] == []


def test_files_stay_readable(repository: Path) -> None:
    long = {
        str(path): count for path in modules(repository) if (count := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_every_module_says_what_it_is_for(repository: Path) -> None:
    silent = [path for path in modules(repository) if len(ast.get_docstring(ast.parse(path.read_text())) or "") < 10]
    assert silent == []


def test_api_versions_and_vendor_hosts_stand_in_data_not_in_code(repository: Path) -> None:
    pattern = re.compile(r"api\.hubapi\.com/|zendesk\.com/api|/crm/objects/20\d\d")
    core = [path for path in modules(repository) if "sandbox" not in path.parts]
    assert [path for path in core if pattern.search(path.read_text())] == []


def test_no_test_sleeps(repository: Path) -> None:
    sleeping = re.compile(r"(?:time|asyncio)\.sleep\((?!0\))")
    bench = repository / "tests" / "bench"  # measures how much an idle daemon does, so it has to let time pass
    tests = [p for p in (repository / "tests").rglob("*.py") if p != Path(__file__) and bench not in p.parents]
    assert [path for path in tests if sleeping.search(path.read_text())] == []

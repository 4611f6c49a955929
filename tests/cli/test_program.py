"""What holds for every command, started as an operator starts it."""

import gc
import subprocess
import sys

import pytest

from bridge import __version__
from bridge.cli.program import _freeze_what_is_loaded, _nothing_to_collect
from tests.cli.conftest import Place

COMMANDS = (
    *("run", "demo", "check", "explain", "test", "send", "sandbox", "status", "pause", "resume", "audit"),
    *("filters", "connectors", "sources", "schema", "init"),
    *("events", "deliveries", "dead-letters", "links"),
)


def test_help_fits_80_columns_and_names_every_command(place: Place) -> None:
    shown = place.process("--help")

    assert shown.returncode == 0
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "\x1b" not in shown.stdout
    for command in COMMANDS:
        assert f" {command} " in shown.stdout


def test_the_version_is_printed(place: Place) -> None:
    assert place.process("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    ("frozen_before", "times"), [(0, 1), (9, 0)], ids=["alone", "in a process that froze something"]
)
def test_what_a_command_loads_is_not_looked_through_for_garbage(
    monkeypatch: pytest.MonkeyPatch, frozen_before: int, times: int
) -> None:
    _freeze_what_is_loaded.cache_clear()
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.isenabled()))
    monkeypatch.setattr(gc, "get_freeze_count", lambda: frozen_before)
    for _ in range(2):
        with _nothing_to_collect():
            assert not gc.isenabled()
        assert gc.isenabled()
    assert frozen == [False] * times


@pytest.mark.parametrize("words", [("chekc",), ("status", "--jsn"), ("events", "list", "--limit", "0"), ("send",)])
def test_wrong_use_gives_2(place: Place, words: tuple[str, ...]) -> None:
    assert place.run(*words).exit_code == 2


@pytest.mark.parametrize("command", [("status",), ("events", "list"), ("run",), ("send", "x", "y"), ("explain", "x")])
def test_every_command_refuses_a_configuration_with_mistakes(place: Place, command: tuple[str, ...]) -> None:
    place.config.write_text("version: 1\nserverr: {}\n")
    result = place.run(*command)

    assert result.exit_code == 1
    assert "BR102" in result.stderr
    assert result.stdout == ""


def test_the_configuration_is_found_by_option_then_variable_then_name(place: Place) -> None:
    named = place.folder / "named.yaml"
    named.write_text("version: 1\nserverr: {}\n")

    assert place.process("check").returncode == 0  # config.yaml of the folder
    assert place.process("check", environ={"BRIDGE_CONFIG": str(named)}).returncode == 1
    assert place.process("check", "-c", str(place.config), environ={"BRIDGE_CONFIG": str(named)}).returncode == 0


def test_colours_are_for_terminals_only(place: Place) -> None:
    place.config.write_text("version: 1\nserverr: {}\n")

    assert "\x1b" not in place.process("check", environ={"FORCE_COLOR": "", "TERM": "xterm-256color"}).stdout


def test_a_command_loads_only_what_it_needs() -> None:
    """Each command pays for itself alone: a status must not wait for the sandbox or the rule tests to be loaded."""
    script = "import sys; from bridge.cli.program import program; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "bridge.cli.program" in loaded
    assert [
        name for name in loaded if name.startswith(("bridge.sandbox", "bridge.rules", "bridge.app", "aiohttp"))
    ] == []

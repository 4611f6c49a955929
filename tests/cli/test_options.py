from pathlib import Path

import pytest
import typer

from bridge.cli.options import Exit, environment, fail, read_environment, wants_color
from bridge.errors import UsageError
from tests.cli.conftest import Place


def test_a_file_of_variables_is_read_first_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text('# comment\nexport A=from file\nB="quoted # text"\nC=${A}\nD\n')
    monkeypatch.setenv("A", "from environment")

    found = read_environment(file)

    assert (found["A"], found["B"], found["C"]) == ("from environment", "quoted # text", "${A}")
    assert "D" not in found


@pytest.mark.parametrize("content", [None, b"A=\xff\xfe"])
def test_a_file_of_variables_that_cannot_be_read_is_wrong_use(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / ".env"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(UsageError, match="file of variables"):
        read_environment(file)
    with pytest.raises(typer.Exit) as ended:
        environment(file)
    assert ended.value.exit_code == Exit.WRONG_USE


def test_the_configuration_can_be_named_in_the_file_of_variables(place: Place) -> None:
    (place.folder / ".env").write_text("BRIDGE_CONFIG=other.yaml\nCRM_TOKEN=x\n")
    place.config.rename(place.folder / "other.yaml")

    assert place.process("check", "--env-file", ".env").returncode == 0


def test_a_command_that_only_uses_the_configuration_counts_its_warnings(place: Place) -> None:
    text = place.config.read_text()
    place.config.chmod(0o644)
    place.config.write_text(text.replace("${CRM_TOKEN}", "a-token-in-the-file-77"))

    result = place.run("explain", "orders", str(place.folder / "none.json"))

    assert "the configuration has" in result.stderr
    assert "`crm-bridge check` tells more" in result.stderr
    assert "BR302" not in result.stderr


def test_a_missing_file_of_variables_gives_2(place: Place) -> None:
    result = place.run("status", "--env-file", str(place.folder / "none.env"))

    assert result.exit_code == 2
    assert "--env-file" in result.stderr


@pytest.mark.parametrize(
    ("terminal", "no_color", "term", "expected"),
    [(True, "", "xterm", True), (True, "1", "xterm", False), (True, "", "dumb", False), (False, "", "xterm", False)],
)
def test_colours_need_a_terminal_that_wants_them(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,  # noqa: FBT001 - a case of the table
    no_color: str,
    term: str,
    expected: bool,  # noqa: FBT001 - as above
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", term)

    assert wants_color(terminal) is expected


def test_a_refusal_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        fail("bad \x1b[2J id", "look", Exit.FINDINGS)

    assert capsys.readouterr().err == "error: bad \\u{1b}[2J id\n  = help: look\n"

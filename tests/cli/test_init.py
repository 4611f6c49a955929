"""A new configuration passes its own `check` and `test`, whatever was chosen."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bridge.cli.program import program
from bridge.cli.recipes import shipped_recipes
from tests.configuration.json_schema.builders import told
from tests.conftest import watch_logs


def run(*words: str) -> Result:
    result = CliRunner().invoke(program, list(words), catch_exceptions=False)
    watch_logs()
    return result


def init(folder: Path, *words: str) -> Result:
    return run("init", str(folder), *words)


def passes(folder: Path, *, warnings: bool = False) -> Result:
    """`check` finds nothing, perhaps a warning; the result of `test`."""
    with_it = ("-c", str(folder / "config.yaml"), "--env-file", str(folder / ".env.example"))
    checked = run("check", *with_it)
    assert (checked.exit_code, warnings or "no problems found" in checked.stdout) == (0, True), checked.output
    return run("test", *with_it)


def written(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("source", "crm"), [("aisoule", "both"), ("hmac", "zendesk"), ("twilio", "hubspot"), ("freshchat", "http")]
)
def test_what_init_writes_passes_check_and_test_and_its_own_schemas(tmp_path: Path, source: str, crm: str) -> None:
    """One sender of each kind; all senders and CRMs are tried in test_fitted_recipe.py."""
    assert init(tmp_path, "--source", source, "--crm", crm).exit_code == 0
    tested = passes(tmp_path)

    assert tested.exit_code == 0, tested.output
    files = written(tmp_path)
    rules = [name for name in files if name.startswith("rules/") and not name.endswith(".test.yaml")]
    assert rules
    assert all(name.replace(".yaml", ".test.yaml") in files for name in rules)
    assert told("config", files["config.yaml"]) == []
    for name, text in files.items():
        if name.startswith("rules/"):
            assert told("tests" if ".test." in name else "rules", text) == []


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_can_be_begun_with(tmp_path: Path, name: str) -> None:
    assert init(tmp_path, "--recipe", name).exit_code == 0
    tested = passes(tmp_path, warnings=True)  # alone it may recall what another one remembers
    assert tested.exit_code == 0, tested.output


def test_the_tests_hold_the_rules_to_what_they_do(tmp_path: Path) -> None:
    init(tmp_path, "--source", "aisoule", "--crm", "zendesk")
    rules = tmp_path / "rules" / "aisoule-to-zendesk.yaml"
    text = rules.read_text()
    assert text.count('"WhatsApp from ') == 1
    rules.write_text(text.replace('"WhatsApp from ', '"Message from '))
    tested = passes(tmp_path)

    assert tested.exit_code == 1
    assert "subject" in tested.stdout


def test_the_tests_do_not_hold_a_rule_to_its_idempotency_keys(tmp_path: Path) -> None:
    init(tmp_path, "--source", "aisoule", "--crm", "hubspot", "--recipe", "aisoule-to-hubspot")
    config = tmp_path / "config.yaml"
    rules, tests = tmp_path / "rules/aisoule-to-hubspot.yaml", tmp_path / "rules/aisoule-to-hubspot.test.yaml"
    for path in (rules, tests):
        path.write_text(path.read_text().replace("whatsapp-message-to-hubspot", "renamed"))
    tested = run("test", "-c", str(config), "--env-file", str(tmp_path / ".env.example"))

    assert tested.exit_code == 0, tested.output


def test_the_commands_that_it_names_work(tmp_path: Path) -> None:
    said = init(tmp_path, "--source", "hmac", "--crm", "http").stdout
    with_it = ("-c", str(tmp_path / "config.yaml"), "--env-file", str(tmp_path / ".env.example"))

    assert "crm-bridge explain sender samples/sender.json" in said
    explained = run("explain", "sender", str(tmp_path / "samples/sender.json"), *with_it)
    assert explained.exit_code == 0
    assert "rule whatsapp-message-to-api: matches" in explained.stdout
    assert run("schema", "rules", "-c", str(tmp_path / "config.yaml")).stdout == (
        (tmp_path / "schema" / "rules.json").read_text()
    )


def test_a_file_for_a_key_is_its_owners_only_and_nobody_is_sent_to_a_demo_that_cannot_sign(tmp_path: Path) -> None:
    said = init(tmp_path, "--source", "freshchat", "--crm", "http").stdout

    assert (tmp_path / "freshchat-public-key.pem").stat().st_mode & 0o777 == 0o600
    assert "crm-bridge explain freshchat" in said
    assert "crm-bridge demo" not in said


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [("twilio", 0, "200  twilio.json to twilio: taken"), ("freshchat", 2, "`freshchat`: this source verifies with a")],
)
def test_a_demo_posts_forms_and_takes_a_bare_answer_and_says_what_it_cannot_sign(
    tmp_path: Path, source: str, status: int, said: str
) -> None:
    init(tmp_path, "--source", source, "--crm", "http")
    shown = run("demo", "-c", str(tmp_path / "config.yaml"), "--env-file", str(tmp_path / ".env.example"))

    assert (shown.exit_code, said in shown.output) == (status, True), shown.output


def test_the_tests_are_written_wherever_it_is_called_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)  # above the folder in which it drafts
    init(tmp_path / "new", "--source", "line", "--crm", "http")

    assert "rule: line-message-to-api" in (tmp_path / "new" / "rules" / "line-to-http.test.yaml").read_text()


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1\n")
    refused = init(tmp_path, "--crm", "http")

    assert refused.exit_code == 1
    assert f"these files exist already: `{tmp_path}/config.yaml`" in refused.stderr
    assert written(tmp_path) == {"config.yaml": "version: 1\n"}
    assert init(tmp_path, "--crm", "http", "--force").exit_code == 0
    assert passes(tmp_path).exit_code == 0


def test_rules_that_were_there_before_are_named_because_they_are_loaded_too(tmp_path: Path) -> None:
    assert "there before" not in init(tmp_path, "--crm", "hubspot").stdout
    said = init(tmp_path, "--crm", "http", "--force").stdout

    assert (
        "these were there before, and are loaded too (`rules: rules/*.yaml`):\n  rules/aisoule-to-hubspot.test" in said
    )


def test_a_gitignore_is_added_to_and_only_once(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc")
    init(tmp_path, "--yes")
    init(tmp_path, "--yes", "--force")

    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n.env\nvar/\n"


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (("--crm", "zendsek"), "did you mean `zendesk`?"),
        (("--source", "nobody"), "--source may be aisoule"),
        (("--source", "github", "--crm", "http"), "write the rules yourself: `crm-bridge sources github`"),
        (("--source", "line", "--crm", "hubspot"), "--crm zendesk; or --crm http; or write the rules yourself"),
        (("--recipe", "aisoule-to-zendsek"), "did you mean `aisoule-to-zendesk`?"),
    ],
)
def test_wrong_choices_are_told_with_what_there_is(tmp_path: Path, words: tuple[str, ...], mend: str) -> None:
    refused = init(tmp_path / "new", *words)

    assert refused.exit_code == 2
    assert mend in refused.stderr
    assert not (tmp_path / "new").exists()


def test_on_a_terminal_it_asks_for_what_no_option_says(tmp_path: Path) -> None:
    here, there = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "init", str(tmp_path), "--source", "hmac"],
        stdin=there,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "dumb"},
    ) as process:
        os.write(here, b"nonsense\nzendesk\n")
        said, _ = process.communicate(timeout=30)
    os.close(here)
    os.close(there)

    assert process.returncode == 0
    assert said.decode().count("Where shall they go? hubspot, zendesk, both, http") == 2
    assert (tmp_path / "rules" / "hmac-to-zendesk.yaml").is_file()

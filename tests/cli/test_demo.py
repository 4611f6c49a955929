from pathlib import Path

from tests.cli.conftest import Place


def test_the_demo_shows_the_main_job_and_ends_with_0(place: Place, tmp_path: Path) -> None:
    stray = tmp_path / "stray.db"
    shown = place.process("demo", environ={"BRIDGE_STORE__URL": f"sqlite:///{stray}", "TMPDIR": str(tmp_path)})

    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    for part in (
        "200  a ping: stored, no rule wants it",
        "(duplicate)",
        "401  a bad signature: refused, nothing stored: signature_mismatch",
        "message.read:msg_demo_1",
        "superseded",
        "is dead: rejected",
        "var/dead-letters.jsonl has 1 line(s)",
        "is done now, at attempt 2",
        "Bruno Lima     +551187654321  +5511987654321",
        "Gracias 🙏🏽 ¡hasta luego! 👩",
        "[cut: longer than the 64 kB that Zendesk takes]",
        "[internal note]",
        "Everything is as it should be.",
    ):
        assert part in shown.stdout, part
    assert not stray.exists()  # the operator's own store is not touched
    assert list(tmp_path.glob("crm-bridge-demo-*")) == []

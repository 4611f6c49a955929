"""Whatever stands in a file, checking it gives findings and nothing else."""

from pathlib import Path
from typing import get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.cli.markdown import check_markdown
from bridge.configuration.load import load_configuration
from bridge.diagnostics import Format, render
from tests.configuration.builders import CONFIG, ENVIRON, RULES

SIGNS = [*"{}[]:-|>&*!%@#'\"\t\n\\$?, ", "{{", "}}", "${", "---\n", "\u2028", "\x00", "\U0001f600"]


@st.composite
def _damaged(draw: st.DrawFn, text: str) -> bytes:
    """A file that a hand slipped in: pieces cut out, doubled, or replaced by signs that mean something."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from([*SIGNS, text[start:end] * 2]))
        text = text[:start] + piece + text[end:]
    return text.encode()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=_damaged(CONFIG) | st.binary(max_size=80), rules=_damaged(RULES) | st.binary(max_size=80))
def test_no_bytes_make_loading_or_showing_fail(tmp_path: Path, config: bytes, rules: bytes) -> None:
    (tmp_path / "config.yaml").write_bytes(config)
    (tmp_path / "rules.yaml").write_bytes(rules)
    page = tmp_path / "page.md"
    page.write_bytes(b"```yaml\n" + config + b"\n```\n```yaml\n" + rules + b"\n```\n")
    for loaded in (
        load_configuration(tmp_path / "config.yaml", ENVIRON),
        check_markdown(page, ENVIRON, tmp_path / "config.yaml"),
    ):
        for form in get_args(Format):
            shown = render(loaded.findings, loaded.documents, form)
            assert not [value for value in ENVIRON.values() if value in shown]

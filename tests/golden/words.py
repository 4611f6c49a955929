"""Texts that are kept word for word in files."""

import os
from pathlib import Path

HERE = Path(__file__).parent


def check_words(path: Path, text: str) -> None:
    """Compare a text with the one that is kept; with GOLDEN=write in the environment keep this one."""
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()
